"""`audiodiff vocode`: mel or audio files in, waveforms out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audiodiff.audio import MelFile, MelSpec, MelSpectrogram, audio_sample_rate, load_audio, read_mel, save_audio
from audiodiff.audio.melformats import READERS
from audiodiff.contract import Convert
from audiodiff.errors import AudiodiffError, AudioError, InputError, OutputError
from audiodiff.types import Seconds
from audiodiff.vocoder import Vocoder

AUDIO_SUFFIXES = frozenset({".wav", ".flac"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one call of `audiodiff vocode` asks for."""

    inputs: list[Path]
    out: Path
    sampler: str | None
    steps: int | None
    seed: int
    spec: MelSpec | None
    convert: Convert
    transposed: bool
    resample: bool
    overwrite: bool


def vocode_files(vocoder: Vocoder, request: Request, console: Console) -> list[str]:
    """Vocode every input, one line each; return a sentence for each one that failed."""
    failures = []
    n_steps = len(vocoder.times(request.steps)) - 1
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("steps", total=len(request.inputs) * n_steps)
        for done, path in enumerate(request.inputs, start=1):
            try:
                line = vocode_file(vocoder, path, request, advance=lambda: progress.advance(bar))
                console.print(line, soft_wrap=True, markup=False)
            except AudiodiffError as error:
                failures.append(f"{path}: {error}")
            progress.update(bar, completed=done * n_steps)
    return failures


def vocode_file(vocoder: Vocoder, path: Path, request: Request, advance: Callable[[], None]) -> str:
    """Vocode one file, calling `advance` after every step; return the line that reports it."""
    target = output_path(path, request)
    mel = load_mel(path, vocoder, request)
    started = time.perf_counter()
    wave = torch.empty(0)
    for state in vocoder.steps(
        mel.mel,
        steps=request.steps,
        sampler=request.sampler,
        seed=request.seed,
        spec=mel.spec,
        convert=request.convert,
    ):
        wave = state
        advance()
    elapsed = time.perf_counter() - started
    save_audio(target, wave, vocoder.sample_rate)
    return report(path, target, len(wave) / vocoder.sample_rate, elapsed)


def report(path: Path, target: Path, duration: Seconds, elapsed: Seconds) -> str:
    """The line that is printed for a finished file."""
    return f"{path} -> {target}: {duration:.2f} s of audio in {elapsed:.2f} s, RTF {elapsed / duration:.3f}"


def output_path(path: Path, request: Request) -> Path:
    """Where the result of `path` goes: OUT itself if it names an audio file, else a wav in the folder OUT."""
    if request.out.suffix.lower() in AUDIO_SUFFIXES:
        target = request.out
        if len(request.inputs) > 1:
            raise OutputError(f"{request.out} is one file, but there are {len(request.inputs)} inputs: give a folder")
    else:
        target = request.out / f"{path.stem}.wav"
        same = [other for other in request.inputs if other.stem == path.stem]
        if len(same) > 1:
            raise OutputError(f"{len(same)} inputs would be written to {target}: rename them or use two folders")
    if target.exists() and not request.overwrite:
        raise OutputError(f"{target} is there already: pass --overwrite to replace it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {target.parent}: {error.strerror}") from error
    return target


def load_mel(path: Path, vocoder: Vocoder, request: Request) -> MelFile:
    """Read a mel file, or compute the mel of an audio file (copy-synthesis)."""
    if not path.is_file():
        raise InputError("no such file; give mel or audio files that exist")
    if path.stat().st_size == 0:
        raise InputError("the file is empty; give a mel or audio file with content")
    spec = vocoder.mel_spec
    if path.suffix in READERS:
        return read_mel(path, request.spec, transposed=request.transposed)
    rate = audio_sample_rate(path)
    if rate != spec.sample_rate and not request.resample:
        raise AudioError(f"recorded at {rate} Hz, the model speaks {spec.sample_rate} Hz; pass --resample to convert")
    wave = load_audio(path, spec.sample_rate)
    frames = len(wave) // spec.hop_length
    if frames == 0:
        raise AudioError(f"{len(wave)} samples are less than one mel frame of {spec.hop_length}; give longer audio")
    return MelFile(MelSpectrogram(spec)(wave.unsqueeze(0))[0, :, :frames], spec)


def set_threads(threads: int | None) -> None:
    """Use that many CPU threads; None leaves torch's own choice."""
    if threads is not None:
        torch.set_num_threads(threads)
