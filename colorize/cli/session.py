"""One call of the command: colorize what is planned or arrives, tell about each photo, sum up."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from colorize.batch.check import Verdict, check
from colorize.batch.pipeline import Outcome, PhotoColorizer, Result, is_done, run, run_stream
from colorize.batch.plan import Job, Plan
from colorize.batch.report import Report
from colorize.cli.terminal import (
    INTERRUPTED,
    OK,
    SOME_FAILED,
    Interrupt,
    Lines,
    display,
    end_by_interrupt,
    print_status,
    write_out,
)
from colorize.coloring.tint import Original
from colorize.errors import ConfigError, DataError, PhotoError
from colorize.options import ColorizeOptions, ResultOptions
from colorize.system import files


class Session:
    """Colorizes jobs and tells about them."""

    def __init__(
        self,
        load: Callable[[], PhotoColorizer],
        options: ColorizeOptions,
        written: ResultOptions,
        interrupt: Interrupt,
        *,
        overwrite: bool = False,
        skip_color: bool = False,
    ) -> None:
        self._load_model = load
        self._options = options
        self._written = written
        self._interrupt = interrupt
        self._overwrite = overwrite
        self._skip_color = skip_color
        self._report: Report | None = None
        self._colorizer: PhotoColorizer | None = None
        self._began = time.monotonic()
        self._counts: Counter[Outcome] = Counter()
        self._other_suffixes: defaultdict[str, Counter[str]] = defaultdict(Counter)  # of results, of their sources
        self._dropped_metadata: Counter[str] = Counter()
        self._in_color = 0  # of those that were colorized
        self._shown = Lines()
        self._report_failed = False
        self._nobody_reads = False
        self._disk_full = False

    def run(self, batches: Iterable[Iterable[Job]], total: int | None, report: Path | None = None) -> int:
        """Do them and give the exit status. `total` is None where nobody knows how many jobs there will be."""
        stop = self._interrupt.stop
        if report:
            self._report = Report(report)
        try:
            with display(total) as self._shown, self._interrupt.gently(self._shown.finishing):
                for jobs in batches:
                    for result in run(
                        jobs,
                        self._load,
                        self._options,
                        self._written,
                        overwrite=self._overwrite,
                        skip_color=self._skip_color,
                        stop=stop,
                    ):
                        self._take(result)
        except KeyboardInterrupt:
            stop.set()
        finally:
            if self._report:
                self._report.close()
        if stop.is_set() and not (self._nobody_reads or self._disk_full):
            further = "--overwrite begins anew" if self._overwrite else "the same command goes on from here"
            print_status(f"interrupted, {self._counts[Outcome.DONE]} colorized; {further}")
            if self._interrupt.twice:  # threads may be writing for some time yet
                files.discard_unfinished()
                end_by_interrupt()
            return INTERRUPTED
        if total != 1 or self._counts[Outcome.SKIPPED] or self._counts[Outcome.LEFT]:
            self._sum_up()
        if total == 1 and self._counts[Outcome.SKIPPED]:
            print_status("--overwrite colors it again")
        if self._disk_full:
            print_status("stopped, for the disk is full; with more room the same command goes on from here")
        if self._in_color:
            print_status(f"{self._in_color} had colors already and got new ones; --skip-color leaves such photos alone")
        for suffix, of_sources in self._other_suffixes.items():
            those = f"{', '.join(sorted(of_sources))} {'is' if len(of_sources) == 1 else 'are'}"
            print_status(f"{of_sources.total()} written as {suffix}: {those} only read")
        for what, count in self._dropped_metadata.items():
            print_status(f"{count} written without {what}")
        all_well = not (self._counts[Outcome.FAILED] or self._report_failed or self._nobody_reads)
        return OK if all_well else SOME_FAILED

    def preview(self, jobs: Plan) -> int:
        """Print what would be done, and give the exit status."""
        counts: Counter[str] = Counter()
        shown = Lines()
        for job in jobs:
            if job.problem:
                print_status(job.problem)
                counts["cannot be done"] += 1
            elif is_done(job) and not self._overwrite:
                counts["already there"] += 1
            else:
                counts["to do"] += 1
                if not shown.result(f"{job.source} -> {job.target}"):
                    return SOME_FAILED
        print_status(", ".join(f"{count} {what}" for what, count in sorted(counts.items(), reverse=True)))
        return SOME_FAILED if counts["cannot be done"] else OK

    def verify(self, jobs: Plan) -> int:
        """Print how well results kept the lightness of their sources, and give the exit status."""
        verdicts: Counter[Verdict] = Counter()
        with display(len(jobs)) as shown:
            for each in check(jobs):
                verdicts[each.verdict] += 1
                if each.fidelity is None:
                    shown.print_status(each.message)
                else:
                    shown.result(f"{each.job.target}: {each.fidelity}")
                    if each.verdict is Verdict.BROKEN:
                        shown.print_status(f"{each.job.target}: the lightness of {each.job.source} was not kept")
                shown.advance()
        print_status(", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict]))
        return SOME_FAILED if verdicts[Verdict.BROKEN] or verdicts[Verdict.FAILED] else OK

    def stream(self) -> int:
        """Standard input to standard output, and give the exit status."""
        if sys.stdout.isatty():
            raise ConfigError("expected standard output to go into a file or a program, not onto the terminal")
        try:
            result, content = run_stream(sys.stdin.buffer, "standard input", self._load, self._options, self._written)
        except PhotoError as error:
            print_status(str(error))
            return SOME_FAILED
        if result.message:
            print_status(result.message)
        if result.original is Original.COLORED:
            print_status("the photo had colors already and got new ones")
        for what in result.dropped_metadata:
            print_status(f"written without {what}")
        return OK if write_out(content) else SOME_FAILED

    def _load(self) -> PhotoColorizer:
        """The model, loaded when it is first needed. One Ctrl-C is enough to stop meanwhile."""
        if self._colorizer is None:
            self._shown.doing("loading the model")
            self._colorizer = self._interrupt.at_once(self._load_model)
            self._shown.doing("")
            self._began = time.monotonic()
        return self._colorizer

    def _take(self, result: Result) -> None:
        shown = self._shown
        self._counts[result.outcome] += 1
        self._disk_full |= result.disk_full
        if result.message:
            shown.print_status(result.message)
        if self._report:
            try:
                self._report.add(result)
            except DataError as error:  # the photos matter more
                shown.print_status(f"{error}; it goes on without")
                self._report.close()
                self._report, self._report_failed = None, True
        if result.outcome is Outcome.DONE:
            source, target = result.job.source, result.job.target
            self._dropped_metadata.update(result.dropped_metadata)
            self._in_color += result.original is Original.COLORED and result.job.seed is None
            if source.suffix != target.suffix and not self._written.format:
                self._other_suffixes[target.suffix][source.suffix.lower() or "no suffix"] += 1
            if not shown.result(str(target)) and not self._nobody_reads:
                shown.print_status("standard output takes no more: finishing the photo at hand")
                self._nobody_reads = True
                self._interrupt.stop.set()
        shown.advance()

    def _sum_up(self) -> None:
        done = self._counts[Outcome.DONE]
        text = ", ".join(f"{self._counts[outcome]} {outcome.value}" for outcome in Outcome if self._counts[outcome])
        rate = done / max(time.monotonic() - self._began, 1e-3)
        print_status(f"{text or 'nothing colorized'}{f' ({rate:.{_decimals(rate)}f} photos/s)' if done > 1 else ''}")


def _decimals(rate: float) -> int:
    return 0 if rate >= 10 else 1 if rate >= 1 else 2
