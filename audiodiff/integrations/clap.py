"""CLAP of transformers: one vector for a sentence or a sound, to condition a generator on (Wu et al. 2023)."""

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from audiodiff.audio.io import resample
from audiodiff.conditioning import Embedding
from audiodiff.errors import ConfigError
from audiodiff.types import Hertz, Wave


class ClapEmbedder(nn.Module):
    """Embeds text and audio into one space: a generator trained on the audio can then be told by text.

    `folder` holds the weights and the processor of a `ClapModel`, as `save_pretrained` writes them; nothing is
    downloaded. `size` is what the model's `embedding_size` must be. Raises `ConfigError` for a folder without them.
    """

    def __init__(self, *, folder: str | os.PathLike[str]) -> None:
        super().__init__()
        from transformers import ClapModel, ClapProcessor

        try:
            self.clap = ClapModel.from_pretrained(folder, local_files_only=True).eval().requires_grad_(False)
            processor: Any = ClapProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{folder} holds no CLAP model with its processor: {error}") from error
        self.size: int = self.clap.config.projection_dim
        self.tokenizer, self.extractor = processor.tokenizer, processor.feature_extractor
        self.sample_rate: Hertz = self.extractor.sampling_rate

    @torch.no_grad()
    def text(self, sentences: Sequence[str]) -> Embedding:
        """Embed sentences, [sentences, size] of length one."""
        tokens = self.tokenizer(list(sentences), padding=True, return_tensors="pt")
        return unit(vectors_of(self.clap.get_text_features(**tokens)))

    @torch.no_grad()
    def forward(self, waves: Wave, sample_rate: Hertz) -> Embedding:
        """Embed waveforms at `sample_rate`, [batch, size] of length one."""
        rows = [row.numpy() for row in resample(waves, sample_rate, self.sample_rate)]
        seen = self.extractor(rows, sampling_rate=self.sample_rate, return_tensors="pt")
        return unit(vectors_of(self.clap.get_audio_features(**seen)))


def vectors_of(found: object) -> Tensor:
    """The projected vectors; transformers 5 hands them out inside an output object, as its `pooler_output`."""
    vectors = getattr(found, "pooler_output", found)
    assert isinstance(vectors, Tensor)
    return vectors


def unit(vectors: Tensor) -> Tensor:
    """Vectors at length one."""
    return nn.functional.normalize(vectors, dim=-1)
