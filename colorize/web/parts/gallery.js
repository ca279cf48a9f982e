// Batches, newest first: a tile for each finished photo, the failed ones with their reasons, then the ZIP file.
const empty = find('.batch');
const batches = new Map();  // section of each batch
empty.remove();

function tile({name, path, result, reason}) {
  const item = document.createElement('li'), caption = document.createElement('p');
  item.dataset.name = name;
  caption.className = 'tile-name';
  caption.textContent = name;
  if (path) {
    const link = document.createElement('a'), image = document.createElement('img');
    link.href = fileUrl(result);
    link.download = result.split('/').at(-1);
    link.title = t('batch_save', {name});
    image.src = fileUrl(path);
    image.alt = t('batch_alt', {name});
    link.append(image);
    item.append(link, caption);
  } else {
    const why = document.createElement('p');
    why.className = 'tile-why';
    why.textContent = reason;
    item.className = 'tile-failed';
    item.append(why, caption);
  }
  return item;
}

watch('value', () => {
  const value = props.value;
  if (!value?.time) return;
  const tell = (event, detail) =>
    document.dispatchEvent(new CustomEvent(`colorize:${event}`, {detail: {...detail, time: value.time}}));
  if (value.complaint) return tell('ended', {complaint: value.complaint});
  const batch = batches.get(value.batch) ?? empty.cloneNode(true);
  const tiles = batch.querySelector('.tiles'), count = batch.querySelector('.count'), zip = batch.querySelector('.zip');
  const first = batch.dataset.time !== String(value.time);  // first answer of a new batch, or of one that is repeated
  if (first) {
    batch.dataset.time = value.time;
    batches.set(value.batch, batch);
    find('.gallery').prepend(batch);
    tiles.replaceChildren();
    zip.hidden = true;
  }
  const there = new Set([...tiles.children].map(each => each.dataset.name));
  for (const each of [...value.done, ...value.failed]) if (!there.has(each.name)) tiles.append(tile(each));
  const numbers = {done: value.done.length, total: value.total, count: value.failed.length};
  count.textContent = t(value.ended ? 'batch_done' : 'batch_progress', numbers) +
    (numbers.count ? ` · ${t('batch_failed', numbers)}` : '');
  if (!value.ended) {
    tell('progress', {first, share: (numbers.done + numbers.count) / numbers.total, words: count.textContent});
    return;
  }
  if (value.zip) {
    zip.href = fileUrl(value.zip);
    zip.hidden = false;
  }
  tell('ended', {settled: 'many', words: count.textContent});
});
