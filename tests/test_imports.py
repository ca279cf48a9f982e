"""What programs import when they start, in interpreters of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.process

# What takes a noticeable time to import, and so must not be imported before it is needed.
HEAVY = (
    *("torch", "torchvision", "kornia", "gradio", "PIL", "numpy", "tifffile", "accelerate", "webdataset"),
    *("skimage", "pandas", "matplotlib", "onnxruntime", "av", "cv2"),
)


def test_importing_the_package_and_its_programs_imports_nothing_heavy() -> None:
    code = (
        "import colorize, colorize.cli.command, colorize.options, colorize.training.cli, train, app, sys;"
        f"print(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_coloring_a_photo_on_a_cpu_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    Image.new("L", (40, 40), 99).save(tmp_path / "photo.png")
    code = (
        "import sys; from colorize.cli import main; status = main(sys.argv[1:]);"
        "heavy = {'torch', 'torchvision', 'kornia', 'onnx', 'xml.sax', 'ssl', 'tomllib'};"
        "print(*sorted(heavy & set(sys.modules))); sys.exit(status)"
    )
    call = [sys.executable, "-c", code, str(tmp_path / "photo.png"), "--device", "cpu"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "photo-color.png")]
    assert done.stderr == ""


def test_torch_as_the_engine_imports_no_more_than_it_needs() -> None:
    code = (
        "import sys; from PIL import Image; from colorize import Colorizer;"
        "Colorizer.load(device='cpu', engine='torch')(Image.new('L', (40, 40)));"
        "print(*sorted({'torchvision', 'kornia', 'torch._dynamo', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
