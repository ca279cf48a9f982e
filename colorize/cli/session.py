"""One call of the command: color photos, print the result of each, sum up."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from colorize.batch.check import Verdict, check
from colorize.batch.pipeline import PhotoColorizer, run, run_stream
from colorize.batch.plan import Job, Plan, check_result_file
from colorize.batch.report import Report, line_of
from colorize.batch.results import Entry, Outcome, is_done, is_result
from colorize.cli.summary import Summary
from colorize.cli.terminal import Interrupt, Lines, display, end_by_interrupt, print_status, write_out
from colorize.coloring.conditions import Conditions
from colorize.coloring.tint import Original
from colorize.errors import ClusterError, ConfigError, DataError, PhotoError
from colorize.options import ColorizeOptions
from colorize.system import files
from colorize.system.program import FAILED, INTERRUPTED, OK


class Session:
    """Does jobs and prints what becomes of them."""

    def __init__(
        self,
        load: Callable[[], PhotoColorizer],
        options: ColorizeOptions,
        conditions: Conditions,
        interrupt: Interrupt,
        *,
        results_too: bool = False,
        end: str = "\n",
    ) -> None:
        """Nothing is loaded or written yet.

        Args:
            load: gives the colorizer, when there is a photo to do.
            options: of all photos.
            conditions: of all photos.
            interrupt: what Ctrl-C does.
            results_too: whether photos that are results themselves are colored.
            end: what is printed behind each result.
        """
        self._load_model = load
        self._options = options
        self._conditions = conditions
        self._interrupt = interrupt
        self._results_too = results_too
        self._end = end
        self._report: Report | None = None
        self._colorizer: PhotoColorizer | None = None
        self._summary = Summary(options)
        self._shown = Lines(end)
        self._prints_report = False
        self._report_failed = False
        self._nobody_reads = False

    def run(self, batches: Iterable[Iterable[Job]], total: int | None, report: str | None = None) -> int:
        """Do jobs.

        Args:
            batches: the jobs, as they become known.
            total: how many there will be; None if nobody knows.
            report: a file that each result is appended to; "-" prints them in place of paths.

        Returns:
            The exit status.

        Raises:
            DataError: the report cannot be written.
        """
        return self.tell(self._results(batches, with_bytes=report is not None), total, report)

    def _results(self, batches: Iterable[Iterable[Job]], *, with_bytes: bool) -> Iterator[Entry]:
        stop = self._interrupt.stop
        for jobs in batches:
            results = run(jobs, self._load, self._options, self._conditions, stop=stop, results_too=self._results_too)
            yield from (Entry.of(result, with_bytes=with_bytes) for result in results)

    def tell(self, entries: Iterable[Entry], total: int | None, report: str | None = None) -> int:
        """Print what becomes of photos, and sum up.

        Args:
            entries: what becomes of them, as it becomes known; they end soon after Ctrl-C. A `ClusterError` ends
                them, too.
            total: as of `run`.
            report: as of `run`.

        Returns:
            The exit status.

        Raises:
            DataError: the report cannot be written.
        """
        stop = self._interrupt.stop
        self._prints_report = report == "-"
        if report and not self._prints_report:
            self._report = Report(report)
        lost = ""
        try:
            with display(total, self._end) as self._shown, self._interrupt.gently(self._shown.finishing):
                for entry in entries:
                    self._take(entry)
        except KeyboardInterrupt:
            stop.set()
        except ClusterError as error:
            lost = f"{error}; run the same command to continue"
        finally:
            if self._report:
                self._report.close()
        if stop.is_set() and not (self._nobody_reads or self._summary.disk_full):
            return self._end_interrupted()
        for line in self._summary.lines(total):
            print_status(line)
        if lost:
            print_status(lost)
        failed = self._summary.failed or self._report_failed or self._nobody_reads or lost
        return FAILED if failed else OK

    def _end_interrupted(self) -> int:
        print_status(self._summary.interrupted())
        if self._interrupt.twice:  # threads may be writing for some time yet
            files.discard_unfinished()
            end_by_interrupt()
        return INTERRUPTED

    def preview(self, jobs: Plan) -> int:
        """Print what would be done, and give the exit status."""
        counts: Counter[str] = Counter()
        shown = Lines(self._end)
        for job in jobs:
            is_counted = job.seed is None  # variants are no further photos
            if job.problem:
                print_status(job.problem)
                counts["cannot be done"] += 1
            elif is_done(job) and not self._options.overwrite:
                counts[Outcome.SKIPPED.value] += is_counted
            elif not self._results_too and is_result(job):
                counts[Outcome.RESULT.value] += is_counted
            else:
                counts["to do"] += is_counted
                if not shown.result(f"{job.source} -> {job.target}"):
                    return FAILED
        print_status(", ".join(f"{count} {what}" for what, count in sorted(counts.items(), reverse=True) if count))
        return FAILED if counts["cannot be done"] else OK

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
        return FAILED if verdicts[Verdict.BROKEN] or verdicts[Verdict.FAILED] else OK

    def stream(self, source: Path | None, target: Path | None) -> int:
        """Color a photo as it comes.

        Args:
            source: a pipe or a device; None for standard input.
            target: the result's file; None for standard output.

        Returns:
            The exit status.

        Raises:
            ConfigError: the result would go onto the terminal, or the target is no format's.
        """
        if target is None and sys.stdout.isatty():
            raise ConfigError("expected standard output to go into a file or a program, not onto the terminal")
        if target:
            check_result_file(target, self._options)
            if os.path.lexists(target) and not self._options.overwrite:
                print_status(f"{target}: is there already; --overwrite colors it again")
                return OK if self._shown.result(str(target)) else FAILED
        try:
            with source.open("rb") if source else nullcontext(sys.stdin.buffer) as file:
                result, content = run_stream(
                    file,
                    str(source or "standard input"),
                    self._load,
                    self._options,
                    self._conditions,
                    suffix=target.suffix if target else "",
                )
            if target:
                with files.atomic(target, overwrite=self._options.overwrite) as written:
                    written.write(content)
        except PhotoError as error:
            print_status(str(error))
            return FAILED
        except OSError as error:
            print_status(f"{error.filename or target}: {error.strerror}")
            return FAILED
        if result.message:
            print_status(result.message)
        if result.original is Original.COLORED and not self._options.keep_colors:
            print_status("the photo was in color already and got new colors")
        for what in result.dropped_metadata:
            print_status(f"written without {what}")
        is_out = self._shown.result(str(target)) if target else write_out(content)
        return OK if is_out else FAILED

    def doing(self, what: str) -> None:
        """Show what takes time at the moment, if there is a place for it."""
        self._shown.doing(what)

    def restart_clock(self) -> None:
        """Measure the rate from now on."""
        self._summary.restart_clock()

    def _load(self) -> PhotoColorizer:
        """Load the model when it is first needed. One Ctrl-C stops that."""
        if self._colorizer is None:
            self._shown.doing("loading the model")
            self._colorizer = self._interrupt.at_once(self._load_model)
            self._shown.doing("")
            self._summary.restart_clock()
        return self._colorizer

    def _take(self, entry: Entry) -> None:
        self._summary.add(entry)
        if entry.message:
            self._shown.print_status(entry.message)
        self._append_to_report(entry)
        if not (self._print_result(entry) or self._nobody_reads):
            self._shown.print_status("standard output cannot be written: finishing the current photos, then stopping")
            self._nobody_reads = True
            self._interrupt.stop.set()
        self._shown.advance()

    def _print_result(self, entry: Entry) -> bool:
        """Print what programs read of a result, if there is something; False if it cannot be written."""
        if self._prints_report:
            return self._shown.result(line_of(entry))
        if entry.outcome.has_result:  # what comes next wants all results, whoever made them
            return self._shown.result(entry.target)
        return True

    def _append_to_report(self, entry: Entry) -> None:
        if not self._report:
            return
        try:
            self._report.add(entry)
        except DataError as error:  # the photos matter more
            self._shown.print_status(f"{error}; continuing without it")
            self._report.close()
            self._report, self._report_failed = None, True
