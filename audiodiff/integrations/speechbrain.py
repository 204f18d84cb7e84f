"""SpeechBrain: Tacotron2 and FastSpeech2 of its LJSpeech recipes, whose vocoders decode mels in batches."""

from typing import Unpack

from torch import Tensor

from audiodiff.errors import ConfigError
from audiodiff.integrations.stage import StageOptions, VocoderStage
from audiodiff.mel.conventions import convention
from audiodiff.streaming.inputs import SpecOrName
from audiodiff.types import Mel, Samples
from audiodiff.vocoder import Vocoder

RECIPES = convention("speechbrain_22k")


class SpeechbrainVocoder(VocoderStage):
    """Stands where SpeechBrain has `HIFIGAN.from_hparams(...)`; `spec` is what the recipe's yaml says."""

    def __init__(
        self, vocoder: Vocoder | None = None, spec: SpecOrName = RECIPES, **options: Unpack[StageOptions]
    ) -> None:
        super().__init__(vocoder, spec, **options)

    def decode_batch(self, spectrogram: Mel, mel_lens: Tensor | None = None, hop_len: Samples | None = None) -> Tensor:
        """Vocode [batch, n_mels, frames] to [batch, 1, samples]; behind the frames `mel_lens` [batch] is silence.

        Raises `ConfigError` for a `hop_len` that is not the convention's.
        """
        if hop_len not in (None, self.spec.hop_length):
            raise ConfigError(f"got hop_len {hop_len}, but these mels have a hop of {self.spec.hop_length} samples")
        return self.speak(spectrogram, mel_lens).unsqueeze(1)

    def decode_spectrogram(self, spectrogram: Tensor) -> Tensor:
        """Vocode one mel [n_mels, frames] to [1, samples]."""
        return self.decode_batch(spectrogram.unsqueeze(0)).squeeze(0)

    def forward(self, spectrogram: Mel) -> Tensor:
        """Vocode [batch, n_mels, frames] to [batch, 1, samples]."""
        return self.decode_batch(spectrogram)
