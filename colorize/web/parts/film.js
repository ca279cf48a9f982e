// A film, of which a frame is shown before and after while it is colored.
watch('value', async () => {
  const value = props.value;
  const job = value?.time && page.jobOf(value.time);
  if (!job) return;  // canceled
  if (value.complaint) return page.endJob(job, {complaint: value.complaint});
  const film = job.photo, isNew = film.value?.before !== value.before;
  page.kept.add(value.before);
  film.value = value;
  job.words = t('film_progress', {...value, total: value.total ?? '?'});
  job.share = value.total ? Math.min(1, value.done / value.total) : undefined;
  page.setProgress(film, job);
  if (value.download) page.expects(value);
  const there = !isNew && !value.download || page.wanted !== film || await page.show(film);
  if (!value.download) return;
  announce('colored', film);
  page.endJob(job, there ? {} : {complaint: t('no_answer')});
  if (there) page.say(t('done', film));
});

hear('shown', ({film}) => document.body.toggleAttribute('data-film', Boolean(film)));
