// Notices that the server does not answer, says so, and goes on when it is back.
const PAUSE = 2000;  // ms between two questions whether it is back
const CHECK = 5000;  // ms between two questions whether it is there, while it works
const PATIENCE = 4000;  // ms it may take to answer
const notice = find('.away');
let back = null;  // a promise that the server is there again, while it is not

const isThere = () => fetch(`${root}/healthz`, {cache: 'no-store', signal: AbortSignal.timeout(PATIENCE)})
  .then(answer => answer.ok, () => false);
const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

page.isAway = () => Boolean(back);

// The server seems to be gone. Gives a promise that it is back.
page.lose = () => back ??= comeBack().then(() => {
  back = null;
  page.repeatJobs();
});

async function comeBack() {
  if (await isThere()) return;
  notice.hidden = false;
  page.say(notice.textContent);
  do await wait(PAUSE); while (!await isThere());
  notice.hidden = true;
}

// A connection can end without a word.
setInterval(async () => {
  if (document.body.dataset.colorize !== 'working' || back || await isThere() || await isThere()) return;
  page.lose();
}, CHECK);
