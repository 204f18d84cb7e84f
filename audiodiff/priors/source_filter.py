"""A prior in time with the glottis: pulses through a filter, and noise for what these leave open."""

from collections.abc import Callable

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from audiodiff.audio.fine import fine_spec, fine_stft
from audiodiff.audio.framing import edge_padding
from audiodiff.audio.spec import MelSpec
from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.networks.filter import FilterNetwork, SpreadNetwork
from audiodiff.networks.source import F0, SourceNetwork
from audiodiff.source.pulses import PulseGenerator
from audiodiff.types import Mel, Wave

Gains = Complex[Tensor, "batch bins frames"]


class SourceFilter(nn.Module):
    """Mean: a pulse train at the mel's f0 through a complex filter. Scale: what the filter has learnt it cannot know.

    A mel says nothing of absolute phase, so in training pulses lie at the closure instants of the recording, and in
    synthesis anywhere: f0 is integrated from the first frame on. Relative to the pulses phases can be learnt
    (neural homomorphic vocoder, Liu et al. 2020; PeriodGrad, Hono et al. 2024; noise as in PriorGrad, Lee et al. 2022).
    """

    def __init__(
        self, *, mel: MelSpec, source: SourceNetwork, filter: FilterNetwork, spread: SpreadNetwork
    ) -> None:
        super().__init__()
        self.spec = mel
        self.source, self.filter, self.spread = source, filter, spread
        self.stft, self.fine = Stft(mel), fine_stft(mel)
        self.centre = mel.n_fft // 2 - edge_padding(mel.n_fft, mel.hop_length, mel.framing)

    @property
    def reach(self) -> int:
        """How many frames to either side of its own frame a sample of the shaped noise depends on."""
        parts = self.spec.hop_length // fine_spec(self.spec).hop_length
        return self.spread.context + -(-2 * self.fine.reach // parts)

    @torch.no_grad()
    def condition(self, mel: Mel, f0: F0 | None = None) -> Conditioning:
        """The mean and the scale; `f0` in hertz, 0 where unvoiced, stands in for the mel's own."""
        f0 = self.source.f0(mel) if f0 is None else f0
        mean = self.filtered(self.pulses(f0).to(mel), mel, f0.to(mel))
        return Conditioning(mel=mel, mean=mean, scale=self.scale(mel))

    def pulses(self, f0: F0) -> Wave:
        """One pulse train for every item, `hop_length` samples a frame."""
        return torch.stack([self.generator().feed(one, last=True) for one in f0])

    def generator(self) -> PulseGenerator:
        """Begin with the pulses of one mel."""
        return PulseGenerator(
            sample_rate=self.spec.sample_rate, hop_length=self.spec.hop_length, centre=self.centre
        )

    def filtered(self, pulses: Wave, mel: Mel, f0: F0) -> Wave:
        """The pulses through the filter of the mel."""
        return self.through(pulses, self.filter(mel, f0))

    def through(self, pulses: Wave, gains: Gains) -> Wave:
        """The pulses through a filter."""
        return self.stft.inverse(self.stft(pulses) * gains / self.stft.noise_magnitude)

    def scale(self, mel: Mel) -> Float[Tensor, "batch bins fine_frames"]:
        """Root mean square magnitudes of the noise in every bin of the fine STFT."""
        return self.spread(mel)

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise."""
        scale = self.scale(cond.need_mel()) if cond.scale is None else cond.scale
        return self.fine.inverse(self.fine(white) * scale / self.fine.noise_magnitude)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to its difference from the mean."""
        return x - cond.need_mean()

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return r + cond.need_mean()

    def whitened(self, r: Wave, scale: Float[Tensor, "batch bins fine_frames"]) -> Complex[Tensor, "batch bins fine_frames"]:
        """What the diffusion works on, in units of the noise's standard deviation in every bin: Sigma^(-1/2) r."""
        return self.fine(r) / scale

    def means(self) -> "SourceFilterStream":
        """Begin with the mean of one mel that comes in pieces."""
        return SourceFilterStream(self)
