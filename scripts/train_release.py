"""Train the model that comes with the program, from the shards to the files in colorize/weights/.

    python scripts/train_release.py DATA --more MORE --encoder-start efficientnet_lite0.safetensors --run runs/release

DATA is a folder with train-*.tar and val-*.tar, MORE one with large-*.tar (shorter side from 128 px), small-*.tar
(smaller) and people-*.tar (shorter side up to 288 px, most of them from collections of people; docs/data.md has which);
scripts/efficientnet_lite_weights.py makes the encoder's file. Twelve runs, one after the other: G alone, with hints
(recipes/pretrain.json), then by turns with D until colors come no nearer (release); from there G alone on more photos
(pretrain-more), on small ones (pretrain-small), and with a falling rate (pretrain-fall); then, twice, by turns with a
new D and the loss against stains (release-even, release-even-again), from the last of them with three times the
consistency (release-steady); from the mean of these three, the first of which counts twice, with a loss on skin
(release-people); and from the mean of that one and of what it began with, with a loss on the palette as well
(release-palette). From the mean of the last two and of that mean of three, larger and on people: G alone at 192 px
(pretrain-192), and from there by turns (release-192). The same command goes on where it was stopped. What is shipped is
the mean of the weights of the last one, which counts three times, of the one before and, twice, of what that began
with, a* and b* stronger by a factor each and then a little lower, in float16, and its graph.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from colorize.export.export import export
from colorize.models.architectures import build_generator
from colorize.models.generator import Generator
from colorize.models.modelfile import SHIPPED_MODEL
from colorize.models.weights import load_generator, save_generator

ROOT = Path(__file__).parents[1]
GAIN = (1.5, 1.45)  # of a*, b*: more is more colorful and less true, `evaluate --sweep strength=…` tells how much
SHIFT = (-0.5, -1.6)  # of a*, b*, after the gain: it moves the mean of all photos as well
DOUBT = (0.33, 0.28)  # of a*, b*, of what ships; of the trainings release-steady and later ones have 0.2 of both


def train(name: str, photos: list[str], run: Path, start: list[str], model: str = "last") -> Path:
    """One run of train.py, or what is missing of it; gives its last or best model."""
    folder = run / name
    begun = (folder / "config.json").is_file()
    how = ["--resume"] if begun else ["--config", str(ROOT / "recipes" / f"{name}.json"), *start]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *photos, "--run", str(folder), *how], check=True)
    return folder / f"{model}.safetensors"


def shards(folder: Path, part: str) -> list[str]:
    found = sorted(str(path.resolve()) for path in folder.glob(f"{part}-*.tar"))
    if not found:
        raise SystemExit(f"{folder}: expected shards {part}-*.tar, there are none")
    return found


def ship(models: list[Path]) -> None:
    """Put the mean of trained models, each as often as it is given, into the package, and its graph beside it."""
    mean, described = load_mean(models)
    generator = build_generator(mean.architecture, {**asdict(mean.settings), "doubt": DOUBT})
    generator.load_state_dict(mean.state_dict())
    generator.scale_chroma(*GAIN)
    generator.shift_colors(*SHIFT)
    counts = list(Counter(models).values())  # of each, in their order
    training = {**described, "chroma_gain": GAIN, "color_shift": SHIFT, "mean_of": counts}
    del training["validation"]  # of one of them
    save_generator(SHIPPED_MODEL, generator, training, dtype=torch.float16)
    for line in export(SHIPPED_MODEL, SHIPPED_MODEL.parent):
        print(line)


def save_mean(target: Path, models: list[Path]) -> Path:
    """Write the mean of trained models as a model file, for a run to start with."""
    save_generator(target, *load_mean(models))
    return target


def load_mean(models: list[Path]) -> tuple[Generator, dict[str, object]]:
    """The mean of trained models, and how the last of them was trained."""
    generators, infos = zip(*map(load_generator, models), strict=True)
    return mean_of(generators), infos[-1].training


def mean_of(generators: Sequence[Generator]) -> Generator:
    """The last of some generators of one kind, with the mean of all weights."""
    weights = [each.state_dict() for each in generators]
    # BatchNorm's statistics as well: the alternation keeps those of G alone, which are near each other.
    mean = {
        name: torch.stack([each[name].double() for each in weights]).mean(0).to(values.dtype)
        for name, values in weights[-1].items()
    }
    generators[-1].load_state_dict(mean)
    return generators[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the model that comes with the program.")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with train-*.tar and val-*.tar")
    parser.add_argument(
        "--more", type=Path, required=True, metavar="MORE", help="folder of large-*.tar, small-*.tar and people-*.tar"
    )
    parser.add_argument("--encoder-start", required=True, metavar="FILE", help="ImageNet's EfficientNet-Lite0")
    parser.add_argument("--run", type=Path, default=ROOT / "runs/release", metavar="FOLDER", help="[%(default)s]")
    given = parser.parse_args()
    run = given.run
    seen = ["--feature-network", given.encoder_start]
    validation = shards(given.data, "val")
    photos = [*shards(given.data, "train"), "--validation", *validation]
    large = [*shards(given.more, "large"), *photos]
    everything = [*shards(given.more, "small"), *large]
    model = train("pretrain", photos, run, ["--encoder-start", given.encoder_start, *seen])
    model = train("release", photos, run, ["--start", str(model), *seen], "best")
    for name, shown in (("pretrain-more", everything), ("pretrain-small", everything), ("pretrain-fall", large)):
        model = train(name, shown, run, ["--start", str(model), *seen])
    start = ["--start", str(model), *seen]
    even, again = (train(name, large, run, start) for name in ("release-even", "release-even-again"))
    steady = train("release-steady", large, run, ["--start", str(again), *seen])
    # Even twice: steady makes colors hold still, and paler.
    mean = save_mean(run / "mean.safetensors", [even, even, again, steady])
    people = train("release-people", large, run, ["--start", str(mean), *seen])
    mean_people = save_mean(run / "mean-people.safetensors", [mean, people])
    palette = train("release-palette", large, run, ["--start", str(mean_people), *seen])
    mean_128 = save_mean(run / "mean-128.safetensors", [mean, people, palette])
    of_people = [*shards(given.more, "people"), "--validation", *validation]
    alone = train("pretrain-192", of_people, run, ["--start", str(mean_128)])
    turned = train("release-192", of_people, run, ["--start", str(alone)])
    # Alone, colors are pale; from what was trained small come histograms nearer to the truth's.
    ship([mean_128, mean_128, alone, turned, turned, turned])


if __name__ == "__main__":
    main()
