// Attribution maps over what the net saw: opacity, before and after, value under the pointer, picture and numbers to keep.
const grid = element.querySelector('.maps');
const head = element.querySelector('.map-head');
const tools = element.querySelector('.map-tools');
const opacity = tools.querySelector('.opacity');
const uncover = tools.querySelector('.uncover');
const shared = tools.querySelector('.shared');
const status = element.querySelector('.map-status');
const colour = (name) => {
  const written = getComputedStyle(document.documentElement).getPropertyValue(name).trim();  // #rrggbb, set by colours.py
  return [1, 3, 5].map((i) => parseInt(written.slice(i, i + 2), 16));
};
const NEGATIVE = colour('--map-below'), POSITIVE = colour('--map-above');
const digits = (value) => value.toPrecision(2).replace('e+', 'e');
const values = (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
};
const npy = (map) => {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${map.height}, ${map.width}), }`;
  const header = text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11) + '\n';
  const start = new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  return new Blob([start, new TextEncoder().encode(header), map.numbers.buffer]);
};
let panel = null;
let photo = null;  // pale grey pixels, and the colours as they were
const painted = (map, scale) => {
  const {width, height} = map;
  const image = new ImageData(width, height);
  const strength = Number(opacity.value), covered = Number(uncover.value) * width;
  for (let i = 0; i < width * height; i++) {
    const value = map.numbers[i];
    const there = scale > 0 ? Math.min(1, Math.abs(value) / scale) : 0;
    const before = i % width >= covered;
    const tint = value > 0 ? POSITIVE : NEGATIVE;
    for (let c = 0; c < 3; c++) {
      const ground = before ? photo.colours[4 * i + c] : photo.pale[4 * i + c];
      image.data[4 * i + c] = before ? ground : ground * (1 - there * strength) + tint[c] * there * strength;
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
};
const scaleOf = (map) => shared.checked ? Math.max(...panel.maps.filter((m) => m.numbers).map((m) => m.scale)) : map.scale;
const paint = () => {
  if (!panel || !photo) { return; }
  panel.maps.forEach((map) => {
    if (!map.numbers) { return; }
    const scale = scaleOf(map);
    map.canvas.getContext('2d').putImageData(painted(map, scale), 0, 0);
    map.low.textContent = '−' + digits(scale);
    map.high.textContent = '+' + digits(scale);
  });
  element.querySelector('.scale-says').textContent = shared.checked ? 'one scale for all' : 'each on its own scale';
};
const figure = (map) => {
  const box = make('figure', 'map' + (map.values ? '' : ' pending'));
  if (map.values) {
    map.numbers = values(map.values);
    map.canvas = make('canvas', map.smooth ? 'smooth' : '');
    map.canvas.width = map.width;
    map.canvas.height = map.height;
    map.canvas.setAttribute('role', 'img');
    map.canvas.setAttribute('aria-label', `${map.title} map`);
    map.canvas.addEventListener('pointermove', (event) => {
      const x = Math.min(map.width - 1, Math.max(0, Math.floor(event.offsetX / map.canvas.clientWidth * map.width)));
      const y = Math.min(map.height - 1, Math.max(0, Math.floor(event.offsetY / map.canvas.clientHeight * map.height)));
      status.textContent = `${map.title}, column ${x}, row ${y}: ${map.numbers[y * map.width + x].toPrecision(4)} ${map.unit}`;
    });
    map.canvas.addEventListener('pointerleave', () => { status.textContent = panel.status; });
    box.append(map.canvas);
  } else {
    box.append(make('div', 'blank'));
  }
  const caption = make('figcaption', '');
  const title = make('div', 'map-title');
  title.append(make('b', '', map.title));
  if (map.values) {
    const png = make('button', 'keep', 'PNG'), raw = make('button', 'keep', '.npy');
    png.title = 'Save this picture';
    raw.title = 'Save the values as a NumPy array';
    png.addEventListener('click', () => {
      const large = document.createElement('canvas'), times = Math.max(1, Math.round(512 / map.width));
      large.width = map.width * times;
      large.height = map.height * times;
      const pen = large.getContext('2d');
      pen.imageSmoothingEnabled = map.smooth;
      pen.drawImage(map.canvas, 0, 0, large.width, large.height);
      large.toBlob((blob) => save(blob, map.file + '.png'));
    });
    raw.addEventListener('click', () => save(npy(map), map.file + '.npy'));
    title.append(png, raw);
  }
  caption.append(title);
  if (map.values) {
    const bar = make('div', 'scale');
    map.low = make('span', '');
    map.high = make('span', '');
    bar.append(map.low, make('i', ''), map.high);
    caption.append(bar);
  }
  const says = make('span', '', map.says);
  says.title = map.hint;
  caption.append(says);
  if (map.method) {
    const judge = make('button', 'keep', 'Can it be trusted?');
    judge.addEventListener('click', () => trigger('judge', {method: map.method}));
    caption.append(document.createElement('br'), judge);
  }
  if (map.note) { caption.append(make('div', 'map-note' + (map.bad ? ' differs' : ''), map.note)); }
  box.append(caption);
  return box;
};
const take = () => {
  const next = props.value ? JSON.parse(props.value) : null;
  const fresh = next && (!panel || panel.key !== next.key);
  panel = next;
  tools.hidden = !panel || !panel.maps.some((map) => map.values);
  head.innerHTML = panel ? panel.head : '';
  status.textContent = panel ? panel.status : '';
  if (fresh) { shared.checked = panel.shared; }
  grid.replaceChildren(...(panel ? panel.maps.map(figure) : []));
  grid.dataset.maps = panel ? panel.maps.length : 0;
  if (!panel) { photo = null; return; }
  if (photo && photo.uri === panel.view) { paint(); return; }
  photo = null;
  const mine = panel.view, picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    const pen = canvas.getContext('2d', {willReadFrequently: true});
    pen.drawImage(picture, 0, 0);
    const colours = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    const pale = new Uint8ClampedArray(colours.length);
    for (let i = 0; i < colours.length; i += 4) {  // so that the map stands out
      pale.fill(0.6 * (0.299 * colours[i] + 0.587 * colours[i + 1] + 0.114 * colours[i + 2]) + 102, i, i + 3);
    }
    if (panel && panel.view === mine) { photo = {uri: mine, colours, pale}; paint(); }
  };
  picture.src = mine;
};
[opacity, uncover].forEach((slider) => slider.addEventListener('input', paint));
shared.addEventListener('change', paint);
watch('value', take);
take();
