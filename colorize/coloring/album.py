"""`Album`: many photos in color, of which each gray photo follows the one that is most alike."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from colorize import photo
from colorize.color.units import FloatArray
from colorize.coloring.engine import Engine
from colorize.coloring.reference import Reference, describe_scene, read_reference
from colorize.errors import ConfigError, PhotoError

_KEPT = 8  # whole references; what the choice is made by is kept of all photos


class Album:
    """Reference photos to choose from. Each is looked at once, however many gray photos follow."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        """Nothing is opened yet.

        Args:
            paths: of photo files.
        """
        self.left_out: list[str] = []  # photos that cannot be references, with why: one line each
        self._paths = [Path(path) for path in paths]
        self._engine: Engine | None = None  # what has looked at them
        self._scenes: dict[Path, FloatArray] = {}
        self._references: dict[Path, Reference] = {}  # the last ones used, the newest at the end
        self._lock = threading.Lock()

    def prepare(self, engine: Engine) -> None:
        """Look at all photos. `most_alike` does this by itself.

        Args:
            engine: what runs the network; it takes a "reference".

        Raises:
            ConfigError: none of them can be a reference.
        """
        with self._lock:
            if self._engine is engine:
                return
            self.left_out, self._scenes, self._references = [], {}, {}
            for path in self._paths:
                try:
                    self._scenes[path] = read_reference(engine, photo.open(path).image).scene
                except (ConfigError, PhotoError) as error:
                    self.left_out.append(str(error) if str(path) in str(error) else f"{path}: {error}")
            if not self._scenes:
                raise ConfigError(
                    f"expected photos in color to choose references from, none of these {len(self._paths)} is one"
                )
            self._engine = engine

    def most_alike(self, engine: Engine, image: Image.Image) -> tuple[Path, Reference]:
        """Choose the photo that shows what is most alike: the mean over places of the encoder's best cosine.

        Args:
            engine: what runs the network.
            image: the gray photo.

        Returns:
            The chosen file, and what the photo is compared with.

        Raises:
            ConfigError: as `prepare`.
            PhotoError: the chosen file cannot be read any longer.
        """
        self.prepare(engine)
        scene = describe_scene(engine, image)
        path = max(self._scenes, key=lambda each: float(np.max(scene @ self._scenes[each].T, axis=1).mean()))
        with self._lock:
            reference = self._references.pop(path, None)
        if reference is None:
            reference = read_reference(engine, photo.open(path).image)
        with self._lock:
            self._references[path] = reference
            while len(self._references) > _KEPT:
                del self._references[next(iter(self._references))]
        return path, reference
