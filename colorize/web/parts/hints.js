// Color hints: the user puts the picked color on the photo by click, brush or keys, or outlines what is to have it. A
// stroke is {color, points, outline}, points in pixels of the photo, and is never changed once it is drawn: a change makes
// a new list of strokes, so that each can be undone. The network gets all points of the brush; an outline, which is true
// for a region, is filled. The first point of a stroke has a marker, by which it is moved, recolored and removed.
const APART = 0.015;  // of the photo's longer side, between points of the brush: some pixels of the network
const MOST = 1000;  // points of the brush on one photo at most
const MOST_OUTLINES = 100;  // of one photo
const FINE = 0.7;  // px; corners of an outline that are nearer to the line without them are left out
const CLOSE = 14;  // px around the first and the last corner in which another one closes the outline
const SOON = 400;  // ms; changes within this time become one request
const STILL = 4;  // px that a pointer may move and still clicks
const undo = find('.undo'), clear = find('.clear');
const layer = make('div', {className: 'dots'});
const remove = make('button', {type: 'button', className: 'remove', textContent: '×'});
let photo = null;  // the shown photo, once it is in color
let stroke = null;  // the stroke that is drawn; an outline may stay so for several clicks
let drawing = null;  // {from, corners} while a pointer draws an outline: its event, and how many there were before
let selected = null;  // the stroke whose marker is selected
let moving = null;  // {stroke, from, by} while a marker is dragged

remove.setAttribute('aria-label', t('hint_remove'));
remove.title = t('hint_remove');
page.view.canvas.append(layer);
const aim = cross(page.view.canvas, 'hint_aim', at => {
  if (stroke) setCorner(at);
  else begin(at);
  if (stroke && !stroke.outline) finish();
}, page.view.reveal);
const tools = [...element.querySelectorAll('[name=hint-tool]')];
const outlines = () => tools[1].checked;

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
    if (stroke && !stroke.outline && photo === page.shown) return;  // asked for when the stroke ends
    if (photo.asked === photo.strokes) return;
    photo.asked = photo.strokes;
    const [outlined, brushed] = [true, false].map(is => photo.strokes.filter(({outline}) => Boolean(outline) === is));
    photo.choices.hints = brushed.flatMap(({color, points}) => points.map(point => ({...point, color})));
    photo.choices.regions = outlined.map(({color, points}) => ({color, outline: points.map(({x, y}) => [x, y])}));
    page.color(photo);
  }, SOON);
}

function replace(old, changed) {
  if (selected === old) selected = changed;
  change(photo.strokes.map(each => each === old ? changed : each));
}

// Give the selected stroke, or the outline that is drawn, another color. Gives false if there is none.
function recolor(hex) {
  if (stroke?.outline) {
    stroke.color = hex;
    draw();
    return true;
  }
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
  if (stroke?.outline && from === 'past') return cut(stroke.points.length - 1);
  if (!photo?.[from].length) return;
  photo[to].push(photo.strokes);
  put(photo[from].pop());
}

const pixels = ({x, y}) => ({x: x * photo.value.width, y: y * photo.value.height});
const inside = ({x, y}) => x >= 0 && x < photo.value.width && y >= 0 && y < photo.value.height;

function begin(place) {
  selected = null;
  stroke = {color, points: []};
  if (!outlines()) return add(place);
  stroke.outline = true;
  setCorner(place);
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
  const all = stroke.points.map(({x, y}) => ({x: x + by.x, y: y + by.y})), there = all.filter(inside);
  if (stroke.outline) return inside(all[0]) ? {...stroke, points: all} : stroke;
  return there.length ? {...stroke, points: there} : stroke;
}

// -- outlines ----------------------------------------------------------------------------------------------------------

const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
const onScreen = () => page.view.canvas.clientWidth / photo.value.width;  // px for a pixel of the photo

// Add a corner to the outline that is drawn. One at the first or the last corner closes it.
function setCorner(place) {
  const {points} = stroke, corner = cornerAt(place);
  const closes = [points[0], points.at(-1)].some(each => each && distance(each, corner) * onScreen() < CLOSE);
  if (closes && points.length > 2) return closeOutline();
  if (!closes) points.push(corner);
  page.say(t('outline_corner', {number: points.length}));
  draw();
}

function cornerAt(place) {
  const [x, y] = [place.x, place.y].map(each => Math.min(1 - 1e-6, Math.max(0, each)));
  return pixels({x, y});
}

// Go on with a line. A single corner before it was a click in passing.
function drawOn(place) {
  const corner = cornerAt(place);
  if (drawing.corners === 1 && stroke.points.length > 1) {
    stroke.points.shift();
    drawing.corners = 0;
  }
  if (distance(stroke.points.at(-1), corner) * onScreen() < STILL) return;
  stroke.points.push(corner);
  draw();
}

function closeOutline() {
  stroke.points = simplify(stroke.points, FINE / onScreen())
    .map(({x, y}) => ({x: Math.round(10 * x) / 10, y: Math.round(10 * y) / 10}));
  const enough = photo.strokes.filter(({outline}) => outline).length < MOST_OUTLINES;
  if (stroke.points.length > 2 && enough) return finish();
  stroke = null;
  draw();
}

// A line without the points that lie within `near` of what is left (Douglas and Peucker 1973).
function simplify(points, near) {
  const [first, last] = [points[0], points.at(-1)];
  let most = near, at = 0;
  for (let index = 1; index < points.length - 1; index++) {
    const off = offLine(points[index], first, last);
    if (off > most) [most, at] = [off, index];
  }
  if (!at) return [first, last];
  return [...simplify(points.slice(0, at + 1), near), ...simplify(points.slice(at), near).slice(1)];
}

// From a point to the line between two others.
function offLine(point, {x, y}, end) {
  const [dx, dy] = [end.x - x, end.y - y];
  const along = ((point.x - x) * dx + (point.y - y) * dy) / (dx * dx + dy * dy || 1);
  const part = Math.min(1, Math.max(0, along));
  return distance(point, {x: x + part * dx, y: y + part * dy});
}

// Keep so many corners of the outline that is drawn.
function cut(corners) {
  if (corners) stroke.points.length = corners;
  else stroke = null;
  draw();
  follow(photo);  // what waited for the outline
}

for (const tool of tools) {
  tool.addEventListener('change', () => {
    find('.hints-about .facts').textContent = t(outlines() ? 'outline_info' : touch ? 'hints_info_touch' : 'hints_info');
    aim.setAttribute('aria-label', t(outlines() ? 'outline_aim' : 'hint_aim'));
    if (stroke) cut(0);
  });
}

// -- markers -----------------------------------------------------------------------------------------------------------

function place(dot, {x, y}) {
  dot.style.left = `${100 * x / photo.value.width}%`;
  dot.style.top = `${100 * y / photo.value.height}%`;
  return dot;
}

function draw() {
  const focused = [...layer.querySelectorAll('.marker')].indexOf(document.activeElement);
  for (const [button, there] of [[undo, photo.past.length || stroke?.outline], [clear, photo.strokes.length || stroke?.outline]]) {
    button.setAttribute('aria-disabled', !there);
  }
  const all = [...photo.strokes, ...stroke ? [stroke] : []];
  const now = all.map(each => moving?.stroke === each ? moved(moving) : each);
  layer.replaceChildren(lines(now.filter(({outline}) => outline)), ...all.flatMap((each, index) => {
    const {outline, points} = now[index];
    if (outline) return each === stroke ? [dot(each, points.at(-1)), firstDot(each)] : [marker(each, now[index], index)];
    return points.map((point, number) => number ? dot(now[index], point) : marker(each, now[index], index));
  }));
  if (selected && !moving) layer.append(placeRemove(selected.points[0]));
  layer.querySelectorAll('.marker')[focused]?.focus();
}

// Beside a marker, within the photo.
function placeRemove(point) {
  const {x, y} = point, room = 48 / onScreen();
  remove.classList.toggle('below', y < room);
  remove.classList.toggle('to-left', x > photo.value.width - room);
  return place(remove, point);
}

function dot({color}, point) {
  const made = make('span', {className: 'dot'});
  made.style.setProperty('--hint-color', color);
  return place(made, point);
}

// Where another corner closes the outline.
function firstDot(stroke) {
  const made = dot(stroke, stroke.points[0]);
  made.classList.add('start');
  return made;
}

// The outlines; the one that is drawn is still open.
function lines(outlined) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${photo.value.width} ${photo.value.height}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  for (const {points} of outlined) {
    const open = points === stroke?.points;
    for (const name of ['line under', 'line']) {
      const line = document.createElementNS(svg.namespaceURI, open ? 'polyline' : 'polygon');
      line.setAttribute('points', points.map(({x, y}) => `${x},${y}`).join(' '));
      line.setAttribute('class', name);
      svg.append(line);
    }
  }
  return svg;
}

function marker(each, {color, points, outline}, index) {
  const made = make('button', {type: 'button', className: 'marker', stroke: each});
  made.style.setProperty('--hint-color', color);
  made.setAttribute('aria-label', t(outline ? 'outline_marker' : 'hint_marker', {number: index + 1, color: nameOf(color)}));
  made.setAttribute('aria-pressed', each === selected);
  made.addEventListener('click', event => event.detail || select(each));  // by Enter and space bar; pointers: `brush`
  made.addEventListener('keydown', event => onKey(event, each));
  return points.length ? place(made, points[0]) : made;
}

const nameOf = hex => hex === GRAY ? t('gray') : swatches.find(each => each.dataset.color === hex)?.title ?? hex;

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
clear.addEventListener('click', () => {
  if (stroke) cut(0);
  if (photo?.strokes.length) change([]);
});

// -- painting ----------------------------------------------------------------------------------------------------------

const brush = {
  down(event) {
    const on = event.target.closest('.marker, .remove');
    if (on?.matches('.remove')) return take(selected);
    if (on && !stroke) moving = {stroke: on.stroke, from: event, by: {x: 0, y: 0}};
    else if (outlines()) drawing = {from: event, corners: stroke?.points.length ?? 0};
    if (moving || !color) return;
    if (stroke) setCorner(page.view.inPhoto(event));
    else begin(page.view.inPhoto(event));
  },
  move(event) {
    if (moving) {
      const [now, then] = [event, moving.from].map(each => pixels(page.view.inPhoto(each)));
      moving.by = {x: now.x - then.x, y: now.y - then.y};
      draw();
    }
    if (stroke?.outline) drawing && isDragged(event) && drawOn(page.view.inPhoto(event));
    else if (stroke) add(page.view.inPhoto(event));
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
    const drawn = drawing && isDragged(event);
    drawing = null;
    if (!stroke?.outline) stroke && finish();
    else if (drawn && stroke.points.length > 2) closeOutline();
  },
  cancel() {
    moving = null;
    if (stroke) cut(stroke.outline ? drawing?.corners : 0);
    drawing = null;
    draw();
  },
};

const isDragged = ({clientX, clientY}) => Math.hypot(clientX - drawing.from.clientX, clientY - drawing.from.clientY) >= STILL;

function setPainting(on) {
  if (on && !photo) return;
  document.body.toggleAttribute('data-painting', on);
  page.view.setTool(on ? brush : null);
  if (!on) selected = null;
  if (!on && stroke?.outline) cut(0);
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
  if (event.key === 'Escape' && color && !document.fullscreenElement) return stroke?.outline ? cut(0) : stop();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !photo || event.target.matches('input:not([type=range])')) return;
  const key = event.key.toLowerCase();
  const redo = key === 'y' || key === 'z' && event.shiftKey;
  if (!redo && key !== 'z') return;
  event.preventDefault();
  step(...redo ? ['future', 'past'] : ['past', 'future']);
});

hear('shown', shown => {
  if (photo !== shown) {
    stroke = drawing = selected = moving = null;
    if (color) pick(null);
  }
  photo = shown.value ? shown : null;
  if (!photo) return;
  photo.strokes ??= [];
  photo.asked ??= photo.strokes;
  photo.past ??= [];
  photo.future ??= [];
  if (!stroke && !moving) draw();
});
