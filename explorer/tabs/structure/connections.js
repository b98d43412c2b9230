// One dense block: an arc for each connection, the matrix of who reads whom, and the stack of channels that grows; layer after layer joins.
const SVG = 'http://www.w3.org/2000/svg', WIDE = 620, HIGH = 236, FOOT = 200, ALL_ARCS_UP_TO = 48, STEP_MS = 700, LONGEST_MS = 14000;
const one = (name) => element.querySelector('.join-' + name);
const draw = (tag, given, ...parts) => {
  const part = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) { part.setAttribute(name, value); }
  part.append(...parts);
  return part;
};
let net = null, at = 0, joined = null, timer = 0;
// How many units of a drawing 14 pixels' worth of letters take, where it is `wide` units wide on the page.
const letters = (name, wide) => 14 * Math.max(1, wide / (one(name).clientWidth || wide));
const layersOf = (block) => block.reads.length - 1;
// The layer of this block that is pointed at on the page, from 1; 0 is its input, null another part of the net.
const layerPointed = (block) => {
  const step = pointing.step();
  const layer = step === null ? null : step - block.first + 1;
  return layer !== null && layer >= 0 && layer <= layersOf(block) + 1 ? layer : null;
};
const nameOf = (block, layer) => layer === 0 ? 'input' : layer > layersOf(block) ? block.behind : 'layer ' + layer;
const pick = (part, block, layer) => {
  part.classList.add('join-part');
  part.addEventListener('pointerenter', () => pointing.say({over: block.first + layer - 1}));
  part.addEventListener('pointerleave', () => pointing.say({over: null}));
  part.addEventListener('click', () => pointing.say({kept: block.first + layer - 1}));
  return part;
};
const arcs = (block) => {
  const layers = layersOf(block), apart = (WIDE - 40) / Math.max(1, layers), x = (i) => 20 + i * apart, pointedAt = layerPointed(block);
  const size = letters('arcs', WIDE);
  const picture = draw('svg', {viewBox: `0 0 ${WIDE} ${FOOT + 22 + size}`, style: `--letters: ${size}px`, role: 'img', 'aria-label': `${block.connections} connections of block ${block.block}`});
  const strong = [];
  for (let to = 1; to <= joined; to++) {
    for (let from = 0; from < to; from++) {
      const into = pointedAt === null ? to === joined && joined < layers : to === pointedAt;
      const out = pointedAt !== null && from === pointedAt;
      if (layers > ALL_ARCS_UP_TO && !into && !out) { continue; }
      const top = FOOT - (24 + (FOOT - 34) * (to - from) / layers) / 0.75;  // a curve reaches three quarters of the way to its handles
      const arc = draw('path', {
        d: `M${x(from)} ${FOOT}C${x(from)} ${top} ${x(to)} ${top} ${x(to)} ${FOOT}`, class: into ? 'arc into' : out ? 'arc out' : 'arc',
      });
      if (into || out) { strong.push(arc); } else { picture.append(arc); }
    }
  }
  picture.append(...strong);
  for (let layer = 0; layer <= joined; layer++) {
    const wide = Math.min(30, 0.72 * apart), chosen = layer === pointedAt ? ' chosen' : '';
    const node = draw('g', {}, draw('title', {}, nameOf(block, layer)), draw('rect', {
      x: x(layer) - wide / 2, y: FOOT, width: wide, height: 20, rx: 3, class: (layer ? 'node' : 'node first') + chosen,
    }));
    if (layer % Math.ceil(1.7 * size / apart) === 0) { node.append(draw('text', {x: x(layer), y: FOOT + 20 + size}, layer ? String(layer) : 'in')); }
    picture.append(pick(node, block, layer));
  }
  one('arcs').replaceChildren(picture);
};
const matrix = (block) => {
  const layers = layersOf(block), side = 196 / (layers + 1), left = 76, pointedAt = layerPointed(block);
  const picture = draw('svg', {viewBox: `0 0 ${left + 204} ${HIGH}`, role: 'img', 'aria-label': `Who reads whom in block ${block.block}`});
  picture.append(draw('text', {x: left + 98, y: 14}, 'what is read'));
  for (let reader = 1; reader <= layers + 1; reader++) {
    const y = 20 + (reader - 1) * side, behind = reader > layers;
    const row = draw('g', {}, draw('title', {}, `${nameOf(block, reader)} reads ${block.reads[reader - 1]} channels`));
    for (let source = 0; source <= layers; source++) {
      const there = source < reader && (behind ? joined === layers : reader <= joined);
      const chosen = reader === pointedAt ? ' into' : source === pointedAt ? ' out' : '';
      row.append(draw('rect', {
        x: left + source * side, y, width: Math.max(0.5, side - 0.6), height: Math.max(0.5, side - 0.6),
        class: there ? `cell${behind ? ' behind' : ''}${chosen}` : 'cell none',
      }));
    }
    if (side > 15 || behind || reader === 1) {
      row.append(draw('text', {x: left - 6, y: y + side / 2 + 5, class: 'end'}, behind ? block.behind.replace('transition', 'trans.') : reader === 1 || side > 15 ? 'layer ' + reader : ''));
    }
    picture.append(pick(row, block, reader));
  }
  one('matrix').replaceChildren(picture);
};
const stack = (words, parts, most) => {
  const bar = make('div', 'join-bar');
  for (const {share, name, title} of parts) {
    const part = make('div', name);
    part.style.width = `${100 * share / most}%`;
    part.title = title;
    bar.append(part);
  }
  const row = make('div', 'join-stack');
  row.append(make('div', 'join-words', words), bar);
  return row;
};
const stacks = (block) => {
  const {start, added} = block, layers = layersOf(block), most = start + layers * added, now = start + joined * added;
  const grown = [{share: start, name: 'first', title: `the block's input: ${start} channels`}];
  for (let layer = 1; layer <= joined; layer++) { grown.push({share: added, name: layer === joined ? 'new last' : 'new', title: `layer ${layer}: ${added} channels`}); }
  one('stacks').replaceChildren(
    stack(`Concatenation keeps all: ${start} + ${joined} × ${added} = ${now} channels`, grown, most),
    stack(`Addition (ResNet) sums all up: ${start} channels, however many layers`, [{share: start, name: 'first sum', title: `${start} channels, each a sum of ${joined + 1}`}], most),
  );
};
const show = () => {
  const block = net.blocks[at], layers = layersOf(block), now = joined * (joined + 1) / 2;
  element.style.setProperty('--block', block.colour);
  one('layers').max = layers;
  one('layers').value = joined;
  one('count').textContent = joined === layers
    ? `${layers} × ${layers + 1} / 2 = ${block.connections} connections, a chain has ${layers}`
    : `layer ${joined + 1 > layers ? layers : joined} of ${layers}: ${now} of ${block.connections} connections`;
  [...one('blocks').children].forEach((button, i) => button.setAttribute('aria-pressed', String(i === at)));
  arcs(block);
  matrix(block);
  stacks(block);
};
const halt = () => {
  clearInterval(timer);
  timer = 0;
  one('play').textContent = '▶ Play';
};
const play = () => {
  const layers = layersOf(net.blocks[at]);
  if (timer) { halt(); return; }
  if (joined === layers) { joined = 0; }
  one('play').textContent = '❚❚ Pause';
  timer = setInterval(() => {
    joined += 1;
    show();
    if (joined >= layersOf(net.blocks[at])) { halt(); }
  }, Math.min(STEP_MS, LONGEST_MS / layers));
  show();
};
const choose = (block) => {
  halt();
  at = block;
  joined = layersOf(net.blocks[at]);
  show();
};
const update = () => {
  if (!props.value) { return; }
  net = JSON.parse(props.value);
  const before = at;
  one('blocks').replaceChildren(...net.blocks.map((block, i) => {
    const button = make('button', 'join-block', `Block ${block.block}`);
    button.type = 'button';
    button.addEventListener('click', () => choose(i));
    return button;
  }));
  one('code').replaceChildren(...net.code.map((line) => make('div', line.includes('cat') ? 'told' : '', line)));
  choose(Math.min(before, net.blocks.length - 1));
};
one('play').addEventListener('click', play);
one('layers').addEventListener('input', ({target}) => { halt(); joined = Number(target.value); show(); });
document.addEventListener('step', () => { if (net && element.offsetParent) { show(); } });
watch('value', update);
update();
