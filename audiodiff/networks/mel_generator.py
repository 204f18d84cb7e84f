"""The gated stack over the frames of a mel that it makes from noise, told at most what holds for the whole clip."""

from torch import nn

from audiodiff.conditioning import Conditioning
from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.gated import GatedStack
from audiodiff.types import Time, Wave


class MelGenerator(nn.Module):
    """A denoiser for the states of a `MelLatent` prior: `frames` frames of `n_mels` values, one frame after the other.

    `clip` tells it the label, the speaker and the embedding. `frame_radius` is the receptive radius in frames.
    """

    def __init__(
        self,
        *,
        n_mels: int,
        channels: int = 192,
        layers: int = 10,
        dilation_cycle: int = 5,
        n_steps: int = 1000,
        step_channels: int = 256,
        clip: ClipEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.embedding = StepEmbedding(n_steps=n_steps, channels=step_channels)
        self.clip = clip
        self.stack = GatedStack(
            inputs=n_mels,
            outputs=n_mels,
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
            step_channels=step_channels,
        )
        self.frame_radius = self.stack.frame_radius

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `frames · n_mels` noisy values and the noise time to the prediction."""
        step = self.embedding(t)
        mel = x_t.unflatten(1, (-1, self.n_mels)).mT
        out = self.stack(mel, step if self.clip is None else self.clip(step, cond))
        return out.float().mT.flatten(1)
