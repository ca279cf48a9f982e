// Before and after in full size with a divider and zoom. The divider is a range input, so keys and screen readers can
// move it.
const frame = find('.photo-frame'), viewport = find('.viewport'), canvas = find('.canvas');
const split = find('.split'), divider = find('.split-line');
const before = find('.before'), after = find('.after'), link = find('.download');
let zoom = 1;  // 1: the whole photo fits
let shown = null;  // the shown upload
const strip = find('.earlier-strip');
const results = new Map();  // newest result and button of each photo, by its upload

function lay() {
  const at = viewport.clientWidth * split.value / 100;
  divider.style.transform = `translateX(${at}px)`;
  after.style.clipPath = `inset(0 0 0 ${viewport.scrollLeft + at}px)`;
  if (zoom <= 1 && document.activeElement?.matches('.out, .fit')) find('.in').focus();  // these two get hidden
  find('.out').disabled = find('.fit').disabled = zoom <= 1;
}

function zoomTo(wanted, x = viewport.clientWidth / 2, y = viewport.clientHeight / 2) {
  const old = zoom;
  zoom = Math.min(Math.max(4, 2 * before.naturalWidth / viewport.clientWidth), Math.max(1, wanted));
  canvas.style.width = `${100 * zoom}%`;
  viewport.scrollLeft = (viewport.scrollLeft + x) * zoom / old - x;
  viewport.scrollTop = (viewport.scrollTop + y) * zoom / old - y;
  lay();
}

split.addEventListener('input', lay);
viewport.addEventListener('scroll', lay);
new ResizeObserver(lay).observe(viewport);
find('.in').addEventListener('click', () => zoomTo(1.5 * zoom));
find('.out').addEventListener('click', () => zoomTo(zoom / 1.5));
find('.fit').addEventListener('click', () => zoomTo(1));
find('.full').addEventListener('click', () =>
  document.fullscreenElement ? document.exitFullscreen() : frame.requestFullscreen());
frame.addEventListener('wheel', event => {
  if (!event.ctrlKey) return;  // as in maps: the wheel alone scrolls the page
  event.preventDefault();
  const box = viewport.getBoundingClientRect();
  zoomTo(zoom * Math.exp(-event.deltaY / 200), event.clientX - box.left, event.clientY - box.top);
}, {passive: false});

// One pointer moves the divider. In an enlarged photo, away from the divider, it moves the photo. Two pointers zoom.
const pointers = new Map();
let dragging = '';
frame.addEventListener('pointerdown', event => {
  if (event.target.closest('.tools')) return;
  event.preventDefault();
  pointers.set(event.pointerId, event);
  frame.setPointerCapture(event.pointerId);
  const off = Math.abs(event.clientX - divider.getBoundingClientRect().left);
  dragging = pointers.size > 1 ? 'zoom' : zoom > 1 && off > 28 ? 'photo' : 'divider';
  if (dragging === 'divider') moveDivider(event);
});
frame.addEventListener('pointermove', event => {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  if (dragging === 'divider') moveDivider(event);
  if (dragging === 'photo') viewport.scrollBy(last.clientX - event.clientX, last.clientY - event.clientY);
  if (dragging === 'zoom' && pointers.size === 2) {
    const other = [...pointers.values()].find(each => each.pointerId !== event.pointerId);
    const apart = each => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
    const box = viewport.getBoundingClientRect();
    zoomTo(zoom * apart(event) / Math.max(1, apart(last)),
      (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  }
  pointers.set(event.pointerId, event);
});
for (const name of ['pointerup', 'pointercancel']) {
  frame.addEventListener(name, event => {
    pointers.delete(event.pointerId);
    dragging = '';
  });
}

function moveDivider(event) {
  const box = viewport.getBoundingClientRect();
  split.value = Math.round(100 * (event.clientX - box.left) / box.width);
  lay();
}

const loaded = (image, source) => new Promise(resolve => {
  image.onload = () => resolve(true);
  image.onerror = () => resolve(false);
  image.src = source;
});

watch('value', async () => {
  const value = props.value;
  if (!value?.time) return;
  const end = detail =>
    document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {...detail, time: value.time}}));
  if (value.complaint) return end({complaint: value.complaint});
  remember(value);
  if (await show(value)) end({settled: 'one', words: t('done', value)});
  else end({complaint: t('no_answer')});
});

async function show(value) {
  const there = await Promise.all([loaded(before, fileUrl(value.before)), loaded(after, fileUrl(value.after))]);
  if (there.includes(false)) return false;
  before.alt = t('alt_before', value);
  after.alt = t('alt_after', value);
  find('.name').textContent = value.name;
  find('.pixels').textContent = `${t('pixels', value)}.`;
  find('.had-color').textContent = value.had_color ? t('had_color') : '';
  link.href = fileUrl(value.download);
  link.download = value.download.split('/').at(-1);
  link.textContent = t('download', value);
  find('.compare').style.setProperty('--aspect', value.width / value.height);
  if (shown !== value.photo) {
    shown = value.photo;
    split.value = 50;
    zoom = 1;
    canvas.style.width = '100%';
  }
  for (const [photo, {button}] of results) button.setAttribute('aria-pressed', photo === shown);
  requestAnimationFrame(lay);
  document.dispatchEvent(new CustomEvent('colorize:shown', {detail: value}));
  return true;
}

// Earlier photos, so that none is lost when several are sent one after the other.
function remember(value) {
  const known = results.get(value.photo);
  const button = known?.button ?? document.createElement('button');
  results.set(value.photo, {value, button});
  button.replaceChildren(Object.assign(new Image(), {src: fileUrl(value.after), alt: value.name}));
  if (!known) {
    button.type = 'button';
    button.addEventListener('click', () => again(value.photo));
    strip.append(button);
  }
  find('.earlier').hidden = results.size < 2;
}

async function again(photo) {
  const {value, button} = results.get(photo);
  if (await show(value)) return;
  button.remove();  // its files were deleted
  results.delete(photo);
  document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {complaint: t('no_such_upload')}}));
}
