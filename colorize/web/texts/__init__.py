"""The page's words, one file a language. A new file is a new language: the same keys, and `locales` it is for."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

Texts = dict[str, str]

DEFAULT = "en"


@cache
def languages() -> dict[str, Texts]:
    """The words of every language, by the name of its file."""
    files = sorted(Path(__file__).parent.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def by_locale() -> dict[str, Texts]:
    """The same by each locale that browsers may give, as gradio's `I18n` takes them."""
    return {locale: texts for texts in languages().values() for locale in texts["locales"].split()}


def in_language_of(accepted: str) -> Texts:
    """The words for an Accept-Language header: the first language in it that there is, English otherwise."""
    known = {locale.lower(): texts for locale, texts in by_locale().items()}
    for wanted in re.findall(r"[A-Za-z]+(?:-[A-Za-z0-9]+)*", re.sub(r";\s*q=[^,]*", "", accepted)):
        tag = wanted.lower()
        if texts := known.get(tag) or known.get(tag.partition("-")[0]):
            return texts
    return languages()[DEFAULT]
