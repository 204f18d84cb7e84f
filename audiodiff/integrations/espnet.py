"""ESPnet: the vocoder of an `espnet2.bin.tts_inference.Text2Speech`."""

from typing import Any, Unpack

from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import MelMismatchError
from audiodiff.integrations.stage import StageOptions, VocoderStage, standardized
from audiodiff.mel.spec import LogBase, MelSpec
from audiodiff.types import Hertz
from audiodiff.vocoder import Vocoder

LOG_BASES: dict[float | None, LogBase] = {10.0: "10", None: "e"}


class EspnetVocoder(VocoderStage):
    """Replaces the vocoder of the pipeline `text2speech`; the convention is read from its feature extractor.

    >>> text2speech.vocoder = EspnetVocoder(vocoder, text2speech)
    """

    def __init__(
        self,
        vocoder: Vocoder | None,
        text2speech: Any,  # noqa: ANN401 (ESPnet's Text2Speech, which is not imported here)
        **options: Unpack[StageOptions],
    ) -> None:
        super().__init__(vocoder, spec_of(text2speech), **options)

    @property
    def fs(self) -> Hertz:
        """The sample rate, by ESPnet's name for it."""
        return self.sample_rate

    def forward(self, mel: Float[Tensor, "frames n_mels"]) -> Float[Tensor, " samples"]:
        """Vocode one mel."""
        return self.speak(mel.T.unsqueeze(0))[0]


def spec_of(text2speech: Any) -> MelSpec:  # noqa: ANN401 (as above)
    """The convention of the mels that a pipeline gives to its vocoder.

    These are its features as the extractor `LogMelFbank` makes them, or standardized with
    `prefer_normalized_feats=True`. Raises `MelMismatchError` for another extractor.
    """
    model = text2speech.model
    extractor, normalize = model.feats_extract, model.normalize
    if type(extractor).__name__ != "LogMelFbank" or extractor.logmel.log_base not in LOG_BASES:
        raise MelMismatchError(
            f"this pipeline's features come from {type(extractor).__name__}: expected LogMelFbank with logarithms "
            "to the base 10 or e, which is what ESPnet's mel recipes use"
        )
    spec = MelSpec(
        sample_rate=extractor.fs,
        n_fft=extractor.n_fft,
        win_length=extractor.win_length or extractor.n_fft,
        hop_length=extractor.hop_length,
        n_mels=extractor.n_mels,
        f_min=float(extractor.fmin or 0),
        f_max=None if extractor.fmax is None else float(extractor.fmax),
        mel_scale="htk" if extractor.logmel.mel_options["htk"] else "slaney",
        log_base=LOG_BASES[extractor.logmel.log_base],
        floor=1e-10,
        magnitude_floor=1e-5,
    )
    if normalize is None or not text2speech.prefer_normalized_feats:
        return spec
    return standardized(spec, normalize.mean.flatten(), normalize.std.flatten())
