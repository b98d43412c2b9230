// Shows the tiles; writes the query of the shown net into the address, and says so to the server, once the sliders rest.
let timer = 0;
const opened = performance.now();
const rest = () => {
  const drawn = document.querySelector('.js-plotly-plot');
  if (!drawn && performance.now() - opened < 10000) {  // the first build imports torch: the first charts come before it
    timer = setTimeout(rest, 100);
    return;
  }
  const {query, tab} = props.value;
  if (written) {
    const dark = new URLSearchParams(location.search).get('__theme');
    const parts = [query, tab && 'tab=' + tab, dark && '__theme=' + encodeURIComponent(dark)];
    history.replaceState(history.state, '', '?' + parts.filter(Boolean).join('&'));
  }
  written = true;
  if (moved) { moved = false; trigger('rest'); }  // a tab that was opened asks for no new net
};
let written = false, moved = true, shown = props.value.query;
const show = () => {
  element.querySelector('.tiles').innerHTML = props.value.tiles;
  if (document.body.dataset.tab !== props.value.tab) { document.body.dataset.tab = props.value.tab; }
  moved = moved || props.value.query !== shown;
  shown = props.value.query;
  clearTimeout(timer);
  timer = setTimeout(rest, 350);
};
watch('value', () => { written = true; show(); });
show();
