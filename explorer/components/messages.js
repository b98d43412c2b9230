// A click on the button is the event `repair`; one on ✕ removes the message.
element.addEventListener('click', (event) => {
  if (event.target.closest('.dismiss')) { props.value = ''; }
  if (event.target.closest('.repair')) { trigger('repair'); }
});
