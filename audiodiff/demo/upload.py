"""A stranger's file, looked at before it is unpacked, and made into a mel that a vocoder takes."""

import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

from audiodiff.audio import load_audio
from audiodiff.demo.limits import Limits
from audiodiff.errors import AudioError, InputError
from audiodiff.mel import MelSpec, convention, read_mel
from audiodiff.mel.compatibility import check_compatibility
from audiodiff.mel.contract import Convert, MelContractWarning, fit_mel
from audiodiff.mel.recordings import mels_of
from audiodiff.types import OneMel, OneWave

_MELS = frozenset({".npy", ".npz", ".safetensors", ".pt"})
"""Formats that hold arrays only; Kaldi's and HDF5 files can name other files, which would be the server's."""

MODELS_OWN, UNSAID = "the model's own", "what the file says, else guessed"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A visitor's words on a mel file: its convention by name, its layout, and whether estimates are allowed."""

    convention: str = UNSAID
    transposed: bool = False
    convert: Convert = "exact"

    def spec(self, own: MelSpec) -> MelSpec | None:
        """The convention that was declared, if any; raises `ConfigError` for an unknown name."""
        if self.convention == UNSAID:
            return None
        return own if self.convention == MODELS_OWN else convention(self.convention)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A mel in the vocoder's convention, what was found out about it, and the recording that it comes from, if any."""

    name: str
    mel: OneMel
    verdict: str
    reference: OneWave | None = None


def open_upload(path: Path, reading: Reading, own: MelSpec, limits: Limits) -> Upload:
    """Read an audio or mel file for a vocoder whose convention is `own`.

    Raises `InputError`, whose message names the file as its owner knows it and never where it lies on the server.
    """
    name = shown_name(path)
    try:
        check_size(path, limits)
        if path.suffix.lower() in _MELS:
            return open_mel(path, name, reading, own, limits)
        return open_audio(path, name, own, limits)
    except InputError as error:
        raise type(error)(str(error).replace(str(path), name)) from error
    except Exception as error:  # a stranger's file makes readers fail in every way there is
        raise InputError(f"{name} cannot be read: {type(error).__name__}; expected an audio or mel file") from error


def shown_name(path: Path) -> str:
    """A file's name as it may be shown: of printable characters, and short."""
    name = "".join(letter if letter.isprintable() else "?" for letter in path.name)
    return name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"


def check_size(path: Path, limits: Limits) -> None:
    """Raise `InputError` for a file that is empty, or too big as it is or unpacked."""
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path} is empty; give an audio or mel file with content")
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
        except zipfile.BadZipFile as error:
            raise InputError(f"{path} is a damaged archive: {error}") from error
    if size > limits.upload:
        raise InputError(f"{path} holds {size:,} bytes; this page takes at most {limits.upload:,}")


def open_audio(path: Path, name: str, own: MelSpec, limits: Limits) -> Upload:
    """Read a recording at any rate, and compute its mel (copy-synthesis)."""
    rate = check_recording(path, limits)
    wave = load_audio(path, own.sample_rate)
    mel = mels_of(wave[None], own, name)[0]
    said = "" if rate == own.sample_rate else f", resampled from {rate} to {own.sample_rate} Hz"
    return Upload(
        name=name,
        mel=mel,
        verdict=f"match: the mel was computed from the recording{said} in the model's own convention",
        reference=wave[: mel.shape[1] * own.hop_length],
    )


def check_recording(path: Path, limits: Limits) -> int:
    """The sample rate by the header; raises `AudioError` for what is no recording, or a longer one than is served."""
    import soundfile

    try:
        header = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(
            f"{path} is neither audio (.wav, .flac, .ogg, .mp3) nor a mel ({', '.join(sorted(_MELS))}): "
            "its content cannot be read as either"
        ) from error
    if header.samplerate > limits.sample_rate or header.channels > limits.channels:
        raise AudioError(
            f"{path} has {header.channels} channels at {header.samplerate} Hz; "
            f"this page takes at most {limits.channels} at {limits.sample_rate} Hz"
        )
    check_duration(path, header.frames / header.samplerate, limits)
    return int(header.samplerate)


def open_mel(path: Path, name: str, reading: Reading, own: MelSpec, limits: Limits) -> Upload:
    """Read a mel, and hold it to the mel contract."""
    found = read_mel(path, reading.spec(own), transposed=reading.transposed)
    spec = found.spec or own
    check_duration(path, found.mel.shape[1] * spec.hop_length / spec.sample_rate, limits)
    report = check_compatibility(found.mel, found.spec, own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MelContractWarning)  # the verdict says it already
        mel = fit_mel(found.mel.unsqueeze(0), found.spec, own, reading.convert)[0]
    return Upload(name=name, mel=mel, verdict=str(report))


def check_duration(path: Path, duration: float, limits: Limits) -> None:
    """Raise `InputError` for more sound than one visitor gets."""
    if duration > limits.duration:
        raise InputError(f"{path} lasts {duration:.1f} s; this page takes at most {limits.duration:g} s")
    if duration == 0:
        raise InputError(f"{path} lasts 0 s: give a file with sound in it")
