// The way to the API, in place of gradio's footer.
find('button').addEventListener('click', showApi);
