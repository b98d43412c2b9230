// A canvas that keeps strokes, not pixels: after each one, and now and then within it, the server is told all of them.
const EVERY_MS = 400;  // within a stroke
const PEN = 34;  // of the canvas's 480
const canvas = element.querySelector('canvas');
const hint = element.querySelector('.canvas-hint');
const pad = canvas.getContext('2d');
let strokes = [];
let pen = null;  // the pointer that draws
let told = 0;
const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [Math.round((event.clientX - box.left) * canvas.width / box.width), Math.round((event.clientY - box.top) * canvas.height / box.height)];
};
const show = () => {
  pad.fillStyle = '#000';
  pad.fillRect(0, 0, canvas.width, canvas.height);
  pad.strokeStyle = '#fff';
  pad.lineWidth = PEN;
  pad.lineCap = pad.lineJoin = 'round';
  for (const stroke of strokes) {
    pad.beginPath();
    pad.moveTo(...stroke[0]);
    stroke.forEach((point) => pad.lineTo(...point));
    pad.stroke();
  }
};
const tell = () => {
  told = performance.now();
  trigger('input', {strokes});
};
canvas.addEventListener('pointerdown', (event) => {
  if (pen !== null || event.button) { return; }
  pen = event.pointerId;
  canvas.setPointerCapture(pen);
  const at = place(event);
  strokes.push([at, at]);
  show();
  event.preventDefault();
});
canvas.addEventListener('pointermove', (event) => {
  if (event.pointerId !== pen) { return; }
  strokes[strokes.length - 1].push(place(event));
  show();
  if (performance.now() - told > EVERY_MS) { tell(); }
});
const lift = (event) => {
  if (event.pointerId !== pen) { return; }
  pen = null;
  tell();
};
canvas.addEventListener('pointerup', lift);
canvas.addEventListener('pointercancel', lift);
element.querySelector('.canvas-clear').addEventListener('click', () => {
  strokes = [];
  show();
  tell();
});
const entitle = () => { hint.textContent = props.value || ''; };
watch('value', entitle);
entitle();
show();
