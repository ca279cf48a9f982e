// A batch: a tile for each photo as it is done, those that failed beside the rest, the ZIP at the end.
const tiles = find('.tiles'), count = find('.count'), zip = find('.zip');
let run = '';  // which one is shown

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
  const end = detail =>
    document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {...detail, time: value.time}}));
  if (value.complaint) return end({complaint: value.complaint});
  if (run !== value.run) {
    run = value.run;
    tiles.replaceChildren();
    zip.hidden = true;
  }
  document.body.dataset.settled = 'many';
  const there = new Set([...tiles.children].map(each => each.dataset.name));
  for (const each of [...value.done, ...value.failed]) if (!there.has(each.name)) tiles.append(tile(each));
  const numbers = {done: value.done.length, total: value.total, count: value.failed.length};
  count.textContent = t(value.ended ? 'batch_done' : 'batch_progress', numbers) +
    (numbers.count ? ` · ${t('batch_failed', numbers)}` : '');
  if (!value.ended) {
    const share = (numbers.done + numbers.count) / numbers.total;
    document.dispatchEvent(new CustomEvent('colorize:progress', {detail: {share, words: count.textContent}}));
    return;
  }
  if (value.zip) {
    zip.href = fileUrl(value.zip);
    zip.hidden = false;
  }
  end({settled: 'many', words: count.textContent});
});
