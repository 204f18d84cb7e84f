"""DiffWave's frame-rate sibling: the same gated stack between an STFT and its inverse."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.audio.envelope import MelEnvelope
from audiodiff.audio.spec import MelSpec
from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.gated import GatedStack
from audiodiff.types import Time, Wave


class SpectralDiffWave(nn.Module):
    """A denoiser that sees a waveform as STFT frames, `hop_length` times fewer than there are samples.

    The STFT of x_t, the STFT of the prior's mean and the mel pass a gated dilated stack, whose output is
    turned back by the inverse STFT. Bins of speech span 60 dB, so both ends are whitened: divided, and
    multiplied at the end, by the smooth spectral envelope that the mel itself gives.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        channels: int = 256,
        layers: int = 8,
        dilation_cycle: int = 4,
        n_steps: int = 1000,
        step_channels: int = 128,
        clip: ClipEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.stft = Stft(mel)
        self.envelope = MelEnvelope(mel)
        self.embedding = StepEmbedding(n_steps=n_steps, channels=step_channels)
        self.clip = clip
        self.stack = GatedStack(
            inputs=4 * self.stft.bins + mel.n_mels,
            outputs=2 * self.stft.bins,
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
            step_channels=step_channels,
        )
        self.context = self.stack.context

    @property
    def reach(self) -> int:
        """How many frames to either side of its own frame a sample of the output depends on."""
        return self.context + 2 * self.stft.reach

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time and the mel to the prediction."""
        mean = torch.zeros_like(x_t) if cond.mean is None else cond.mean
        mel = cond.need_mel()
        envelope = self.envelope(mel)
        features = [self._whitened(x_t, envelope), self._whitened(mean, envelope), self.envelope.level(mel)]
        step = self.embedding(t)
        out = self.stack(torch.cat(features, dim=1), step if self.clip is None else self.clip(step, cond))
        real, imaginary = out.float().chunk(2, dim=1)
        return self.stft.inverse(torch.complex(real * envelope, imaginary * envelope))

    def _whitened(
        self, wave: Wave, envelope: Float[Tensor, "batch bins frames"]
    ) -> Float[Tensor, "batch 2*bins frames"]:
        spectrum = self.stft(wave)
        return torch.cat([spectrum.real / envelope, spectrum.imag / envelope], dim=1)
