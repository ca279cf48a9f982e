// All uses of gradio's private parts in the browser. tests/web/test_gradio_internals.py and the browser tests cover them.

// gradio asks for jobs by `fetch` at /queue/join, and gets the answers to all of them as one stream from /queue/data.
// `refuse` is called if the server refuses a job, with what was sent and the reason in the page's language; gradio would
// show a message of its own in English. `lose` is called if the connection breaks; gradio would take no more jobs until
// the page is loaded anew, which would lose the photos. So it is told that its jobs have failed.
function watchGradio({refuse, lose}) {
  const fetched = window.fetch;
  const asked = new Set();  // names of jobs
  const failures = () => {
    const messages = [...asked].map(event_id => (
      {msg: 'process_completed', event_id, success: false, output: {error: ''}}));
    asked.clear();
    const text = [...messages, {msg: 'close_stream'}].map(each => `data: ${JSON.stringify(each)}\n\n`).join('');
    return new TextEncoder().encode(text);
  };

  async function join(request) {
    let answer;
    try {
      answer = await fetched(...request);
    } catch {
      lose();
      return Response.json({detail: ''}, {status: 503});
    }
    const content = await answer.clone().json().catch(() => ({}));
    if (answer.ok) asked.add(content.event_id);
    else refuse(JSON.parse(request[1].body).data[0], content.detail ?? t('went_wrong'));
    return answer;
  }

  async function stream(request) {
    const headers = {'Content-Type': 'text/event-stream'};
    const broken = error => {
      if (error?.name === 'AbortError') throw error;  // gradio has closed it
      lose();
      return failures();
    };
    const answer = await fetched(...request).catch(broken);
    if (answer instanceof Uint8Array || !answer.ok) return new Response(answer.ok === false ? broken() : answer, {headers});
    const reader = answer.body.getReader();
    const pull = async controller => {
      try {
        const {done, value} = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.enqueue(broken(error));
        controller.close();
      }
    };
    return new Response(new ReadableStream({pull, cancel: () => reader.cancel()}), {headers});
  }

  window.fetch = (...request) => {
    const url = String(request[0]?.url ?? request[0]);
    if (url.includes('/queue/join')) return join(request);
    if (url.includes('/queue/data')) return stream(request);
    return fetched(...request);
  };
}

// gradio tells no script which tab is shown, and lets none choose.
function showFirstTab() {
  const tab = document.querySelector('.tab-wrapper [role=tab]');
  if (tab.getAttribute('aria-selected') !== 'true') tab.click();
}

// gradio shows its documentation of the API by a button in its footer, which page.css hides.
const showApi = () => document.querySelector('footer .show-api').click();
