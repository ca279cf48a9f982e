"""`colorize report merge`: one report out of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorize.cli.arguments import Command
from colorize.cli.terminal import print_status, to_stdout
from colorize.errors import ConfigError
from colorize.system.program import FAILED, OK

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)


@app.callback()
def report() -> None:
    """What becomes of reports, the files that `colorize --report FILE` writes."""


@app.command(cls=Command)
def merge(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="Reports, such as those of N machines.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the report there, not to standard output."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Overwrite an existing file.")] = False,
) -> int:
    """Make one report of several: a line for each result. Of several lines about a result the last one holds.

    Exit status: 0 all photos have their results, 1 some photos failed, 2 wrong usage.
    """
    from colorize.batch.report import merge as merge_reports
    from colorize.batch.results import Outcome
    from colorize.system import files

    if output is None:
        merged = to_stdout(lambda out: merge_reports(reports, out))
        if merged is None:
            return FAILED
    else:
        try:
            with files.atomic(output, overwrite=overwrite) as out:
                merged = merge_reports(reports, out)
        except FileExistsError as error:
            raise ConfigError(f"{output}: exists already; --overwrite replaces it") from error
        except OSError as error:
            raise ConfigError(f"{output}: cannot be written ({error.strerror})") from error
    for line in merged.torn:
        print_status(line)
    counts = {outcome.value: merged.statuses.get(outcome.name.lower(), 0) for outcome in Outcome}
    print_status(", ".join(f"{number} {what}" for what, number in counts.items() if number) or "no results")
    return FAILED if counts[Outcome.FAILED.value] else OK
