"""Coqui TTS: the vocoder of a `TTS.utils.synthesizer.Synthesizer`."""

from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from audiodiff.errors import MelMismatchError
from audiodiff.integrations.stage import StageOptions, VocoderStage
from audiodiff.mel.spec import LogBase, MelSpec
from audiodiff.types import Mel, Wave
from audiodiff.vocoder import Vocoder


class CoquiVocoder(VocoderStage):
    """The vocoder of the pipeline `synthesizer`; the convention is read from its TTS model's audio processor.

    >>> CoquiVocoder(vocoder, synthesizer).install()
    """

    def __init__(
        self,
        vocoder: Vocoder | None,
        synthesizer: Any,  # noqa: ANN401 (Coqui's Synthesizer, which is not imported here)
        **options: Unpack[StageOptions],
    ) -> None:
        super().__init__(vocoder, spec_of(synthesizer.tts_model.ap), **options)
        self.synthesizer = (synthesizer,)  # in a tuple, so that the pipeline does not become a part of its own vocoder

    def install(self) -> None:
        """Put this vocoder where the synthesizer keeps its own."""
        (synthesizer,) = self.synthesizer
        synthesizer.vocoder_model = self
        synthesizer.vocoder_ap = Unscaled()
        synthesizer.vocoder_config = {"audio": {"sample_rate": self.spec.sample_rate}}
        synthesizer.output_sample_rate = self.sample_rate

    def inference(self, mel: Mel) -> Wave:
        """Vocode [batch, n_mels, frames] to [batch, samples]."""
        return self.speak(mel.float())


class Unscaled:
    """Stands for a vocoder's audio processor: the synthesizer has undone the TTS model's scaling, and that is all."""

    def normalize(self, spectrogram: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """The spectrogram as it is."""
        return spectrogram


def spec_of(ap: Any) -> MelSpec:  # noqa: ANN401 (Coqui's AudioProcessor)
    """The convention of an audio processor's mels after `denormalize`, which is how a vocoder gets them.

    Raises `MelMismatchError` for mels of pre-emphasized audio, or without a logarithm: no convention has them.
    """
    bases: dict[float, LogBase] = {np.e: "e", 10: "10"}
    if ap.preemphasis or not ap.do_amp_to_db_mel or ap.base not in bases:
        raise MelMismatchError(
            f"this model's mels have preemphasis {ap.preemphasis}, do_amp_to_db_mel {ap.do_amp_to_db_mel} and "
            f"logarithms to the base {ap.base}: expected 0, True and 10 or e; no vocoder here was trained on others"
        )
    return MelSpec(
        sample_rate=ap.sample_rate,
        n_fft=ap.fft_size,
        win_length=ap.win_length,
        hop_length=ap.hop_length,
        n_mels=ap.num_mels,
        f_min=float(ap.mel_fmin),
        f_max=None if ap.mel_fmax is None else float(ap.mel_fmax),
        log_base=bases[ap.base],
        gain=float(ap.spec_gain),
        floor=1e-8,
        pad_mode=ap.stft_pad_mode,
    )
