"""Every error a caller can cause.

ColorizeError
 ├─ PhotoError     a file that is not a photo, or cannot be read or written
 ├─ FilmError      a film that cannot be read, colored or written
 ├─ WeightsError   a model file that is missing, damaged or of another program
 ├─ ConfigError    an option or setting outside its range
 │   └─ MissingExtra  what was asked for needs an extra that is not installed
 ├─ DataError      training or evaluation photos that cannot be found or used
 ├─ ClusterError   a cluster or a store of photos that cannot be used, or is lost on the way
 └─ TrainingError  a run that cannot go on (a loss that is not a number, a resume that does not fit)

The message is one line that says what was expected and what came.
"""

from __future__ import annotations


class ColorizeError(Exception):
    """Base of all errors that this package raises on purpose."""


class PhotoError(ColorizeError):
    """A photo file that cannot be opened, decoded or written."""


class FilmError(ColorizeError):
    """A film file that cannot be opened, decoded, colored or written."""


class WeightsError(ColorizeError):
    """A model file that is missing, damaged, foreign or does not fit its own settings."""


class ConfigError(ColorizeError):
    """An option or setting that is unknown or outside its range."""


class MissingExtra(ConfigError):
    """Something was asked for that needs an extra of the package, which is not installed."""


class DataError(ColorizeError):
    """Training or evaluation photos that cannot be found or used."""


class ClusterError(ColorizeError):
    """A cluster or a store of photos that cannot be used, or that is lost in the middle of a run."""


class TrainingError(ColorizeError):
    """A training run that cannot go on."""
