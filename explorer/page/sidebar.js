// Folds the sliders away on the tabs that do not show what they do, and brings them back on the others; what the visitor did with them himself,
// on either kind of tab, stays. In a narrow window they are a sheet at the foot (screens.css): its handle is pulled, or pressed to fold it.
const root = document.documentElement;
const narrow = matchMedia('(max-width: 768px)');
const HANDLE_PX = 44, PULLED_PX = 6, TALL = 0.5;  // of the window: from there on the sheet covers the chart
const chosen = new Map();  // whether the tab folds them -> whether the visitor wants them open there
let open = true, pull = null;

const start = () => {
  const sidebar = document.querySelector('#sidebar.open');
  if (!sidebar) { requestAnimationFrame(start); return; }  // Gradio opens it a moment after its parts are there
  const toggle = sidebar.querySelector('.toggle-button');
  const tab = () => ('opened' in root.dataset ? document.body.dataset.tab : new URLSearchParams(location.search).get('tab')) || '';
  const folds = () => tab() in props.folded;
  const turn = (wanted) => { if (open !== wanted) { toggle.click(); } };
  const follow = () => {
    element.querySelector('.hint').textContent = props.folded[tab()] || '';
    turn(chosen.get(folds()) ?? !folds());
    toggle.setAttribute('aria-expanded', open);
  };
  const choose = (wanted) => { chosen.set(folds(), wanted); };

  toggle.addEventListener('click', (event) => {
    if (event.isTrusted && pull?.moved) { event.stopImmediatePropagation(); return; }  // the end of a pull is no press
    open = !open;
    toggle.setAttribute('aria-expanded', open);
    if (event.isTrusted) { choose(open); }
  }, true);
  toggle.addEventListener('pointerdown', (event) => {
    pull = {from: event.clientY, height: sidebar.clientHeight, moved: false};
    if (narrow.matches) { toggle.setPointerCapture(event.pointerId); }
  });
  toggle.addEventListener('pointermove', (event) => {
    if (!narrow.matches || !toggle.hasPointerCapture(event.pointerId)) { return; }
    const up = pull.from - event.clientY;
    pull.moved = pull.moved || Math.abs(up) > PULLED_PX;
    if (!pull.moved) { return; }
    const height = Math.min(innerHeight - HANDLE_PX, Math.max(HANDLE_PX, pull.height + up));
    turn(true);
    root.style.setProperty('--sheet', `${height}px`);
    sidebar.classList.toggle('tall', height > TALL * innerHeight);
  });
  const let_go = () => {
    if (!pull?.moved) { return; }
    if (sidebar.clientHeight < 2 * HANDLE_PX) {
      root.style.removeProperty('--sheet');
      turn(false);
    }
    choose(open);
  };
  toggle.addEventListener('pointerup', let_go);
  toggle.addEventListener('pointercancel', let_go);

  // While one slider of a tall sheet is moved, only its row stays: the chart is behind it.
  sidebar.addEventListener('pointerdown', (event) => {
    if (event.target.type === 'range') { event.target.closest('.block').classList.add('moving'); }
  });
  for (const end of ['pointerup', 'pointercancel']) {
    addEventListener(end, () => sidebar.querySelector('.moving')?.classList.remove('moving'));
  }

  document.addEventListener('click', (event) => {
    if (!event.target.closest('.open-sliders')) { return; }
    choose(true);
    turn(true);
    toggle.focus();
  });
  new MutationObserver(follow).observe(document.body, {attributes: true, attributeFilter: ['data-tab']});
  follow();
};
start();
