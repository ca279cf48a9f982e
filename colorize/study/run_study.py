"""The study's command: trains the arms that are missing, measures them, and writes study.json and the report."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from colorize.errors import ConfigError
from colorize.requirements import require
from colorize.study.arms import (
    ARMS,
    COMMON,
    MAIN,
    QUICK,
    SEEDS,
    SHORT,
    STUDY,
    Study,
    all_runs,
    train_arms,
    write_strips,
)
from colorize.study.samples import sample_folder
from colorize.system import files
from colorize.system.program import INTERRUPTED, OK, run_program
from colorize.system.threads import add_threads_option, use_threads, wait_passively

REPORT = "report"  # the folder of pages in a study's


def write_study(study: Study) -> Path:
    """Measure everything finished and show it on the sample photos; gives the path of study.json."""
    from colorize.study.measurement import measure  # torch: not for --help

    result = measure(study) | {"strips": write_strips(study)}
    target = study.out / STUDY
    with files.atomic(target) as file:
        file.write((json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    return target


def made_up_photos(folder: Path, count: int = 12, side: int = 112) -> Path:
    """Soft blobs of color, where --quick has nothing better to train on.

    Args:
        folder: for the photos, which are PNG files; it is made if it is not there.
        count: of photos. The same number gives the same ones.
        side: px, of each; they are square.

    Returns:
        The folder.
    """
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        small = np.random.default_rng(i).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{i:02d}.png")
    return folder


def format_table(result: Mapping[str, Any]) -> str:
    """The main measures, for people."""
    columns = ["histogram_a", "histogram_b", "kl_a", "kl_b", "cf_difference", "sharpness_2", "psnr", "ssim"]
    columns += ["taken_for_real", "taken_for_real_half", "taken_for_real_own"]
    heads = [name.replace("histogram", "hist").replace("taken_for_", "") for name in columns]
    lines = [f"{'':22}" + "".join(f"{head:>14}" for head in heads)]
    beside = ({"name": name.replace("_", " "), **result[name]} for name in ("gray", "mean_color", "shipped"))
    pooled = ({"name": f"{arm}, {row['seeds']} seeds", **row} for arm, row in result["arms_pooled"].items())
    for row in (*beside, *result["runs"], *pooled):
        cells = (row["measures"].get(name) for name in columns)
        lines.append(f"{row['name']:22}" + "".join(f"{c['value']:14.3f}" if c else f"{'':14}" for c in cells))
    real, half = (result["judge"][name]["value"] for name in ("real", "real_half"))
    lines.append(f"real photos taken for real: {real:.3f}, at half size {half:.3f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m colorize.study",
        description="Train one generator under many losses, then measure and judge what each has learned.",
    )
    parser.add_argument("--data", nargs="+", metavar="PHOTOS", help="folders, photos, tar shards to train on")
    parser.add_argument(
        "--validation", nargs="+", metavar="PHOTOS", help="photos to measure on, none of them in --data"
    )
    parser.add_argument("--encoder-start", default="", metavar="FILE", help='ImageNet weights, or "hub": see train.py')
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="runs, strips, study.json and the report"
    )
    parser.add_argument("--arms", nargs="+", metavar="ARM", default=[], help=f"only these of {', '.join(ARMS)}")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"of {', '.join(MAIN)} [%(default)s]")
    parser.add_argument("--steps", type=int, metavar="N", help=f"of each arm [{COMMON['adversarial_steps']}]")
    parser.add_argument(
        "--lambda", type=float, dest="weight", metavar="X", help="weight of L1 beside the GAN [chosen by trainings]"
    )
    parser.add_argument(
        "--features", default="", metavar="FILE", help="network that tells the Fréchet distance: see evaluate"
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"{SHORT['adversarial_steps']} steps at {SHORT['size']} px, λ {SHORT['reconstruction_weight']:g}",
    )
    parser.add_argument("--train-only", action="store_true", help="leave measuring to another run of the command")
    parser.add_argument("--quick", action="store_true", help="a few steps of tiny networks: does it all run?")
    add_threads_option(parser)
    given = parser.parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    return run_program("study", lambda: _run(given, words))


def _run(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    require("study", "the study")
    wait_passively()
    use_threads(given.threads)
    study = _study(given, arguments)
    from colorize.study.lambda_rule import WEIGHTS, choose_lambda
    from colorize.training.loop import Interrupted

    try:
        if "reconstruction_weight" not in study.common:
            choice = choose_lambda(study, WEIGHTS[:2] if given.quick else WEIGHTS)
            common = {**study.common, "reconstruction_weight": choice["chosen"]}
            study = dataclasses.replace(study, common=common, lambda_choice=choice)
        train_arms(study)
    except Interrupted:
        print("study: stopped and saved; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    if not given.train_only:
        target = write_study(study)
        print(format_table(json.loads(target.read_text(encoding="utf-8"))))
        print(target)
        from colorize.study.publish import collect, write_report

        report = study.out / REPORT
        for page in write_report(collect(study.out, report, quick=given.quick), report):
            print(page)
    return OK


def _study(given: argparse.Namespace, arguments: Sequence[str]) -> Study:
    from colorize.training.data import find_sources

    for arm in given.arms:
        if arm not in ARMS:
            raise ConfigError(f"unknown arm {arm!r}: expected some of {', '.join(ARMS)}")
    if given.seeds < 1:
        raise ConfigError(f"seeds must be at least 1, got {given.seeds}")
    sample_folder()  # told before the work
    common = {**COMMON, **(SHORT if given.short else {}), **(QUICK if given.quick else {})}
    if given.steps is not None:
        common["adversarial_steps"] = given.steps
    if given.weight is not None:
        common["reconstruction_weight"] = given.weight
    if given.quick and not given.data and not given.validation:
        data = validation = find_sources([made_up_photos(given.out / "photos")])
    else:
        for name in ("data", "validation"):
            if not getattr(given, name):
                raise ConfigError(f"--{name} is missing: photos to {'train' if name == 'data' else 'measure'} on")
        validation = find_sources(given.validation)
        data = find_sources(given.data).without(validation)
    study = Study(
        given.out,
        data,
        validation,
        common,
        all_runs(given.arms, given.seeds),
        given.encoder_start,
        command=shlex.join(["python", "-m", "colorize.study", *_without_paths(arguments)]),
        features=given.features,
    )
    study.config(study.runs[0])  # told before the work
    return dataclasses.replace(study, size=32, photos=24, resamples=100) if given.quick else study


def _without_paths(arguments: Sequence[str]) -> Iterator[str]:
    """Names of files instead of their paths: a report may be published."""
    for argument in arguments:
        yield Path(argument).name if os.sep in argument else argument


if __name__ == "__main__":
    sys.exit(main())
