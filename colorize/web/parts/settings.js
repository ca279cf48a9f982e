// The choices of the shown photo or batch: strength, size, format. Those of a new one are as they were last set.
const form = find('form');
const ranges = ['strength', 'size'].map(name => form.elements[name]);
let subject = null;  // the shown photo or batch
let last = {...props.defaults};

page.newChoices = () => ({...last, hints: [], regions: [], variant: 0, references: []});

for (const range of ranges) [range.min, range.max] = props.ranges[range.name];
for (const format of props.formats) {
  const label = make('label', {className: 'choice'});
  label.append(make('input', {type: 'radio', name: 'format', value: format, className: 'unseen'}),
    make('span', {textContent: format}));
  find('.choices').append(label);
}

function lay(choices) {
  for (const range of ranges) range.value = choices[range.name];
  form.elements.format.value = choices.format;
  showNumbers();
}

function showNumbers() {
  for (const range of ranges) range.closest('label').querySelector('output').value = Number(range.value).toLocaleString(locale);
}

function show(another) {
  subject = another;
  lay(subject.choices);
}
hear('shown', show);
hear('batch-shown', show);

form.addEventListener('input', showNumbers);
form.addEventListener('change', () => {
  const chosen = {format: form.elements.format.value};
  for (const range of ranges) chosen[range.name] = Number(range.value);
  last = {...last, ...chosen};
  if (!subject) return;
  Object.assign(subject.choices, chosen);
  if (subject === page.shown && subject.path && !subject.film) page.color(subject);
});
form.addEventListener('submit', event => event.preventDefault());
lay(last);
