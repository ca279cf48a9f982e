// Runs before the script of each part: texts in the browser's language, and URLs of files.
const languages = Object.entries(props.texts);
const [locale, language] = navigator.languages
  .flatMap(wanted => [wanted, wanted.split('-')[0]])
  .map(wanted => languages.find(([, each]) => each.locales.split(' ').includes(wanted)))
  .find(Boolean) ?? ['en', props.texts.en];
const t = (key, values = {}) => language[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const root = new URL('.', document.baseURI).href.replace(/\/$/, '');  // of the page, also behind a proxy with a path
const api = `${root}/gradio_api`;
const fileUrl = path => `${api}/file=${path.split('/').map(encodeURIComponent).join('/')}`;
const find = selector => element.querySelector(selector);
const setState = state => { document.body.dataset.colorize = state; };
document.documentElement.lang = locale;
const touch = matchMedia('(hover: none)').matches;  // no drop or paste on touch screens
for (const each of element.querySelectorAll('[data-text]')) {
  each.textContent = t(touch && each.dataset.touch || each.dataset.text, props);
}
for (const each of element.querySelectorAll('[data-label]')) each.setAttribute('aria-label', t(each.dataset.label));
for (const each of element.querySelectorAll('[data-title]')) each.title = t(each.dataset.title);
