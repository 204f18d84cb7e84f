"""Limits of one page for everybody who opens it."""

from dataclasses import dataclass

from audiodiff.errors import ConfigError
from audiodiff.types import Hertz, Seconds

Bytes = int


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on what is uploaded, asked for and kept; together they bound the memory of the server.

    `upload` holds for a file and for what it unpacks to, `uploads` for all files that the server holds, `form` for the
    body of every other request. `waiting` is the length of the queue, `sessions` the number of
    visitors whose results are kept, the oldest are forgotten first.
    """

    upload: Bytes = 32 << 20
    uploads: Bytes = 512 << 20
    form: Bytes = 64 << 10
    duration: Seconds = 20.0
    sample_rate: Hertz = 192_000
    channels: int = 8
    steps: int = 50
    clips: int = 16
    letters: int = 300
    waiting: int = 32
    sessions: int = 16

    def check_steps(self, steps: int | None) -> None:
        """Raise `ConfigError` for a number of steps that is not served; None is the model's own."""
        if steps is not None and not 1 <= steps <= self.steps:
            raise ConfigError(f"got {steps} steps: choose 1 to {self.steps}, or 0 for the model's own number")

    def check_clips(self, n: int) -> None:
        """Raise `ConfigError` for a number of clips that is not served."""
        if not 1 <= n <= self.clips:
            raise ConfigError(f"got {n} clips: choose 1 to {self.clips}")
