// Runs before the script of each part: texts in the user's language, URLs of files, and what the parts share.
const texts = window.colorizeTexts, locale = navigator.language;  // from document.py
const t = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const root = new URL('.', document.baseURI).href.replace(/\/$/, '');  // of the page, also behind a proxy with a path
const api = `${root}/gradio_api`;
const fileUrl = path => `${api}/file=${path.split('/').map(encodeURIComponent).join('/')}`;
// A name without invisible characters, as store.py shows it; joiners of letters stay.
const shownName = name => name.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, each => '\u200c\u200d'.includes(each) ? each : '');
const find = selector => element.querySelector(selector);
const make = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);
const announce = (name, detail) => document.dispatchEvent(new CustomEvent(`colorize:${name}`, {detail}));
const hear = (name, act) => document.addEventListener(`colorize:${name}`, ({detail}) => act(detail));

// What the parts share. `photos` are those of "Photos so far", by their key; `shown` is one of them, and `wanted` the one
// that is or will be shown. jobs.js, compare.js and drop.js add their functions. A photo: {key, name, file, source, path,
// choices, value, strokes …}. `kept` are paths of files on the server, one or more of each folder.
const page = window.colorize ??= {photos: new Map(), shown: null, wanted: null, kept: new Set()};

// Call once all parts have added their functions.
const whenReady = act => page.setState && page.show && page.newChoices ? act() : setTimeout(whenReady, 20, act);

document.documentElement.lang = locale;
const touch = matchMedia('(hover: none)').matches;  // no drop or paste on touch screens
for (const each of element.querySelectorAll('[data-text]')) {
  each.textContent = t(touch && each.dataset.touch || each.dataset.text, props);
}
for (const each of element.querySelectorAll('[data-label]')) each.setAttribute('aria-label', t(each.dataset.label));
for (const each of element.querySelectorAll('[data-title]')) each.title = t(each.dataset.title);
