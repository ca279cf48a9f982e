"""What has to be installed for what: the name of the distribution, and what its extras bring.

Coloring photos by command and from Python needs the core alone. Everything else checks its extra before it begins.
"""

from __future__ import annotations

from importlib.util import find_spec

from colorize.errors import MissingExtra

DISTRIBUTION = "colorize-photos"  # on PyPI, `colorize` is another project

_TRAIN = ("torch", "torchvision", "kornia", "accelerate", "webdataset", "fsspec")  # a run goes on without tensorboard

# The import names that an extra of pyproject.toml must bring.
EXTRAS = {
    "web": ("gradio", "prometheus_client", "bcrypt"),
    "torch": ("torch",),
    "train": _TRAIN,
    "export": (*_TRAIN, "onnx", "onnxscript"),
    "study": (*_TRAIN, "skimage", "matplotlib", "jinja2", "markdown_it"),
    "heic": ("pillow_heif",),
    "raw": ("rawpy",),
    "video": ("av", "cv2"),
    "ray": ("ray", "fsspec", "pyarrow"),
}


def install_command(extra: str) -> str:
    """The command that installs `extra`."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def is_installed(module: str) -> bool:
    """Whether the top-level module is there. It is not imported."""
    return find_spec(module) is not None


def require(extra: str, purpose: str, *modules: str) -> None:
    """Check that an extra is installed, without importing it.

    Args:
        extra: A key of `EXTRAS`.
        purpose: What needs it; the subject of the message.
        modules: The import names to look for; without any, all of the extra.

    Raises:
        MissingExtra: One of them is missing. The message names it and the command that installs the extra.
    """
    for module in modules or EXTRAS[extra]:
        if not is_installed(module):
            raise MissingExtra(f"{purpose} needs {module}, which is not installed: {install_command(extra)}")
