"""Pairs of files to compare, and those that cannot be compared, with the reason."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiodiff.audio import load_audio
from audiodiff.audio.decoding import AUDIO_SUFFIXES, audio_header
from audiodiff.data import read_manifest
from audiodiff.errors import AudioError, InputError
from audiodiff.evaluation.waveform import Signal, resample, rms
from audiodiff.types import Hertz, Seconds

SHORTEST: Seconds = 0.25
SILENT = 1e-5
LENGTH_TOLERANCE = 0.1


@dataclass(frozen=True)
class Pair:
    """A generated recording and what it should sound like."""

    id: str
    generated: Path
    reference: Path


@dataclass(frozen=True)
class Exclusion:
    """An utterance that takes no part in the means, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Recordings:
    """The two waveforms of a pair at the sample rate of the reference."""

    reference: Signal
    generated: Signal
    sample_rate: Hertz


def find_pairs(generated: Path, reference: Path) -> tuple[list[Pair], list[Exclusion]]:
    """Match two folders or manifests by file name or utterance id, or two single files with each other.

    What has no partner is excluded; raises `InputError` when nothing has one.
    """
    if generated.suffix.lower() in AUDIO_SUFFIXES and reference.suffix.lower() in AUDIO_SUFFIXES:
        return [Pair(generated.stem, generated, reference)], []
    ours, theirs = recordings_in(generated), recordings_in(reference)
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise InputError(
            f"no file of {generated} (such as {min(ours)}) has the name of one of {reference} (such as {min(theirs)}): "
            "generated and reference recordings are matched by file name without its suffix"
        )
    lonely = [
        *(Exclusion(name, f"no reference of that name in {reference}") for name in sorted(ours.keys() - theirs.keys())),
        *(Exclusion(name, f"nothing of that name in {generated}") for name in sorted(theirs.keys() - ours.keys())),
    ]
    return [Pair(name, ours[name], theirs[name]) for name in shared], lonely


def recordings_in(source: Path) -> dict[str, Path]:
    """The audio files of a folder or a manifest, by name; raises `InputError` where there are none or two alike."""
    if source.is_file():
        return {utterance.id: utterance.path for utterance in read_manifest(source)}
    if not source.is_dir():
        raise InputError(f"there is no {source}: give a folder of audio files, a manifest (.jsonl), or one audio file")
    files = sorted(path for path in source.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
    found = {path.stem: path for path in files}
    if not files:
        raise InputError(f"{source} holds no audio file (such as .wav or .flac): give the folder they are in")
    if len(found) < len(files):
        twice = next(path.stem for path in files if found[path.stem] != path)
        raise InputError(f"{source} holds several recordings called {twice}: keep one of them")
    return found


def load_pair(pair: Pair, *, resampled: bool = False) -> Recordings:
    """Read both recordings; raises `AudioError` with the reason why they cannot be compared.

    `resampled` allows a generated recording at another sample rate, which is converted to the reference's.
    """
    rate, generated_rate = matching_rates(pair, resampled=resampled)
    reference, generated = read_signal(pair.reference), resample(read_signal(pair.generated), generated_rate, rate)
    for name, signal in (("reference", reference), ("generated", generated)):
        check_audible(name, signal, rate)
    longer, shorter = max(len(reference), len(generated)), min(len(reference), len(generated))
    if longer - shorter > LENGTH_TOLERANCE * longer:
        raise AudioError(
            f"generated lasts {len(generated) / rate:.2f} s, the reference {len(reference) / rate:.2f} s: "
            "more than 10 % apart, so they are not the same utterance"
        )
    return Recordings(reference, generated, rate)


def matching_rates(pair: Pair, *, resampled: bool) -> tuple[Hertz, Hertz]:
    """The sample rates of reference and generated, from their headers, after comparing what the headers say."""
    reference, generated = audio_header(pair.reference), audio_header(pair.generated)
    if reference.channels != generated.channels:
        raise AudioError(f"generated has {generated.channels} channels, the reference {reference.channels}")
    if reference.sample_rate != generated.sample_rate and not resampled:
        raise AudioError(
            f"generated is at {generated.sample_rate} Hz, the reference at {reference.sample_rate} Hz; "
            "pass --resample to convert it"
        )
    return reference.sample_rate, generated.sample_rate


def read_signal(path: Path) -> Signal:
    """A file as float64, its channels averaged."""
    return load_audio(path).numpy().astype(np.float64)


def check_audible(name: str, signal: Signal, sample_rate: Hertz) -> None:
    """Raise `AudioError` for what is too short or too quiet to be measured."""
    if len(signal) < SHORTEST * sample_rate:
        raise AudioError(f"{name} has only {len(signal)} samples: at least {SHORTEST} s are needed")
    if rms(signal) < SILENT:
        raise AudioError(f"{name} is silent (RMS below {SILENT:g})")
