// The square on the photo that one value of the maps depends on: of the value under the pointer, else of the middle one.
const show = (column, row) => {
  const photo = element.querySelector('.inside-photo');
  if (!photo) { return; }
  const [size, jump, start, px, map] = ['size', 'jump', 'start', 'px', 'map'].map((name) => Number(photo.dataset[name]));
  const place = (share) => {
    const from = start + jump * Math.min(map - 1, Math.floor(share * map));
    return [Math.max(0, from), Math.min(px, from + size)];
  };
  const [left, right] = place(column), [top, bottom] = place(row);
  const percent = (value) => `${100 * value / px}%`;
  Object.assign(element.querySelector('.inside-square').style, {
    left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top),
  });
};
const middle = () => show(0.5, 0.5);
element.addEventListener('pointermove', ({target, offsetX, offsetY}) => {
  if (target.closest('.inside-maps') && target.tagName === 'IMG') { show(offsetX / target.clientWidth, offsetY / target.clientHeight); }
});
element.addEventListener('pointerout', middle);
watch('value', () => queueMicrotask(middle));
middle();
