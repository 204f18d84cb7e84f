"""NVIDIA NeMo: an object for the place of a `HifiGanModel`, or of another `Vocoder` of its text-to-speech."""

from collections.abc import Mapping
from typing import Any, Unpack

from torch import Tensor

from audiodiff.errors import MelMismatchError
from audiodiff.integrations.stage import StageOptions, VocoderStage
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Wave
from audiodiff.vocoder import Vocoder

PLAIN: Mapping[str, object] = {"preemph": None, "normalize": None, "log": True, "frame_splicing": 1}
"""Attributes of a featurizer whose mels a vocoder can take."""

GUARD = 1e-5
"""Constant under the root of a featurizer with `use_grads`."""


class NemoVocoder(VocoderStage):
    """Stands where NeMo has its vocoder; the convention is read from the model that makes the mels.

    >>> speak = NemoVocoder(vocoder, fastpitch)
    >>> audio = speak.convert_spectrogram_to_audio(spec=fastpitch.generate_spectrogram(tokens=tokens))
    """

    def __init__(
        self,
        vocoder: Vocoder | None,
        spectrogram_generator: Any,  # noqa: ANN401 (NeMo's FastPitchModel, which is not imported here)
        **options: Unpack[StageOptions],
    ) -> None:
        super().__init__(vocoder, spec_of(spectrogram_generator), **options)

    def convert_spectrogram_to_audio(self, spec: Mel, lengths: Tensor | None = None) -> Wave:
        """Vocode [batch, n_mels, frames] to [batch, samples]; behind the frames `lengths` [batch] is silence."""
        return self.speak(spec.float(), lengths)

    def forward(self, *, spec: Mel) -> Tensor:
        """Vocode [batch, n_mels, frames] to [batch, 1, samples]."""
        return self.convert_spectrogram_to_audio(spec).unsqueeze(1)


def spec_of(spectrogram_generator: Any) -> MelSpec:  # noqa: ANN401 (as above)
    """The convention of a model's `preprocessor`, as NeMo computes it since July 2025.

    The last frame of NeMo's features is a constant; a mel that a model has made has none. Raises `MelMismatchError`
    for features that are no plain log mels.
    """
    featurizer = spectrogram_generator.preprocessor.featurizer
    config = spectrogram_generator.cfg.preprocessor
    odd = {name: getattr(featurizer, name) for name, plain in PLAIN.items() if getattr(featurizer, name) != plain}
    if config.get("window", "hann") != "hann":
        odd["window"] = config.get("window")
    if featurizer.mag_power not in (1, 2):
        odd["mag_power"] = featurizer.mag_power
    if isinstance(featurizer.log_zero_guard_value, str):
        odd["log_zero_guard_value"] = featurizer.log_zero_guard_value
    if odd:
        listed = ", ".join(f"{name} {value!r}" for name, value in odd.items())
        raise MelMismatchError(
            f"this model's features have {listed}: expected log mels of magnitudes or energies through a Hann window, "
            "with a number as their floor, which is what NeMo's text-to-speech recipes use"
        )
    f_max = config.get("highfreq") or None
    return MelSpec(
        sample_rate=featurizer.sample_rate,
        n_fft=featurizer.n_fft,
        win_length=featurizer.win_length,
        hop_length=featurizer.hop_length,
        n_mels=featurizer.nfilt,
        f_min=float(config.get("lowfreq") or 0),
        f_max=None if f_max is None else float(f_max),
        mel_norm=config.get("mel_norm", "slaney"),
        power=2 if featurizer.mag_power == 2 else 1,
        magnitude_epsilon=GUARD if featurizer.use_grads else 0.0,
        floor=float(featurizer.log_zero_guard_value),
        floor_mode=featurizer.log_zero_guard_type,
        periodic=False,
        framing="same" if featurizer.exact_pad else "center",
        pad_mode="constant",
    )
