// The answers of one net or several side by side: bars that can be clicked, at a temperature that is turned here.
const list = element.querySelector('.answers');
const slider = element.querySelector('.temperature input');
const shownAt = element.querySelector('.temperature output');
const written = (p) => 100 * p >= 0.05 || p === 0 ? (100 * p).toFixed(1) + '\u00a0%' : '<0.1\u00a0%';
const shares = (logits, activation, temperature, points = []) => {  // densenet/model/outputs.py says the same
  if (activation === 'none') { return logits; }
  if (activation === 'sigmoid') {
    const plain = logits.map((value) => 1 / (1 + Math.exp(-value / temperature)));
    if (!points.length) { return plain; }
    return plain.map((p, i) => points[i] === null ? 0.5 : p < points[i] ? p / (2 * points[i]) : 1 - (1 - p) / (2 * (1 - points[i])));
  }
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp((value - most) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
};
const FEW = 5;
const MOST = 200;  // rows of a list; who looks for another class types its name
let answer = null;
let chosen = null;
let lists = [];  // those on the page, and where each was scrolled to
const opened = new Map();  // by net: whether all of its classes are listed, and what is looked for among them
const row = (net, index, value, {name = net.labels[index], width = 100 * value, text = written(value)} = {}) => {
  const mine = chosen && chosen.net === net.key && chosen.index === index;
  const button = make('button', 'class-row' + (mine ? ' chosen' : ''));
  button.type = 'button';
  button.setAttribute('aria-pressed', String(mine));
  const bar = make('span', 'class-bar');
  bar.style.width = Math.max(0.5, width) + '%';
  button.append(bar, make('span', 'class-name', name), make('span', 'class-share', text));
  const point = (net.points || [])[index];
  if (point) {
    button.append(make('span', 'class-point'));
    button.title = `operating point ${Number(point.toPrecision(3))}: shown so that 50 % decides`;
  }
  button.addEventListener('click', () => {
    chosen = {net: net.key, index};
    draw();
    trigger('click', chosen);
  });
  return button;
};
const sorted = (net, values) => {
  const never = (i) => (net.points || [])[i] === null;
  return values.map((value, i) => [value, i]).sort((a, b) => never(a[1]) - never(b[1]) || b[0] - a[0] || a[1] - b[1]);
};
const rowsOf = (net) => {
  const values = shares(net.logits, net.activation, temperature(), net.points);
  const {all, text} = opened.get(net.key);
  const most = Math.max(...values.map(Math.abs)) || 1;
  const looked = text.trim().toLowerCase();
  const found = sorted(net, values).filter(([, i]) => !all || net.labels[i].toLowerCase().includes(looked));
  const rows = found.slice(0, all ? MOST : FEW).map(([value, i]) => {
    if ((net.points || [])[i] === null) { return row(net, i, value, {width: 0, text: 'never trained'}); }
    return net.activation === 'none'
      ? row(net, i, value, {width: (100 * Math.abs(value)) / most, text: String(Number(value.toPrecision(4)))})
      : row(net, i, value);
  });
  if (values.length === 1 && net.activation === 'sigmoid') {
    const not = make('div', 'class-row');
    const bar = make('span', 'class-bar');
    bar.style.width = Math.max(0.5, 100 * (1 - values[0])) + '%';
    not.append(bar, make('span', 'class-name', `not ${net.labels[0]}`), make('span', 'class-share', written(1 - values[0])));
    rows.push(not);
    if (values[0] < 0.5) { rows.reverse(); }
  }
  if (all && !found.length) { rows.push(make('div', 'hint', `No class is called “${text}”.`)); }
  if (all && found.length > MOST) { rows.push(make('div', 'hint', `and ${found.length - MOST} more: type a name to find one`)); }
  return rows;
};
const column = (net) => {
  const box = make('div', 'answer');
  const head = make('div', 'answer-head');
  const picture = make('img', '');
  picture.src = net.view;
  picture.alt = 'what the net sees';
  picture.title = `What the net sees: ${net.seen}`;
  const words = make('div', 'answer-words');
  const name = make('b', '', net.label);
  const line = make('div', 'hint', net.line);
  line.title = net.claim;
  words.append(name, line);
  if (net.temperature) {
    const at = make('button', 'other-meaning', `calibrated at ${net.temperature.toFixed(2)}`);
    at.type = 'button';
    at.title = 'the temperature at which what it says is closest to what is right';
    at.addEventListener('click', () => { slider.value = Math.log10(net.temperature); draw(); });
    words.append(at);
  }
  head.append(picture, words);
  box.append(head);
  if (!opened.has(net.key)) { opened.set(net.key, {all: false, text: ''}); }
  const wish = opened.get(net.key);
  const rows = make('div', 'class-rows' + (wish.all ? ' all' : ''));
  if (net.labels.length > FEW) {
    const what = net.activation === 'sigmoid' ? 'labels' : 'classes';
    const count = net.labels.length.toLocaleString('en-US');
    const more = make('button', 'other-meaning', wish.all ? `the best ${FEW}` : `all ${count} ${what}`);
    more.type = 'button';
    more.addEventListener('click', () => { opened.set(net.key, {all: !wish.all, text: ''}); draw(); });
    words.append(more);
    if (wish.all) {
      const search = make('input', 'class-search');
      Object.assign(search, {type: 'search', placeholder: 'find a class', value: wish.text});
      search.setAttribute('aria-label', `Find one of the ${what} of ${net.label}`);
      search.addEventListener('input', () => { wish.text = search.value; rows.replaceChildren(...rowsOf(net)); });
      words.append(search);
    }
  }
  if (net.foreign) {  // before what it says, since it is to be read first
    box.classList.add('foreign');
    box.append(make('div', 'unsure', net.unsure));
  }
  rows.append(...rowsOf(net));
  rows.addEventListener('scroll', () => { wish.top = rows.scrollTop; });
  lists.push([rows, wish]);
  box.append(rows);
  if (net.other || net.activation !== 'softmax') {
    const meaning = make('div', 'hint meaning', net.meaning + (net.other ? ' · ' : ''));
    if (net.other) {
      const other = make('button', 'other-meaning', net.other);
      other.type = 'button';
      other.addEventListener('click', () => trigger('select', {net: net.key}));
      meaning.append(other);
    }
    box.append(meaning);
  }
  if (net.unsure && !net.foreign) { box.append(make('div', 'unsure', net.unsure)); }
  return box;
};
const temperature = () => Math.pow(10, Number(slider.value));
const draw = () => {
  shownAt.textContent = temperature().toFixed(2);
  element.querySelector('.temperature').hidden = !answer;
  lists = [];
  list.replaceChildren(...(answer ? answer.nets.map(column) : []));
  lists.forEach(([rows, wish]) => { rows.scrollTop = wish.top || 0; });
  list.dataset.nets = answer ? answer.nets.length : 0;
  element.querySelector('.answers-empty').hidden = Boolean(answer);
};
const take = () => {
  answer = props.value ? JSON.parse(props.value) : null;
  chosen = answer && answer.chosen;
  draw();
};
slider.addEventListener('input', draw);
slider.addEventListener('dblclick', () => { slider.value = 0; draw(); });
watch('value', take);
take();
