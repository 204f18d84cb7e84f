"""Slots of pipelines that call a published vocoder by its own method: Vocos, and the HiFT of CosyVoice and chatterbox.

A pipeline that calls a HiFi-GAN or BigVGAN generator, `generator(mel)`, takes a `MatchaVocoder` with its convention.
"""

from typing import Unpack

from torch import Tensor

from audiodiff.integrations.stage import StageOptions, VocoderStage
from audiodiff.mel.conventions import convention
from audiodiff.streaming.inputs import SpecOrName
from audiodiff.types import Mel, Wave
from audiodiff.vocoder import Vocoder

F5 = convention("f5_vocos_24k")
COSYVOICE2 = convention("cosyvoice2_24k")


class VocosVocoder(VocoderStage):
    """Stands where a pipeline has a `Vocos`, as F5-TTS does; `spec` is `vocos_24k` in most others.

    >>> infer_process(reference, reference_text, text, model, VocosVocoder(vocoder), mel_spec_type="vocos")
    """

    def __init__(self, vocoder: Vocoder | None = None, spec: SpecOrName = F5, **options: Unpack[StageOptions]) -> None:
        super().__init__(vocoder, spec, **options)

    def decode(self, features: Mel) -> Wave:
        """Vocode [batch, n_mels, frames] to [batch, samples]."""
        return self.speak(features.float())


class HiftVocoder(VocoderStage):
    """Stands where CosyVoice has `model.hift`, and chatterbox `s3gen.mel2wav`.

    >>> cosyvoice.model.hift = HiftVocoder(vocoder)
    """

    def __init__(
        self, vocoder: Vocoder | None = None, spec: SpecOrName = COSYVOICE2, **options: Unpack[StageOptions]
    ) -> None:
        super().__init__(vocoder, spec, **options)

    def inference(
        self,
        speech_feat: Mel,
        cache_source: Tensor | None = None,
        finalize: bool = True,
    ) -> tuple[Wave, Tensor]:
        """Vocode [batch, n_mels, frames] to [batch, samples]; beside it a silent excitation [batch, 1, samples]."""
        wave = self.speak(speech_feat.float())
        return wave, wave.new_zeros(wave.shape).unsqueeze(1)
