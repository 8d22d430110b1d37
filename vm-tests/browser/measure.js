// Runs in a page that shows another one in a frame: what of that one is wider than the frame, and which text has too little contrast.
// Writes one line for each fault into the element `found`, and `looked at N elements` at the end.
function channel(value) {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}
function light(color) {
  const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
  return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
}
function background(element) {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (!/^rgba\(.*, 0\)$/.test(color) && color !== 'transparent') return color;
  }
  return 'rgb(255, 255, 255)';
}
function look() {
  const page = document.getElementById('page').contentDocument;
  const faults = [];
  const wide = page.documentElement.clientWidth;
  if (page.documentElement.scrollWidth > wide) faults.push(`the page is ${page.documentElement.scrollWidth} wide, the screen ${wide}`);
  const all = [...page.body.querySelectorAll('*')];
  for (const element of all) {
    const box = element.getBoundingClientRect();
    const name = `<${element.tagName.toLowerCase()}> ${element.textContent.trim().slice(0, 40)}`;
    if (box.width && box.right > wide + 1) faults.push(`beyond the right edge: ${name}`);
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const style = getComputedStyle(element);
    const [one, two] = [light(style.color), light(background(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(1)}: ${name}`);
    if (box.width && parseFloat(style.fontSize) < 12) faults.push(`letters of ${style.fontSize}: ${name}`);
  }
  faults.push(`looked at ${all.length} elements`);
  document.getElementById('found').textContent = faults.join('\n');
}
addEventListener('load', look);
