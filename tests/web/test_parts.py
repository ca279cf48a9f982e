"""Store, accounts, limits and words, each for itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from colorize.errors import ConfigError
from colorize.web.limits import Limits
from colorize.web.store import Store, safe_name
from colorize.web.texts import COOKIE, language_of, languages
from tests.web.conftest import LEAKS

pytestmark = [pytest.mark.web, *LEAKS]  # of the files before this one
WEB = Path(__file__).parents[2] / "colorize" / "web"


def test_every_language_has_the_same_words_with_the_same_gaps() -> None:
    english = languages()["en"]
    assert languages().keys() == {"en", "de", "es", "fr", "zh-CN"}
    for texts in languages().values():
        assert texts.keys() == english.keys()
        for key, text in texts.items():
            assert set(re.findall(r"\{\w+\}", text)) >= set(re.findall(r"\{\w+\}", english[key])), key


def test_every_word_is_used_and_every_word_that_is_used_is_there() -> None:
    sources = [path for path in WEB.rglob("*") if path.suffix in (".py", ".js", ".html")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    for key in languages()["en"]:
        assert re.search(rf"""["']{key}["']""", text), key
    for key in re.findall(r"""data-(?:text|label|title)="(\w+)"|\bt\(["'](\w+)["']|texts\["(\w+)"\]""", text):
        assert "".join(key) in languages()["en"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("it", "en"),
        ("fr", "fr"),
        ("de-AT", "de"),
        ("es-419,es;q=0.9", "es"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("ZH-cn", "zh-CN"),
        ("zh-Hant-TW", "zh-CN"),  # nearer than English
        ("it-IT,it;q=0.9,zh;q=0.5", "zh-CN"),
        (";;,,q=1", "en"),
    ],
)
def test_the_language_is_the_first_that_is_asked_for_and_there(accepted: str, language: str) -> None:
    assert language_of({"accept-language": accepted}) == language


def test_a_language_that_was_chosen_goes_before_the_browsers() -> None:
    headers = {"accept-language": "en", "cookie": f"a=b; {COOKIE}=zh-CN"}
    assert language_of(headers) == "zh-CN"
    assert language_of(headers | {"cookie": f"{COOKIE}=../en"}) == "en"
    assert language_of(headers | {"cookie": f"{COOKIE}=\x00;;=,"}) == "en"


def test_names_lose_folders_and_what_systems_cannot_hold() -> None:
    assert safe_name("C:\\scans\\a?b<c>.png") == "abc.png"
    assert safe_name("a\0b\nc.png") == "abc.png"
    assert safe_name("") == safe_name("/") == safe_name(". .") == "photo"
    long = safe_name("照" * 200 + ".jpeg")
    assert long.endswith("照.jpeg")
    assert len(long.encode()) <= 180


def test_the_store_untells_its_folders(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.new_folder()
    assert store.without_paths(f"{folder}/a.png and {folder}/b.png: bad") == "a.png and b.png: bad"


def test_a_limit_below_1_is_told() -> None:
    with pytest.raises(ConfigError, match="queue must be 1 or more, got 0"):
        Limits(queue=0)
