"""torchaudio's Tacotron2 bundles: an object for the place of `bundle.get_vocoder()`."""

from dataclasses import replace
from typing import Unpack

from torch import Tensor

from audiodiff.integrations.stage import StageOptions, VocoderStage
from audiodiff.mel.conventions import TACOTRON2_22K
from audiodiff.streaming.inputs import SpecOrName
from audiodiff.types import Mel, Wave
from audiodiff.vocoder import Vocoder

GRIFFINLIM = TACOTRON2_22K
"""Of the mels of `TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH` and `TACOTRON2_GRIFFINLIM_PHONE_LJSPEECH`."""

WAVERNN = replace(TACOTRON2_22K, n_fft=2048, win_length=1100, hop_length=275, f_min=40.0, f_max=None)
"""Of the mels of `TACOTRON2_WAVERNN_CHAR_LJSPEECH` and `TACOTRON2_WAVERNN_PHONE_LJSPEECH`."""


class Tacotron2Vocoder(VocoderStage):
    """The vocoder of a Tacotron2 bundle whose mels are of the convention `spec`."""

    def __init__(
        self, vocoder: Vocoder | None = None, spec: SpecOrName = GRIFFINLIM, **options: Unpack[StageOptions]
    ) -> None:
        super().__init__(vocoder, spec, **options)

    def forward(self, specgrams: Mel, lengths: Tensor | None = None) -> tuple[Wave, Tensor | None]:
        """Vocode [batch, n_mels, frames]; the lengths [batch] come in as frames and go out as samples."""
        wave = self.speak(specgrams, lengths)
        return wave, None if lengths is None else lengths * self.spec.hop_length
