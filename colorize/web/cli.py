"""`app.py`: options → a colorizer → the page on an address."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colorize.errors import ColorizeError, ConfigError

if TYPE_CHECKING:
    from colorize.colorizer import Colorizer

_LOCAL = "127.0.0.1"
_FIRST_PORT = 7860  # gradio's own, and the next free one after it
_LARGEST_UPLOAD = "500mb"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C, and give the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _check_address(options.host, options.port)
        serve(options.host, options.port, options.model)
    except ColorizeError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py", description="Colorize photos in the browser: a page on this computer, no internet needed."
    )
    parser.add_argument("--host", default=_LOCAL, help="address to listen on (%(default)s: this computer alone)")
    parser.add_argument("--port", type=int, help=f"port (default: the first free one from {_FIRST_PORT})")
    parser.add_argument("--model", type=Path, metavar="FILE", help="another model than the one that comes with it")
    return parser


def _check_address(host: str, port: int | None) -> None:
    """Before seconds go into loading. Raises `ConfigError` for an address that cannot be listened on."""
    if port is not None and not 1 <= port <= 65535:
        raise ConfigError(f"--port must be from 1 to 65535, got {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise ConfigError(f"--host {host}: is no address of a computer ({error.strerror})") from error
    except OSError as error:
        where = host if port is None else f"{host}:{port}"
        raise ConfigError(f"cannot listen on {where} ({error.strerror})") from error


def serve(host: str, port: int | None, model: Path | None) -> None:
    """Load the model and serve the page until Ctrl-C. Raises `ColorizeError` if that cannot be."""
    from colorize.colorizer import Colorizer
    from colorize.memory import keep_freed_memory

    keep_freed_memory()
    colorizer = Colorizer.load(model)
    with tempfile.TemporaryDirectory(prefix="colorize-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # ours alone: uploads and results end with the program
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # which could only come between the page and itself
            os.environ.pop(name, None)
            os.environ.pop(name.upper(), None)
        _serve(colorizer, f"[{host}]" if ":" in host else host, port)


def _serve(colorizer: Colorizer, host: str, port: int | None) -> None:
    from colorize.web.page import CSS, THEME, build_page

    page = build_page(colorizer)
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            theme=THEME,
            css=CSS,
            footer_links=["api"],
            max_file_size=_LARGEST_UPLOAD,
            ssr_mode=False,  # else it would look for Node.js
            share=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} ({str(error).splitlines()[0]})") from error
    print(f"Colorize is at {url}  (Ctrl-C ends it)", flush=True)
    page.block_thread()
