"""The tensors that each kind of model learns from."""

import hashlib
import json

import torch
from torch import Tensor

from audiodiff.audio.mel import MelSpectrogram
from audiodiff.audio.spec import MelSpec
from audiodiff.priors import MelInversion


class MelFeatures:
    """The waveform, cut to whole frames, and its mel."""

    def __init__(self, *, mel: MelSpec) -> None:
        self.spec = mel
        self.sample_rate = mel.sample_rate
        self.hop_length = mel.hop_length
        self.mel = MelSpectrogram(mel)

    @property
    def fingerprint(self) -> str:
        """The mel convention."""
        return json.dumps(self.spec.to_dict(), sort_keys=True)

    @torch.no_grad()
    def __call__(self, wave: Tensor) -> dict[str, Tensor]:
        """Map a [samples] waveform to `wave` [hop_length · frames] and `mel` [n_mels, frames]."""
        frames = len(wave) // self.hop_length
        mel = self.mel(wave.unsqueeze(0))[0, :, :frames]
        return {"wave": wave[: frames * self.hop_length], "mel": mel}


class InversionFeatures(MelFeatures):
    """Also the prior's mean, and the recording with the mean's phases that `Endpoint` regresses on."""

    def __init__(self, *, mel: MelSpec, prior: MelInversion, iterations: int = 64) -> None:
        super().__init__(mel=mel)
        self.prior = prior
        self.iterations = iterations

    @property
    def fingerprint(self) -> str:
        """The mel convention, the prior's weights and settings, and the iterations of the target."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.prior.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return f"{super().fingerprint} {digest.hexdigest()} {self.prior.iterations} {self.iterations}"

    @torch.no_grad()
    def __call__(self, wave: Tensor) -> dict[str, Tensor]:
        """Map a [samples] waveform to `wave`, `mel`, `mean` and `target`."""
        tensors = super().__call__(wave)
        cond = self.prior.condition(tensors["mel"].unsqueeze(0))
        target = self.prior.aligned(tensors["wave"].unsqueeze(0), cond, self.iterations)
        return tensors | {"mean": cond.mean[0], "target": target[0]}
