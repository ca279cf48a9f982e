// Takes photos by drop, file dialog, paste or example, uploads them, and starts their jobs.
const AT_ONCE = 3;
const zone = find('.zone'), words = find('.task-words'), complaint = find('.complaint');
const sending = new Set();  // an AbortController for each upload

page.complain = text => {
  complaint.querySelector('p').textContent = text;
  complaint.hidden = !text;
};
complaint.querySelector('.close').addEventListener('click', () => page.complain(''));

page.say = text => { words.textContent = text; };  // for screen readers

const post = (file, progress, signal) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest(), form = new FormData();
  form.append('files', file, file.name);
  request.upload.onprogress = event => event.lengthComputable && progress(event.loaded / event.total);
  request.onload = () => {
    let answer = null;
    try { answer = JSON.parse(request.responseText); } catch { /* no words of ours */ }
    if (request.status === 200) {
      page.kept.add(answer[0]);
      resolve(answer[0]);
    } else reject(new Error(answer?.detail ?? t('no_answer')));
  };
  request.onerror = () => reject(new TypeError());
  request.onabort = () => reject(new DOMException('', 'AbortError'));
  signal.addEventListener('abort', () => request.abort());
  request.open('POST', `${api}/upload`);
  request.send(form);
});

// Upload a file. If the connection breaks, again once the server is back.
async function send(file, progress, signal) {
  for (;;) {
    try {
      return await post(file, progress, signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await page.lose();
      if (signal.aborted) throw new DOMException('', 'AbortError');
    }
  }
}

function take(files) {
  files = files.map(({file, name}) => ({file, name: shownName(name)})).filter(({name}) => !name.split('/').at(-1).startsWith('.'));
  if (!files.length) return;
  showFirstTab();
  page.complain('');
  files.filter(isFilm).forEach(takeFilm);
  files = files.filter(each => !isFilm(each));
  if (!files.length) return;
  const left = files.slice(props.most);
  if (left.length) page.complain(t('too_many_photos', {count: props.most, left: left.length, name: left[0].name}));
  files = files.slice(0, props.most);
  if (files.length === 1) takeOne(files[0]);
  else takeMany(files);
}

const newPhoto = more => {
  const photo = {key: `photo ${page.time()}`, choices: page.newChoices(), ...more};
  page.photos.set(photo.key, photo);
  return photo;
};

const isFilm = ({name}) => props.film_suffixes.some(suffix => name.toLowerCase().endsWith(suffix));

function takeFilm({file, name}) {
  const command = `colorize '${name.replaceAll("'", "'\\''")}'`;
  if (props.films_problem) page.complain(t(props.films_problem, {command, install: props.films_install}));
  else if (file.size > props.largest) page.complain(t('film_too_large', {name, size: props.largest / 1e6, command}));
  else takeOne({file, name, film: true});
}

// Show a photo at once, from this computer, then upload and color it.
function takeOne({file, name, film = false}) {
  const photo = newPhoto({file, name, film, source: URL.createObjectURL(file)});
  page.showInView(photo);
  return sendAndColor(photo);
}

// Upload a photo in color that another one is to be colored like.
page.sendReference = reference => whileSending(async signal => {
  reference.path = await send(reference.file, () => {}, signal);
});

async function whileSending(act) {
  const controller = new AbortController();
  sending.add(controller);
  page.setState();
  try {
    return await act(controller.signal);
  } finally {
    sending.delete(controller);
    page.setState();
  }
}

async function sendAndColor(photo) {
  const {file, name} = photo;
  const controller = new AbortController();
  sending.add(controller);
  page.setState();
  const progress = share => page.setProgress(
    photo, {share, words: t('uploading', {name, percent: Math.round(100 * share)})});
  progress(0);
  try {
    photo.path = await send(file, progress, controller.signal);
    // If the server no longer has the photo, it has none of these either.
    for (const each of photo.choices.references) if (each.path) each.path = await send(each.file, () => {}, controller.signal);
  } catch (error) {
    sending.delete(controller);
    if (!controller.signal.aborted) page.complain(`${name}: ${error.message}`);
    if (photo.value) page.setProgress(photo, null);
    else page.forget(photo);
    page.setState();
    return;
  }
  sending.delete(controller);
  page.color(photo);
}

// The server no longer has the uploads of a job: it was started anew, or they were too old. Upload them again.
page.renew = ({photo, batch}) => {
  if (photo) return sendAndColor(photo);
  page.showBatch(batch);
  return sendAndColorMany(batch, batch.photos);
};

function takeMany(files) {
  const batch = {key: page.time(), choices: page.newChoices(), photos: [], refused: []};
  page.showBatch(batch);
  return sendAndColorMany(batch, files);
}

async function sendAndColorMany(batch, files) {
  const controller = new AbortController(), {signal} = controller;
  controller.batch = batch;
  sending.add(controller);
  page.setState();
  const left = [...files].entries(), photos = [], refused = [];
  const report = () => {
    const number = photos.length + refused.length;
    page.setBatchProgress(batch, {
      share: number / files.length,
      words: t('uploading_many', {number: Math.min(number + 1, files.length), total: files.length}),
    });
  };
  report();
  const worker = async () => {
    for (const [index, {file, name}] of left) {
      try {
        photos.push({index, file, name, path: await send(file, () => {}, signal)});
      } catch (error) {
        if (signal.aborted) throw error;
        refused.push({name, reason: error.message});
      }
      report();
    }
  };
  try {
    await Promise.all(Array.from({length: AT_ONCE}, worker));
  } catch {
    return;  // canceled
  } finally {
    sending.delete(controller);
  }
  batch.photos = photos.sort((a, b) => a.index - b.index);
  batch.refused.push(...refused);
  page.colorMany(batch);
}

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
  const button = make('button', {type: 'button'}), image = make('img', {src: fileUrl(path), alt: ''});
  button.setAttribute('aria-label', t(label));
  button.append(image);
  button.addEventListener('click', async () => {
    page.complain('');
    const source = fileUrl(path), photo = newPhoto({path, name, source});
    page.show(photo);
    page.color(photo);
    photo.file = new File([await (await fetch(source)).blob()], name);  // for a server that was started anew
  });
  find('.examples-strip').append(button);
}

page.setState();
