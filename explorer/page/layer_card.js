// The card of the step that is kept: asked for when a click keeps one, and let go by its own button or Escape.
document.addEventListener('step', (event) => {
  if ('kept' in event.detail) {
    delete document.body.dataset.card;
    trigger('keep', {step: event.detail.kept});
  }
});
// Another tab wants its room: the card leaves its head, which a click unfolds.
new MutationObserver(() => { document.body.dataset.card = 'folded'; }).observe(document.body, {attributes: true, attributeFilter: ['data-tab']});
element.addEventListener('click', ({target}) => {
  const step = pointing.step();
  if (!target.closest('button')) { delete document.body.dataset.card; }
  if (target.closest('.card-close')) { pointing.say({over: null, kept: null}); }
  if (target.closest('.card-back')) { pointing.say({over: null, kept: step - 1}); }
  if (target.closest('.card-on')) { pointing.say({over: null, kept: step + 1}); }
});
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && element.querySelector('.layer-card')) { pointing.say({over: null, kept: null}); }
});
