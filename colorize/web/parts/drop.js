// Takes photos by drop, file dialog, paste or example, uploads them, and triggers 'one' or 'many'.
const AT_ONCE = 3;
const zone = find('.zone'), bar = find('.task-bar'), words = find('.task-words'), complaint = find('.complaint');
const sending = new Set();  // an AbortController for each upload
// One single photo and one batch at a time: gradio merges two answers that come at the same moment.
// `deaf`: ignore failures, because a job was refused or canceled; gradio then reports one or two failures, at any time.
const lanes = Object.fromEntries(
  ['one', 'others', 'many'].map(name => [name, {running: null, waiting: [], deaf: false}]));
let newest = 0;  // time of the newest job
let shown = null;  // the photo that is shown
const colorRequests = new Map();  // hints and variant of each photo, by its upload
let batch = null;  // the last one

setState('empty');

const complain = text => {
  complaint.textContent = text;
  complaint.hidden = !text;
};

const busy = () => sending.size || Object.values(lanes).some(lane => lane.running);

const rest = () => {
  if (busy()) return;
  bar.hidden = true;
  setState('settled' in document.body.dataset ? 'settled' : 'empty');
};

const settle = kind => {
  const there = new Set((document.body.dataset.settled ?? '').split(' '));
  document.body.dataset.settled = [...there.add(kind)].join(' ').trim();
  document.body.dataset.latest = kind;
};

const send = (file, progress, signal) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest(), form = new FormData();
  form.append('files', file, file.name);
  request.upload.onprogress = event => event.lengthComputable && progress(event.loaded / event.total);
  request.onload = () => {
    let answer = null;
    try { answer = JSON.parse(request.responseText); } catch { /* no words of ours */ }
    if (request.status === 200) resolve(answer[0]);
    else reject(new Error(answer?.detail ?? t('no_answer')));
  };
  request.onerror = () => reject(new Error(t('no_answer')));
  request.onabort = () => reject(new DOMException('', 'AbortError'));
  signal.addEventListener('abort', () => request.abort());
  request.open('POST', `${api}/upload`);
  request.send(form);
});

async function take(files) {
  files = files.filter(({name}) => !name.split('/').at(-1).startsWith('.'));
  if (!files.length) return;
  complain('');
  if (files.length > props.most) {
    complain(t('too_many_photos', {count: props.most}));
    return;
  }
  const single = files.length === 1;
  const controller = new AbortController(), {signal} = controller;
  sending.add(controller);
  setState('working');
  words.classList.remove('unseen');
  bar.hidden = false;
  bar.value = 0;
  words.textContent = single ? t('uploading', {name: files[0].name, percent: 0})
    : t('uploading_many', {number: 1, total: files.length});
  const photos = [], refused = [], left = files.entries();
  const worker = async () => {
    for (const [index, {file, name}] of left) {
      try {
        const path = await send(file, share => {
          if (!single) return;
          bar.value = 100 * share;
          words.textContent = t('uploading', {name, percent: Math.round(100 * share)});
        }, signal);
        photos.push({index, path, name});
      } catch (error) {
        if (signal.aborted) throw error;
        refused.push({name, reason: error.message});
      }
      if (single) continue;
      const number = photos.length + refused.length;
      bar.value = 100 * number / files.length;
      words.textContent = t('uploading_many', {number: Math.min(number + 1, files.length), total: files.length});
    }
  };
  try {
    await Promise.all(Array.from({length: AT_ONCE}, worker));
  } catch {
    return;  // canceled
  } finally {
    sending.delete(controller);
  }
  photos.sort((a, b) => a.index - b.index);
  if (single && refused.length) {
    words.textContent = '';
    complain(`${refused[0].name}: ${refused[0].reason}`);
    return rest();
  }
  start({photos: photos.map(({path, name}) => ({path, name})), refused}, single ? 'one' : 'many');
}

function start(value, event) {
  const lane = lanes[event];
  newest = Math.max(Date.now(), newest + 1);
  value = {batch: newest, hints: [], variant: 0, ...colorRequests.get(value.photos[0]?.path), ...value, time: newest};
  if (event === 'many') batch = value;
  lane.waiting = lane.waiting.filter(each => !each.value.again);  // settings have changed again
  lane.waiting.push({value, event});
  setState('working');
  words.textContent = t('waiting');
  next(lane);
}

function next(lane) {
  if (lane.running || !lane.waiting.length) return;
  lane.running = lane.waiting.shift();
  const {value, event} = lane.running;
  bar.hidden = false;
  bar.removeAttribute('value');
  words.classList.remove('unseen');
  words.textContent = {many: t('waiting'), others: t('others_working')}[event] ??
    t('working', {name: value.photos[0].name});
  props.value = value;
  trigger(event);
}

// Color the shown photo again, with other settings or another color request.
function again(event, more = {}) {
  complain('');
  start({photos: [shown], refused: [], again: true, ...more}, event);
}
document.addEventListener('colorize:color-request', ({detail}) => {
  colorRequests.set(shown.path, {...colorRequests.get(shown.path), ...detail});
  again('one');
});
document.addEventListener('colorize:others', ({detail}) => again('others', detail));

// Settings have changed. Not gradio's own event: keys do not raise that.
document.addEventListener('change', event => {
  if (event.target.closest('#strength, #size, #format') && shown) again('one');
});
document.addEventListener('click', event => {
  if (!event.target.closest('#again')) return;
  complain('');
  start(batch, 'many');
});
document.addEventListener('colorize:shown', ({detail: {photo, name}}) => { shown = {path: photo, name}; });

// Progress of a batch.
document.addEventListener('colorize:progress', ({detail}) => {
  if (detail.first) settle('many');
  if (detail.time !== lanes.many.running?.value.time) return;  // canceled
  words.classList.remove('unseen');
  words.textContent = detail.words;
  bar.hidden = false;
  bar.value = 100 * detail.share;
});

// A job has ended: done, failed, refused or canceled.
document.addEventListener('colorize:ended', ({detail}) => {
  if (detail.complaint) complain(detail.complaint);
  if (detail.settled) settle(detail.settled);
  for (const lane of Object.values(lanes)) {
    if (!lane.running || lane.running.value.time !== detail.time) continue;
    lane.running = null;
    lane.deaf = Boolean(detail.refused);
    next(lane);
  }
  if (!busy()) {
    words.textContent = detail.words ?? '';
    words.classList.toggle('unseen', Boolean(detail.settled || !detail.words));  // for screen readers only
  }
  rest();
});

// gradio reports that a job has failed, not which one.
document.addEventListener('colorize:failed', ({detail}) => {
  const {running, deaf} = lanes[detail];
  if (deaf || !running) return;
  const {time} = running.value;
  document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {time, complaint: t('went_wrong')}}));
});

onJobRefused(({time}, complaint) => {
  document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {time, complaint, refused: true}}));
});

document.addEventListener('click', event => {
  if (!event.target.closest('#cancel')) return;  // gradio cancels the job on the server
  for (const each of sending) each.abort();
  sending.clear();
  for (const lane of Object.values(lanes)) {
    Object.assign(lane, {running: null, waiting: [], deaf: lane.deaf || Boolean(lane.running)});
  }
  document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {words: t('canceled')}}));
});

// File dialog
find('#choose-photos').accept = props.kinds;
for (const input of element.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => {
    take([...input.files].map(file => ({file, name: file.webkitRelativePath || file.name})));
    input.value = '';  // so that the same photo can be chosen again
  });
}

// Drop, anywhere on the page, folders included
const walk = async (entry, path = '') => {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{file, name: path + file.name}];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {  // readEntries gives up to 100 entries at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const each of some) found.push(...await walk(each, `${path}${entry.name}/`));
  }
};
const hasFiles = event => event.dataTransfer?.types.includes('Files');
document.addEventListener('dragover', event => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  zone.classList.add('over');
});
document.addEventListener('dragleave', event => event.relatedTarget ?? zone.classList.remove('over'));
document.addEventListener('drop', async event => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  zone.classList.remove('over');
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files].map(file => ({file, name: file.name}));
  take(entries.length ? (await Promise.all(entries.map(entry => walk(entry)))).flat() : plain);
});

// Paste
document.addEventListener('paste', event => {
  const files = [...event.clipboardData?.files ?? []];
  if (!files.length) return;
  event.preventDefault();
  take(files.map(file => ({file, name: file.name})));
});

// Examples
for (const {path, name, label} of props.examples) {
  const button = document.createElement('button'), image = document.createElement('img');
  button.type = 'button';
  button.setAttribute('aria-label', t(label));
  image.src = fileUrl(path);
  image.alt = '';
  button.append(image);
  button.addEventListener('click', () => {
    complain('');
    start({photos: [{path, name}], refused: []}, 'one');
  });
  find('.examples-strip').append(button);
}
