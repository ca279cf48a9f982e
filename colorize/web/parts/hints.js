// Color hints: the user puts the picked color on the photo by click, brush or keys. A stroke is {color, points}, points
// in pixels of the photo, and is never changed: a change makes a new list of strokes, so that each can be undone. The
// network gets all points. The first point of a stroke has a marker, by which it is moved, recolored and removed.
const APART = 0.015;  // of the photo's longer side, between points of a stroke: some pixels of the network
const MOST = 1000;  // points of one photo at most
const SOON = 400;  // ms; changes within this time become one request
const STILL = 4;  // px that a pointer may move and still clicks
const undo = find('.undo'), clear = find('.clear');
const layer = make('div', {className: 'dots'});
const remove = make('button', {type: 'button', className: 'remove', textContent: '×'});
let photo = null;  // the shown photo, once it is in color
let stroke = null;  // the stroke that is drawn
let selected = null;  // the stroke whose marker is selected
let moving = null;  // {stroke, from, by} while a marker is dragged

remove.setAttribute('aria-label', t('hint_remove'));
remove.title = t('hint_remove');
page.view.canvas.append(layer);
const aim = cross(page.view.canvas, 'hint_aim', at => {
  begin(at);
  finish();
}, page.view.reveal);

// -- changes -----------------------------------------------------------------------------------------------------------

function change(strokes) {
  photo.past.push(photo.strokes);
  photo.future = [];
  put(strokes);
}

function put(strokes) {
  photo.strokes = strokes;
  if (!strokes.includes(selected)) selected = null;
  draw();
  follow(photo);
}

// Ask for the photo's colors soon. It need no longer be the shown one then.
function follow(photo) {
  clearTimeout(photo.soon);
  photo.soon = setTimeout(() => {
    photo.soon = null;
    if (stroke && photo === page.shown) return;  // asked for when the stroke ends
    photo.choices.hints = photo.strokes.flatMap(({color, points}) => points.map(point => ({...point, color})));
    page.color(photo);
  }, SOON);
}

function replace(old, changed) {
  if (selected === old) selected = changed;
  change(photo.strokes.map(each => each === old ? changed : each));
}

// Give the selected stroke another color. Gives false if none is selected.
function recolor(hex) {
  if (!selected) return false;
  replace(selected, {...selected, color: hex});
  return true;
}

function take(old) {
  const at = photo.strokes.indexOf(old);
  change(photo.strokes.filter(each => each !== old));
  (layer.querySelectorAll('.marker')[Math.max(0, at - 1)] ?? aim).focus();
}

function step(from, to) {
  if (!photo?.[from].length) return;
  photo[to].push(photo.strokes);
  put(photo[from].pop());
}

const pixels = ({x, y}) => ({x: x * photo.value.width, y: y * photo.value.height});
const inside = ({x, y}) => x >= 0 && x < photo.value.width && y >= 0 && y < photo.value.height;

function begin(place) {
  selected = null;
  stroke = {color, points: []};
  add(place);
}

function add(place) {
  const point = pixels(place), last = stroke.points.at(-1);
  const count = [...photo.strokes, stroke].reduce((sum, {points}) => sum + points.length, 0);
  if (!inside(point) || count >= MOST) return;
  const apart = APART * Math.max(photo.value.width, photo.value.height);
  if (last && Math.hypot(point.x - last.x, point.y - last.y) < apart) return;
  stroke.points.push(point);
  draw();
}

function finish() {
  const drawn = stroke;
  stroke = null;
  if (drawn.points.length) change([...photo.strokes, drawn]);
  else draw();
}

function moved({stroke, by}) {
  const points = stroke.points.map(({x, y}) => ({x: x + by.x, y: y + by.y})).filter(inside);
  return points.length ? {...stroke, points} : stroke;
}

// -- markers -----------------------------------------------------------------------------------------------------------

function place(dot, {x, y}) {
  dot.style.left = `${100 * x / photo.value.width}%`;
  dot.style.top = `${100 * y / photo.value.height}%`;
  return dot;
}

function draw() {
  const focused = [...layer.querySelectorAll('.marker')].indexOf(document.activeElement);
  for (const [button, there] of [[undo, photo.past.length], [clear, photo.strokes.length]]) {
    button.setAttribute('aria-disabled', !there);
  }
  const all = [...photo.strokes, ...stroke ? [stroke] : []];
  layer.replaceChildren(...all.flatMap((each, index) => {
    const now = moving?.stroke === each ? moved(moving) : each;
    return now.points.map((point, number) => number ? dot(now, point) : marker(each, now, index));
  }));
  if (selected && !moving) layer.append(place(remove, selected.points[0]));
  layer.querySelectorAll('.marker')[focused]?.focus();
}

function dot({color}, point) {
  const made = make('span', {className: 'dot'});
  made.style.setProperty('--hint-color', color);
  return place(made, point);
}

function marker(each, {color, points}, index) {
  const made = make('button', {type: 'button', className: 'marker', stroke: each});
  made.style.setProperty('--hint-color', color);
  made.setAttribute('aria-label', t('hint_marker', {number: index + 1, color: nameOf(color)}));
  made.setAttribute('aria-pressed', each === selected);
  made.addEventListener('click', event => event.detail || select(each));  // by Enter and space bar; pointers: `brush`
  made.addEventListener('keydown', event => onKey(event, each));
  return points.length ? place(made, points[0]) : made;
}

const nameOf = hex => swatches.find(each => each.dataset.color === hex)?.title ?? hex;

function select(each) {
  selected = selected === each ? null : each;
  draw();
}

function onKey(event, each) {
  const by = arrow(event);
  if (by) replace(each, moved({stroke: each, by: pixels(by)}));
  else if (['Delete', 'Backspace'].includes(event.key)) take(each);
  else return;
  event.preventDefault();
}

remove.addEventListener('click', event => event.detail || take(selected));
undo.addEventListener('click', () => step('past', 'future'));
clear.addEventListener('click', () => photo?.strokes.length && change([]));

// -- painting ----------------------------------------------------------------------------------------------------------

const brush = {
  down(event) {
    const on = event.target.closest('.marker, .remove');
    if (on?.matches('.remove')) return take(selected);
    if (on) moving = {stroke: on.stroke, from: event, by: {x: 0, y: 0}};
    else if (color) begin(page.view.inPhoto(event));
  },
  move(event) {
    if (moving) {
      const [now, then] = [event, moving.from].map(each => pixels(page.view.inPhoto(each)));
      moving.by = {x: now.x - then.x, y: now.y - then.y};
      draw();
    }
    if (stroke) add(page.view.inPhoto(event));
  },
  up(event) {
    if (moving) {
      const {stroke, from} = moving, changed = moved(moving);
      const still = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < STILL;
      moving = null;
      if (still) select(stroke);
      else replace(stroke, changed);
      [...layer.querySelectorAll('.marker')].find(each => [stroke, changed].includes(each.stroke))?.focus({preventScroll: true});
    }
    if (stroke) finish();
  },
  cancel() {
    moving = stroke = null;
    draw();
  },
};

function setPainting(on) {
  if (on && !photo) return;
  document.body.toggleAttribute('data-painting', on);
  page.view.setTool(on ? brush : null);
  if (!on) selected = null;
  if (photo) draw();
}

let latest = '#e3b28f';  // the color that the button for narrow screens begins with
find('.paint').addEventListener('click', () => {
  pick(latest);
  page.view.frame.scrollIntoView({block: 'start'});
});
find('.stop').addEventListener('click', stop);

function stop() {
  latest = color ?? latest;
  const within = element.contains(document.activeElement) || page.view.canvas.contains(document.activeElement);
  pick(null);
  if (!within) return;
  const back = swatches.find(each => each.dataset.color === latest) ?? swatches[0];
  (back.offsetParent ? back : find('.paint')).focus({preventScroll: true});
}

document.addEventListener('keydown', event => {
  if (event.key === 'Escape' && color && !document.fullscreenElement) return stop();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !photo || event.target.matches('input:not([type=range])')) return;
  const key = event.key.toLowerCase();
  const redo = key === 'y' || key === 'z' && event.shiftKey;
  if (!redo && key !== 'z') return;
  event.preventDefault();
  step(...redo ? ['future', 'past'] : ['past', 'future']);
});

hear('shown', shown => {
  if (photo !== shown) {
    stroke = selected = moving = null;
    if (color) pick(null);
  }
  photo = shown.value ? shown : null;
  if (!photo) return;
  photo.strokes ??= [];
  photo.past ??= [];
  photo.future ??= [];
  if (!stroke && !moving) draw();
});
