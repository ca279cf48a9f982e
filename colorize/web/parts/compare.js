// Shows a photo: at once as it is, then in color, with what is done at the moment and what can be saved.
const link = find('.download'), bar = find('.task-bar'), cancel = find('.cancel');

// Put the photo on the page as soon as its pictures are loaded. Until then the one before stays: picture, name, link and
// choices always belong together. Gives false if the server no longer has its files.
page.show = async photo => {
  page.wanted = photo;
  const {value} = photo;
  const images = await Promise.all((value ? [fileUrl(value.before), fileUrl(value.after)] : [photo.source]).map(load));
  if (page.wanted !== photo || photo.value !== value) return true;
  if (value && images.includes(null)) {
    page.wanted = page.shown;
    return false;
  }
  const [first, second] = images, another = page.shown !== photo;
  page.shown = photo;
  settle('one');
  find('.name').textContent = photo.name;
  before = put(before, first, t('alt_before', photo));
  after = put(after, second, t('alt_after', photo));
  find('.compare').classList.toggle('colorless', !value);
  find('.no-preview').hidden = Boolean(first);  // browsers show no TIFF
  if (value) describe(value);
  const size = first && {width: first.naturalWidth, height: first.naturalHeight};
  if (another) view.reset(size ?? {width: 3, height: 2});
  else if (size) view.setSize(size);
  showProgress();
  announce('shown', photo);
  return true;
};

page.showInView = async photo => {
  await page.show(photo);
  if (page.shown === photo) view.frame.scrollIntoView({block: 'nearest'});
};

// A loaded image, or null.
const load = source => new Promise(resolve => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => resolve(null);
  image.src = source;
});

// Put an image in the place of another: it is there at once, unlike a new `src` of the old one.
function put(old, image, alt) {
  const made = Object.assign(image ?? new Image(), {className: old.className, alt: image ? alt : ''});
  old.replaceWith(made);
  return made;
}

function describe(value) {
  find('.pixels').textContent = `${t('pixels', value)}.`;
  find('.had-color').textContent = value.had_color ? t('had_color') : '';
  find('.first-page').textContent = value.first_page ? t('first_page') : '';
  if (!value.download) return;  // a film at work
  link.href = fileUrl(value.download);
  link.download = value.download.split('/').at(-1);
  link.textContent = t('download', value);
}

function settle(kind) {
  const {dataset} = document.body;
  dataset.settled = [...new Set([...(dataset.settled ?? '').split(' '), kind])].join(' ').trim();
  dataset.latest = kind;
}
page.settle = settle;

// A new photo that came to nothing. The one before it is shown again.
page.forget = photo => {
  page.photos.delete(photo.key);
  announce('forgotten', photo);
  if (photo.source?.startsWith('blob:')) URL.revokeObjectURL(photo.source);
  if (page.shown === photo) page.shown = null;
  if (page.wanted !== photo) return;
  const last = [...page.photos.values()].at(-1);
  if (last) return page.show(last);
  page.shown = page.wanted = null;
  const {dataset} = document.body;
  const rest = (dataset.settled ?? '').split(' ').filter(each => each && each !== 'one');
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
  const there = page.wanted !== photo || await page.show(photo);
  announce('colored', photo);
  page.endJob(job, there ? {} : {complaint: t('no_answer')});
  if (there) page.say(t('done', photo));
});
