"""The page's words, one file a language. A new file is a new language: the same keys, and `locales` it is for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

Texts = dict[str, str]

DEFAULT = "en"
COOKIE = "colorize-language"  # set by the page when its user chooses a language
# What errors of files say most often: their English words are those of the errors.
_OF_ERRORS = ("not_a_photo", "empty_file", "damaged_photo", "unknown_kind", "no_memory", "not_a_film")


@cache
def languages() -> dict[str, Texts]:
    """The words of every language, by the name of its file."""
    files = sorted(Path(__file__).parent.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def language_of(headers: Mapping[str, str]) -> str:
    """The language of a request: what its user chose on the page, or the first one that the browser asks for.

    Args:
        headers: of the request, names in lower case

    Returns:
        the name of the language's file
    """
    with suppress(CookieError):
        chosen = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if chosen and chosen.value in languages():
            return chosen.value
    return _first_known(headers.get("accept-language", ""))


def texts_of(headers: Mapping[str, str]) -> Texts:
    """The words for a request, as `language_of`."""
    return languages()[language_of(headers)]


def translated(message: str, texts: Texts) -> str:
    """An error's message with what is known of it in a language; details of decoders stay English.

    Args:
        message: in English.
        texts: of the language.

    Returns:
        The message, each known part of it translated.
    """
    for key in _OF_ERRORS:
        message = message.replace(languages()[DEFAULT][key], texts[key])
    return message


def _first_known(accepted: str) -> str:
    """The first language of an Accept-Language header that there is, English otherwise."""
    known = {locale.lower(): name for name, texts in languages().items() for locale in texts["locales"].split()}
    for wanted in re.findall(r"[A-Za-z]+(?:-[A-Za-z0-9]+)*", re.sub(r";\s*q=[^,]*", "", accepted)):
        tag = wanted.lower()
        if name := known.get(tag) or known.get(tag.partition("-")[0]):
            return name
    return DEFAULT
