// How long the server keeps the photos, and deleting them at once.
const WARN = 0.9;  // part of that time after which the page warns
const until = find('.until'), remove = find('.delete');
const SAID = 'colorize-deleted';  // in the session storage: the page was loaded anew after deleting

// The server has a new result.
page.expects = value => {
  value.until = Date.now() + props.minutes * 60_000;
  show(page.shown);
};

function show(photo) {
  const time = photo?.value?.until;
  if (time) until.textContent = t('deleted_at', {time: clock(time)});
}
hear('shown', show);

const clock = time => new Date(time).toLocaleTimeString(locale, {hour: '2-digit', minute: '2-digit'});

const warned = new Set();  // values
setInterval(() => {
  for (const {name, value} of page.photos.values()) {
    if (!value || warned.has(value) || Date.now() < value.until - (1 - WARN) * props.minutes * 60_000) continue;
    warned.add(value);
    if (Date.now() < value.until) page.complain(t('deleted_soon', {name, time: clock(value.until)}));
  }
}, 1000);

remove.addEventListener('click', () => {
  page.cancelPhotos();
  page.deleteAll();
});

watch('value', () => {
  const job = props.value?.time && page.jobOf(props.value.time);
  if (!job) return;
  page.endJob(job);
  sessionStorage.setItem(SAID, 'yes');
  setTimeout(() => location.reload(), 300);  // so that nothing stays in its memory; once gradio has closed its stream
});

if (sessionStorage.getItem(SAID)) {
  sessionStorage.removeItem(SAID);
  whenReady(() => page.complain(t('deleted')));
}
