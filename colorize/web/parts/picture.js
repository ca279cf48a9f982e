// A picture of before and after, side by side, to show to others.
const LONGEST = 2400;  // px of each half
const BAR = 0.07;  // of the height, for the words below
const picture = find('.picture');

function draw() {
  const {naturalWidth, naturalHeight} = after;
  const scale = Math.min(1, LONGEST / Math.max(naturalWidth, naturalHeight));
  const width = Math.max(1, Math.round(naturalWidth * scale)), height = Math.max(1, Math.round(naturalHeight * scale));
  const upright = width < height, bar = Math.max(18, Math.round(BAR * Math.min(width, height)));
  const canvas = make('canvas', upright || width < 2 * height
    ? {width: 2 * width, height: height + bar} : {width, height: 2 * height + bar});
  const context = canvas.getContext('2d');
  context.fillStyle = '#14120f';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(before, 0, 0, width, height);
  context.drawImage(after, canvas.width - width, canvas.height - bar - height, width, height);
  context.fillStyle = '#fff';
  context.font = `${Math.round(bar * 0.5)}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  context.fillText(t('picture_words'), bar * 0.5, canvas.height - bar / 2, canvas.width - bar);
  return new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.9));
}

picture.addEventListener('click', async () => {
  const name = `${page.shown.name.split('/').at(-1).replace(/\.[^.]*$/, '')}-${t('picture_name')}.jpg`;
  const file = new File([await draw()], name, {type: 'image/jpeg'});
  if (touch && navigator.canShare?.({files: [file]})) {
    await navigator.share({files: [file]}).catch(() => {});  // not shared after all
    return;
  }
  const link = make('a', {href: URL.createObjectURL(file), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
