"""Recordings that are damaged, lie about themselves, or are no recordings."""

import os
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from tests.fuzz.cases import CONVENTION, VOICE, Case, mutated, odd_name

RATE = 22050
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "sph": ("NIST", "PCM_16"),
}


def tone(seconds: float = 0.2) -> np.ndarray:
    """A recording that nothing is wrong with, [samples]."""
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def written(path: Path, suffix: str) -> bytes:
    """The bytes of a good recording in a format."""
    name, encoding = FORMATS[suffix]
    soundfile.write(os.fsencode(path), tone(), RATE, format=name, subtype=encoding)
    return path.read_bytes()


def damaged(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Any format with a few bytes changed."""
    suffix = chance.choice(sorted(FORMATS))
    path = folder / f"odd.{suffix}"
    content, about = mutated(written(path, suffix), chance)
    path.write_bytes(content)
    return path, f"{suffix} {about}", False


def cut(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """A file that ends before its time."""
    suffix = chance.choice(sorted(FORMATS))
    path = folder / f"odd.{suffix}"
    content = written(path, suffix)
    length = chance.randrange(len(content) * 3 // 4)
    path.write_bytes(content[:length])
    return path, f"{suffix} cut to {length} of {len(content)} bytes", True


def rate(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """A WAV at an impossible sample rate."""
    path, hertz = folder / "odd.wav", chance.choice([0, 1, 2, 7, 100, 999, 768001, 10**7, 2**31 - 1, 2**32 - 1])
    content = bytearray(written(path, "wav"))
    content[24:28] = hertz.to_bytes(4, "little")
    path.write_bytes(content)
    return path, f"wav at {hertz} Hz", True


def total(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """A FLAC file that does not know how many samples it has, or exaggerates; unknown is allowed."""
    path, samples = folder / "odd.flac", chance.choice([0, 5000, 10**5, 10**6, 10**9, 2**36 - 1])
    content = bytearray(written(path, "flac"))
    facts = int.from_bytes(content[18:26], "big") >> 36 << 36 | samples
    content[18:26] = facts.to_bytes(8, "big")
    path.write_bytes(content)
    return path, f"flac of {samples} declared samples", samples != 0


def level(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Float samples beyond all measure, or no numbers."""
    path, factor = folder / "odd.wav", chance.choice([8.0, 100.0, 32767.0, 1e10, 1e38, float("nan"), float("inf")])
    wave = tone() * np.float32(factor) if np.isfinite(factor) else np.concatenate([tone(), [np.float32(factor)]])
    soundfile.write(path, wave, RATE, subtype="FLOAT")
    return path, f"wav times {factor}", True


def named(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """A good recording under an odd name."""
    name = odd_name(chance)
    path = folder / os.fsdecode(name + b".wav")
    written(path, "wav")
    return path, f"a good wav called {name[:20]!r}", False


def no_file(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Something that has a recording's name and is none."""
    kind = chance.choice(["fifo", "folder", "empty", "text", "loop", "device", "missing", "noise", "nothing"])
    path = folder / f"odd.{chance.choice(sorted(FORMATS))}"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind in ("loop", "device"):
        path.symlink_to(path if kind == "loop" else "/dev/zero")
    elif kind != "missing":
        content = {"empty": b"", "text": b"hello\n" * 50, "noise": chance.randbytes(5000), "nothing": bytes(5000)}
        path.write_bytes(content[kind])
    return path, f"{kind} called {path.name}", True


def short(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Fewer samples than a frame, many channels, or a small rate that is still one."""
    path, samples = folder / "odd.wav", chance.choice([1, 2, 200, 255, 256, 1023])
    channels, hertz = chance.choice([1, 2, 64]), chance.choice([RATE, 1000, 8000, 192000])
    soundfile.write(path, np.tile(tone()[:samples, None], (1, channels)), hertz)
    return path, f"{samples} samples, {channels} channels, {hertz} Hz", False


KINDS = (damaged, damaged, cut, rate, total, level, named, no_file, short)


def audio_case(chance: Random, folder: Path) -> Case:
    """An odd recording, with a good one beside it, given to a command that takes recordings."""
    path, about, hopeless = chance.choice(KINDS)(chance, folder)
    good, out = folder / "good.wav", folder / "out"
    soundfile.write(good, tone(), RATE)
    command = chance.choice(["vocode", "extract", "check", "evaluate"])
    inputs = [str(path), str(good)]
    if command == "vocode":
        arguments = ["vocode", *inputs, "-o", str(out), "--resample", "--model", VOICE, "--steps", "1"]
        return Case(about=about, arguments=arguments, hopeless=hopeless, promised=(out / "good.wav",), results=out)
    if command == "extract":
        arguments = ["mel", "extract", *inputs, "-c", CONVENTION, "-o", str(out), "--jobs", "1"]
        promised = (out / "good.safetensors",)
        return Case(about=about, arguments=arguments, hopeless=hopeless, promised=promised, results=out)
    if command == "check":
        arguments = ["data", "check", str(folder), "--fix", str(out / "list.jsonl"), "--jobs", "1"]
        hopeless = hopeless and path.is_file()  # what is not a file is not found in a folder
        return Case(about=about, arguments=arguments, hopeless=hopeless, promised=(out / "list.jsonl",), results=out)
    arguments = ["evaluate", str(path), str(good), "--resample"]
    return Case(about=about, arguments=arguments, hopeless=hopeless, results=out)
