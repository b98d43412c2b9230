// What on the page does not fit its window: [what, why] for all that is cut off at a side, for words over words, and for controls that are
// smaller than a finger needs. What scrolls in a box of its own may reach out of it; words with an ellipsis say that there are more.
([targetPx]) => {
  const faults = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > innerWidth) { faults.push(['page', `scrolls sideways: ${root.scrollWidth} of ${innerWidth} px`]); }
  const seen = (node) => {
    if (!node.checkVisibility({opacityProperty: true, visibilityProperty: true})) { return false; }
    for (let at = node; at; at = at.parentElement) {
      const box = at.getBoundingClientRect();
      if (getComputedStyle(at).overflow === 'hidden' && (box.width <= 1 || box.height <= 1)) { return false; }  // for screen readers
    }
    return true;
  };
  const name = (node, text) => `${node.tagName}#${node.id}.${node.getAttribute('class') || ''} '${(text || '').trim().slice(0, 30)}'`;
  // The part of a box that is not cut off: by boxes that scroll, silently; by others it is a fault.
  const shown = (node, box, what) => {
    let {left, right, top, bottom} = box, fault = '';
    for (let at = node; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at), edge = at.getBoundingClientRect();
      if (style.overflowX === 'visible' || (at instanceof SVGElement && at.tagName !== 'svg')) { continue; }
      const scrolls = ['auto', 'scroll'].includes(style.overflowX) || ['auto', 'scroll'].includes(style.overflowY);
      if (!scrolls && style.textOverflow !== 'ellipsis' && (right > edge.right + 2 || left < edge.left - 2)) {
        fault = fault || `cut off by ${name(at)}: ${Math.round(left)} to ${Math.round(right)} of ${Math.round(edge.right)} px`;
      }
      [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    if (left < -1 || right > innerWidth + 1) { fault = fault || `reaches from ${Math.round(left)} to ${Math.round(right)} px`; }
    if (fault && right - left > 1 && bottom - top > 1) { faults.push([what, fault]); }
    return {left, right, top, bottom};
  };

  const words = [];
  for (const node of document.querySelectorAll('body *')) {
    const texts = [...node.childNodes].filter((child) => child.nodeType === 3 && child.textContent.trim());
    if (!texts.length || ['SCRIPT', 'STYLE', 'OPTION', 'TITLE'].includes(node.tagName) || !seen(node)) { continue; }
    const range = document.createRange();
    for (const text of texts) {
      range.selectNodeContents(text);
      for (const box of range.getClientRects()) {
        const turned = /rotate\((?!0)/.test(node.getAttribute('transform'));  // its box is larger than its words
        if (turned || box.width < 2 || box.height < 2) { continue; }
        const place = shown(node, box, name(node, text.textContent));
        const overlay = node.closest('#sidebar, #headline, .toast-wrap, .options') || node.closest('.main');
        if (place.right - place.left > 2 && place.bottom - place.top > 2) { words.push({...place, node, overlay, text: text.textContent}); }
      }
    }
  }
  for (const [i, a] of words.entries()) {
    for (const b of words.slice(i + 1)) {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const least = 0.35 * Math.min(a.bottom - a.top, b.bottom - b.top);  // boxes of lines are higher than their letters
      if (a.node !== b.node && a.overlay === b.overlay && wide > 2 && high > least) { faults.push([name(a.node, a.text), `over ${name(b.node, b.text)}`]); }
    }
  }

  for (const node of document.querySelectorAll('button, input, select, textarea, [role=tab], [role=button], .chart')) {
    if (!seen(node) || ['file', 'hidden'].includes(node.type)) { continue; }
    const control = ['checkbox', 'radio'].includes(node.type) && node.closest('label') || node;
    const box = control.getBoundingClientRect();
    if (box.width < 1 || box.height < 1) { continue; }
    shown(control, box, name(control));
    if (targetPx && (box.width < targetPx - 0.5 || box.height < targetPx - 0.5) && !control.matches('.chart')) {
      faults.push([name(control, control.textContent), `is ${Math.round(box.width)} × ${Math.round(box.height)} px`]);
    }
  }
  return faults;
}
