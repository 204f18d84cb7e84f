"""The tensors that a source-synchronous voice learns from: pulses at a recording's own closure instants."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from audiodiff.audio.framing import frame_centre
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.source.closure_pitch import closure_f0, track_f0
from audiodiff.source.glottis import Glottis, find_closures
from audiodiff.source.pulses import recorded_pulses
from audiodiff.training.model_features import MelFeatures
from audiodiff.training.source_filter_objectives import source_filter_prior

_METHOD = "closures 3"
"""To be changed with the code that finds closures, so that stored features are not taken for new ones."""


class GlottalFeatures(MelFeatures):
    """Also the recording's f0 and the pulse train of its glottis."""

    @property
    def fingerprint(self) -> str:
        """The mel convention and the method."""
        return f"{super().fingerprint} {_METHOD}"

    @torch.no_grad()
    def __call__(self, wave: Tensor, mel: Tensor | None = None) -> dict[str, Tensor]:
        """Map a [samples] waveform to `wave`, `mel`, `f0` [1, frames] in hertz, and `pulses` [samples]."""
        tensors = super().__call__(wave, mel)
        glottis = find_closures(wave.double().numpy(), self.sample_rate)
        centre = frame_centre(self.spec.n_fft, self.hop_length, self.spec.framing)
        times = (np.arange(tensors["mel"].shape[-1]) * self.hop_length + centre) / self.sample_rate
        f0 = torch.from_numpy(closure_f0(glottis, self.sample_rate, times)).float().unsqueeze(0)
        return tensors | {"f0": f0, "pulses": pulses_of(glottis, len(tensors["wave"]), self.sample_rate)}


class SourceFilterFeatures(GlottalFeatures):
    """The waveform, its mel, and the mean that a trained `SourceFilter` prior makes of the recording's pulses."""

    def __init__(self, *, model: DiffusionModel) -> None:
        super().__init__(model=model)
        self.prior = source_filter_prior(model)

    @property
    def fingerprint(self) -> str:
        """The mel convention, the method, and the filter's weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.prior.filter.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return f"{super().fingerprint} {digest.hexdigest()}"

    @torch.no_grad()
    def __call__(self, wave: Tensor, mel: Tensor | None = None) -> dict[str, Tensor]:
        """Map a [samples] waveform to `wave`, `mel` and `mean` [samples]."""
        tensors = super().__call__(wave, mel)
        f0, pulses = tensors.pop("f0"), tensors.pop("pulses")
        mean = self.prior.spoken(pulses.unsqueeze(0), tensors["mel"].unsqueeze(0), f0)
        return tensors | {"mean": mean[0]}


def pulses_of(glottis: Glottis, n_samples: int, sample_rate: int) -> Tensor:
    """The pulse train of a recording; [samples]."""
    f0 = track_f0(glottis, glottis.instants / sample_rate, nearest=True)
    voiced = f0 > 0
    instants = torch.from_numpy(glottis.instants[voiced])
    return recorded_pulses(instants, torch.from_numpy(f0[voiced]), n_samples, sample_rate)
