// Shows a photo: at once as it is, then in color, with what is done at the moment and what can be saved.
const link = find('.download'), bar = find('.task-bar'), cancel = find('.cancel');

const loaded = (image, source) => new Promise(resolve => {
  image.onload = () => resolve(true);
  image.onerror = () => resolve(false);
  image.src = source;
});

// Put the photo on the page. Gives false if the server no longer has its files.
page.show = async photo => {
  const another = page.shown !== photo;
  page.shown = photo;
  settle('one');
  find('.name').textContent = photo.name;
  if (another) {
    view.reset(photo.value ?? {width: 3, height: 2});
    showProgress();
  }
  const there = photo.value ? await showResult(photo) : await showOriginal(photo);
  if (page.shown === photo) tell('shown', photo);
  return there;
};

async function showOriginal(photo) {
  find('.compare').classList.add('colorless');
  after.removeAttribute('src');
  before.alt = t('alt_before', photo);
  const there = await loaded(before, photo.source);
  if (page.shown !== photo || photo.value) return true;
  find('.no-preview').hidden = there;  // browsers show no TIFF
  if (there) view.setSize({width: before.naturalWidth, height: before.naturalHeight});
  return true;
}

async function showResult(photo) {
  const {value} = photo;
  const there = await Promise.all([preloaded(fileUrl(value.before)), preloaded(fileUrl(value.after))]);
  if (page.shown !== photo || photo.value !== value) return true;
  if (there.includes(false)) return false;
  await Promise.all([loaded(before, fileUrl(value.before)), loaded(after, fileUrl(value.after))]);
  find('.no-preview').hidden = true;
  find('.compare').classList.remove('colorless');
  before.alt = t('alt_before', photo);
  after.alt = t('alt_after', photo);
  find('.pixels').textContent = `${t('pixels', value)}.`;
  find('.had-color').textContent = value.had_color ? t('had_color') : '';
  link.href = fileUrl(value.download);
  link.download = value.download.split('/').at(-1);
  link.textContent = t('download', value);
  view.setSize(value);
  return true;
}

// So that neither half is empty while the other is there.
const preloaded = source => loaded(new Image(), source);

function settle(kind) {
  const {dataset} = document.body;
  dataset.settled = [...new Set([...(dataset.settled ?? '').split(' '), kind])].join(' ').trim();
  dataset.latest = kind;
}
page.settle = settle;

// A new photo that came to nothing. The one before it is shown again.
page.forget = photo => {
  page.photos.delete(photo.key);
  tell('forgotten', photo);
  if (photo.source?.startsWith('blob:')) URL.revokeObjectURL(photo.source);
  if (page.shown !== photo) return;
  const last = [...page.photos.values()].at(-1);
  page.shown = null;
  if (last) return page.show(last);
  const {dataset} = document.body, rest = dataset.settled.split(' ').filter(each => each !== 'one');
  if (rest.length) Object.assign(dataset, {settled: rest.join(' '), latest: rest[0]});
  else for (const each of ['settled', 'latest']) delete dataset[each];
  document.querySelector('#choose-photos').focus({preventScroll: true});
};

// What is done with a photo: {words, share}; the share is unknown while the server works. null: nothing.
page.setProgress = (photo, progress) => {
  if (progress && progress.words !== photo.progress?.words) page.say(progress.words);
  photo.progress = progress;
  if (photo === page.shown) showProgress();
};

function showProgress() {
  const {progress} = page.shown;
  find('.compare').classList.toggle('working', Boolean(progress));
  bar.hidden = !progress;
  if (progress?.share === undefined) bar.removeAttribute('value');
  else bar.value = 100 * progress.share;
  if (progress) find('.progress-words').textContent = progress.words;
  if (!progress && document.activeElement === cancel) link.focus();
}

cancel.addEventListener('click', page.cancelPhotos);

watch('value', async () => {
  const value = props.value;
  const job = value?.time && page.jobOf(value.time);
  if (!job) return;  // canceled
  if (value.complaint) return page.endJob(job, {complaint: value.complaint});
  const {photo} = job;
  photo.value = value;
  page.kept.add(value.before);
  page.expects(value);
  const there = page.shown !== photo || await page.show(photo);
  tell('colored', photo);
  page.endJob(job, there ? {} : {complaint: t('no_answer')});
  if (there) page.say(t('done', photo));
});
