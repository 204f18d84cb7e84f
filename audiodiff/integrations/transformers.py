"""Hugging Face transformers: SpeechT5 and FastSpeech2Conformer, whose vocoders take mels as [frames, n_mels]."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from audiodiff.integrations.stage import StageOptions, VocoderStage, standardized
from audiodiff.mel.conventions import convention
from audiodiff.types import Wave
from audiodiff.vocoder import Vocoder

FramesFirst = Float[Tensor, "frames n_mels"] | Float[Tensor, "batch frames n_mels"]


class FramesFirstVocoder(VocoderStage):
    """Stands where transformers has a `...HifiGan`."""

    @property
    def config(self) -> SimpleNamespace:
        """The config that a text-to-speech `pipeline(...)` asks of its vocoder."""
        return SimpleNamespace(sampling_rate=self.sample_rate)

    def forward(
        self, spectrogram: FramesFirst, lengths: Tensor | Sequence[int] | None = None
    ) -> Float[Tensor, " samples"] | Wave:
        """Vocode [frames, n_mels] to [samples], or [batch, frames, n_mels] to [batch, samples].

        Without `lengths`, frames at the end that are zero in all bands count as padding: so SpeechT5 fills a batch,
        without saying where.
        """
        if spectrogram.ndim == 2:
            return self.speak(spectrogram.T.unsqueeze(0))[0]
        return self.speak(spectrogram.transpose(1, 2), sounding_frames(spectrogram) if lengths is None else lengths)


class SpeechT5Vocoder(FramesFirstVocoder):
    """For the `vocoder=` of `SpeechT5ForTextToSpeech` and its siblings: mels of the convention `speecht5_16k`."""

    def __init__(self, vocoder: Vocoder | None = None, **options: Unpack[StageOptions]) -> None:
        super().__init__(vocoder, convention("speecht5_16k"), **options)


class FastSpeech2ConformerVocoder(FramesFirstVocoder):
    """For the `vocoder` of `FastSpeech2ConformerWithHifiGan`: mels of the convention `espnet_22k`, standardized.

    The network speaks (mel - mean) / std of the corpus that it was trained on. transformers' files leave `mean`
    and `std` [80] out; they are in the ESPnet model that was converted (`normalize.mean` and `normalize.std`).
    """

    def __init__(
        self,
        vocoder: Vocoder | None,
        mean: Tensor | Sequence[float],
        std: Tensor | Sequence[float],
        **options: Unpack[StageOptions],
    ) -> None:
        super().__init__(vocoder, standardized(convention("espnet_22k"), mean, std), **options)


def sounding_frames(spectrogram: Float[Tensor, "batch frames n_mels"]) -> list[int]:
    """The frames of every item up to the last one that is not zero in all bands, at least one."""
    sounding = spectrogram.ne(0).any(dim=2)
    return [int(frames.nonzero().max()) + 1 if frames.any() else 1 for frames in sounding]
