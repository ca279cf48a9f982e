"""Train the model that comes with the program, from the shards to the files in colorize/weights/.

    python scripts/train_release.py DATA --encoder-start efficientnet_lite0.safetensors --run runs/release

DATA is a folder with train-*.tar and val-*.tar; scripts/efficientnet_lite_weights.py makes the encoder's file. Two
runs, one after the other: G alone, with hints (recipes/pretrain.json), then by turns with D until colors come no nearer
(recipes/release.json). The same command goes on where it was stopped. What is shipped is the best generator of the
second, its chroma stronger by one factor, in float16, and its graph.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from colorize.export.export import export
from colorize.models.modelfile import SHIPPED_MODEL
from colorize.models.weights import load_generator, save_generator

ROOT = Path(__file__).parents[1]
GAIN = 1.35  # of chroma: more is more colorful and less true, `evaluate --sweep strength=…` tells how much


def train(name: str, data: Path, run: Path, start: list[str]) -> Path:
    """One run of train.py, or what is missing of it; gives its folder."""
    folder = run / name
    begun = (folder / "config.json").is_file()
    photos = [*shards(data, "train"), "--validation", *shards(data, "val")]
    how = ["--resume"] if begun else ["--config", str(ROOT / "recipes" / f"{name}.json"), *start]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *photos, "--run", str(folder), *how], check=True)
    return folder


def shards(data: Path, part: str) -> list[str]:
    return sorted(str(path.resolve()) for path in data.glob(f"{part}-*.tar"))


def ship(model: Path) -> None:
    """Put a trained model into its place in the package, and its graph beside it."""
    generator, info = load_generator(model)
    generator.scale_chroma(GAIN)
    save_generator(SHIPPED_MODEL, generator, {**info.training, "chroma_gain": GAIN}, dtype=torch.float16)
    for line in export(SHIPPED_MODEL, SHIPPED_MODEL.parent):
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the model that comes with the program.")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with train-*.tar and val-*.tar")
    parser.add_argument("--encoder-start", required=True, metavar="FILE", help="ImageNet's EfficientNet-Lite0")
    parser.add_argument("--run", type=Path, default=ROOT / "runs/release", metavar="FOLDER", help="[%(default)s]")
    given = parser.parse_args()
    seen = ["--feature-network", given.encoder_start]
    pretrained = train("pretrain", given.data, given.run, ["--encoder-start", given.encoder_start, *seen])
    released = train("release", given.data, given.run, ["--start", str(pretrained / "last.safetensors"), *seen])
    ship(released / "best.safetensors")


if __name__ == "__main__":
    main()
