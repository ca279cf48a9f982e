// Keeps the photos while the page is loaded anew, as for another language. Their files are on the server.
const SESSION = 'colorize-session';  // in the session storage

page.saveSession = () => {
  const photos = [...page.photos.values()].filter(({value}) => value?.download)
    .map(({key, name, path, film, choices, value, strokes}) => ({key, name, path, film, choices, value, strokes}));
  for (const photo of photos) {
    const references = photo.choices.references.filter(({path}) => path).map(({name, path}) => ({name, path}));
    photo.choices = {...photo.choices, references};
  }
  sessionStorage.setItem(SESSION, JSON.stringify({photos, shown: page.shown?.key, kept: [...page.kept]}));
};

async function fetchFile(upload) {
  upload.source = fileUrl(upload.path);
  const content = await fetch(upload.source).then(answer => answer.ok && answer.blob(), () => null);
  if (content) upload.file = new File([content], upload.name);
}

async function restore() {
  const {photos, shown, kept} = JSON.parse(sessionStorage.getItem(SESSION) ?? '{"photos": [], "kept": []}');
  sessionStorage.removeItem(SESSION);
  for (const path of kept) page.kept.add(path);
  for (const photo of photos) {
    page.photos.set(photo.key, photo);
    announce('colored', photo);
    await Promise.all([photo, ...photo.choices.references].map(fetchFile));
  }
  const last = page.photos.get(shown);
  if (last) await page.show(last);
  page.setState();
}
whenReady(restore);
