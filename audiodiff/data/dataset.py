"""Segments to train on and whole clips to validate on."""

from bisect import bisect_right
from itertools import accumulate
from random import Random

from torch import Tensor
from torch.utils.data import Dataset

from audiodiff.data.features import Source
from audiodiff.data.manifest import Utterance
from audiodiff.errors import ConfigError, InputError, OutputError
from audiodiff.errors.callers import warn_caller
from audiodiff.errors.sentences import sentence

ATTEMPTS = 10
"""So many recordings in a row may turn out to be broken while they are read before training stops."""


def usable(utterances: list[Utterance], source: Source, *, strict: bool, name: str) -> list[tuple[Utterance, int]]:
    """The recordings that can be used, each with its frames; warns with the number and the list of the others.

    With `strict` the first one that cannot be used is fatal; raises `InputError` also if none is left, `OutputError`
    where features cannot be stored.
    """
    found, broken = [], []
    for utterance in utterances:
        try:
            found.append((utterance, source.frames(utterance)))
        except OutputError:  # a full disk is no fault of the recording
            raise
        except Exception as error:  # one odd recording never ends the training on the others
            if strict:
                raise
            broken.append(f"{utterance.id}: {sentence(error)}")
    reasons = "".join(f"\n  {reason}" for reason in broken)
    if not found:
        raise InputError(f"none of the {len(utterances)} recordings of {name} can be used:{reasons}")
    if broken:
        warn_caller(f"{len(broken)} of {len(utterances)} recordings of {name} left out:{reasons}")
    return found


class SegmentDataset(Dataset[dict[str, Tensor]]):
    """Random segments of `segment` frames: as many per recording and epoch as fit into it, and at least one.

    An item is addressed by (epoch, index), or by an index alone, which means epoch 0. Which segment that is, and how
    it is augmented, depends on these and on `seed` alone, whoever asks and whatever was drawn before.
    """

    def __init__(
        self, clips: list[tuple[Utterance, int]], source: Source, *, segment: int, seed: int = 0, strict: bool = False
    ) -> None:
        if segment < 1:
            raise ConfigError(f"segment must be at least 1 frame, got {segment}")
        self.clips = clips
        self.source = source
        self.segment = segment
        self.seed = seed
        self.strict = strict
        self.ends = list(accumulate(max(1, frames // segment) for _, frames in clips))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Tensor]:
        """The segment; one of a recording that cannot be read any more is replaced by another, with a warning."""
        epoch, index = key if isinstance(key, tuple) else (0, key)
        chance = Random(f"{self.seed} {epoch} {index}")
        for _ in range(ATTEMPTS):
            try:
                return self._segment(index, chance)
            except Exception as error:  # as in `usable`
                if self.strict:
                    raise
                warn_caller(f"left out: {sentence(error)}")
                index = chance.randrange(len(self))
        raise InputError(f"{ATTEMPTS} recordings in a row could not be read: is the corpus's disk still there?")

    def speakers(self) -> list[str]:
        """The speaker of every item; raises `ConfigError` where a recording names none."""
        unnamed = [utterance.id for utterance, _ in self.clips if utterance.speaker is None]
        if unnamed:
            raise ConfigError(
                f"balance=speaker needs a speaker for every recording, {len(unnamed)} have none, such as {unnamed[0]}: "
                "set balance to null, or add `speaker` to the manifest"
            )
        return [str(self.clips[self._clip(index)][0].speaker) for index in range(len(self))]

    def _clip(self, index: int) -> int:
        return bisect_right(self.ends, index)

    def _segment(self, index: int, chance: Random) -> dict[str, Tensor]:
        utterance, frames = self.clips[self._clip(index)]
        start = chance.randrange(max(1, frames - self.segment + 1))
        return self.source.crop(utterance, start, self.segment, chance)


class ClipDataset(Dataset[dict[str, Tensor]]):
    """Every recording from its beginning, at most `frames` frames of it, unchanged."""

    def __init__(self, clips: list[tuple[Utterance, int]], source: Source, *, frames: int) -> None:
        self.clips = clips
        self.source = source
        self.frames = frames

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        utterance, frames = self.clips[index]
        return self.source.crop(utterance, 0, min(self.frames, frames))
