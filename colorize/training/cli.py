"""`train.py`: options → config → one call. argparse, so that training imports neither typer nor gradio."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from colorize.errors import ConfigError
from colorize.requirements import DISTRIBUTION, require
from colorize.system.program import run_program
from colorize.system.threads import add_threads_option, use_threads, wait_passively
from colorize.training.launch import is_first_process, world_size

if TYPE_CHECKING:
    from colorize.training.config import TrainConfig
    from colorize.training.data import Sources

_EPILOG = """\
examples:
  python train.py photos/ --run runs/first
  python train.py shards/*.tar --run runs/gan --encoder-start hub --adversarial-steps 2000
  python train.py photos/ --run runs/first --resume
  python train.py 's3://bucket/train-{0000..0063}.tar' --run runs/bucket --cache /scratch/shards
  accelerate launch train.py photos/ --run runs/many-gpus
  torchrun --nproc-per-node 2 train.py photos/ --folder runs/many-cpus --device cpu

exit status: 0 finished, 1 the run failed, 2 wrong options or no photos, 130 interrupted (saved; go on with --resume)
"""

_ALIASES = {"start": ("--start-from",)}  # torchrun takes --start for an option of its own


def run() -> NoReturn:
    """train.py as a program: its exit status becomes the process's."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if world_size() > 1:
        # Threads that exchange gradients may still let go of Python's objects while Python unloads itself, which aborts
        # the process. All files are written by now.
        os._exit(status)
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    # Ctrl-C comes through before the first step, or a second time: otherwise the loop saves and stops.
    interrupted = "interrupted at once; --resume goes on from the last checkpoint, if there is one"
    return run_program("train.py", lambda: _main(arguments), interrupted=interrupted)


def _main(arguments: Sequence[str] | None) -> int:
    require("train", "training")  # so do the options, which are read from its config
    wait_passively()
    from colorize.training.config import TrainConfig, read_config

    options = _parser().parse_args(arguments)
    use_threads(options.threads)
    run = Path(options.run) if options.run else None
    given = {f.name: getattr(options, f.name) for f in dataclasses.fields(TrainConfig) if f.name in options}

    # Options over recipe over defaults; a resumed run keeps what it began with, but for some settings.
    if options.resume:
        if run is None:
            raise ConfigError("--resume needs --run, the folder to go on with")
        if options.config:
            raise ConfigError("--config and --resume exclude each other: a run goes on with the settings it began with")
        config = _continued(run, given)
    else:
        config = _of_the_kind_it_starts_from({**(read_config(options.config) if options.config else {}), **given})

    from colorize.training.data import find_sources

    cache = Path(options.cache) if options.cache else None
    sources = find_sources(options.data, cache)
    validation = find_sources(options.validation, cache) if options.validation else None
    if validation:
        sources = sources.without(validation)
    if options.dry_run:
        _check_parts(config)
        print(config.to_json())
        print(f"data: {_told(sources)}")
        held_out = f"one in {config.holdout} of them" if validation is None else _told(validation)
        print(f"validation: {held_out}, at most {config.validation_photos}")
        for each in filter(None, (sources, validation)):
            each.local.check_shards()
        return 0
    if run is None:
        raise ConfigError("--run is missing: the folder for checkpoints, samples and the log")

    from colorize.training.loop import Interrupted, train
    from colorize.training.runlog import check_unused

    if not options.resume and is_first_process():
        check_unused(run)
    try:
        last = train(config, sources, validation, run, resume=options.resume)
    except Interrupted:
        if is_first_process():
            print(f"train.py: stopped and saved; go on with the same command and --resume ({run})", file=sys.stderr)
        return 130
    if is_first_process():
        print(last)
    return 0


def _check_parts(config: TrainConfig) -> None:
    """Build what the run is made of: its settings may not fit each other, or name what there is not."""
    import torch

    from colorize.training.augment import Augment
    from colorize.training.building import build
    from colorize.training.phases import build_phases
    from colorize.training.terms import TermContext, build_terms

    cpu = torch.device("cpu")
    build_phases(config)
    build_terms(config.losses, TermContext(build(config), config.feature_network, cpu))
    Augment(config, cpu)


def _of_the_kind_it_starts_from(settings: dict[str, Any]) -> TrainConfig:
    """The config of settings; where they say nothing of the generator, it is that of the model file in `start`."""
    from colorize.models.modelfile import read_info
    from colorize.training.config import TrainConfig

    config = TrainConfig(**settings)
    if not config.start:
        return config
    given = read_info(config.start)
    if "architecture" in settings and config.architecture != given.architecture:
        return config  # the building says that they do not fit
    generator_settings = {**given.settings, **config.generator_settings}
    return dataclasses.replace(config, architecture=given.architecture, generator_settings=generator_settings)


def _told(sources: Sources) -> str:
    """What there is; nothing is fetched for that."""
    local, remote = sources.local, sources.remote
    told = f"{local.count()} photos ({len(local.shards)} shards, {len(local.files)} files)"
    if not remote:
        return told
    of_size = f" of {sum(shard.size or 0 for shard in remote) / 1e6:.0f} MB" if all(s.size for s in remote) else ""
    at_urls = f"{len(remote)} shards at URLs{of_size}, fetched into {remote[0].place.parent} as they are read"
    return f"{told} and {at_urls}" if local.shards or local.files else at_urls


def _continued(run: Path, given: dict[str, Any]) -> TrainConfig:
    """The config that a run goes on with: what it began with, but for some settings."""
    from colorize.training import runlog
    from colorize.training.config import CHANGEABLE, STEPS, TrainConfig, read_config

    if not (run / runlog.CONFIG).is_file():
        raise ConfigError(f"{run}: nothing to resume, there is no {runlog.CONFIG}")
    began = TrainConfig(**read_config(run / runlog.CONFIG))
    config = dataclasses.replace(began, **given)
    changeable = [*STEPS, *CHANGEABLE]
    if (processes := runlog.processes_with_batches_of_their_own(run)) > 1:
        whole = began.batch_size * processes
        if config.batch_size != whole:
            raise ConfigError(
                f"{run}: was begun with --batch-size {began.batch_size} for each of {processes} processes; by now it "
                f"is that of all together: expected --batch-size {whole}, which is the same"
            )
        changeable.append("batch_size")
    for name, value in given.items():
        if getattr(config, name) != (before := getattr(began, name)) and name not in changeable:
            raise ConfigError(f"--{_kebab(name)} {value}: the run began with {before}, and goes on as it began")
    return config


def _parser() -> argparse.ArgumentParser:
    """One option per field of the config, its default and description read from there."""
    from colorize.former_names import FORMER_NAMES
    from colorize.training.config import FIELD_TYPES, TrainConfig

    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Train a colorizer: a U-Net against a PatchGAN discriminator.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="folders of photos (recursive), photos, tar shards of photos; "
        "shards also at URLs, as 's3://bucket/train-{0000..0005}.tar'",
    )
    parser.add_argument(
        *("--run", "--folder"),
        metavar="FOLDER",
        help="folder of this run: config, log, samples, checkpoints (torchrun takes --run for an option of its own)",
    )
    parser.add_argument(
        "--validation", nargs="+", metavar="DATA", help="photos to measure on; they are left out of DATA"
    )
    parser.add_argument(
        "--cache",
        metavar="FOLDER",
        help=f"folder that shards at URLs are fetched into and kept in [~/.cache/{DISTRIBUTION}/shards]",
    )
    parser.add_argument("--config", metavar="FILE", help="recipe: a JSON file of settings; options go before it")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --run from its last checkpoint, with more steps if some are given",
    )
    add_threads_option(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the complete config and the data found, and stop")
    group = parser.add_argument_group("settings")
    for field in dataclasses.fields(TrainConfig):
        names, kind = (f"--{_kebab(field.name)}", *_ALIASES.get(field.name, ())), FIELD_TYPES[field.name]
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        shown = " ".join(default) if isinstance(default, tuple) else json.dumps(default)
        text = f"{field.metadata['help']} [{shown}]".replace("%", "%%")
        extra: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text}
        if kind is bool:
            group.add_argument(*names, action=argparse.BooleanOptionalAction, **extra)
        elif isinstance(default, tuple):
            group.add_argument(*names, nargs="+", metavar="KIND", **extra)
        elif isinstance(default, dict):
            group.add_argument(*names, type=_json_object, metavar="JSON", **extra)
        else:
            group.add_argument(*names, type=kind, metavar=kind.__name__.upper(), **extra)
    for former, name in FORMER_NAMES.items():
        if name in FIELD_TYPES:
            hidden: dict[str, Any] = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
            group.add_argument(f"--{_kebab(former)}", dest=name, type=FIELD_TYPES[name], **hidden)
    return parser


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected JSON, got {text!r} ({error})") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object, got {text!r}")
    return value


def _kebab(name: str) -> str:
    return name.replace("_", "-")
