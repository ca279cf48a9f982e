"""`colorize-app`, `python app.py`: options and environment → a colorizer → the server on an address."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from colorize.errors import ColorizeError, ConfigError
from colorize.options import ENGINES
from colorize.requirements import require
from colorize.web.folder import delete, own_folder
from colorize.web.limits import MB, Limits

PROGRAM = "colorize-app"
_FIRST_PORT = 7860
_LAST_PORT = _FIRST_PORT + 99
_FILES = 4096  # that may be open
_LIMITS = Limits()


class Option(NamedTuple):
    """An option, which the environment may give as well: --max-upload is COLORIZE_MAX_UPLOAD there."""

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
    Option("allowed-host", str, "NAMES", None, "names it is asked by, with commas, besides localhost and --host's"),
    Option("auth-file", Path, "FILE", None, "accounts as `htpasswd -B` writes them; then only these may in"),
    Option("root-path", str, "PATH", None, "where a reverse proxy shows the page, for instance /colorize"),
    Option("max-upload", int, "MB", _LIMITS.upload, "largest upload"),
    Option(
        "max-pixels",
        int,
        "MILLIONS",
        _LIMITS.pixels,
        "largest photo, all its pages together, up to 175; a pixel of 16 bit counts as three",
    ),
    Option("queue", int, "N", _LIMITS.queue, "jobs that may wait, of all clients"),
    Option("per-client", int, "N", _LIMITS.per_client, "jobs of one client that wait or run; its uploads at once"),
    Option("max-batch", int, "N", _LIMITS.batch, "photos of one batch"),
    Option("max-seconds", int, "S", _LIMITS.seconds, "longest that one job, or one upload, may take"),
    Option("max-storage", int, "MB", _LIMITS.storage, "room for uploads and results, of all clients"),
    Option("keep", int, "MINUTES", _LIMITS.kept, "how long uploads and results are kept"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM, and give the exit status."""
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
    """Fill in what was not given: from the environment, else the default. Raises `ConfigError`."""
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
    """Check what can be checked at once, load the model and serve. Raises `ColorizeError` if that cannot be."""
    limits = Limits(
        upload=options.max_upload,
        pixels=options.max_pixels,
        queue=options.queue,
        per_client=options.per_client,
        batch=options.max_batch,
        seconds=options.max_seconds,
        storage=options.max_storage,
        kept=options.keep,
    )
    if options.port is not None and not 1 <= options.port <= 65535:
        raise ConfigError(f"--port must be from 1 to 65535, got {options.port}")
    from colorize.photo.formats import MAX_PIXELS
    from colorize.web.accounts import Accounts

    if limits.pixels > (most := MAX_PIXELS // 1_000_000):
        raise ConfigError(f"--max-pixels must be {most} at most: larger photos are not opened, got {limits.pixels}")
    accounts = None if options.auth_file is None else Accounts.from_file(options.auth_file)
    with _listening(options.host, options.port) as listener, own_folder() as folder:
        os.environ["GRADIO_TEMP_DIR"] = str(folder)  # gradio makes its own at import
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # nothing is fetched, but gradio would prepare for it
            os.environ.pop(name, None)
            os.environ.pop(name.upper(), None)

        from colorize.coloring.colorizer import Colorizer
        from colorize.system.memory import keep_freed_memory
        from colorize.web.hosts import Hosts
        from colorize.web.server import Server
        from colorize.web.service import Service
        from colorize.web.store import Store
        from colorize.web.studio import Studio

        keep_freed_memory()
        studio = Studio(
            Colorizer.load(options.model, engine=options.engine), Store(folder, limits.storage * MB), limits
        )
        hosts = Hosts(options.host, (options.allowed_host or "").split(","))
        service = Service(studio, limits=limits, accounts=accounts, hosts=hosts, root_path=options.root_path)
        logging.basicConfig(level=logging.WARNING, format=f"{PROGRAM}: %(message)s")
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"Colorize is at http://{host}:{listener.getsockname()[1]}/  (Ctrl-C ends it)", flush=True)
        _allow_many_files()

        def end_at_once(signal: int) -> None:  # whatever threads are in the middle of
            delete(folder)
            os._exit(128 + signal)

        Server(service, end_at_once, log_config=None).run(sockets=[listener])


def _allow_many_files() -> None:
    """Each connection is one, and the usual limit is not much more than connections are taken."""
    if os.name == "posix":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listening(host: str, port: int | None) -> socket.socket:
    """A socket on the address, before seconds go into loading. Raises `ConfigError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigError(f"--host {host}: is no address of a computer ({error.strerror})") from error
    refused: OSError | None = None
    for number in [port] if port is not None else range(_FIRST_PORT, _LAST_PORT + 1):
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two programs have one port
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
