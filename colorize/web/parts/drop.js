// Takes photos by drop, choice, paste or example, sends them, and triggers 'one' or 'many'; 'changed' when the photo that
// is shown is to be done again.
const AT_ONCE = 3;
const zone = find('.zone'), bar = find('.task-bar'), words = find('.task-words'), complaint = find('.complaint');
let sending = null;  // an AbortController
let newest = 0;  // job that the server has, by its time

setState('empty');

const complain = text => {
  complaint.textContent = text;
  complaint.hidden = !text;
};

const rest = () => {
  bar.hidden = true;
  setState(document.body.dataset.settled ?? 'empty');
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
  sending?.abort();
  sending = new AbortController();
  const {signal} = sending;
  setState('sending');
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
    return;  // cancelled
  }
  photos.sort((a, b) => a.index - b.index);
  if (single && refused.length) {
    rest();
    words.textContent = '';
    complain(`${refused[0].name}: ${refused[0].reason}`);
    return;
  }
  start({photos: photos.map(({path, name}) => ({path, name})), refused}, single ? 'one' : 'many');
}

function wait(told) {
  setState('working');
  bar.hidden = false;
  bar.removeAttribute('value');
  words.classList.remove('unseen');
  words.textContent = told;
}

function start(value, event) {
  newest = Date.now();
  wait(event === 'one' ? t('working', {name: value.photos[0].name}) : t('batch_waiting'));
  props.value = {...value, time: newest};
  trigger(event);
}

// Settings, once they are let go: not gradio's own event, which keys do not raise.
document.addEventListener('change', event => {
  if (!event.target.closest('#strength, #size, #format') || document.body.dataset.settled !== 'one') return;
  wait(t('working', {name: props.value.photos[0].name}));
  trigger('changed');
});

// The stage tells how far a batch is.
document.addEventListener('colorize:progress', ({detail}) => {
  setState('working');
  words.classList.remove('unseen');
  words.textContent = detail.words;
  bar.hidden = false;
  bar.value = 100 * detail.share;
});

// The stage tells when a job has ended: well, or with a complaint; Cancel and a server that refuses end what there is.
document.addEventListener('colorize:ended', ({detail}) => {
  if (detail.time < newest) return;  // another photo has been given meanwhile
  if (detail.refused && !detail.complaint) {  // nobody knows why
    if (document.body.dataset.colorize !== 'working') return;
    detail.complaint = t('went_wrong');
  }
  words.textContent = detail.complaint ? '' : detail.words ?? '';
  words.classList.toggle('unseen', Boolean(detail.settled));  // told by the result itself, for those who see it
  complain(detail.complaint ?? '');
  if (detail.settled) document.body.dataset.settled = detail.settled;
  rest();
});

// Why the server would not have a job is told here, not by gradio, which would say it in English.
const fetched = window.fetch;
window.fetch = async (...request) => {
  const join = String(request[0]?.url ?? request[0]).includes('/queue/join');
  const refuse = complaint =>
    document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {refused: true, complaint}}));
  try {
    const answer = await fetched(...request);
    if (join && !answer.ok) refuse((await answer.clone().json().catch(() => ({}))).detail ?? t('went_wrong'));
    return answer;
  } catch (error) {
    if (join) refuse(t('no_answer'));
    throw error;
  }
};

document.addEventListener('click', event => {
  if (!event.target.closest('#cancel')) return;  // gradio cancels what the server has
  sending?.abort();
  document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {words: t('cancelled')}}));
});

// Choice
for (const input of element.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => {
    take([...input.files].map(file => ({file, name: file.webkitRelativePath || file.name})));
    input.value = '';  // the same photo can be chosen again
  });
}

// Drop, anywhere on the page; folders are walked through
const walk = async (entry, path = '') => {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{file, name: path + file.name}];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {  // readEntries gives a hundred at a time
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
