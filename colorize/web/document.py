"""The HTML document: its link preview, its content security policy, its compression."""

from __future__ import annotations

import json
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colorize.web.gradio_internals import with_nonces, with_own_preview
from colorize.web.requests import API
from colorize.web.texts import language_of, languages

# What gradio's page needs. Scripts: files of this server, inline ones with the nonce, and `eval`: gradio compiles the
# scripts of our parts with `new Function`. Styles: gradio writes them into the document.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
# For all other answers: they need no scripts.
_OTHER_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": _OTHER_POLICY,
}
_PREVIEW = """
<title>Colorize</title>
<meta name="description" content="Believable color for grayscale photographs">
<meta property="og:type" content="website">
<meta property="og:title" content="Colorize">
<meta property="og:description" content="Believable color for grayscale photographs">
<meta name="twitter:card" content="summary">
"""
# The texts of the page, once for all its parts. gradio asks the browser for its language.
_LANGUAGE = """
<script>
window.colorizeTexts = {texts};
for (const [name, value] of Object.entries({{language: {language}, languages: [{language}]}})) {{
  Object.defineProperty(navigator, name, {{get: () => value}});
}}
</script>
"""
_COMPRESSED_ALREADY = (f"{API}/file=", f"{API}/upload")
_LEAST = 1000  # bytes; smaller answers are not compressed
_LEVEL = 6


class Documents:
    """ASGI middleware: adds security headers to all answers, preview and policy to the page, and compresses."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressed = GZipMiddleware(app, minimum_size=_LEAST, compresslevel=_LEVEL)
        self._page = GZipMiddleware(_Page(app), minimum_size=_LEAST, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(_COMPRESSED_ALREADY) or path.endswith(".jpg"):
            app = self._plain
        else:
            app = self._page if path == "/" else self._compressed
        await app(scope, receive, with_headers(send))


class _Page:
    """ASGI middleware that gathers the page, then sends it with its preview and policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def gather(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                await _send_page(start, body, send, language_of(Headers(scope=scope)))

        await self._app(scope, receive, gather)


async def _send_page(start: Message, body: bytes, send: Send, language: str) -> None:
    headers = MutableHeaders(raw=list(start["headers"]))
    if headers.get("content-type", "").startswith("text/html") and start["status"] == 200:
        nonce = secrets.token_urlsafe(16)
        body = with_nonces(with_own_preview(body.decode(), _PREVIEW + _language_script(language)), nonce).encode()
        headers["Content-Security-Policy"] = _PAGE_POLICY.format(nonce=nonce)
        headers["Cache-Control"] = "no-cache"  # a nonce is used once
        if body:  # a HEAD answer has none, and states the length of the GET answer
            headers["Content-Length"] = str(len(body))
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})


def _language_script(language: str) -> str:
    texts = json.dumps(languages()[language], ensure_ascii=False).replace("<", r"\u003c")
    return _LANGUAGE.format(texts=texts, language=json.dumps(language))


def with_headers(send: Send) -> Send:
    """Add security headers to answers that do not have them."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = Headers(raw=list(message["headers"]))
            ours = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items() if name not in there]
            message = {**message, "headers": [*message["headers"], *ours]}
        await send(message)

    return send_with_headers
