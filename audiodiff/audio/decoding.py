"""Recordings as strangers hand them in: opened with suspicion, decoded whole, and never trusted in their sizes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from audiodiff.errors import AudiodiffError, AudioError
from audiodiff.errors.sentences import words_of
from audiodiff.types import Hertz, Samples

if TYPE_CHECKING:
    from soundfile import SoundFile

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff", ".aif", ".au", ".caf", ".sph", ".w64"})
"""Suffixes of files that are taken for recordings in a folder."""
RATES = range(1000, 768001)
"""Sample rates in hertz that a recording may have; beyond them resampling asks for any amount of memory."""
MOST_SAMPLES = 1 << 29
"""Samples of all channels that are decoded at a time: 2 GiB."""
_DENSEST = 4096
"""Samples that a byte can stand for: digital silence as FLAC comes to a tenth of that."""
_UNKNOWN = 1 << 40
_ENDLESS = (0, 0x7FFFFFFF, 0xFFFFFFFF)
"""Sizes that programs write which do not know them yet."""
_CUT = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""libsndfile's note about a file that is shorter than its header says."""
_EXPECTED = "expected .wav, .flac, .ogg, .mp3 or another of libsndfile's formats"


@dataclass(frozen=True)
class AudioHeader:
    """Properties that an audio file declares; `frames` is None where it does not say."""

    sample_rate: Hertz
    channels: int
    frames: Samples | None


@contextmanager
def opened_audio(source: str | os.PathLike[str] | BinaryIO) -> Iterator["SoundFile"]:
    """Open a recording for reading; whatever libsndfile makes of it while it is open is an `AudioError`."""
    import soundfile

    class Forwards(soundfile.SoundFile):
        """After a read soundfile seeks, which fails at the end of a FLAC file of unknown length."""

        def seekable(self) -> bool:
            return False

    name = source if isinstance(source, str | os.PathLike) else "the recording"
    if isinstance(source, str | os.PathLike) and not Path(source).is_file():
        raise AudioError(f"{name} is not a file: expected an audio file such as .wav or .flac")
    opened = os.fsencode(source) if isinstance(source, str | os.PathLike) else source  # a name need not be text
    try:
        with Forwards(cast(BinaryIO, opened)) as file:
            yield file
    except AudiodiffError:
        raise
    except Exception as error:  # a stranger's file makes libsndfile, its codecs and numpy fail in every way there is
        reason = getattr(error, "error_string", None) or words_of(error)
        raise AudioError(f"{name} cannot be read as audio ({reason.rstrip('.')}): {_EXPECTED}") from error


def audio_header(path: str | os.PathLike[str]) -> AudioHeader:
    """Read and check what a file declares; raises `AudioError` for what cannot be true or is of no use."""
    with opened_audio(path) as file:
        return checked_header(file, path)


def audio_frames(path: str | os.PathLike[str]) -> Samples:
    """Number of samples by a file's header, or by decoding where that does not say; errors as `audio_header`."""
    frames = audio_header(path).frames
    return len(decode(path)[0]) if frames is None else frames


def checked_header(file: "SoundFile", path: str | os.PathLike[str]) -> AudioHeader:
    """The header of an open file; raises `AudioError` as `audio_header` does."""
    if file.samplerate not in RATES:
        raise AudioError(f"{path} is at {file.samplerate} Hz: expected {RATES[0]} to {RATES[-1]} Hz")
    if not file.frames:
        raise AudioError(f"{path} holds no samples")
    header = AudioHeader(file.samplerate, file.channels, file.frames if file.frames < _UNKNOWN else None)
    size = Path(path).stat().st_size
    if header.frames is not None and header.frames * header.channels > _DENSEST * size:
        raise AudioError(f"{path} declares {header.frames} samples, more than its {size} bytes can hold: it is damaged")
    check_whole(file, path)
    return header


def check_whole(file: "SoundFile", path: str | os.PathLike[str]) -> None:
    """Raise `AudioError` for a file that was cut short, by what its container says."""
    for declared, there in _CUT.findall(file.extra_info):
        if int(declared) > int(there) + 1 and int(declared) not in _ENDLESS:
            raise AudioError(f"{path} is cut short: its header declares {declared} bytes, {there} are there")
    with Path(path).open("rb") as raw:
        if file.format == "NIST":
            found = re.search(rb"sample_count -i (\d+)", raw.read(1024))
            if found and int(found[1]) > file.frames:
                raise AudioError(f"{path} is cut short: {file.frames} of {int(found[1])} samples are there")
        if file.format == "OGG":
            raw.seek(max(0, Path(path).stat().st_size - 65536 - 512))
            last_page = raw.read().rpartition(b"OggS")[2]
            if len(last_page) < 2 or not last_page[1] & 4:
                raise AudioError(f"{path} is cut short: the page that ends an .ogg file is not there")


def decode(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], Hertz]:
    """Read all samples [samples, channels], and the sample rate; raises `AudioError` for what is not whole."""
    with opened_audio(path) as file:
        header = checked_header(file, path)
        declared = MOST_SAMPLES if header.frames is None else header.frames * header.channels
        if header.frames is not None and declared > MOST_SAMPLES:
            raise AudioError(
                f"{path} holds {declared} samples, {MOST_SAMPLES} can be read at a time: cut it into parts"
            )
        samples = np.asarray(file.read(declared // header.channels, dtype="float32", always_2d=True), np.float32)
        check_complete(header, len(samples), file, path)
        return samples.copy() if header.frames is None else samples, header.sample_rate


def check_complete(header: AudioHeader, found: Samples, file: "SoundFile", path: str | os.PathLike[str]) -> None:
    """Raise `AudioError` where fewer samples were found than declared; the length of an MP3 is an estimate."""
    missing = 0 if header.frames is None else header.frames - found
    if missing > (header.frames or 0) // 10 * (file.format == "MP3"):
        raise AudioError(f"{path} is cut short: {found} of {header.frames} samples are there")


def files_below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """All files in a folder and the folders below it, sorted; links are followed, hidden files are left out."""
    found, seen = [], set()
    for root, folders, names in os.walk(folder, followlinks=True):
        stat = os.stat(root)
        if (stat.st_dev, stat.st_ino) in seen:  # a link to a folder that was walked already, or to one above
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        found += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in suffixes)


def real_path(path: Path) -> Path:
    """The path that links lead to; a link to itself, at which `Path.resolve` fails, leads to what is no file."""
    return Path(os.path.realpath(path))
