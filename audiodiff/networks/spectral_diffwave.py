"""DiffWave's frame-rate sibling: the same gated stack between an STFT and its inverse."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.gated import GatedStack
from audiodiff.networks.packed_stack import Packing, Rows
from audiodiff.types import Samples, Time, Wave


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
        self.packing = Packing()

    @property
    def radius(self) -> Samples:
        """Receptive radius: that of the stack between two transforms."""
        return self.stack.frame_radius * self.stft.hop_length + self.stft.radius

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

    def bound(self, cond: Conditioning) -> "BoundSpectralDiffWave":
        """`forward` with its condition fixed, faster where no gradients are wanted."""
        return BoundSpectralDiffWave(self, cond)

    def _whitened(
        self, wave: Wave, envelope: Float[Tensor, "batch bins frames"]
    ) -> Float[Tensor, "batch 2*bins frames"]:
        spectrum = self.stft(wave)
        return torch.cat([spectrum.real / envelope, spectrum.imag / envelope], dim=1)


class BoundSpectralDiffWave:
    """A `SpectralDiffWave` that was told what to speak, and computes what holds for all steps once.

    On a processor and without gradients it is matrix products on frames by channels, an item of the batch at a time;
    elsewhere the network itself is called.
    """

    def __init__(self, network: SpectralDiffWave, cond: Conditioning) -> None:
        self.network, self.cond = network, cond
        self.known: KnownCondition | None = None

    def __call__(self, x_t: Wave, t: Time) -> Wave:
        """Map noisy samples and their noise time to the prediction."""
        network = self.network
        if torch.is_grad_enabled() or x_t.device.type != "cpu":
            return network(x_t, t, self.cond)
        self.known = known = self.known or KnownCondition(network, self.cond)
        step = network.embedding(t) if network.clip is None else network.clip(network.embedding(t), self.cond)
        assert network.stack.shifts is not None
        shifts = network.stack.shifts(step).unflatten(1, (len(known.stack.blocks), -1)).expand(len(x_t), -1, -1)
        items = zip(known.whitened(x_t), known.hidden, shifts, strict=True)
        out = torch.stack([_rows(known, *item) for item in items]).float()
        real, imaginary = (part * known.envelope for part in out.chunk(2, dim=-1))
        return network.stft.inverse(torch.complex(real, imaginary).mT, known.norm)


class KnownCondition:
    """The share of mel and mean in a `SpectralDiffWave`, known before it sees x_t, frames first.

    `hidden` is their share of the input layer, its bias included; `input` is the weight of the rest.
    """

    def __init__(self, network: SpectralDiffWave, cond: Conditioning) -> None:
        self.stft, mel = network.stft, cond.need_mel()
        self.stack = network.packing.of(network.stack)
        self.envelope = network.envelope(mel).mT.contiguous()
        self.whitening = 1 / self.envelope
        self.norm = self.stft.window_sum(mel.shape[-1])
        self.input, by_mean, by_mel = self.stack.input.weight.split([2 * self.stft.bins] * 2 + [mel.shape[1]])
        self.hidden = [torch.addmm(self.stack.input.bias, level, by_mel) for level in network.envelope.level(mel).mT]
        if cond.mean is not None:
            means = self.whitened(cond.mean)
            self.hidden = [torch.addmm(h, mean, by_mean) for h, mean in zip(self.hidden, means, strict=True)]

    def whitened(self, wave: Wave) -> Float[Tensor, "batch frames _"]:
        """Real parts, then imaginary parts of the STFT, divided by the envelope."""
        spectrum = self.stft(wave).mT
        return torch.cat([spectrum.real * self.whitening, spectrum.imag * self.whitening], dim=-1)


def _rows(known: KnownCondition, x: Rows, hidden: Rows, shifts: Float[Tensor, "layers channels"]) -> Rows:
    """The stack on one item."""
    h = torch.addmm(hidden, x, known.input)
    for block, shift in zip(known.stack.blocks, shifts, strict=True):
        h = block.added(h, surroundings(block.normalized(h, shift), block.dilation))
    return known.stack.output(known.stack.norm(h))


def surroundings(x: Rows, dilation: int) -> Rows:
    """Every frame between those that lie `dilation` before and after it, zero beyond both ends."""
    padded = F.pad(x, (0, 0, dilation, dilation))
    return torch.cat([padded[k * dilation :][: len(x)] for k in range(3)], dim=1)
