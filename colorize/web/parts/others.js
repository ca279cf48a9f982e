// Other possible colors, in a strip, and where the model is unsure, as hatching on the photo.
const UNSURE = 110;  // of 255; less is not marked
const strip = find('.others-strip'), show = find('.show'), unsure = find('.unsure-button'), legend = find('.legend');
const veil = make('div', {className: 'veil', hidden: true});
let shown = null;
let known = {};  // what is known of the shown photo with its hints

const what = ({photo, hints, regions, references}) => JSON.stringify([photo, hints, regions, references]);

function lay() {
  veil.hidden = legend.hidden = !(known.mask && known.veiled);
  unsure.setAttribute('aria-pressed', Boolean(known.veiled));
  if (known.mask) veil.style.maskImage = `url("${known.mask}")`;
  const tiles = known.tiles ?? [];
  strip.hidden = !tiles.length;
  tiles.forEach((path, variant) => {
    const button = strip.children[variant] ?? strip.appendChild(tile(variant));
    const source = fileUrl(path);
    if (button.firstChild.src !== source) button.firstChild.src = source;
    button.setAttribute('aria-pressed', variant === shown.choices.variant);
  });
  while (strip.children.length > tiles.length) strip.lastChild.remove();
}

function tile(variant) {
  const button = make('button', {type: 'button'});
  button.append(make('img', {alt: variant ? t('variant', {number: variant}) : t('variant_first')}));
  button.addEventListener('click', () => {
    shown.choices.variant = variant;
    page.color(shown);
    lay();
  });
  return button;
}

// A mask of the places where the model is unsure. Without a threshold it would look like a tint.
async function maskOf(path) {
  const image = make('img', {src: fileUrl(path)});
  await image.decode();
  const canvas = make('canvas', {width: image.naturalWidth, height: image.naturalHeight});
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let index = 0; index < pixels.data.length; index += 4) {
    pixels.data[index + 3] = pixels.data[index] > UNSURE ? 255 : 0;
  }
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

show.addEventListener('click', () => shown.value && page.askOthers(shown, true));
unsure.addEventListener('click', () => {
  if (!shown.value) return;
  known.veiled = !known.veiled;
  if (known.veiled && !known.mask) page.askOthers(shown, false);
  lay();
});

hear('shown', photo => {
  if (!veil.isConnected) page.view.canvas.append(veil);
  if (!photo.value || !shown?.value || what(known) !== what(photo.value)) {
    const {photo: path, hints, regions, references} = photo.value ?? {};
    known = photo.value ? {photo: path, hints, regions, references} : {};
  }
  shown = photo;
  lay();
});

watch('value', async () => {
  const value = props.value;
  const job = value?.time && page.jobOf(value.time);
  if (!job) return;  // canceled
  if (value.complaint) return page.endJob(job, {complaint: value.complaint});
  page.kept.add(value.unsure);
  if (value.ended) page.endJob(job);
  if (what(known) !== what(value)) return;
  known.mask ??= await maskOf(value.unsure).catch(() => null);
  if (what(known) !== what(value)) return;
  if (value.tiles.length) known.tiles = value.tiles;
  lay();
});
