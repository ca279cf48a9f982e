// The jobs that the page asks for: coloring one photo, its other colors, a batch, a ZIP of what a canceled batch has
// done, a film, or deleting everything.
// One job of each kind at a time: gradio merges two answers that come at the same moment.
// `deaf`: ignore failures, because a job was refused or canceled; gradio then reports one or two failures, at any time.
const lanes = Object.fromEntries(
  ['one', 'others', 'many', 'zip', 'forget', 'film'].map(kind => [kind, {kind, running: null, waiting: [], deaf: false}]));
let newest = 0;  // time of the newest job, which identifies it

page.time = () => newest = Math.max(Date.now(), newest + 1);

page.setState = () => {
  const busy = sending.size || Object.values(lanes).some(lane => lane.running);
  const {dataset} = document.body;
  dataset.colorize = busy ? 'working' : dataset.settled ? 'settled' : 'empty';
};

// Color a photo, or a film, with its choices.
page.color = photo => start(photo.film ? 'film' : 'one', {photo, words: t('working', photo)});

// Find where the model is unsure of a photo, and other colors if `tiles`.
page.askOthers = (photo, tiles) => start('others', {photo, tiles, words: t('others_working')});

// Color a batch, with its choices.
page.colorMany = batch => start('many', {batch, words: t('waiting')});

// Put results of a batch, {path, name}, into a ZIP file.
page.zip = (batch, photos) => start('zip', {batch: {...batch, photos}, of: batch});

// Delete from the server what it has of this page.
page.deleteAll = () => start('forget', {paths: [...page.kept]});

function start(kind, job) {
  const lane = lanes[kind];
  job.time = page.time();
  if (job.photo) lane.waiting = lane.waiting.filter(({photo}) => photo !== job.photo);  // its choices have changed again
  lane.waiting.push(job);
  next(lane);
  report(job.photo);
}

function next(lane) {
  if (!lane.running && lane.waiting.length && !page.isAway()) {
    const job = lane.running = lane.waiting.shift();
    props.value = request(job);
    trigger(lane.kind);
  }
  page.setState();
}

function request({time, photo, batch, paths, tiles = false}) {
  if (paths) return {time, forget: paths};
  const {strength, size, format, hints, regions, variant} = (photo ?? batch).choices;
  const references = filesOf(photo?.choices.references ?? []);
  const photos = filesOf(batch?.photos ?? [photo]);
  return {time, photos, strength, size, format, hints, regions, variant, references, tiles, refused: batch?.refused ?? []};
}

// What the server is told of uploads; not of those that are still on their way.
const filesOf = given => given.filter(({path}) => path).map(({path, name}) => ({path, name}));

// Say what is done with a photo at the moment.
function report(photo) {
  if (!photo) return;
  const single = [lanes.one, lanes.others, lanes.film];
  const own = single.flatMap(lane => [lane.running, ...lane.waiting]).filter(job => job?.photo === photo);
  const running = own.find(job => single.some(lane => lane.running === job));
  page.setProgress(photo, own.length ? {words: running?.words ?? t('waiting'), share: running?.share} : null);
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
  if (complaint && job.photo && !job.photo.value?.download) page.forget(job.photo);  // there is nothing to show of it
  report(job.photo);
  if (complaint && job.batch) page.endBatch(job.of ?? job.batch);
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
  for (const {photo} of [lanes.one, lanes.others, lanes.film].flatMap(clear)) {
    if (photo.value?.download) report(photo);
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

// gradio reports that a job has failed, not which one. Once, it may be due to the connection.
hear('failed', kind => {
  const {running, deaf} = lanes[kind];
  if (!running || deaf || page.isAway()) return;
  if (running.repeated) page.endJob(running, {complaint: t('went_wrong')});
  else page.lose();
});

// Ask again for all running jobs: their answers are lost.
page.repeatJobs = () => {
  for (const lane of Object.values(lanes)) {
    const job = lane.running;
    if (job) {
      Object.assign(lane, {running: null, deaf: true});
      lane.waiting.unshift(Object.assign(job, {time: page.time(), repeated: true}));
    }
    next(lane);
    report(job?.photo);
  }
};

watchGradio({
  refuse: async ({time}, complaint) => {
    const job = page.jobOf(time);
    if (!job) return;
    const gone = complaint === t('no_such_upload') && (job.photo ?? job.batch) && !job.of;
    page.endJob(job, gone ? {refused: true} : {complaint, refused: true});
    if (gone) page.renew(job);
  },
  lose: page.lose,
});
