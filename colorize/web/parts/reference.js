// Photos in color that the shown photo is colored like. A reference: {name, file, source, path}; the path once it is sent.
const panel = find('.reference'), input = find('#choose-reference');
const tiles = find('.reference-tiles'), notes = find('.reference-notes');
let photo = null;  // the shown photo

function lay() {
  const {references} = photo.choices;
  tiles.replaceChildren(...references.map(tile));
  tiles.hidden = !references.length;
  const words = references.length ? (photo.value?.notes ?? []).join(' ') : '';
  if (notes.textContent !== words) notes.textContent = words;
  input.disabled = references.length >= props.most;
}

function tile(reference) {
  const item = make('li'), button = make('button', {type: 'button', textContent: '×'});
  item.append(make('img', {src: reference.source, alt: t('reference_alt', reference)}), button);
  button.setAttribute('aria-label', t('reference_remove', reference));
  button.title = t('reference_remove', reference);
  button.addEventListener('click', () => remove(photo, reference));
  return item;
}

function change(photo, references) {
  photo.choices.references = references;
  if (photo === page.shown) lay();
}

function remove(photo, reference) {
  const at = photo.choices.references.indexOf(reference);
  change(photo, photo.choices.references.filter(each => each !== reference));
  (tiles.querySelectorAll('button')[Math.max(0, at - 1)] ?? input).focus();
  if (reference.path && photo.path) page.color(photo);
}

async function take(files) {
  const asked = photo;
  const left = files.slice(props.most - asked.choices.references.length);
  page.complain(left.length ? t('too_many_references', props) : '');
  const added = files.slice(0, files.length - left.length).map(file => (
    {name: shownName(file.name), file, source: URL.createObjectURL(file)}));
  if (!added.length) return;
  change(asked, [...asked.choices.references, ...added]);
  await Promise.all(added.map(each => page.sendReference(each).catch(error => {
    change(asked, asked.choices.references.filter(other => other !== each));
    if (error.name !== 'AbortError') page.complain(`${each.name}: ${error.message}`);
  })));
  if (asked.path && asked.choices.references.some(each => added.includes(each))) page.color(asked);
}

input.accept = props.kinds;
input.addEventListener('change', () => {
  take([...input.files]);
  input.value = '';  // so that the same photo can be chosen again
});

// What is dropped here is no photo to be colored.
for (const name of ['dragover', 'dragleave', 'drop']) {
  panel.addEventListener(name, event => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.stopPropagation();
    panel.classList.toggle('over', name === 'dragover');
    if (name === 'drop') take([...event.dataTransfer.files]);
  });
}

hear('shown', shown => {
  photo = shown;
  lay();
});
