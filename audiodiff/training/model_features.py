"""The tensors that each kind of model learns from."""

import json

import torch
from torch import Tensor

from audiodiff.errors import ConfigError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel


class MelFeatures:
    """The waveform, cut to whole frames, and the mel that `model` speaks from."""

    def __init__(self, *, model: DiffusionModel) -> None:
        self.model = model
        self.spec = model.mel
        self.sample_rate = model.mel.sample_rate
        self.hop_length = model.mel.hop_length
        self.mel = MelSpectrogram(model.mel)

    @property
    def fingerprint(self) -> str:
        """The mel convention."""
        return json.dumps(self.model.mel.to_dict(), sort_keys=True)

    @torch.no_grad()
    def __call__(self, wave: Tensor, mel: Tensor | None = None) -> dict[str, Tensor]:
        """Map a [samples] waveform to `wave` [hop_length · frames] and `mel` [n_mels, frames].

        A `mel` that is given, such as a TTS model's prediction, stands in for the waveform's own.
        """
        frames = len(wave) // self.hop_length
        spoken = self.mel(wave.unsqueeze(0))[0] if mel is None else mel
        return {"wave": wave[: frames * self.hop_length], "mel": spoken[:, :frames]}

    def completed(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors that a model learns from, given a batch of these where it trains: the same."""
        return batch


class DeferredMelFeatures(MelFeatures):
    """The waveform and what each frame sees of it: the mel is computed from that where the model trains.

    For segments that are made on the fly, `data.cache=null`: the loader's workers are rid of the mel.
    """

    @property
    def fingerprint(self) -> str:
        """There is none, as nothing is to be stored; raises `ConfigError`."""
        raise ConfigError("features=mel_on_device are computed batch by batch: set data.cache=null, or features=mel")

    @torch.no_grad()
    def __call__(self, wave: Tensor, mel: Tensor | None = None) -> dict[str, Tensor]:
        """Map a [samples] waveform to `wave` [hop_length · frames] and `seen` [n_fft, frames].

        Raises `ConfigError` for a mel that is given.
        """
        if mel is not None:
            raise ConfigError("features=mel_on_device are for recordings without mels of their own: set features=mel")
        frames = len(wave) // self.hop_length
        return {"wave": wave[: frames * self.hop_length], "seen": self.mel.seen(wave.unsqueeze(0))[0, :, :frames]}

    @torch.no_grad()
    def completed(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Replace `seen` by `mel` [batch, n_mels, frames], on the device of the batch."""
        seen = batch["seen"]
        with torch.autocast(seen.device.type, enabled=False):
            mel = self.mel.to(seen.device).of_seen(seen)
        return {name: tensor for name, tensor in batch.items() if name != "seen"} | {"mel": mel}
