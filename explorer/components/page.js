// What several of the page's scripts begin with: parts of a page, and files for the visitor to keep.
const make = (tag, name, text) => {
  const part = document.createElement(tag);
  part.className = name;
  if (text !== undefined) { part.textContent = text; }
  return part;
};
const save = (blob, name) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
// One step of the net is pointed at on the whole page: for the moment by a pointer (`over`), or kept by a click until it is let go (`kept`).
const pointing = {
  say: (change) => {
    const before = JSON.parse(document.body.dataset.pointed || '{}');
    if (!('kept' in change) && change.over === (before.over ?? null)) { return; }  // a plot that is drawn anew lies under the same pointer
    document.body.dataset.pointed = JSON.stringify({...before, ...change});
    document.dispatchEvent(new CustomEvent('step', {detail: change}));
  },
  step: () => {
    const {over = null, kept = null} = JSON.parse(document.body.dataset.pointed || '{}');
    return over === null ? kept : over;
  },
  // First and last of the steps that step `i` reads, and of those that read it; `spans`: first and last dense layer of each block.
  bands: (i, spans) => {
    const written = spans.find(([first, last]) => first <= i && i <= last + 1);
    const read = spans.find(([first, last]) => first - 1 <= i && i <= last);
    return {here: [i, i], reads: written && [written[0] - 1, i - 1], readers: read && [i + 1, read[1] + 1]};
  },
  // Follow a key on a plot of `steps`: arrows move, Enter keeps, Escape lets go. Returns whether the key meant one of these.
  key: (event, steps) => {
    const now = pointing.step();
    const to = {ArrowLeft: (now ?? steps) - 1, ArrowRight: (now ?? -1) + 1, Home: 0, End: steps - 1}[event.key];
    if (to !== undefined) {
      event.preventDefault();
      pointing.say({over: Math.min(steps - 1, Math.max(0, to))});
    } else if (event.key === 'Enter' && now !== null) {
      pointing.say({kept: now});
    } else if (event.key === 'Escape') {
      pointing.say({over: null, kept: null});
    } else {
      return false;
    }
    return true;
  },
};
