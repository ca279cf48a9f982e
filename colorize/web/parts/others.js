// Other possible colors, in a strip, and where the model is unsure, as an overlay on the photo.
const strip = find('.others-strip'), show = find('.show'), unsure = find('.unsure-button'), words = find('.unsure-words');
const veil = Object.assign(document.createElement('div'), {className: 'veil', hidden: true});
let shown = null;
let known = {};  // what is known of the shown photo with its hints

const what = ({photo, hints}) => JSON.stringify([photo, hints]);
const ask = tiles => document.dispatchEvent(new CustomEvent('colorize:others', {detail: {tiles}}));

function lay() {
  veil.hidden = words.hidden = !(known.unsure && known.veiled);
  unsure.setAttribute('aria-pressed', !veil.hidden);
  if (known.unsure) veil.style.maskImage = `url("${fileUrl(known.unsure)}")`;
  const tiles = known.tiles ?? [];
  strip.hidden = !tiles.length;
  tiles.forEach((path, variant) => {
    const button = strip.children[variant] ?? strip.appendChild(tile(variant));
    const source = fileUrl(path);
    if (button.firstChild.src !== source) button.firstChild.src = source;
    button.setAttribute('aria-pressed', variant === shown.variant);
  });
  while (strip.children.length > tiles.length) strip.lastChild.remove();
}

function tile(variant) {
  const button = document.createElement('button');
  button.type = 'button';
  button.append(Object.assign(new Image(), {alt: variant ? t('variant', {number: variant}) : t('variant_first')}));
  button.addEventListener('click', () =>
    document.dispatchEvent(new CustomEvent('colorize:color-request', {detail: {variant}})));
  return button;
}

show.addEventListener('click', () => ask(true));
unsure.addEventListener('click', () => {
  known.veiled = !known.veiled;
  if (known.veiled && !known.unsure) ask(false);
  lay();
});

document.addEventListener('colorize:shown', ({detail}) => {
  if (!veil.isConnected) document.querySelector('.canvas').append(veil);
  if (!shown || what(shown) !== what(detail)) known = {};
  shown = detail;
  lay();
});

watch('value', () => {
  const value = props.value;
  if (!value?.time) return;
  const end = detail =>
    document.dispatchEvent(new CustomEvent('colorize:ended', {detail: {...detail, time: value.time}}));
  if (value.complaint) return end({complaint: value.complaint});
  if (what(shown) === what(value)) {
    known.unsure = value.unsure;
    if (value.tiles.length) known.tiles = value.tiles;
    lay();
  }
  if (value.ended) end({});
});
