// Keeps the photos while the page is loaded anew, as for another language. Their files are on the server.
const SESSION = 'colorize-session';  // in the session storage

page.saveSession = () => {
  const photos = [...page.photos.values()].filter(({value}) => value)
    .map(({key, name, path, choices, value, strokes}) => ({key, name, path, choices, value, strokes}));
  sessionStorage.setItem(SESSION, JSON.stringify({photos, shown: page.shown?.key, kept: [...page.kept]}));
};

async function restore() {
  const {photos, shown, kept} = JSON.parse(sessionStorage.getItem(SESSION) ?? '{"photos": [], "kept": []}');
  sessionStorage.removeItem(SESSION);
  for (const path of kept) page.kept.add(path);
  for (const photo of photos) {
    photo.source = fileUrl(photo.path);
    page.photos.set(photo.key, photo);
    tell('colored', photo);
    const content = await fetch(photo.source).then(answer => answer.ok && answer.blob(), () => null);
    if (content) photo.file = new File([content], photo.name);
  }
  const last = page.photos.get(shown);
  if (last) await page.show(last);
  page.setState();
}
whenReady(restore);
