"""Random changes of mels while training, such as TTS models make to them."""

import torch
from torch import Tensor, nn

from audiodiff.data.perturbation import add_noise, blur_bands, blur_frames
from audiodiff.mel.compression import MelCompression
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel

SHARE = 0.35
"""The chance of each change."""


class RandomPerturbation(nn.Module):
    """Noise, blur over frames, blur over bands and gain, each for some of a batch's mels, drawn up to what is given.

    `noise` and `gain` are in nats, `blur_frames` and `blur_bands` in frames and bands to either side. A share of
    `untouched` mels stay as they are.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        noise: float = 0.4,
        blur_frames: int = 1,
        blur_bands: int = 2,
        gain: float = 2.0,
        untouched: float = 0.0,
    ) -> None:
        super().__init__()
        self.compression = MelCompression(mel)
        self.noise, self.blur_frames, self.blur_bands, self.gain = noise, blur_frames, blur_bands, gain
        self.untouched = untouched

    def forward(self, mel: Mel) -> Mel:
        """Perturb every mel of a batch by itself; what falls below the convention's floor stays on it."""
        perturbed = self.compression.values(torch.stack([self._one(one) for one in self.compression.log_bands(mel)]))
        kept = (torch.rand(len(mel)) < self.untouched).to(mel.device)
        return torch.where(kept.view(-1, 1, 1), mel, perturbed)

    def _one(self, log_mel: Tensor) -> Tensor:
        chance, amount = torch.rand(4), torch.rand(4).tolist()
        if chance[0] < SHARE and self.blur_bands:
            log_mel = blur_bands(log_mel, 1 + int(amount[0] * self.blur_bands))
        if chance[1] < SHARE and self.blur_frames:
            log_mel = blur_frames(log_mel, 1 + int(amount[1] * self.blur_frames))
        if chance[2] < SHARE:
            log_mel = add_noise(log_mel, amount[2] * self.noise)
        return log_mel + (2 * amount[3] - 1) * self.gain * float(chance[3] < SHARE)
