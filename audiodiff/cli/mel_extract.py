"""`audiodiff mel extract`: the mels of many audio files, several at a time."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audiodiff.audio import load_audio
from audiodiff.audio.decoding import AUDIO_SUFFIXES, files_below
from audiodiff.cli.mel_files import Outcome, Target
from audiodiff.errors import AudiodiffError, AudioError
from audiodiff.mel import MelSpec, MelSpectrogram, write_mel
from audiodiff.types import Seconds


def extract_files(inputs: list[Path], spec: MelSpec, target: Target, jobs: int | None, console: Console) -> Outcome:
    """Extract every audio file of `inputs`, folders with all that is in them."""
    outcome, tasks = Outcome(), []
    for item in inputs:
        try:
            found = list(audio_files(item))
        except AudiodiffError as error:
            outcome.fail(item, error)
            continue
        for file, stem in found:
            try:
                tasks.append((file, target.path(stem)))
            except AudiodiffError as error:
                outcome.fail(file, error)
    started, n_threads = time.perf_counter(), torch.get_num_threads()
    torch.set_num_threads(1)  # files in parallel, not the inside of each
    try:
        duration = sum(run(tasks, extractor(spec), jobs or os.cpu_count() or 1, outcome, console))
    finally:
        torch.set_num_threads(n_threads)
    elapsed = time.perf_counter() - started
    if outcome.done:
        console.print(
            f"{outcome.done} mels in {target.folder}: {duration:.1f} s of audio in {elapsed:.2f} s, "
            f"{duration / elapsed:.0f} x real time"
        )
    return outcome


def audio_files(item: Path) -> Iterator[tuple[Path, Path]]:
    """The audio files that an argument names, each with the path of its result below the target folder."""
    if item.is_dir():
        found = files_below(item, AUDIO_SUFFIXES)
        if not found:
            raise AudioError(f"no audio in this folder; looked for {', '.join(sorted(AUDIO_SUFFIXES))}")
        yield from ((path, path.relative_to(item).with_suffix("")) for path in found)
    else:
        yield item, Path(item.stem)


def extractor(spec: MelSpec) -> Callable[[Path, Path], Seconds]:
    """A function that extracts one file and returns how long its sound is."""
    front_end = MelSpectrogram(spec)

    @torch.inference_mode()
    def extract(audio: Path, target: Path) -> Seconds:
        wave = load_audio(audio, spec.sample_rate)
        write_mel(target, front_end(wave.unsqueeze(0))[0], spec)
        return len(wave) / spec.sample_rate

    return extract


def run(
    tasks: list[tuple[Path, Path]],
    extract: Callable[[Path, Path], Seconds],
    jobs: int,
    outcome: Outcome,
    console: Console,
) -> Iterator[Seconds]:
    """Work off the tasks with a progress bar; yield the duration of each that succeeds and note those that fail."""
    columns = TextColumn("extracting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress, ThreadPoolExecutor(jobs) as pool:
        bar = progress.add_task("extracting", total=len(tasks))
        waiting: dict[Future[Seconds], Path] = {pool.submit(extract, *task): task[0] for task in tasks}
        try:
            for future in as_completed(waiting):
                progress.advance(bar)
                try:
                    yield future.result()
                    outcome.done += 1
                except Exception as error:  # one odd input never ends the run over the others
                    outcome.fail(waiting[future], error)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an interrupt ends after the files in hand, not after all
            raise
