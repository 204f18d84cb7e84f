"""Matcha-TTS, and everything else that calls a HiFi-GAN generator: [batch, n_mels, frames] -> [batch, 1, samples]."""

from typing import Unpack

from torch import Tensor

from audiodiff.integrations.stage import StageOptions, VocoderStage
from audiodiff.mel.conventions import convention
from audiodiff.streaming.inputs import SpecOrName
from audiodiff.types import Mel
from audiodiff.vocoder import Vocoder

MATCHA = convention("matcha_22k")
"""Of `MatchaTTS.synthesise(...)["mel"]`, which the model has brought back from its own mean and deviation."""


class MatchaVocoder(VocoderStage):
    """For the `vocoder` of `matcha.cli.to_waveform`, in place of the HiFi-GAN generator."""

    def __init__(
        self, vocoder: Vocoder | None = None, spec: SpecOrName = MATCHA, **options: Unpack[StageOptions]
    ) -> None:
        super().__init__(vocoder, spec, **options)

    def forward(self, mel: Mel, lengths: Tensor | None = None) -> Tensor:
        """Vocode [batch, n_mels, frames] to [batch, 1, samples]; behind the frames `lengths` [batch] is silence."""
        return self.speak(mel, lengths).unsqueeze(1)
