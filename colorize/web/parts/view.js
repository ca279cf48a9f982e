// How a photo lies in its frame: it fits, or is enlarged and moved. Before and after have a divider between them, which
// is a range input, so keys and screen readers can move it. A tool (hints.js) may take over what a single pointer does.
const frame = find('.photo-frame'), viewport = find('.viewport'), canvas = find('.canvas');
const split = find('.split'), divider = find('.split-line');
const hold = find('.hold');
const STEP = 1.5, CLOSE = 2.5;  // of the buttons, of a double click
const KEY = 60;  // px that an arrow key moves the photo
const KNOB = 28;  // px around the divider in which a pointer takes it
let before = find('.before'), after = find('.after');  // images
let zoom = 1;  // 1: the whole photo fits
let photoSize = {width: 3, height: 2};
let held = false;  // before is shown, as long as somebody asks for it
let tool = null;  // {down, move, up, cancel}; each gets the pointer's event

const view = page.view = {frame, canvas};

view.setTool = another => {
  tool = another;
  lay();
};

// Lay out another photo. It fits, and the divider is in the middle.
view.reset = size => {
  zoom = 1;
  split.value = 50;
  view.setSize(size);
};

view.setSize = ({width, height}) => {
  photoSize = {width, height};
  find('.compare').style.setProperty('--aspect', width / height);
  resize();
};

// Scroll as far as needed to show a place of the photo, from 0 to 1.
view.reveal = ({x, y}) => {
  const margin = 40;
  const place = [[x * canvas.clientWidth + canvas.offsetLeft, 'scrollLeft', viewport.clientWidth],
    [y * canvas.clientHeight + canvas.offsetTop, 'scrollTop', viewport.clientHeight]];
  for (const [at, scroll, room] of place) {
    viewport[scroll] = Math.min(Math.max(viewport[scroll], at - room + margin), at - margin);
  }
};

// Position of a pointer in the photo, from 0 to 1.
view.inPhoto = event => {
  const box = canvas.getBoundingClientRect();
  return {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height};
};

function resize() {
  const fit = Math.min(viewport.clientWidth / photoSize.width, viewport.clientHeight / photoSize.height);
  if (!fit) return;  // not shown
  canvas.style.width = `${fit * zoom * photoSize.width}px`;
  canvas.style.height = `${fit * zoom * photoSize.height}px`;
  find('.zoom').textContent = `${Math.round(100 * fit * zoom)} %`;
  lay();
}

// The visible part of the photo, from left to right, in px of the frame.
function visible() {
  const place = frame.getBoundingClientRect(), room = viewport.getBoundingClientRect();
  const box = canvas.getBoundingClientRect();
  return {
    left: Math.max(room.left, box.left) - place.left,
    right: Math.min(room.right, box.right) - place.left,
    start: box.left - place.left,
  };
}

function lay() {
  const {left, right, start} = visible();
  const at = left + (right - left) * split.value / 100;
  frame.dataset.shows = held ? 'before' : tool ? 'after' : 'split';
  frame.classList.toggle('painting', Boolean(tool));
  frame.classList.toggle('enlarged', zoom > 1);
  divider.style.transform = `translateX(${at}px)`;
  const hidden = {before: '100%', after: 0, split: `${at - start}px`}[frame.dataset.shows];
  canvas.style.setProperty('--after-clip', `inset(0 0 0 ${hidden})`);
  if (zoom <= 1 && document.activeElement === find('.out')) find('.in').focus();  // it gets hidden
  find('.out').disabled = zoom <= 1;
}

function zoomTo(wanted, x = viewport.clientWidth / 2, y = viewport.clientHeight / 2) {
  const box = canvas.getBoundingClientRect(), room = viewport.getBoundingClientRect();
  const inX = (room.left + x - box.left) / box.width, inY = (room.top + y - box.top) / box.height;
  const most = Math.max(4, 2 * photoSize.width * zoom / box.width);
  zoom = Math.min(most, Math.max(1, wanted));
  resize();
  viewport.scrollLeft = canvas.offsetLeft + inX * canvas.clientWidth - x;
  viewport.scrollTop = canvas.offsetTop + inY * canvas.clientHeight - y;
  lay();
}

function zoomAt(event, wanted) {
  const room = viewport.getBoundingClientRect();
  zoomTo(wanted, event.clientX - room.left, event.clientY - room.top);
}

split.addEventListener('input', lay);
viewport.addEventListener('scroll', lay);
new ResizeObserver(resize).observe(viewport);
find('.in').addEventListener('click', () => zoomTo(STEP * zoom));
find('.out').addEventListener('click', () => zoomTo(zoom / STEP));
find('.fit').addEventListener('click', () => zoomTo(1));
find('.full').addEventListener('click', () =>
  document.fullscreenElement ? document.exitFullscreen() : frame.requestFullscreen());
const onPhoto = event => !event.target.closest('.tools');
frame.addEventListener('dblclick', event => onPhoto(event) && !tool && zoomAt(event, zoom > 1 ? 1 : CLOSE));
frame.addEventListener('wheel', event => {
  if (event.ctrlKey) {
    event.preventDefault();
    zoomAt(event, zoom * Math.exp(-event.deltaY / 200));
  } else if (zoom > 1) {  // as in maps: in a photo that fits, the wheel alone scrolls the page
    event.preventDefault();
    viewport.scrollBy(event.deltaX, event.deltaY);
  }
}, {passive: false});
viewport.addEventListener('keydown', event => {
  if (event.target !== viewport || event.ctrlKey || event.metaKey) return;
  const moves = {ArrowLeft: [-KEY, 0], ArrowRight: [KEY, 0], ArrowUp: [0, -KEY], ArrowDown: [0, KEY]};
  const zooms = {'+': zoom * STEP, '-': zoom / STEP, 0: 1};
  if (zoom > 1 && event.key in moves) viewport.scrollBy(...moves[event.key]);
  else if (event.key in zooms) zoomTo(zooms[event.key]);
  else return;
  event.preventDefault();
});

// -- before, as long as a button is held -----------------------------------------------------------------------------

function holdBefore(on) {
  held = on;
  hold.setAttribute('aria-pressed', on);
  lay();
}
hold.addEventListener('pointerdown', () => holdBefore(true));
for (const name of ['pointerup', 'pointercancel', 'pointerleave', 'blur', 'keyup']) {
  hold.addEventListener(name, () => holdBefore(false));
}
hold.addEventListener('keydown', event => [' ', 'Enter'].includes(event.key) && holdBefore(true));
hold.addEventListener('contextmenu', event => event.preventDefault());  // of a finger that stays

// -- pointers --------------------------------------------------------------------------------------------------------

// One pointer moves the divider. In an enlarged photo, away from the divider, it moves the photo. With a tool, it is the
// tool's; then the middle button moves the photo. Two pointers move and zoom.
const pointers = new Map();
let dragging = '';

frame.addEventListener('pointerdown', event => {
  if (!onPhoto(event)) return;
  event.preventDefault();
  if (dragging === 'tool') tool.cancel();
  pointers.set(event.pointerId, event);
  frame.setPointerCapture(event.pointerId);
  dragging = begin(event);
  if (dragging === 'tool') tool.down(event);
  if (dragging === 'divider') moveDivider(event);
});

function begin(event) {
  if (pointers.size > 1) return 'zoom';
  if (event.button === 1) return 'photo';
  if (tool) return 'tool';
  const off = Math.abs(event.clientX - divider.getBoundingClientRect().left);
  return zoom > 1 && off > KNOB ? 'photo' : 'divider';
}

frame.addEventListener('pointermove', event => {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  if (dragging === 'tool') tool.move(event);
  if (dragging === 'divider') moveDivider(event);
  if (dragging === 'photo') viewport.scrollBy(last.clientX - event.clientX, last.clientY - event.clientY);
  if (dragging === 'zoom' && pointers.size === 2) pinch(event, last);
  pointers.set(event.pointerId, event);
});

function pinch(event, last) {
  const other = [...pointers.values()].find(each => each.pointerId !== event.pointerId);
  const apart = each => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
  const middle = each => [(each.clientX + other.clientX) / 2, (each.clientY + other.clientY) / 2];
  const [[x, y], [lastX, lastY]] = [middle(event), middle(last)];
  viewport.scrollBy(lastX - x, lastY - y);
  zoomAt({clientX: x, clientY: y}, zoom * apart(event) / Math.max(1, apart(last)));
}

for (const name of ['pointerup', 'pointercancel']) {
  frame.addEventListener(name, event => {
    if (!pointers.delete(event.pointerId)) return;
    if (dragging === 'tool') name === 'pointerup' ? tool.up(event) : tool.cancel();
    dragging = pointers.size ? 'zoom' : '';  // the finger that stays does not paint
  });
}

function moveDivider(event) {
  const {left, right} = visible(), at = event.clientX - frame.getBoundingClientRect().left;
  split.value = Math.round(100 * (at - left) / (right - left));
  lay();
}
