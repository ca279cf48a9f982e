// All uses of gradio's private parts in the browser. tests/web/test_gradio_internals.py and test_browser.py cover them.

// gradio asks for jobs by `fetch`, at a URL that ends in /queue/join. If the server refuses one, `refuse` shows the
// reason in the page's language; gradio would show its own message in English.
function onJobRefused(refuse) {
  const fetched = window.fetch;
  window.fetch = async (...request) => {
    const join = String(request[0]?.url ?? request[0]).includes('/queue/join');
    const tell = words => refuse(JSON.parse(request[1].body).data[0], words);
    try {
      const answer = await fetched(...request);
      if (join && !answer.ok) tell((await answer.clone().json().catch(() => ({}))).detail ?? t('went_wrong'));
      return answer;
    } catch (error) {
      if (join) tell(t('no_answer'));
      throw error;
    }
  };
}
