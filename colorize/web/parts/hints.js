// Color hints: the user picks a color from a palette, a photo or a color field, and puts it on the photo by click, brush
// or keys. Each stroke is a list of hints, {x, y, color} in pixels of the photo. The network gets all of them.
const PALETTE = {
  'tones_skin': ['#f2d3bd', '#e3b28f', '#c68863', '#8d5a3b', '#5a3825'],
  'tones_sky': ['#b4d2ec', '#6fa3dc', '#3f6fb5', '#f0b48c'],
  'tones_foliage': ['#a8bf5f', '#6f9440', '#3f6b34', '#80804a'],
  'tones_other': ['#b08a5c', '#7d5233', '#a8423a', '#2f4a7d', '#c9a23f'],
};
const APART = 0.015;  // of the photo's longer side, between hints of a stroke: some pixels of the network
const MOST = 1000;  // hints of one photo at most
const SOON = 400;  // ms; strokes within this time become one request
const KNOB = 26;  // px around the divider's knob where no hint is put
const own = find('.own input'), undo = find('.undo'), clear = find('.clear'), dropper = find('.dropper');
const strokesOf = new Map();  // by photo
let color = null;  // the picked color
let value = null;  // the shown result
let stroke = null;  // the stroke being drawn
let soon = 0;

// -- picking a color ---------------------------------------------------------------------------------------------

function swatch(hex, label, group) {
  const button = document.createElement('button');
  Object.assign(button, {type: 'button', className: 'swatch', title: label});
  button.style.setProperty('--hint-color', hex);
  button.dataset.color = hex;
  button.setAttribute('aria-label', label);
  button.setAttribute('aria-pressed', false);
  button.addEventListener('click', () => pick(color === hex ? null : hex));
  group.append(button);
}

function tones(key) {
  const group = document.createElement('div'), name = document.createElement('p'), row = document.createElement('div');
  name.textContent = t(key);
  row.className = 'swatches';
  group.append(name, row);
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', t(key));
  find('.palette').append(group);
  return row;
}

for (const [key, colors] of Object.entries(PALETTE)) {
  const row = tones(key);
  colors.forEach((hex, index) => swatch(hex, t('tone', {group: t(key), number: index + 1}), row));
}

function pick(hex) {
  color = hex;
  for (const each of element.querySelectorAll('.swatch')) each.setAttribute('aria-pressed', each.dataset.color === hex);
  find('.own').classList.toggle('picked', Boolean(hex) && own.value === hex);
  frame().classList.toggle('painting', Boolean(hex));
  frame().style.setProperty('--hint-color', hex);
}

own.addEventListener('input', () => pick(own.value));
own.addEventListener('click', () => pick(own.value));
document.addEventListener('keydown', event => { if (event.key === 'Escape' && color) pick(null); });

// -- a color of another photo, which stays in the browser ---------------------------------------------------

find('#choose-dropper').addEventListener('change', async ({target}) => {
  const [file] = target.files;
  target.value = '';
  if (!file) return;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) {
    const complaint = t('dropper_failed', {name: file.name});
    document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {complaint}}));
    return;
  }
  const canvas = find('.dropper canvas'), scale = Math.min(1, 640 / bitmap.width);
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d', {willReadFrequently: true}).drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  dropper.hidden = false;
});

function drop(x, y) {
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
  pick(own.value);
}

find('.dropper canvas').addEventListener('click', event => {
  const box = event.target.getBoundingClientRect();
  drop((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
});

// -- putting it on the photo ---------------------------------------------------------------------------------------

const frame = () => document.querySelector('.photo-frame');
const canvas = () => document.querySelector('.canvas');
const strokes = () => strokesOf.get(value.photo);

// Position of a pointer in the photo, from 0 to 1.
function inPhoto(event) {
  const box = canvas().getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function add(x, y) {
  if (!(x >= 0 && x < 1 && y >= 0 && y < 1) || strokes().flat().length + stroke.length >= MOST) return;
  const last = stroke.at(-1), hint = {x: x * value.width, y: y * value.height, color};
  const apart = APART * Math.max(value.width, value.height);
  if (last && Math.hypot(hint.x - last.x, hint.y - last.y) < apart) return;
  stroke.push(hint);
  dots();
}

function finish() {
  if (stroke?.length) strokes().push(stroke);
  stroke = null;
  follow();
}

function follow() {
  dots();
  clearTimeout(soon);
  soon = setTimeout(() => {
    if (stroke) return;  // redrawn when the stroke ends
    document.dispatchEvent(new CustomEvent('colorize:color-request', {detail: {hints: strokes().flat()}}));
  }, SOON);
}

function dots() {
  const all = [...strokes(), ...stroke ? [stroke] : []];
  undo.disabled = clear.disabled = !strokes().length;
  canvas().querySelector('.dots').replaceChildren(...all.flatMap(each => each.map((hint, index) => {
    const dot = document.createElement('span');
    dot.className = index ? 'dot small' : 'dot';
    dot.style.left = `${100 * hint.x / value.width}%`;
    dot.style.top = `${100 * hint.y / value.height}%`;
    dot.style.background = hint.color;
    return dot;
  })));
}

// A cross in a photo: arrow keys move it, Enter uses it.
function aim(host, label, use) {
  const button = document.createElement('button'), at = {x: 0.5, y: 0.5};
  const steps = {ArrowLeft: ['x', -1], ArrowRight: ['x', 1], ArrowUp: ['y', -1], ArrowDown: ['y', 1]};
  const move = () => Object.assign(button.style, {left: `${100 * at.x}%`, top: `${100 * at.y}%`});
  Object.assign(button, {type: 'button', className: 'aim'});
  button.setAttribute('aria-label', t(label));
  button.addEventListener('keydown', event => {
    const [axis, sign] = steps[event.key] ?? [];
    if (!axis) return;
    event.preventDefault();
    at[axis] = Math.min(0.99, Math.max(0.01, at[axis] + sign * (event.shiftKey ? 0.01 : 0.05)));
    move();
  });
  button.addEventListener('click', () => use(at.x, at.y));  // by Enter and space bar; pointer events pass through
  host.append(button);
  move();
}

function onKnob(event) {
  const box = document.querySelector('.split-line span').getBoundingClientRect();
  return Math.hypot(event.clientX - (box.left + box.right) / 2, event.clientY - (box.top + box.bottom) / 2) < KNOB;
}

function begin() {
  canvas().append(Object.assign(document.createElement('div'), {className: 'dots'}));
  aim(canvas(), 'hint_aim', (x, y) => {
    stroke = [];
    add(x, y);
    finish();
  });
  aim(find('.dropper-photo'), 'dropper_aim', drop);
  // In the capture phase, before compare.js would move the divider.
  frame().addEventListener('pointerdown', event => {
    if (!color || stroke || event.target.closest('.tools') || onKnob(event)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    frame().setPointerCapture(event.pointerId);
    stroke = [];
    add(...inPhoto(event));
  }, true);
  frame().addEventListener('pointermove', event => stroke && add(...inPhoto(event)));
  for (const name of ['pointerup', 'pointercancel']) frame().addEventListener(name, () => stroke && finish());
}

document.addEventListener('colorize:shown', ({detail}) => {
  if (!value) begin();
  if (value?.photo !== detail.photo) stroke = null;
  value = detail;
  if (!strokesOf.has(value.photo)) strokesOf.set(value.photo, []);
  dots();
});
undo.addEventListener('click', () => {
  strokes().pop();
  follow();
});
clear.addEventListener('click', () => {
  strokesOf.set(value.photo, []);
  follow();
});
