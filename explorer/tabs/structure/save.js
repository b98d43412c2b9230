// Saves the drawing that is shown, in black on nothing, as a file of its own.
const drawing = document.querySelector('#diagram svg').cloneNode(true);
drawing.style.color = '#111111';
save(new Blob([new XMLSerializer().serializeToString(drawing)], {type: 'image/svg+xml'}), 'densenet.svg');
