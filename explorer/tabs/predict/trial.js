// The surest mistakes of a trial: a click on one opens its photo.
element.addEventListener('click', (event) => {
  const button = event.target.closest('button.mistake');
  if (button) { trigger('click', {index: Number(button.dataset.index)}); }
});
