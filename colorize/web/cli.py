"""`colorize-app` and `python app.py`: read options and environment, load the model, serve the page."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from colorize.errors import ColorizeError, ConfigError
from colorize.options import ENGINES
from colorize.requirements import require
from colorize.web.folder import delete, own_folder
from colorize.web.limits import MB, Limits

PROGRAM = "colorize-app"
_FIRST_PORT = 7860
_LAST_PORT = _FIRST_PORT + 99
_FILES = 4096  # limit of open files, one per connection
_LIMITS = Limits()


class Option(NamedTuple):
    """A command-line option. The environment can set it too: --max-upload as COLORIZE_MAX_UPLOAD."""

    name: str
    type: Callable[[str], Any]
    metavar: str
    default: Any
    help: str

    @property
    def variable(self) -> str:
        return f"COLORIZE_{self.name.upper().replace('-', '_')}"

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


OPTIONS = (
    Option("host", str, "ADDRESS", "127.0.0.1", "address to listen on; 127.0.0.1 is this computer alone, 0.0.0.0 all"),
    Option("port", int, "N", None, f"port; without it the first free one from {_FIRST_PORT}"),
    Option("model", Path, "FILE", None, "another model than the one that comes with it"),
    Option("engine", str, "NAME", ENGINES[0], f"what runs the network: {', '.join(ENGINES)}"),
    Option(
        "allowed-host",
        str,
        "NAMES",
        None,
        "further host names to accept, separated by commas",
    ),
    Option("auth-file", Path, "FILE", None, "accounts as `htpasswd -B` writes them; only these may use the server"),
    Option("trials", Path, "FOLDER", None, "ask people in the place of the page: `python -m colorize.study.choices`"),
    Option("root-path", str, "PATH", None, "where a reverse proxy shows the page, for instance /colorize"),
    Option("max-upload", int, "MB", _LIMITS.upload, "largest upload"),
    Option(
        "max-pixels",
        int,
        "MILLIONS",
        _LIMITS.pixels,
        "largest photo, all pages together, up to 175; a 16-bit pixel counts as three",
    ),
    Option("queue", int, "N", _LIMITS.queue, "jobs of all clients that may wait"),
    Option(
        "per-client",
        int,
        "N",
        _LIMITS.per_client,
        "jobs, and uploads, of one client at a time",
    ),
    Option("max-batch", int, "N", _LIMITS.batch, "photos of one batch"),
    Option("max-film", int, "S", _LIMITS.film, "longest film, in seconds; 0 takes no films"),
    Option("max-seconds", int, "S", _LIMITS.seconds, "longest time for one job or one upload"),
    Option("max-storage", int, "MB", _LIMITS.storage, "space for uploads and results of all clients"),
    Option("keep", int, "MINUTES", _LIMITS.kept, "how long uploads and results are kept"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM. Return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        require("web", "the page")
        _from_environment(options, os.environ)
        _serve(options)
    except ColorizeError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the server has taken the signals over
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Colorize photos in the browser: a page and an API on this computer, no internet needed.",
        epilog="Every option may be given by the environment as well: --max-upload as COLORIZE_MAX_UPLOAD.",
    )
    for option in OPTIONS:
        default = "" if option.default is None else f" (default: {option.default})"
        parser.add_argument(
            f"--{option.name}", type=option.type, metavar=option.metavar, help=f"{option.help}{default}"
        )
    return parser


def _from_environment(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Fill in missing options from the environment, else by their defaults. Raises `ConfigError`."""
    for option in OPTIONS:
        if getattr(options, option.attribute) is not None:
            continue
        value = option.default
        if given := environment.get(option.variable):
            try:
                value = option.type(given)
            except ValueError as error:
                raise ConfigError(f"{option.variable} must be a whole number, got {given!r}") from error
        setattr(options, option.attribute, value)


def _serve(options: argparse.Namespace) -> None:
    """Check the options, load the model and serve. Raises `ColorizeError` if that fails."""
    limits = Limits(
        upload=options.max_upload,
        pixels=options.max_pixels,
        queue=options.queue,
        per_client=options.per_client,
        batch=options.max_batch,
        seconds=options.max_seconds,
        storage=options.max_storage,
        kept=options.keep,
        film=options.max_film,
    )
    if options.port is not None and not 1 <= options.port <= 65535:
        raise ConfigError(f"--port must be from 1 to 65535, got {options.port}")
    from colorize.photo.formats import MAX_PIXELS
    from colorize.web.accounts import Accounts

    if limits.pixels > (most := MAX_PIXELS // 1_000_000):
        raise ConfigError(f"--max-pixels must be {most} at most: larger photos are not opened, got {limits.pixels}")
    from colorize.web.rating import Trials

    trials = None if options.trials is None else Trials(options.trials)
    accounts = None if options.auth_file is None else Accounts.from_file(options.auth_file)
    with _listening(options.host, options.port) as listener, own_folder() as folder:
        os.environ["GRADIO_TEMP_DIR"] = str(folder)  # gradio reads it at import
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # nothing is fetched, but gradio would set up clients
            os.environ.pop(name, None)
            os.environ.pop(name.upper(), None)

        from colorize.coloring.colorizer import Colorizer
        from colorize.system.memory import keep_freed_memory
        from colorize.web.hosts import Hosts
        from colorize.web.photo_service import PhotoService
        from colorize.web.server import Server
        from colorize.web.service import Service
        from colorize.web.store import Store

        keep_freed_memory()
        photo_service = PhotoService(
            Colorizer.load(options.model, engine=options.engine), Store(folder, limits.storage * MB), limits
        )
        hosts = Hosts(options.host, (options.allowed_host or "").split(","))
        service = Service(
            photo_service, limits=limits, accounts=accounts, hosts=hosts, root_path=options.root_path, trials=trials
        )
        logging.basicConfig(level=logging.WARNING, format=f"{PROGRAM}: %(message)s")
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"Colorize is at http://{host}:{listener.getsockname()[1]}/  (Ctrl-C ends it)", flush=True)
        _allow_many_files()

        def end_at_once(number: int, _frame: FrameType | None = None) -> None:  # without waiting for threads
            delete(folder)
            os._exit(128 + number)

        for each in (signal.SIGINT, signal.SIGTERM):  # while the folder is deleted, too: the server gives them back
            signal.signal(each, end_at_once)
        Server(service, end_at_once, log_config=None).run(sockets=[listener])


def _allow_many_files() -> None:
    """Raise the limit of open files: each connection is one, and the usual limit is about the number of connections."""
    if os.name == "posix":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listening(host: str, port: int | None) -> socket.socket:
    """Open a socket on the address, before the slow loading begins. Raises `ConfigError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigError(f"--host {host}: is no address of a computer ({error.strerror})") from error
    refused: OSError | None = None
    for number in [port] if port is not None else range(_FIRST_PORT, _LAST_PORT + 1):
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # on Windows it would let two programs share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], number, *address[2:]))
            listener.listen()
        except OSError as error:
            listener.close()
            refused = error
        else:
            return listener
    assert refused is not None
    where = host if port is None else f"{host}:{port}"
    raise ConfigError(f"cannot listen on {where} ({refused.strerror})") from refused
