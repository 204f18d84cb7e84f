"""`audiodiff vocode`: mel or audio files in, waveforms out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audiodiff.audio import load_audio, save_audio
from audiodiff.audio.scratch import sweep
from audiodiff.bulk import Job, is_done, mark_of
from audiodiff.bulk.f0_files import read_f0
from audiodiff.bulk.long_mels import LongMel, cut_if_long, open_long, open_recording, vocode_long
from audiodiff.bulk.marks import digest_of
from audiodiff.bulk.voice_choice import voice_for
from audiodiff.diffusion import tempered
from audiodiff.engine import Precision
from audiodiff.errors import ConfigError, InputError
from audiodiff.errors.sentences import sentence
from audiodiff.mel import MelFile, MelSpec, convention, read_mel
from audiodiff.mel.contract import Convert
from audiodiff.mel.formats import READERS
from audiodiff.mel.recordings import check_rate, mels_of
from audiodiff.streaming.given_pitch import source_filter_of
from audiodiff.streaming.inputs import VocodeOptions
from audiodiff.types import OneF0, Samples, Seconds
from audiodiff.vocoder import Vocoder


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of `audiodiff vocode`; `model` is the mark of the bundle."""

    jobs: list[Job]
    model: str
    sampler: str | None
    steps: int | None
    seed: int
    precision: Precision
    spec: MelSpec | None
    convert: Convert
    transposed: bool
    resample: bool
    overwrite: bool
    f0: Path | None = None
    transpose: float = 0.0
    temperature: float = 1.0

    def check(self, vocoder: Vocoder) -> None:
        """Raise `ConfigError` or `InputError` for an f0, a sampler or a temperature that cannot be had."""
        tempered(vocoder.sampler(self.sampler), self.temperature)
        if self.f0 is not None or self.transpose:
            source_filter_of(vocoder.model)
        if self.f0 is not None and len(self.jobs) != 1:
            raise ConfigError(f"--f0 is for one mel, got {len(self.jobs)}: vocode them one by one")
        if self.f0 is not None:
            read_f0(self.f0)

    def options(self) -> VocodeOptions:
        """Options for the vocoder; the convention is each mel's own."""
        return {
            "n_steps": self.steps,
            "sampler": self.sampler,
            "seed": self.seed,
            "temperature": self.temperature,
            "convert": self.convert,
        }

    def mark(self, source: Path) -> str:
        """The mark of what this request makes of a file."""
        own = {"jobs", "overwrite", "spec"} | ({"temperature"} if self.temperature == 1 else set())
        settings = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in own}
        settings["spec"] = self.spec and self.spec.to_dict()
        settings["f0"] = self.f0 and digest_of(self.f0)
        return mark_of(source, settings)


def vocode_all(vocoder: Vocoder, request: Request, *, device: str, devices: int, num_nodes: int) -> list[str]:
    """Do all jobs, in this process or in one for each device; return a sentence for each one that failed.

    In the processes beside the first one nothing has failed: it speaks for all. Raises as `Request.check`.
    """
    request.check(vocoder)
    console = Console(highlight=False)
    if devices * num_nodes == 1:
        return vocode_files(vocoder.to(device), request, console)
    from audiodiff.bulk.predict import vocode_everywhere

    def work(job: Job) -> None:
        console.print(vocode_file(vocoder, job, request), soft_wrap=True, markup=False)

    jobs = request.jobs
    return vocode_everywhere(vocoder.model, jobs, work, device=device, devices=devices, nodes=num_nodes) or []


def vocode_files(vocoder: Vocoder, request: Request, console: Console) -> list[str]:
    """Vocode every input, one line each; return a sentence for each one that failed."""
    sweep(job.target for job in request.jobs)
    failures = []
    n_steps = len(vocoder.times(request.steps)) - 1
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("steps", total=len(request.jobs) * n_steps)
        for done, job in enumerate(request.jobs):

            def advance(share: float, done: int = done) -> None:
                progress.update(bar, completed=(done + share) * n_steps)

            try:
                line = vocode_file(vocoder, job, request, advance)
                console.print(line, soft_wrap=True, markup=False)
            except Exception as error:  # one odd input never ends the run over the others
                failures.append(f"{job.source}: {sentence(error)}")
            advance(1)
    return failures


def vocode_file(
    vocoder: Vocoder, job: Job, request: Request, advance: Callable[[float], None] = lambda share: None
) -> str:
    """Vocode one file, unless that is done; call `advance` with the share done; return the line that reports it."""
    job.claim()
    check_source(job.source)
    mark = request.mark(job.source)
    if not request.overwrite and is_done(job.target, mark):
        return f"{job.source} -> {job.target}: done already"
    mel = find_mel(job.source, vocoder, request)
    vocoder = voice_for(vocoder, mel)
    started = time.perf_counter()
    options: VocodeOptions = {**request.options(), "f0": find_f0(vocoder, mel, request)}
    if isinstance(mel, LongMel):
        samples = vocode_long(vocoder, mel, job.target, options, comment=mark, advance=advance)
    else:
        samples = vocode_short(vocoder, mel, job.target, options, comment=mark, advance=advance)
    elapsed = time.perf_counter() - started
    return report(job.source, job.target, samples / vocoder.sample_rate, elapsed)


def vocode_short(
    vocoder: Vocoder,
    mel: MelFile,
    target: Path,
    options: VocodeOptions,
    *,
    comment: str,
    advance: Callable[[float], None],
) -> Samples:
    """Vocode in one piece into `target`; call `advance` with the share that is done; return the length."""
    wave = vocoder(mel.mel, **{**options, "spec": mel.spec, "progress": advance})
    save_audio(target, wave, vocoder.sample_rate, comment=comment)
    return len(wave)


def find_f0(vocoder: Vocoder, mel: MelFile | LongMel, request: Request) -> OneF0 | None:
    """The f0 from its file, or the mel's own, transposed; None where neither is asked for."""
    if request.f0 is None and not request.transpose:
        return None
    if request.f0 is not None:
        found = read_f0(request.f0)
    elif isinstance(mel, LongMel):
        spec = mel.spec or vocoder.mel_spec
        found = vocoder.pitch(mel.pieces(), spec=spec, convert=request.convert)
    else:
        found = vocoder.pitch(mel.mel, spec=mel.spec, convert=request.convert)
    return found * 2 ** (request.transpose / 12)


def report(path: Path, target: Path, duration: Seconds, elapsed: Seconds) -> str:
    """The line that is printed for a finished file."""
    return f"{path} -> {target}: {duration:.2f} s of audio in {elapsed:.2f} s, RTF {elapsed / duration:.3f}"


def check_source(path: Path) -> None:
    """Raise `InputError` for a file that is not there or empty."""
    if not path.is_file():
        raise InputError("no such file; give mel or audio files that exist")
    if path.stat().st_size == 0:
        raise InputError("the file is empty; give a mel or audio file with content")


def find_mel(path: Path, vocoder: Vocoder, request: Request) -> MelFile | LongMel:
    """The mel of a file, in pieces where it is long."""
    if path.suffix.lower() not in READERS:
        return analysed(path, vocoder.mel_spec, resample=request.resample)
    n_mels = (request.spec or vocoder.mel_spec).n_mels
    mel = open_long(path, request.spec, n_mels, transposed=request.transposed)
    return cut_if_long(read_mel(path, request.spec, transposed=request.transposed)) if mel is None else mel


def analysed(path: Path, spec: MelSpec, *, resample: bool) -> MelFile | LongMel:
    """The mel of a recording, for copy-synthesis, in pieces where it is long."""
    check_rate(path, spec, resampled=resample)
    if (long := open_recording(path, spec)) is not None:
        return long
    return MelFile(mels_of(load_audio(path, spec.sample_rate)[None], spec)[0], spec)


def declared_spec(name: str | None, vocoder: Vocoder) -> MelSpec | None:
    """The convention that mel files are said to be in: by its name, or as `model` that of the vocoder."""
    return vocoder.mel_spec if name == "model" else None if name is None else convention(name)
