// What on the page is hard to read: [what, why] for each visible text that is small or stands out too little from its ground.
// Contrast by WCAG 2.2; disabled parts are exempt there, and so is text over pictures and gradients, whose colours CSS does not say.
([smallestPx, least, leastLarge]) => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (front, back) => [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') { return null; }
      const layer = rgba(style.backgroundColor);
      if (layer[3] > 0) { layers.push(layer); }
      if (layer[3] === 1) { break; }
    }
    return layers.reduceRight((back, front) => over(front, back), [255, 255, 255]);
  };
  const faults = [];
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.textContent).join('').trim()
      || (['INPUT', 'TEXTAREA'].includes(node.tagName) && !['range', 'checkbox', 'radio', 'file'].includes(node.type) ? node.value : '');
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    if (!text || box.width <= 1 || box.height <= 1 || ['SCRIPT', 'STYLE', 'OPTION', 'TITLE'].includes(node.tagName)) { continue; }
    if (!node.checkVisibility({opacityProperty: true, visibilityProperty: true})) { continue; }
    const what = `${node.tagName}.${node.getAttribute('class') || ''} '${text.slice(0, 30)}'`;
    const size = parseFloat(style.fontSize);
    if (size < smallestPx) { faults.push([what, `${size} px`]); }
    const back = ground(node);
    if (!back || node.closest(':disabled, [aria-disabled=true], .disabled')) { continue; }
    const svg = node instanceof SVGElement;
    const front = rgba(svg ? style.fill : style.color);
    if (svg) { front[3] *= parseFloat(style.fillOpacity); }
    const [light, dark] = [luminance(over(front, back)), luminance(back)].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    if (contrast < (large ? leastLarge : least)) { faults.push([what, `contrast ${contrast.toFixed(2)}`]); }
  }
  return faults;
}
