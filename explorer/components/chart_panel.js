// Titles of charts and axes become lines of the page: Plotly needs longer to place them than to draw the bars.
// Text and grid take their colours from the page's, so that the charts follow the dark mode; one drawing per answer, none while hidden.
const NARROW_PX = 400, FEW_TICKS = 4, LETTER_PX = 7.5, SHEET_PX = 768;
const charts = [...element.querySelectorAll('.chart')];
const words = (box, name, text, style) => {
  let line = box.querySelector('.' + name);
  if (!line) { line = box.insertBefore(document.createElement('div'), name === 'chart-title' ? box.firstChild : null); }
  line.className = name + (name === 'chart-title' ? '' : ' axis-title');
  if (line.textContent !== text) { line.textContent = text; }
  Object.assign(line.style, style);
};
const entitle = (box, layout, height) => {
  words(box, 'chart-title', layout.title.text, {});
  delete layout.title;
  const {l, r, t, b} = layout.margin;
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key) && layout[key].title)) {
    const [from, to] = layout[name].domain || [0, 1];
    const middle = (from + to) / 2;
    const place = name[0] === 'x'
      ? {left: `${l + (layout.width - l - r) * middle}px`, bottom: '0px'}
      : {left: '0px', bottom: `${b + (height - t - b) * middle}px`};
    words(box, name + '-title', layout[name].title.text, place);
    delete layout[name].title;
  }
};
// What a chart is given for less room; and the words of a shape stay out where it is narrower than they are.
const fit = (data, layout, width) => {
  const {narrow = {}} = layout;
  delete layout.narrow;
  layout.width = width;
  if (width < NARROW_PX) {
    for (const [name, change] of Object.entries(narrow)) { layout[name] = {...layout[name], ...change}; }
    for (const name of Object.keys(layout)) { if (/^[xy]axis/.test(name)) { layout[name].nticks = FEW_TICKS; } }
  }
  const {l, r} = layout.margin;
  for (const shape of layout.shapes || []) {
    const room = (shape.x1 - shape.x0 + 1) / data[0].y.length * (width - l - r);
    if (shape.label && shape.xref !== 'paper' && room < LETTER_PX * shape.label.text.length) { delete shape.label; }
  }
};
// Charts over the steps of the net: the one that is pointed at anywhere on the page has a band in each, and so have what it reads and its readers.
const WORDS = {here: '', reads: 'reads', readers: 'read by'};
const bySteps = [];
let spans = null;
const mark = () => {
  element.querySelectorAll('.band').forEach((band) => band.remove());
  const step = pointing.step();
  charts.forEach((chart, i) => {
    const {xaxis, yaxis, _size} = chart._fullLayout || {};
    if (step === null || !bySteps[i] || !spans || !xaxis || chart.parentElement.hidden) { return; }
    const at = (value) => chart.offsetLeft + xaxis._offset + Math.min(xaxis._length, Math.max(0, xaxis.l2p(value)));
    for (const [kind, ends] of Object.entries(pointing.bands(step, spans))) {
      if (!ends) { continue; }
      const left = at(ends[0] - 0.5), width = Math.max(2, at(ends[1] + 0.5) - left);
      const band = make('div', 'band ' + kind, width > LETTER_PX * WORDS[kind].length + 8 ? WORDS[kind] : '');
      const top = chart.offsetTop + yaxis._offset;
      Object.assign(band.style, {left: `${left}px`, width: `${width}px`, top: `${top}px`, height: `${_size.t + _size.h - yaxis._offset}px`});
      chart.parentElement.append(band);
    }
  });
};
document.addEventListener('step', mark);
const hear = (chart) => {
  chart.tabIndex = 0;
  chart.on('plotly_hover', ({points}) => pointing.say({over: points[0].pointNumber}));
  chart.on('plotly_unhover', () => pointing.say({over: null}));
  chart.on('plotly_click', ({points}) => pointing.say({kept: points[0].pointNumber}));
  chart.addEventListener('keydown', (event) => {
    const bars = chart.data.findIndex(({hovertext}) => hovertext);
    if (!pointing.key(event, chart.data[bars].y.length)) { return; }
    const step = pointing.step();
    if (step === null) { Plotly.Fx.unhover(chart); } else { Plotly.Fx.hover(chart, [{curveNumber: bars, pointNumber: step}]); }
  });
  chart.addEventListener('blur', () => pointing.say({over: null}));
};
// On a screen that is higher than a projector's, charts are too: they were drawn for 720 pixels.
const stretched = () => innerWidth > SHEET_PX ? Math.min(1.5, Math.max(1, innerHeight / 720)) : 1;
const fingers = matchMedia('(pointer: coarse)');
const note = element.querySelector('.note');
let frame = 0;
const draw = () => {
  frame = 0;
  if (!props.value || !window.Plotly) { return; }
  const value = JSON.parse(props.value);
  for (const {layout} of value.figures.filter(Boolean)) { layout.height = Math.round(layout.height * stretched()); }
  if (note.innerHTML !== value.note) { note.innerHTML = value.note; }
  charts.forEach((chart, i) => {
    chart.parentElement.hidden = !value.figures[i];
    if (value.figures[i]) { chart.style.height = value.figures[i].layout.height + 'px'; }
  });
  const widths = charts.map((chart) => chart.clientWidth);
  if (!widths[0]) { return; }
  const style = getComputedStyle(document.body);
  const font = getComputedStyle(element).fontFamily;
  const text = style.getPropertyValue('--body-text-color').trim();
  const grid = style.getPropertyValue('--border-color-primary').trim();
  const ground = style.getPropertyValue('--block-background-fill').trim();
  spans = value.spans;
  charts.forEach((chart, i) => {
    if (!value.figures[i]) { return; }
    const {data, layout} = value.figures[i];
    bySteps[i] = layout.by_steps;
    delete layout.by_steps;
    fit(data, layout, widths[i]);
    entitle(chart.parentElement, layout, layout.height);
    layout.font = {...layout.font, color: text, family: font};
    if (fingers.matches) { layout.dragmode = false; }  // a finger on a chart scrolls the page
    layout.paper_bgcolor = layout.plot_bgcolor = 'rgba(0,0,0,0)';
    layout.hoverlabel = {align: 'left', bgcolor: ground, bordercolor: grid, font: {color: text, size: 15, family: font}};
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis/.test(name)) { Object.assign(layout[name], {gridcolor: grid, zerolinecolor: grid, linecolor: grid}); }
    }
    Plotly.react(chart, data, layout, {displayModeBar: false, responsive: false, doubleClick: 'reset'});
    if (bySteps[i] && chart.tabIndex < 0) { hear(chart); }
  });
  mark();
};
const schedule = () => { frame = frame || requestAnimationFrame(draw); };
watch('value', () => { if (!frame) { frame = -1; queueMicrotask(draw); } });  // at once: waiting for a frame costs half of one
const resized = new ResizeObserver(schedule);
charts.forEach((chart) => resized.observe(chart));
new MutationObserver(schedule).observe(document.body, {attributes: true, attributeFilter: ['class']});
addEventListener('resize', schedule);
schedule();
