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
  // The browser may still have what the server has deleted.
  const answer = await fetch(fileUrl(photo.value.download), {method: 'HEAD', cache: 'no-store'}).catch(() => null);
  if (!answer || answer.ok) {
    if (!await page.show(photo)) page.complain(t('no_answer'));
    return;
  }
  photo.value = null;
  await page.show(photo);
  page.renew({photo});
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
