// Photos so far, so that none is lost when several are sent one after the other.
const strip = find('.earlier-strip');
const buttons = new Map();  // by photo

function refresh() {
  for (const [photo, button] of buttons) button.setAttribute('aria-pressed', photo === page.shown);
  find('.earlier').hidden = buttons.size < 2;
}

function button(photo) {
  const made = make('button', {type: 'button'});
  made.append(make('img', {alt: photo.name}));
  made.addEventListener('click', () => again(photo));
  strip.append(made);
  buttons.set(photo, made);
  return made;
}

async function again(photo) {
  if (await page.show(photo)) return;
  page.complain(t('no_such_upload'));  // its files were deleted
  page.forget(photo);
}

hear('colored', photo => {
  (buttons.get(photo) ?? button(photo)).firstChild.src = fileUrl(photo.value.after);
  refresh();
});
hear('shown', refresh);
hear('forgotten', photo => {
  buttons.get(photo)?.remove();
  buttons.delete(photo);
  refresh();
});
