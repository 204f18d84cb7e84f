"""Other projects' checkpoints as audiodiff bundles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audiodiff.convert import bddm, lmnt_diffwave, philsyn_diffwave, priorgrad, speechbrain_diffwave
from audiodiff.convert.checkpoint import Checkpoint, read_checkpoint
from audiodiff.convert.converted import Converted
from audiodiff.errors import CheckpointError, ConfigError

__all__ = ["CONVERTERS", "Converted", "Converter", "convert", "detect"]


@dataclass(frozen=True)
class Converter:
    """A project whose checkpoints can be converted."""

    recognizes: Callable[[Checkpoint], bool]
    convert: Callable[[Checkpoint], Converted]


CONVERTERS: Mapping[str, Converter] = {
    "priorgrad": Converter(priorgrad.recognizes, priorgrad.convert),
    "lmnt": Converter(lmnt_diffwave.recognizes, lmnt_diffwave.convert),
    "speechbrain": Converter(speechbrain_diffwave.recognizes, speechbrain_diffwave.convert),
    "philsyn": Converter(philsyn_diffwave.recognizes, philsyn_diffwave.convert),
    "bddm": Converter(bddm.recognizes, bddm.convert),
}
"""By the name that people type; of several that recognize a file, the first is meant."""


def convert(path: Path, source: str | None = None, config: Path | None = None) -> Converted:
    """Read a checkpoint, or the usual one of a folder; without a `source` it is recognized by what it holds.

    `config` is the file or folder that holds what the checkpoint lacks, where that is not beside it.
    Raises `CheckpointError` for one that is damaged, unknown, or contradicts itself.
    """
    checkpoint = read_checkpoint(path, config)
    if source is None:
        source = detect(checkpoint)
    if source not in CONVERTERS:
        raise ConfigError(f"no checkpoints are known from {source!r}: choose one of {', '.join(sorted(CONVERTERS))}")
    return CONVERTERS[source].convert(checkpoint)


def detect(checkpoint: Checkpoint) -> str:
    """The name of the project that wrote a checkpoint; raises `CheckpointError` when none is recognized."""
    found = next((name for name, source in CONVERTERS.items() if source.recognizes(checkpoint)), None)
    if found is None:
        keys = ", ".join(str(key) for key in list(checkpoint.content)[:6])
        raise CheckpointError(
            f"{checkpoint.path} is of no known kind (it holds {keys}): say where it comes from with --from, "
            f"one of {', '.join(sorted(CONVERTERS))}"
        )
    return found
