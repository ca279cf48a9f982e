// Batches, newest first: a tile for each finished photo, the failed ones with their reasons last, then the ZIP file.
const empty = find('.batch');
const sections = new Map();  // of each batch
empty.remove();

function section(batch) {
  if (sections.has(batch)) return sections.get(batch);
  const made = empty.cloneNode(true);
  made.querySelector('.cancel').addEventListener('click', () => {
    page.cancelBatch(batch);
    made.querySelector('.count').textContent = t('batch_canceled', {done: batch.done.length});
    if (batch.done.length) page.zip(batch, batch.done.map(resultOf));
  });
  made.querySelector('.again').addEventListener('click', () => {
    page.showBatch(batch);
    page.colorMany(batch);
  });
  sections.set(batch, made);
  find('.gallery').prepend(made);
  return made;
}

page.showBatch = batch => {
  batch.done = [];
  section(batch).querySelector('.tiles').replaceChildren();
  section(batch).querySelector('.zip').hidden = true;
  page.settle('many');
  announce('batch-shown', batch);
};

// What is done with a batch: {share, words}.
page.setBatchProgress = (batch, {share, words}) => {
  const there = section(batch), bar = there.querySelector('.batch-bar'), count = there.querySelector('.count');
  if (share === undefined) bar.removeAttribute('value');
  else bar.value = 100 * share;
  bar.hidden = there.querySelector('.cancel').hidden = false;
  there.querySelector('.again').hidden = true;
  count.textContent = words;
};

page.endBatch = batch => {
  const there = section(batch), [cancel, again] = ['.cancel', '.again'].map(each => there.querySelector(each));
  const focused = document.activeElement === cancel;
  there.querySelector('.batch-bar').hidden = cancel.hidden = true;
  again.hidden = !batch.photos.length;
  if (focused) again.focus();
};

// Where the result of a photo lies, and its name with the photo's folders.
const resultOf = ({name, result}) => (
  {path: result, name: [...name.split('/').slice(0, -1), result.split('/').at(-1)].join('/')});

function done({name, path, result, photo}, batch) {
  const item = make('li'), open = make('button', {type: 'button', className: 'open', title: t('batch_open', {name})});
  open.append(make('img', {src: fileUrl(path), alt: t('batch_alt', {name})}));
  open.addEventListener('click', () => page.open(batch, photo, name));
  const save = make('a', {className: 'save', href: fileUrl(result), download: result.split('/').at(-1)});
  save.title = t('batch_save', {name});
  save.setAttribute('aria-label', save.title);
  save.innerHTML = '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 3v10M6 9l4 4 4-4M4 17h12"/></svg>';
  item.append(open, save, caption(name));
  return item;
}

function failed({name, reason}) {
  const item = make('li', {className: 'tile-failed'});
  item.append(make('p', {className: 'tile-why', textContent: reason}), caption(name));
  return item;
}

function caption(name) {
  return make('p', {className: 'tile-name', textContent: name});
}

// Open a photo of a batch in the compare view, with the batch's choices.
page.open = (batch, path, name) => {
  const key = `${batch.key} ${path}`;
  const {file} = batch.photos.find(each => each.path === path);
  let photo = page.photos.get(key);
  if (!photo) {
    photo = {key, path, name, file, source: URL.createObjectURL(file), choices: {...batch.choices}};
    page.photos.set(key, photo);
  }
  page.showInView(photo);
  if (!photo.value) page.color(photo);
};

watch('value', () => {
  const value = props.value;
  const job = value?.time && page.jobOf(value.time);
  if (!job) return;  // canceled
  const batch = job.of ?? job.batch;
  if (value.complaint) return page.endJob(job, {complaint: value.complaint});
  const there = section(batch), tiles = there.querySelector('.tiles');
  if (value.zip) {
    const zip = there.querySelector('.zip');
    zip.href = fileUrl(value.zip);
    zip.hidden = false;
    page.kept.add(value.zip);
  }
  if (job.of) return page.endJob(job);
  batch.done = value.done;
  for (const {result} of value.done.slice(-1)) page.kept.add(result);
  const shown = tiles.querySelectorAll('li:not(.tile-failed)').length, lost = tiles.querySelectorAll('.tile-failed');
  const firstLost = lost[0] ?? null;
  for (const each of value.done.slice(shown)) tiles.insertBefore(done(each, batch), firstLost);
  for (const each of value.failed.slice(lost.length)) tiles.append(failed(each));
  const numbers = {done: value.done.length, total: value.total, count: value.failed.length};
  const words = t(value.ended ? 'batch_done' : 'batch_progress', numbers) +
    (numbers.count ? ` · ${t('batch_failed', numbers)}` : '');
  page.setBatchProgress(batch, {words, share: (numbers.done + numbers.count) / numbers.total});
  page.say(words);
  if (!value.ended) return;
  page.endJob(job);
  page.endBatch(batch);
});
