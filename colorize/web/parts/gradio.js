// What is used of gradio in the browser and not promised. tests/web/test_gradio_internals.py says which of it broke.

// gradio asks for jobs by `fetch`, at an address that ends in /queue/join. Why the server would not have one is told by
// `refuse`, in the page's language; gradio would say it in English.
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
