// Switches for the language and for light or dark.
const THEME = 'colorize-theme';  // in the local storage
const select = find('.language'), theme = find('.theme');

for (const [name, own] of Object.entries(props.languages)) select.append(make('option', {value: name, textContent: own}));
select.value = locale;
select.addEventListener('change', () => {
  document.cookie = `${props.cookie}=${select.value}; path=${new URL(root).pathname}; max-age=31536000; samesite=strict`;
  page.saveSession();
  location.reload();  // the server chooses the texts
});

const isDark = () => document.body.classList.contains('dark');
const setDark = dark => {
  document.body.classList.toggle('dark', dark);
  theme.setAttribute('aria-pressed', dark);
};
theme.addEventListener('click', () => {
  setDark(!isDark());
  localStorage.setItem(THEME, isDark() ? 'dark' : 'light');
});
const saved = localStorage.getItem(THEME);
setDark(saved ? saved === 'dark' : isDark());
