// Picking a color: from the palette, any color, or one of another photo, which stays in the browser.
const PALETTE = {
  'tones_skin': {'skin_fair': '#f2d3bd', 'skin_warm': '#e3b28f', 'skin_tan': '#c68863', 'skin_brown': '#8d5a3b', 'skin_dark': '#5a3825'},
  'tones_sky': {'sky_pale': '#b4d2ec', 'sky_blue': '#6fa3dc', 'sky_deep': '#3f6fb5', 'sky_evening': '#f0b48c'},
  'tones_foliage': {'green_young': '#a8bf5f', 'green_grass': '#6f9440', 'green_fir': '#3f6b34', 'green_olive': '#80804a'},
  'tones_other': {'wood_light': '#b08a5c', 'wood_dark': '#7d5233', 'brick': '#a8423a', 'navy': '#2f4a7d', 'straw': '#c9a23f', 'white': '#f4f2ee'},
};
const GRAY = '#808080';  // no color
const own = find('.own input'), gray = find('.gray'), dropper = find('.dropper');
let color = null;  // the picked color; null: not painting

for (const [key, colors] of Object.entries(PALETTE)) {
  const group = make('div'), row = make('div', {className: 'swatches'});
  group.append(make('p', {textContent: t(key)}), row);
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', t(key));
  for (const [name, hex] of Object.entries(colors)) row.append(swatch(hex, t(name)));
  find('.palette').append(group);
}
const swatches = [...element.querySelectorAll('.swatch')];
swatches[0].tabIndex = 0;  // the palette is one stop; arrow keys move inside

function swatch(hex, label) {
  const button = make('button', {type: 'button', className: 'swatch', title: label, tabIndex: -1});
  button.style.setProperty('--hint-color', hex);
  button.dataset.color = hex;
  button.setAttribute('aria-label', label);
  button.setAttribute('aria-pressed', false);
  button.addEventListener('click', event => choose(hex, event));
  return button;
}
gray.addEventListener('click', event => choose(GRAY, event));

function choose(hex, event) {
  if (recolor(hex)) return pick(hex);
  pick(color === hex ? null : hex);
  if (color && event.detail === 0) aim.focus();  // by keys: go on in the photo
}

find('.palette').addEventListener('keydown', event => {
  const step = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1}[event.key];
  if (!step) return;
  event.preventDefault();
  const at = (swatches.indexOf(event.target) + step + swatches.length) % swatches.length;
  swatches.forEach((each, index) => { each.tabIndex = index === at ? 0 : -1; });
  swatches[at].focus();
});

function pick(hex) {
  color = hex;
  for (const each of swatches) each.setAttribute('aria-pressed', each.dataset.color === hex);
  gray.setAttribute('aria-pressed', hex === GRAY);
  find('.own').classList.toggle('picked', Boolean(hex) && own.value === hex);
  page.view.canvas.style.setProperty('--hint-color', hex);
  setPainting(Boolean(hex));
}

own.addEventListener('input', () => {
  recolor(own.value);
  pick(own.value);
});
own.addEventListener('click', () => pick(own.value));

// -- a color of another photo ------------------------------------------------------------------------------------------

find('#choose-dropper').addEventListener('change', async ({target}) => {
  const [file] = target.files;
  target.value = '';
  if (!file) return;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return page.complain(t('dropper_failed', {name: shownName(file.name)}));
  const canvas = find('.dropper canvas'), scale = Math.min(1, 640 / bitmap.width);
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d', {willReadFrequently: true}).drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  dropper.hidden = false;
});

function drop({x, y}) {
  const canvas = find('.dropper canvas'), around = 2;
  const left = Math.round(x * canvas.width) - around, top = Math.round(y * canvas.height) - around;
  const {data} = canvas.getContext('2d').getImageData(left, top, 2 * around + 1, 2 * around + 1);
  const sums = [0, 0, 0, 0];
  for (let index = 0; index < data.length; index += 4) {
    if (!data[index + 3]) continue;  // outside the photo
    for (let channel = 0; channel < 3; channel++) sums[channel] += data[index + channel];
    sums[3] += 1;
  }
  if (!sums[3]) return;
  own.value = `#${sums.slice(0, 3).map(each => Math.round(each / sums[3]).toString(16).padStart(2, '0')).join('')}`;
  recolor(own.value);
  pick(own.value);
}

find('.dropper canvas').addEventListener('click', event => {
  const box = event.target.getBoundingClientRect();
  drop({x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height});
});

// A cross in a photo: arrow keys move it, Enter uses it.
function cross(host, label, use, reveal = () => {}) {
  const button = make('button', {type: 'button', className: 'aim'}), at = {x: 0.5, y: 0.5};
  const move = () => Object.assign(button.style, {left: `${100 * at.x}%`, top: `${100 * at.y}%`});
  button.setAttribute('aria-label', t(label));
  button.addEventListener('keydown', event => {
    const step = arrow(event);
    if (!step) return;
    event.preventDefault();
    for (const axis of ['x', 'y']) at[axis] = Math.min(0.99, Math.max(0.01, at[axis] + step[axis]));
    move();
    reveal(at);
  });
  button.addEventListener('focus', () => reveal(at));
  button.addEventListener('click', () => use(at));  // by Enter and space bar; pointer events pass through
  host.append(button);
  move();
  return button;
}

// How far an arrow key moves something in a photo; undefined for other keys.
function arrow({key, shiftKey}) {
  const [x, y] = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[key] ?? [];
  const step = shiftKey ? 0.01 : 0.05;
  return x === undefined ? undefined : {x: x * step, y: y * step};
}

cross(find('.dropper-photo'), 'dropper_aim', drop);
