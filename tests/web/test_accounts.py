"""Passwords: which files are taken, who may in, and how guessing is slowed down."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from gradio_client import handle_file

from colorize.errors import ConfigError
from colorize.web.accounts import Accounts, TooManyTriesError, Tries
from tests.web.conftest import LEAKS, Running, account, basic, finish, gradio_client, gray, running

pytestmark = [pytest.mark.web, *LEAKS]
HASH = bcrypt.hashpw(b"x", b"$2b$04$abcdefghijklmnopqrstuu").decode()  # the same in every process that runs tests


# -- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "found none"),
        ("# nobody\n", "found none"),
        ("anna\n", "line 1: expected NAME:BCRYPT-HASH"),
        ("anna:secret\n", "line 1: expected NAME:BCRYPT-HASH, and passwords never as they are"),
        ("anna:$apr1$xyz$abc\n", "line 1: expected NAME:BCRYPT-HASH"),
        (f"anna:{HASH}\nanna:{HASH}\n", "line 2: expected each name once"),
        (f":{HASH}\n", "line 1: expected NAME:BCRYPT-HASH"),
        ("anna:\n", "line 1: expected NAME:BCRYPT-HASH"),
        (f"anna:{HASH[:-1]}\n", "line 1: expected NAME:BCRYPT-HASH"),
        (f"anna:{HASH.replace('$04$', '$31$')}\n", "line 1: expected a cost of 15 at most, got 31"),
    ],
)
def test_accounts_that_are_none_are_told_by_line_without_passwords(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "accounts"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        Accounts.from_file(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert expected in message
    assert "\n" not in message
    assert "secret" not in message


def test_plain_passwords_are_refused_with_the_command_that_makes_better_ones(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_text("anna:secret\n", encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=f"htpasswd -B -c {path} NAME"):
        Accounts.from_file(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_may_touch_is_refused_with_the_command_that_forbids_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "accounts"
    path.write_text(f"anna:{HASH}\n", encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}$"):
        Accounts.from_file(path)


def test_an_account_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Accounts.from_file(tmp_path / "none")


@pytest.mark.skipif(shutil.which("htpasswd") is None, reason="no htpasswd: apt install apache2-utils")
def test_what_htpasswd_writes_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    subprocess.run(["htpasswd", "-b", "-B", "-c", path, "anna", "secret"], check=True, capture_output=True)
    subprocess.run(["htpasswd", "-b", "-B", path, "böb", "geheim"], check=True, capture_output=True)
    path.chmod(0o600)
    accounts = Accounts.from_file(path)
    assert finish(accounts.authenticate(basic("anna", "secret"), "192.0.2.1")) == "anna"
    assert finish(accounts.authenticate(basic("böb", "geheim"), "192.0.2.1")) == "böb"
    assert finish(accounts.authenticate(basic("böb", "secret"), "192.0.2.1")) is None


# -- who may in ------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Running]:
    """A server that only anna and böb may use."""
    store = tmp_path / "store"
    store.mkdir()
    accounts = Accounts(dict([account("anna", "secret:with colon"), account("böb", "geheim")]))
    with running(store, accounts=accounts) as there:
        yield there


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Basic",
        "Basic !",
        "Bearer x",
        "Basic OgA=",  # no name, and a password of one NUL
        basic("nobody", "\0"),
        basic("anna", "\0"),
        basic("anna", ""),
        basic("anna", "wrong"),
        basic("nobody", ""),
        basic("", ""),
        basic("nobody", "geheim"),
    ],
)
def test_wrong_names_and_passwords_are_refused(wrong: str) -> None:
    accounts = Accounts(dict([account("anna", "secret"), account("böb", "geheim")]))
    assert finish(accounts.authenticate(wrong, "192.0.2.1")) is None


@pytest.mark.parametrize("wrong", ["", "Basic OgA=", basic("nobody", "\0"), basic("anna", "wrong")])
def test_without_an_account_there_are_only_health_and_numbers(locked: Running, wrong: str) -> None:
    answer = locked.http.get("/", headers={"Authorization": wrong})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert locked.upload(gray(), Authorization=wrong).status_code == 401
    assert locked.http.get("/healthz").status_code == 200
    assert locked.http.get("/metrics").status_code == 200


def test_who_has_an_account_may_in(locked: Running, tmp_path: Path) -> None:
    for right in (basic("anna", "secret:with colon"), basic("böb", "geheim")):
        locked.http.headers["Authorization"] = right
        assert locked.http.get("/").status_code == 200
        event, _ = locked.result("colorize", locked.call("colorize", photo=locked.file(gray())))
        assert event == "complete"
    photo = tmp_path / "photo.png"
    photo.write_bytes(gray())
    with gradio_client(locked, Authorization=basic("anna", "secret:with colon")) as client:
        assert Path(client.predict(photo=handle_file(photo), api_name="/colorize")).name == "photo-color.jpg"


# -- guessing --------------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_even_where_a_guess_is_right(locked: Running) -> None:
    for number in range(6):
        assert locked.http.get("/", headers={"Authorization": basic("anna", f"guess {number}")}).status_code == 401
    answer = locked.http.get("/", headers={"Authorization": basic("anna", "secret:with colon")})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["detail"].startswith("Too many wrong passwords. Try again in ")
    time.sleep(int(answer.headers["Retry-After"]))
    assert locked.http.get("/", headers={"Authorization": basic("anna", "secret:with colon")}).status_code == 200


def accounts_of_cost(rounds: int) -> Accounts:
    return Accounts({"anna": bcrypt.hashpw(b"secret", bcrypt.gensalt(rounds)).decode()})


def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The passwords that bcrypt was asked about, in the future."""
    asked: list[bytes] = []
    check: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        asked.append(password)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return asked


def test_guesses_at_the_same_moment_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = checks(monkeypatch)

    async def guess() -> list[Any]:
        accounts = accounts_of_cost(4)
        tries = [accounts.authenticate(basic("anna", str(number)), "192.0.2.1") for number in range(100)]
        return await asyncio.gather(*tries, return_exceptions=True)

    answers = finish(guess())
    assert len(asked) == 6
    assert sum(isinstance(answer, TooManyTriesError) for answer in answers) == 94


def test_the_wait_doubles_up_to_a_minute_and_is_each_networks_own() -> None:
    now = 1000.0
    tries = Tries(clock=lambda: now)
    waits = []
    for number in range(14):
        with tries.attempt("192.0.2.1", bytes([number])):
            pass
        try:
            tries.check("192.0.2.1")
            waits.append(0)
        except TooManyTriesError as error:
            waits.append(error.seconds - 1)
            now += error.seconds
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    tries.check("192.0.2.2")
    for number in range(9):  # of one customer's network, from another address each time
        with tries.attempt(f"2001:db8::{number}", bytes([number])):
            pass
    with pytest.raises(TooManyTriesError):
        tries.check("2001:db8::ffff:1")


def test_the_same_wrong_password_again_is_neither_checked_nor_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = checks(monkeypatch)

    async def repeat() -> list[str | None]:
        accounts = accounts_of_cost(4)
        return [await accounts.authenticate(basic("anna", "old"), "192.0.2.1") for _ in range(50)]

    assert finish(repeat()) == [None] * 50
    assert asked == [b"old"]


def test_a_proven_password_is_checked_once_and_other_requests_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = checks(monkeypatch)

    async def ask() -> tuple[list[str | None], float]:
        accounts = accounts_of_cost(12)  # some 200 ms
        longest, ended = 0.0, False

        async def tick() -> None:
            nonlocal longest
            while not ended:
                before = time.thread_time()  # of the event loop alone: the machine may do other things
                await asyncio.sleep(0.001)
                longest = max(longest, time.thread_time() - before)

        ticking = asyncio.create_task(tick())
        right = basic("anna", "secret")
        answers = list(await asyncio.gather(*(accounts.authenticate(right, "192.0.2.1") for _ in range(30))))
        answers += [await accounts.authenticate(right, "192.0.2.2") for _ in range(30)]
        ended = True
        await ticking
        return answers, longest

    answers, longest = finish(ask())
    assert answers == ["anna"] * 60
    assert asked == [b"secret"]
    assert longest < 0.1


def test_an_unknown_name_takes_as_long_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[bytes] = []
    check: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def noted(password: bytes, hashed: bytes) -> bool:
        rounds.append(hashed[:7])
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    accounts = accounts_of_cost(5)
    finish(accounts.authenticate(basic("anna", "wrong"), "192.0.2.1"))
    finish(accounts.authenticate(basic("nobody", "wrong"), "192.0.2.1"))
    assert rounds == [b"$2b$05$", b"$2b$05$"]


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    tries = Tries(most_addresses=10)
    for number in range(100):
        with tries.attempt(f"192.0.2.{number}", b"x"):
            pass
    assert len(tries) == 10
