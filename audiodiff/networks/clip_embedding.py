"""Conditions that hold for a whole clip: its class, its speaker, a vector that describes it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.conditioning import NOTHING, Conditioning, Embedding, Label
from audiodiff.errors import ConfigError

_Step = Float[Tensor, "batch channels"]


class ClipEmbedding(nn.Module):
    """The embedding of the step plus learnt vectors of the label and the speaker and a projection of the embedding.

    The sum reaches every block, as the step alone does otherwise. Each table has a last row, number `n_labels` or
    `n_speakers`, for "not told"; the projection has no bias, so that an embedding of zeros says nothing.
    """

    def __init__(self, *, channels: int, n_labels: int = 0, n_speakers: int = 0, embedding_size: int = 0) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.label = nn.Embedding(n_labels + 1, channels) if n_labels else None
        self.speaker = nn.Embedding(n_speakers + 1, channels) if n_speakers else None
        self.projection = nn.Linear(embedding_size, channels, bias=False) if embedding_size else None

    def forward(self, step: _Step, cond: Conditioning) -> _Step:
        """Add all that `cond` tells of the clips; raise ConfigError for what the network was not built for."""
        told = (_row(self.label, cond.label, "label"), _row(self.speaker, cond.speaker, "speaker"))
        return step + sum(told) + self._projected(cond.embedding)

    def _projected(self, embedding: Embedding | None) -> _Step | float:
        if embedding is None:
            return 0.0
        if self.projection is None or embedding.shape[-1] != self.embedding_size:
            raise ConfigError(
                f"got an embedding of {embedding.shape[-1]} numbers, the network was built for "
                f"{self.embedding_size or 'none'}: pass one of the encoder that it was trained with"
            )
        return self.projection(embedding)


def _row(table: nn.Embedding | None, ids: Label | None, name: str) -> Tensor | float:
    """Look ids up in a table whose last row stands for `NOTHING`."""
    if table is None:
        if ids is not None and (ids != NOTHING).any():
            raise ConfigError(f"got a {name}, but the network was built without: leave it out")
        return 0.0
    ids = torch.full((1,), NOTHING, device=table.weight.device) if ids is None else ids
    if not ((ids >= NOTHING) & (ids < table.num_embeddings - 1)).all():
        raise ConfigError(f"got the {name}s {ids.tolist()}: expected 0 to {table.num_embeddings - 2}")
    return table(ids % table.num_embeddings)
