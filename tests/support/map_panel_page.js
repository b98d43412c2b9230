// A page of stubs for map_panel.js: as much of a browser as it asks for. Reads what to show from the standard input, prints what was drawn.
const {readFileSync} = require('node:fs');
const asked = JSON.parse(readFileSync(0, 'utf8'));

class Part {
  constructor(tag) { Object.assign(this, {tag, children: [], listeners: {}, attributes: {}, dataset: {}, textContent: ''}); }
  append(...parts) { this.children.push(...parts); }
  replaceChildren(...parts) { this.children = parts; }
  querySelector(name) { return named[name] ??= new Part(name); }  // of the component's template, which has each once
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, listener) { (this.listeners[name] ??= []).push(listener); }
  click() { this.fire('click'); }
  fire(name, event = {}) { (this.listeners[name] ?? []).forEach((listener) => listener(event)); }
  all(matches) { return this.children.flatMap((child) => [...(matches(child) ? [child] : []), ...child.all(matches)]); }
  get clientWidth() { return 10 * this.width; }  // shown ten times as large as it is
  get clientHeight() { return 10 * this.height; }
  getContext() {
    return this.pen ??= {
      putImageData: (image) => { this.pixels = image.data; },
      drawImage: (from) => { this.pixels = from.pixels; },
      getImageData: () => ({data: this.pixels}),
    };
  }
}
const named = {'.opacity': Object.assign(new Part(), {value: '1'}), '.uncover': Object.assign(new Part(), {value: '1'})};
const saved = [], triggered = [];
let tell = null;
globalThis.document = {documentElement: null, createElement: (tag) => new Part(tag)};
globalThis.getComputedStyle = () => ({getPropertyValue: (name) => asked.colours[name]});
globalThis.ImageData = class { constructor(width, height) { this.data = new Uint8ClampedArray(4 * width * height); } };
globalThis.Image = class {
  set src(uri) {
    Object.assign(this, {naturalWidth: asked.width, naturalHeight: asked.height, pixels: Uint8ClampedArray.from(asked.photo)});
    this.onload(uri);
  }
};
URL.createObjectURL = (blob) => { saved.push(blob); return 'blob:'; };
globalThis.setTimeout = () => 0;
const props = {value: ''};
const script = new Function('element', 'props', 'watch', 'trigger', asked.script);
script(new Part('div'), props, (_name, listener) => { tell = listener; }, (name, data) => triggered.push([name, data]));

const canvases = () => named['.maps'].all((part) => part.tag === 'canvas');
const state = () => ({
  pixels: canvases().map((canvas) => Array.from(canvas.pixels)),
  ends: named['.maps'].all((part) => part.className === 'scale').map((bar) => [bar.children[0].textContent, bar.children[2].textContent]),
  says: named['.scale-says'].textContent,
  status: named['.map-status'].textContent,
  notes: named['.maps'].all((part) => (part.className ?? '').startsWith('map-note')).map((part) => [part.className, part.textContent]),
  pending: named['.maps'].all((part) => part.className === 'map pending').length,
  shared: Boolean(named['.shared'].checked),
  hidden: named['.map-tools'].hidden,
});
const steps = {
  value: (value) => { props.value = value; tell(); },
  opacity: (share) => { named['.opacity'].value = String(share); named['.opacity'].fire('input'); },
  uncover: (share) => { named['.uncover'].value = String(share); named['.uncover'].fire('input'); },
  shared: (checked) => { named['.shared'].checked = checked; named['.shared'].fire('change'); },
  point: ([map, offsetX, offsetY]) => canvases()[map].fire('pointermove', {offsetX, offsetY}),
  leave: (map) => canvases()[map].fire('pointerleave'),
  press: (words) => named['.maps'].all((part) => part.textContent === words)[0].click(),
};
(async () => {
  const states = asked.steps.map(([name, argument]) => { steps[name](argument); return state(); });
  const files = await Promise.all(saved.map(async (blob) => Buffer.from(await blob.arrayBuffer()).toString('base64')));
  process.stdout.write(JSON.stringify({states, files, triggered}));
})();
