// What the page does, for somebody who has just come: an example before and after.
const demo = find('.demo-frame'), demoSplit = demo.querySelector('input');

const moveDemo = () => demo.style.setProperty('--at', `${demoSplit.value}%`);
demoSplit.addEventListener('input', moveDemo);
const point = event => {
  const box = demo.getBoundingClientRect();
  demoSplit.value = 100 * (event.clientX - box.left) / box.width;
  moveDemo();
};
demo.addEventListener('pointerdown', event => {
  event.preventDefault();
  demo.setPointerCapture(event.pointerId);
  point(event);
});
demo.addEventListener('pointermove', event => demo.hasPointerCapture(event.pointerId) && point(event));
moveDemo();
for (const side of ['before', 'after']) {
  Object.assign(find(`.demo-${side}`), {src: fileUrl(props.demo[side]), alt: t(`alt_${side}`, {name: t('example_astronaut')})});
}
