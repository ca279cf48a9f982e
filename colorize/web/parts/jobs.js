// The jobs that the page asks for: coloring one photo, its other colors, or a batch.
// One job of each kind at a time: gradio merges two answers that come at the same moment.
// `deaf`: ignore failures, because a job was refused or canceled; gradio then reports one or two failures, at any time.
const lanes = Object.fromEntries(
  ['one', 'others', 'many'].map(kind => [kind, {kind, running: null, waiting: [], deaf: false}]));
let newest = 0;  // time of the newest job, which identifies it

page.time = () => newest = Math.max(Date.now(), newest + 1);

page.setState = () => {
  const busy = sending.size || Object.values(lanes).some(lane => lane.running);
  const {dataset} = document.body;
  dataset.colorize = busy ? 'working' : dataset.settled ? 'settled' : 'empty';
};

// Color a photo, with its choices.
page.color = photo => start('one', {photo, words: t('working', photo)});

// Find where the model is unsure of a photo, and other colors if `tiles`.
page.askOthers = (photo, tiles) => start('others', {photo, tiles, words: t('others_working')});

// Color a batch, with its choices.
page.colorMany = batch => start('many', {batch, words: t('waiting')});

function start(kind, job) {
  const lane = lanes[kind];
  job.time = page.time();
  if (job.photo) lane.waiting = lane.waiting.filter(({photo}) => photo !== job.photo);  // its choices have changed again
  lane.waiting.push(job);
  next(lane);
  report(job.photo);
}

function next(lane) {
  if (!lane.running && lane.waiting.length) {
    const job = lane.running = lane.waiting.shift();
    props.value = request(job);
    trigger(lane.kind);
  }
  page.setState();
}

function request({time, photo, batch, tiles = false}) {
  const {strength, size, format, hints, variant} = (photo ?? batch).choices;
  const photos = (batch?.photos ?? [photo]).map(({path, name}) => ({path, name}));
  return {time, photos, strength, size, format, hints, variant, tiles, refused: batch?.refused ?? []};
}

// Say what is done with a photo at the moment.
function report(photo) {
  if (!photo) return;
  const jobs = [lanes.one, lanes.others].flatMap(lane => [lane.running, ...lane.waiting]).filter(Boolean);
  const own = jobs.filter(job => job.photo === photo);
  const running = own.find(job => [lanes.one.running, lanes.others.running].includes(job));
  page.setProgress(photo, own.length ? {words: running?.words ?? t('waiting')} : null);
}

// The running job that an answer belongs to; undefined if it was canceled.
page.jobOf = time => Object.values(lanes).map(lane => lane.running).find(job => job?.time === time);

// A job has ended: done, failed or refused.
page.endJob = (job, {complaint, refused = false} = {}) => {
  const lane = Object.values(lanes).find(({running}) => running === job);
  if (!lane) return;
  lane.running = null;
  lane.deaf = refused;
  next(lane);
  report(lane.waiting[0]?.photo ?? lane.running?.photo);
  report(lane.running?.photo);
  if (complaint) page.complain(complaint);
  if (complaint && job.photo && !job.photo.value) page.forget(job.photo);  // there is nothing to show of it
  report(job.photo);
  if (complaint && job.batch) page.endBatch(job.batch);
  page.setState();
};

function clear(lane) {
  const canceled = [lane.running, ...lane.waiting].filter(Boolean);
  Object.assign(lane, {running: null, waiting: [], deaf: lane.deaf || Boolean(lane.running)});
  return canceled;
}

// Cancel what is done with single photos. Those that never got colors are forgotten.
page.cancelPhotos = () => {
  for (const each of sending) if (!each.batch) each.abort();
  document.querySelector('#cancel-photos').click();  // gradio cancels the jobs on the server
  for (const {photo} of [...clear(lanes.one), ...clear(lanes.others)]) {
    if (photo.value) report(photo);
    else page.forget(photo);
  }
  page.setState();
  page.say(t('canceled'));
};

page.cancelBatch = batch => {
  for (const each of sending) if (each.batch === batch) each.abort();
  if (lanes.many.running?.batch === batch) {
    document.querySelector('#cancel-batch').click();
    Object.assign(lanes.many, {running: null, deaf: true});
  }
  lanes.many.waiting = lanes.many.waiting.filter(job => job.batch !== batch);
  next(lanes.many);
  page.endBatch(batch);
  page.setState();
  page.say(t('canceled'));
};

// gradio reports that a job has failed, not which one.
hear('failed', kind => {
  const {running, deaf} = lanes[kind];
  if (running && !deaf) page.endJob(running, {complaint: t('went_wrong')});
});

onJobRefused(({time}, complaint) => {
  const job = page.jobOf(time);
  if (job) page.endJob(job, {complaint, refused: true});
});
