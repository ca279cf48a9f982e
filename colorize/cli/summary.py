"""The results of one call, counted as they come and summed up in lines at the end."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from os.path import splitext

from colorize.batch.results import Entry, Outcome
from colorize.coloring.tint import Original
from colorize.options import ColorizeOptions


class Summary:
    """Counts results, and puts the counts into lines."""

    def __init__(self, options: ColorizeOptions) -> None:
        self._options = options
        self._began = time.monotonic()
        self._counts: Counter[Outcome] = Counter()  # of photos
        self._variants: Counter[Outcome] = Counter()
        self._in_color = 0  # of those that were colorized
        self._again = 0  # the same
        self._sources_of: defaultdict[str, Counter[str]] = defaultdict(Counter)  # suffixes, by another one of results
        self._dropped_metadata: Counter[str] = Counter()
        self._ends_early = False
        self.disk_full = False

    @property
    def done(self) -> int:
        """How many photos were colorized."""
        return self._counts[Outcome.DONE]

    @property
    def failed(self) -> int:
        """How many photos and variants were not."""
        return self._counts[Outcome.FAILED] + self._variants[Outcome.FAILED]

    def restart_clock(self) -> None:
        """Measure the rate from now on."""
        self._began = time.monotonic()

    def add(self, entry: Entry) -> None:
        """Count a result."""
        (self._variants if entry.is_variant else self._counts)[entry.outcome] += 1
        self.disk_full |= entry.disk_full
        self._ends_early |= entry.outcome is Outcome.FAILED and _is_jpeg_that_ends_early(entry)
        if entry.outcome is not Outcome.DONE or entry.is_variant:  # of which the same is true
            return
        self._dropped_metadata.update(entry.dropped_metadata)
        self._again += entry.again
        self._in_color += entry.original is Original.COLORED
        suffix = splitext(entry.target)[1]
        if entry.only_read and splitext(entry.source)[1] != suffix and not self._options.format:
            self._sources_of[suffix][entry.only_read] += 1

    def lines(self, total: int | None) -> Iterator[str]:
        """Sum up a run that reached its end. `total` is its number of jobs, None if it was not known."""
        kept = self._counts[Outcome.SKIPPED] + self._counts[Outcome.LEFT] + self._counts[Outcome.RESULT]
        if total != 1 or kept:
            yield self._counted()
        if total == 1 and self._counts[Outcome.SKIPPED]:
            yield "--overwrite colors it again"
        if self.disk_full:
            yield "stopped because the disk is full; when there is more room, run the same command to continue"
        if self._ends_early and not self._options.salvage:
            yield "--salvage colors a JPEG that ends early as far as it goes"
        if self._again:
            yield f"{self._again} done again because they have changed since"
        if self._in_color:
            if self._options.keep_colors:
                yield f"{self._in_color} were in color already; their hues were kept where they are sure"
            else:
                hint = "--keep-colors keeps such colors, --skip-color skips such photos"
                yield f"{self._in_color} were in color already and got new colors; {hint}"
        for suffix, sources in self._sources_of.items():
            yield f"{sources.total()} written as {suffix}: {', '.join(sorted(sources))} can only be read"
        for what, count in self._dropped_metadata.items():
            yield f"{count} written without {what}"

    def interrupted(self) -> str:
        """Sum up a run that was stopped."""
        starts_again = "the same command starts from the beginning, as --overwrite says"
        further = starts_again if self._options.overwrite else "run the same command to continue"
        return f"interrupted, {self.done} colorized; {further}"

    def _counted(self) -> str:
        counts = [f"{self._counts[outcome]} {outcome.value}" for outcome in Outcome if self._counts[outcome]]
        if variants := self._variants[Outcome.DONE]:
            of_them = f"{variants} variant{'s' if variants > 1 else ''}"
            if self.done:
                counts[0] += f" with {of_them}"
            else:
                counts.insert(0, f"{of_them} {Outcome.DONE.value}")
        text = ", ".join(counts)
        if self.done > 1:
            rate = self.done / max(time.monotonic() - self._began, 1e-3)
            decimals = 0 if rate >= 10 else 1 if rate >= 1 else 2
            text += f" ({rate:.{decimals}f} photos/s)"
        return text or "nothing colorized"


def _is_jpeg_that_ends_early(entry: Entry) -> bool:
    is_jpeg = splitext(entry.source)[1].lower() in (".jpg", ".jpeg")
    return is_jpeg and "image file is truncated" in entry.message  # as Pillow says it
