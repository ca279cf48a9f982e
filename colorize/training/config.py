"""What a training run can be told, with every default: options, recipes and run folders all read this one class."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from colorize.errors import ConfigError
from colorize.former_names import takes_former_names, with_new_losses, with_new_names
from colorize.models.architectures import GENERATORS
from colorize.models.patchgan import DISCRIMINATORS, DiscriminatorNorm, DiscriminatorSettings
from colorize.options import is_finite
from colorize.training.losses import OBJECTIVES
from colorize.training.optimizers import OPTIMIZERS
from colorize.training.schedules import SCHEDULES

# What may be another when a run is resumed: steps of phases as `check_longer` says, and these.
INTERVALS = ("log_interval", "validate_interval", "checkpoint_interval", "keep_every")
CHANGEABLE = (*INTERVALS, "patience", "workers", "compile")
STEPS = ("generator_steps", "discriminator_steps", "adversarial_steps")
PRECISIONS = ("auto", "bf16", "fp32")
TRAINING_DEVICES = ("auto", "cpu")


def _option(
    default: Any, text: str, *, least: float | None = None, below: float | None = None, among: Iterable[str] = ()
) -> Any:
    """A field whose description, with its unit, is also the text of `train.py --help`, and its range or names."""
    metadata = {"help": text, "least": least, "below": below, "among": tuple(among)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@takes_former_names
@dataclass(frozen=True)
class TrainConfig:
    """One run. Raises `ConfigError` for a value outside its range."""

    # What is trained
    architecture: str = _option("mobile-unet", f"generator: {' or '.join(GENERATORS)}", among=GENERATORS)
    generator_settings: dict[str, Any] = _option({}, 'its settings as JSON, e.g. \'{"ngf": 32, "depth": 7}\'')
    start: str = _option(
        "",
        "model file to go on from, instead of fresh weights; its architecture and settings hold where none are given",
    )
    encoder_start: str = _option(
        "",
        'weights of the encoder: "hub" for torchvision\'s ImageNet weights, or a safetensors file of such (of '
        "MobileNetV2 or EfficientNet-Lite: trained on inputs in [−1, 1]); with --start it takes the place of that "
        "model's encoder",
    )
    discriminators: tuple[str, ...] = _option(("patch",), f"one or more of {', '.join(DISCRIMINATORS)}")
    ndf: int = _option(64, "channels of a discriminator's first convolution")
    n_layers: int = _option(3, "stride-2 convolutions of the patch discriminator (3: 70×70 px)")
    spectral_norm: bool = _option(
        False, "spectral norm in the discriminators instead of BatchNorm (wgan-gp has neither)"
    )
    discriminator_scale: int = _option(1, "the discriminators see the photo this many times smaller", least=1)

    # Losses
    objective: str = _option("bce", f"adversarial objective: {', '.join(OBJECTIVES)}", among=OBJECTIVES)
    losses: dict[str, float] = _option(
        {"l1": 1.0},
        "the terms of G's explicit loss and their weights as JSON: l1, mse, huber (on ab), cross-entropy (of a head of "
        "bins), distribution (of the bins beside ab), perceptual and distillation (by --feature-network), consistency "
        "(of a photo that comes a little differently), stains (colors that vary within a thing), skin (what has its "
        "colors), palette (of the batch as a whole)",
    )
    feature_network: str = _option(
        "",
        'network trained on ImageNet, for the losses perceptual and distillation: "hub" for torchvision\'s '
        "MobileNetV2, or a safetensors file of MobileNetV2 or EfficientNet-Lite",
    )
    adversarial_weight: float = _option(1.0, "weight of G's adversarial loss; 0: D is left out", least=0)
    reconstruction_weight: float = _option(100.0, "λ, weight of the sum of --losses in the adversarial phase", least=0)

    # The three phases, in this order
    generator_steps: int = _option(4000, "steps of G alone on --losses", least=0)
    discriminator_steps: int = _option(100, "steps of D alone", least=0)
    adversarial_steps: int = _option(1000, "steps of both, alternating", least=0)
    patience: int = _option(
        0,
        "measurements without better colors after which alternating ends; what is best by then is best.safetensors; "
        "0: none",
        least=0,
    )
    d_steps: int = _option(1, "updates of D per update of G while alternating", least=1)

    # Optimizers
    batch_size: int = _option(
        16,
        "photos of a forward pass, of all processes together: each has an equal share, and the rates stay as they are, "
        "whatever their number",
        least=1,
    )
    accumulation: int = _option(1, "batches whose gradients are added up before an update", least=1)
    pretrain_optimizer: str = _option(
        "adamw", f"G's optimizer while alone: {', '.join(OPTIMIZERS)}; muon learns more of each photo", among=OPTIMIZERS
    )
    pretrain_lr: float = _option(2e-3, "G's peak learning rate while alone, after a warm-up", least=0)
    schedule: str = _option("cosine", f"how it falls from there: {', '.join(SCHEDULES)}", among=SCHEDULES)
    weight_decay: float = _option(0.01, "the optimizer's, while G is alone", least=0)
    g_lr: float = _option(2e-4, "G's learning rate while alternating (Adam, linear to 0 over the second half)", least=0)
    d_lr: float = _option(2e-4, "D's learning rate", least=0)
    encoder_lr: float = _option(
        0.05,
        "the encoder, if it starts out trained, learns with this fraction of G's rate: at 0.15 of 2e-3 its "
        "innermost features died",
        least=0,
    )
    frozen: tuple[str, ...] = _option(
        (), "G's parameters whose names begin with one of these stay as they are: encoder.stages.0. is its finest stage"
    )
    clip: float = _option(0.0, "largest norm of G's gradient; 0: any", least=0)
    beta1: float = _option(0.5, "Adam's first β while alternating", least=0, below=1)
    beta2: float = _option(0.999, "Adam's second β while alternating", least=0, below=1)
    ema: float = _option(
        0.999, "decay of the moving average of G's weights, which is what is saved; 0: none", least=0, below=1
    )

    # Photos
    size: int = _option(128, "side in pixels of the square crops that are trained on", least=16)
    min_side: int = _option(64, "photos with a side shorter than this, in pixels, are skipped", least=1)
    min_colorfulness: float = _option(
        4.0, "photos below this (Hasler & Süsstrunk, 0 to about 150) are skipped as gray", least=0
    )
    zoom: float = _option(0.7, "the box that a crop is cut from has this fraction or more of the short side")
    jitter: float = _option(0.15, "strength of the random change of brightness and contrast; 0: none", least=0, below=1)
    augmentations: tuple[str, ...] = _option(
        ("flip", "light"),
        "random changes of the photos, in this order, after the crop: names of AUGMENTATIONS in augment.py",
    )
    degraded: float = _option(
        0.0,
        "share of the photos whose lightness is worn like an old print's: burnt out, faded, grainy, soft, blind to red",
        least=0,
    )
    hints: float = _option(0.0, "share of the photos that are shown with hints of their true colors", least=0)
    source_balance: float = _option(
        0.0,
        "how much less the large sources are drawn from: of one with n photos (m/n)^this is used, m being the median; "
        "0: all, 1: no source counts more than the median one. A source is what stands before the number in a shard's "
        "SOURCE-NUMBER.webp, or a folder",
        least=0,
    )
    holdout: int = _option(
        50, "without --validation, one photo in this many is kept out of training to measure on", least=2
    )
    validation_photos: int = _option(256, "photos measured on at most", least=1)
    shuffle_buffer: int = _option(1000, "photos per worker among which the next one is drawn", least=1)
    workers: int = _option(2, "processes that decode photos, per training process; 0: none", least=0)

    # The run
    precision: str = _option(
        "auto", f"one of {', '.join(PRECISIONS)}; auto: bf16 where the processor multiplies in it", among=PRECISIONS
    )
    compile: bool = _option(
        False, "let torch.compile make code of the networks for the device, which is slow at first; not for wgan-gp"
    )
    device: str = _option("auto", "auto or cpu; which GPU is `accelerate launch`'s business", among=TRAINING_DEVICES)
    seed: int = _option(0, "of weights, order and augmentation", least=0)
    log_interval: int = _option(20, "steps between lines in the log", least=1)
    validate_interval: int = _option(500, "steps between measurements on the validation photos", least=1)
    checkpoint_interval: int = _option(250, "steps between checkpoints that --resume can go on from", least=1)
    keep_every: int = _option(0, "steps between generators that are kept for good, in checkpoints/; 0: none", least=0)
    extra: dict[str, Any] = _option({}, "settings of losses, phases and augmentations of your own, as JSON")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            _check_type(field.name, value, field.type)
            _check_range(field.name, value, **{key: field.metadata[key] for key in ("least", "below", "among")})
        if self.spectral_norm and OBJECTIVES[self.objective].penalty_weight:
            raise ConfigError(f"{self.objective} and spectral-norm exclude each other: both bound D's slope")
        if self.compile and OBJECTIVES[self.objective].penalty_weight:
            raise ConfigError(f"{self.objective} and compile exclude each other: its penalty is on gradients")
        for name in ("discriminators", "frozen", "augmentations"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON has lists
        for name, weight in self.losses.items():
            _check_type(f"losses: {name}", weight, "float")
            _check_range(f"losses: {name}", weight, 0, None, ())
        if not self.discriminators:
            raise ConfigError("discriminators: expected at least one, got none")
        for each in self.discriminator_settings():  # which checks ndf, n_layers and the kinds
            least = each.smallest * self.discriminator_scale
            if self.size < least:
                raise ConfigError(f"size must be at least {least} for the {each.kind} discriminator, got {self.size}")
        for name in ("degraded", "hints"):
            if getattr(self, name) > 1:
                raise ConfigError(f"{name} must be a share from 0 to 1, got {getattr(self, name)}")
        if not 0 < self.zoom <= 1:
            raise ConfigError(f"zoom must be above 0 and at most 1, got {self.zoom}")

    @property
    def encoder_is_trained(self) -> bool:
        """Whether the run begins with an encoder that knows something already."""
        return bool(self.start or self.encoder_start)

    def discriminator_settings(self) -> list[DiscriminatorSettings]:
        # A penalty on D's gradient at each photo makes no sense where BatchNorm ties the photos of a batch together.
        penalized = OBJECTIVES[self.objective].penalty_weight > 0
        norm: DiscriminatorNorm = "spectral" if self.spectral_norm else "none" if penalized else "batch"
        return [DiscriminatorSettings(kind, self.ndf, self.n_layers, norm) for kind in self.discriminators]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a JSON file, for `TrainConfig(**settings)`.

    `"inherits": FILE`, beside it, brings the settings that the file does not have itself. A setting goes as a whole,
    `losses` too. Raises `ConfigError` if it is not such a file.
    """
    return _read_recipe(Path(path), ())


def _read_recipe(path: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{path}: expected JSON ({error})") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: expected a JSON object with settings, got {type(settings).__name__}")
    parent = settings.pop("inherits", None)
    settings = with_new_losses(with_new_names(settings))
    known = {field.name for field in dataclasses.fields(TrainConfig)}
    for name in settings:
        if name not in known:
            raise ConfigError(f"{path}: unknown setting {name!r}")
    if parent is None:
        return settings
    if not isinstance(parent, str):
        raise ConfigError(f"{path}: inherits must be the name of a file, got {parent!r}")
    heirs = (*heirs, path.resolve())
    if (path.parent / parent).resolve() in heirs:
        raise ConfigError(f"{path}: inherits from {parent}, which inherits from it")
    return _read_recipe(path.parent / parent, heirs) | settings


_TYPE_NAMES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


def _check_type(name: str, value: Any, annotation: Any) -> None:
    """JSON may bring anything; the ranges are checked afterwards."""
    if annotation in _TYPE_NAMES:
        expected: tuple[type, ...] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}[annotation]
        good = isinstance(value, expected) and (annotation == "bool" or not isinstance(value, bool))
        good = good and (annotation != "float" or is_finite(value))
        what = _TYPE_NAMES[annotation]
    elif annotation.startswith("tuple"):
        good = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        what = "a list of names"
    else:
        good, what = isinstance(value, dict), "a JSON object"
    if not good:
        raise ConfigError(f"{name} must be {what}, got {value!r}")


def _check_range(name: str, value: Any, least: float | None, below: float | None, among: tuple[str, ...]) -> None:
    if among and value not in among:
        raise ConfigError(f"{name} must be one of {', '.join(among)}, got {value!r}")
    low, high = least is None or value >= least, below is None or value < below
    if not (low and high):
        upper = "" if below is None else f" and below {below}"
        raise ConfigError(f"{name} must be at least {least}{upper}, got {value}")


FIELD_TYPES = get_type_hints(TrainConfig)
