// The answers of one net or several side by side: bars that can be clicked, at a temperature that is turned here.
const list = element.querySelector('.answers');
const slider = element.querySelector('.temperature input');
const shownAt = element.querySelector('.temperature output');
const written = (p) => 100 * p >= 0.05 || p === 0 ? (100 * p).toFixed(1) + '\u00a0%' : '<0.1\u00a0%';
const shares = (logits, activation, temperature) => {  // densenet/model/outputs.py says the same
  if (activation === 'none') { return logits; }
  if (activation === 'sigmoid') { return logits.map((value) => 1 / (1 + Math.exp(-value / temperature))); }
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp((value - most) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
};
let answer = null;
let chosen = null;
const row = (net, index, value, {name = net.labels[index], width = 100 * value, text = written(value)} = {}) => {
  const mine = chosen && chosen.net === net.key && chosen.index === index;
  const button = make('button', 'class-row' + (mine ? ' chosen' : ''));
  button.type = 'button';
  button.setAttribute('aria-pressed', String(mine));
  const bar = make('span', 'class-bar');
  bar.style.width = Math.max(0.5, width) + '%';
  button.append(bar, make('span', 'class-name', name), make('span', 'class-share', text));
  button.addEventListener('click', () => {
    chosen = {net: net.key, index};
    draw();
    trigger('click', chosen);
  });
  return button;
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
  head.append(picture, words);
  box.append(head);
  const values = shares(net.logits, net.activation, temperature());
  const best = values.map((value, i) => [value, i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 5);
  const most = Math.max(...values.map(Math.abs)) || 1;
  const rows = best.map(([value, i]) =>
    net.activation === 'none'
      ? row(net, i, value, {width: (100 * Math.abs(value)) / most, text: String(Number(value.toPrecision(4)))})
      : row(net, i, value));
  if (values.length === 1 && net.activation === 'sigmoid') {
    const not = make('div', 'class-row');
    const bar = make('span', 'class-bar');
    bar.style.width = Math.max(0.5, 100 * (1 - values[0])) + '%';
    not.append(bar, make('span', 'class-name', `not ${net.labels[0]}`), make('span', 'class-share', written(1 - values[0])));
    rows.push(not);
    if (values[0] < 0.5) { rows.reverse(); }
  }
  box.append(...rows);
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
  if (net.unsure) { box.append(make('div', 'unsure', net.unsure)); }
  return box;
};
const temperature = () => Math.pow(10, Number(slider.value));
const draw = () => {
  shownAt.textContent = temperature().toFixed(2);
  element.querySelector('.temperature').hidden = !answer;
  list.replaceChildren(...(answer ? answer.nets.map(column) : []));
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
