"""Bounds on what a request brings, held before Gradio reads any of it."""

import sys
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from json import dumps
from pathlib import Path
from typing import Any, TextIO

from audiodiff.demo.limits import Bytes, Limits
from audiodiff.types import Seconds

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
ENVELOPE: Bytes = 64 << 10
"""Bytes that an upload may have around its file."""
IN_USE: Seconds = 120.0
"""Age up to which a file is not removed to make room."""


class BoundedRequests:
    """An ASGI application inside bounds: bodies of forms are short, uploads have room in `folder`, or get an answer.

    The message of an error that the application does not deal with may hold the body, so that is not logged.
    """

    def __init__(self, app: App, *, folder: Path, limits: Limits) -> None:
        self.app, self.folder, self.limits = app, folder, limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it with 411, 413 or 507."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if refusal := self.refusal(scope):
            await answer(send, *refusal)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:  # whose message may hold the body
            print(f"{scope['path'][:100]}: {type(error).__name__}", file=sys.stderr)
            if not begun:
                await answer(send, 500, "this went wrong on the server")

    def refusal(self, scope: Message) -> tuple[int, str] | None:
        """The reason why a request is refused, with its status; None for one that may pass."""
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            return None
        if not (length := headers.get(b"content-length", b"")).isdigit():
            return 411, "say how long the body is: Content-Length"
        size, upload = int(length), scope["path"].endswith("/upload")
        most = self.limits.upload + ENVELOPE if upload else self.limits.form
        if size > most:
            return 413, f"got {size:,} bytes; this page takes at most {most:,} {'as a file' if upload else 'as a form'}"
        if upload and not make_room(self.folder, size, self.limits.uploads):
            return 507, "this page holds all the files that it has room for; try again in some minutes"
        return None


class ShortLines:
    """A text stream in which longer lines than 300 characters, which may hold what was sent, are left out."""

    longest = 300

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the lines of a text."""
        for line in text.splitlines(keepends=True):
            self.stream.write(line if len(line) <= self.longest else f"({len(line)} characters left out)\n")
        return len(text)

    def flush(self) -> None:
        """Have it written."""
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (of the stream)
        return getattr(self.stream, name)


async def answer(send: Send, status: int, reason: str) -> None:
    """Send a refusal as JSON."""
    body = dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


def make_room(folder: Path, size: Bytes, most: Bytes) -> bool:
    """Remove the oldest files until `size` bytes more are at most `most`; False where that would take newer ones."""
    found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.rglob("*") if path.is_file())
    total = size + sum(length for _, length, _ in found)
    for changed, length, path in found:
        if total <= most or time.time() - changed < IN_USE:
            break
        path.unlink(missing_ok=True)
        total -= length
    return total <= most
