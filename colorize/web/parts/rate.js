// A forced choice. The rater is a random number, kept while the tab is open: to load the page anew goes on.
const RATER = 'colorize-rater';  // in the session storage
const QUESTIONS = {real: 'rate_real', prefer: 'rate_prefer'};
page.saveSession = () => {};  // the header asks for it; nothing else is to be kept here

const random = () => [...crypto.getRandomValues(new Uint8Array(8))].map(each => each.toString(16).padStart(2, '0')).join('');
const rater = sessionStorage.getItem(RATER) ?? random();
sessionStorage.setItem(RATER, rater);

const trials = `${root}/trials/${rater}`;
const choices = [...element.querySelectorAll('.rate-choice')];
const say = (question, help, count = '') => {
  find('.rate-question').textContent = question;
  find('.rate-help').textContent = help;
  find('.rate-count').textContent = count;
};
const begin = find('.rate-begin'), pair = find('.rate-pair');
const begun = new Promise(resolve => begin.addEventListener('click', resolve, {once: true}));
let shown = null, cover;

async function ask(...request) {
  const answer = await fetch(...request).catch(() => null);
  if (!answer?.ok) throw new Error();
  return answer.json();
}

async function next() {
  clearTimeout(cover);
  const {trial, question, exposure, done, total} = await ask(trials);
  shown = trial;
  if (!trial) {
    pair.hidden = true;
    return say(t('rate_end'), t('rate_thanks'));
  }
  const help = exposure ? t('rate_brief', {seconds: new Intl.NumberFormat(locale).format(exposure)}) : '';
  say(t(QUESTIONS[question]), help, t('rate_count', {number: done + 1, total}));
  const pictures = choices.map(choice => choice.querySelector('img'));
  for (const [i, picture] of pictures.entries()) {
    picture.alt = choices[i].textContent.trim();
    picture.src = `${trials}/${trial}/${choices[i].dataset.side}.png`;
  }
  if (exposure) {  // who still reads the question would miss what is shown for a moment
    begin.hidden = !pair.hidden;
    await begun;
    begin.hidden = true;
  }
  pair.hidden = false;
  pair.classList.remove('covered');
  await Promise.all(pictures.map(picture => picture.decode()));
  for (const choice of choices) choice.disabled = false;
  if (exposure) cover = setTimeout(() => pair.classList.add('covered'), 1000 * exposure);
}

async function choose(side) {
  for (const choice of choices) choice.disabled = true;
  await ask(trials, {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({trial: shown, chosen: side}),
  });
  await next();
}

const failed = () => say(t('rate_failed'), t('went_wrong'));
for (const choice of choices) choice.addEventListener('click', () => choose(choice.dataset.side).catch(failed));
next().catch(failed);
