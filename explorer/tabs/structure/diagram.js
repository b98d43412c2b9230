// The diagram's boxes answer: a click keeps a step or folds a block, keys move along the steps, and the step that is pointed at is marked.
const stepOf = (target) => {
  const part = target.closest('.part[data-step]');
  return part ? Number(part.dataset.step) : null;
};
const steps = () => Math.max(0, ...[...element.querySelectorAll('[data-step]')].map((part) => Number(part.dataset.step))) + 1;
const mark = () => {
  const now = pointing.step();
  element.querySelectorAll('.part').forEach((part) => part.classList.toggle('chosen', now !== null && part.dataset.step === String(now)));
};
const press = (target) => {
  const block = target.closest('.part[data-block], .fold'), step = stepOf(target);
  if (step !== null) { pointing.say({kept: step}); } else if (block) { trigger('fold', {block: Number(block.dataset.block)}); }
};
element.addEventListener('click', ({target}) => press(target));
element.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    press(event.target);
  } else {
    pointing.key(event, steps());
  }
});
element.addEventListener('pointerover', ({target}) => { if (stepOf(target) !== null) { pointing.say({over: stepOf(target)}); } });
element.addEventListener('pointerleave', () => pointing.say({over: null}));
document.addEventListener('step', mark);
watch('value', () => queueMicrotask(mark));
