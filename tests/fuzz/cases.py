"""Odd inputs as cases: the command that meets them, and outcomes that would be wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

VOICE = "ljspeech-tiny"
CONVENTION = "hifigan_22k"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command on an odd input.

    `hopeless`: no right result exists, so exit code 0 is a silent error. `promised` are results of good inputs that
    were handed in beside the odd one; `results` the folder that nothing half-written may be left in.
    """

    about: str
    arguments: list[str]
    hopeless: bool = False
    promised: tuple[Path, ...] = ()
    results: Path
    environment: dict[str, str] = field(default_factory=dict)


Generator = Callable[[Random, Path], Case]
"""Makes one case in a folder of its own, the same for the same random numbers."""


def mutated(content: bytes, chance: Random, *, first: int = 0) -> tuple[bytes, str]:
    """The content with a few bytes changed, removed, added or doubled, from byte `first` on, and a word for it."""
    data = bytearray(content)
    place = chance.randrange(first, max(first + 1, len(data)))
    kind = chance.choice(["flip", "flips", "cut", "zeros", "insert", "ones", "tail"])
    if kind == "flip":
        data[place] ^= 1 << chance.randrange(8)
    elif kind == "flips":
        for _ in range(8):
            data[chance.randrange(first, len(data))] = chance.randrange(256)
    elif kind == "cut":
        del data[place:]
    elif kind in ("zeros", "ones"):
        data[place : place + 8] = bytes([0 if kind == "zeros" else 255]) * len(data[place : place + 8])
    elif kind == "insert":
        data[place:place] = chance.randbytes(chance.randrange(1, 32))
    else:
        data += chance.randbytes(chance.randrange(1, 4096))
    return bytes(data), f"{kind} at {place} of {len(content)}"


def odd_name(chance: Random) -> bytes:
    """A file's name without suffix that is legal and unusual."""
    return chance.choice(
        [
            b"\xff\xfe\x80",
            b"x" * 249,
            ("长" * 80).encode(),
            b"a\nb",
            "🔔 e\u0301".encode(),
            b"[red]a[bold]",
            b" ",
            b"a%s{}",
            b"-",
            b"...",
        ]
    )
