"""How the documentation is built: `make docs`, offline, with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from colorize import __version__  # noqa: E402  # from this checkout, whatever is installed

project = "Colorize"
author = "the authors of Colorize"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
suppress_warnings = ["myst.header"]  # the study's page begins its sections at any level

html_theme = "furo"
html_title = f"Colorize {release}"
html_show_sphinx = False
html_copy_source = False

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_class_signature = "separated"
