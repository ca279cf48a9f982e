// Links to the study's page and figure, if the server has them.
const study = `${root}/study`;
if (props.figure) {
  Object.assign(find('.study img'), {src: `${study}/${props.figure}`, alt: t('how_shapes_alt')});
  find('.study a').href = `${study}/index.html`;
} else {
  find('.study').remove();
}
