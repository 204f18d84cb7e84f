"""`python -m audiodiff.compat.diffwave_inference`: what users of lmnt's diffwave.inference type, as they type it.

MODEL may be their model folder, a weights.pt, or a bundle; the spectrogram may be positional, as in their
README, or follow -s, as in their code.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from secrets import randbits

import torch
from torch import Tensor

from audiodiff.audio import save_audio
from audiodiff.bundle.format import CONFIG
from audiodiff.bundle.location import bundle_folder
from audiodiff.convert import convert
from audiodiff.diffusion import DiscreteBetas
from audiodiff.errors import AudiodiffError, ConfigError
from audiodiff.mel import read_mel
from audiodiff.types import Seconds
from audiodiff.vocoder import Vocoder

UNCONDITIONAL_LENGTH: Seconds = 5.0
"""Length of what an unconditional model says: lmnt's default `audio_len`."""


def parser() -> ArgumentParser:
    """lmnt's arguments, in its old order and in its new one."""
    arguments = ArgumentParser(prog="diffwave_inference", description="Vocode a spectrogram of diffwave.preprocess.")
    arguments.add_argument("model", metavar="MODEL", help="a model folder, weights.pt, or a bundle")
    arguments.add_argument("spectrogram", metavar="SPEC", nargs="?", help="a .spec.npy file")
    arguments.add_argument("--spectrogram_path", "-s", metavar="SPEC", help="the same, by its name")
    arguments.add_argument("--output", "-o", default="output.wav", help="the sound file, by default output.wav")
    arguments.add_argument("--fast", "-f", action="store_true", help="the fast schedule instead of all steps")
    return arguments


def load(model: str) -> Vocoder:
    """Load a checkpoint or a bundle onto the GPU if there is one."""
    path = Path(model)
    foreign = path.is_file() or (path.is_dir() and not (path / CONFIG).is_file())
    vocoder = Vocoder(convert(path).bundle()) if foreign else Vocoder.from_pretrained(bundle_folder(model))
    return vocoder.to("cuda" if torch.cuda.is_available() else "cpu")


def condition(vocoder: Vocoder, spectrogram: str | None) -> Tensor:
    """The mel to be vocoded; for an unconditional model silence of the usual length."""
    spec = vocoder.mel_spec
    if spectrogram is not None:
        return read_mel(spectrogram, spec).mel
    if getattr(vocoder.model.denoiser.network, "upsampler", None) is not None:
        raise ConfigError("this model speaks from a spectrogram: give the path of a .spec.npy file")
    return torch.zeros(spec.n_mels, -(-int(UNCONDITIONAL_LENGTH * spec.sample_rate) // spec.hop_length))


def all_steps(vocoder: Vocoder) -> int:
    """Number of steps that the model was trained with."""
    schedule = vocoder.model.denoiser.schedule
    if not isinstance(schedule, DiscreteBetas):
        raise ConfigError(f"{vocoder.name} has no list of training steps to sample along: pass --fast")
    return schedule.n_steps


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a refusal is one sentence and exit code 2."""
    given = parser().parse_args(arguments)
    try:
        vocoder = load(given.model)
        mel = condition(vocoder, given.spectrogram_path or given.spectrogram)
        wave = vocoder(
            mel, n_steps=None if given.fast else all_steps(vocoder), seed=randbits(32), spec=vocoder.mel_spec
        )
        encoding = "FLOAT" if given.output.lower().endswith(".wav") else "PCM_16"
        save_audio(given.output, wave, vocoder.sample_rate, encoding)
    except AudiodiffError as error:
        print(f"diffwave_inference: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
