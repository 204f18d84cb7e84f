"""Clips of one length, all kept in memory."""

from typing import Protocol

import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import Dataset

from audiodiff.audio.io import load_audio
from audiodiff.data.manifest import Utterance
from audiodiff.types import Hertz


class LabelledClips(Protocol):
    """Turns a recording and what the manifest says of it into the tensors of one item."""

    sample_rate: Hertz

    def __call__(self, wave: Tensor, utterance: Utterance) -> dict[str, Tensor]:
        """Map a [samples] waveform at `sample_rate` to named tensors, of the same shapes for all recordings."""
        ...


class MemoryDataset(Dataset[dict[str, Tensor]]):
    """The items of all recordings, made when the set is: for corpora of short clips."""

    def __init__(self, utterances: list[Utterance], make: LabelledClips) -> None:
        self.items = [
            make(load_audio(utterance.path, make.sample_rate), utterance)
            for utterance in track(utterances, description="Clips", transient=True)
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.items[index]


def stacked(items: MemoryDataset) -> dict[str, Tensor]:
    """All items as one batch."""
    return {name: torch.stack([item[name] for item in items.items]) for name in items[0]}
