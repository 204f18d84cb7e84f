"""The work of `audiodiff tune`: try grids on recordings, keep the best one in the bundle."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console

from audiodiff.audio import load_audio
from audiodiff.bundle.format import add_grid
from audiodiff.bundle.location import bundle_folder
from audiodiff.diffusion import explicit
from audiodiff.errors import ConfigError
from audiodiff.evaluation.comparison import Output, check_ready, progress_bar
from audiodiff.evaluation.copy_synthesis import read_mels
from audiodiff.evaluation.ear.distillmos import OPINIONS
from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.pairs import recordings_in
from audiodiff.evaluation.scoring import score
from audiodiff.evaluation.search import Grid, GridTrial, power_grids, search_grid
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import OneMel
from audiodiff.vocoder import Vocoder

UNSEARCHED = ("rtf", *OPINIONS)
"""Metrics that no grid is tuned by: the search does not run the clock, and asks nobody's opinion."""


@dataclass(frozen=True)
class Aim:
    """The aim of a search, on how much data, and its length."""

    steps: int
    metric: str
    budget: int
    limit: int | None
    seed: int
    device: str
    resampled: bool


@dataclass(frozen=True)
class TuningClip:
    """A recording and the mel that is vocoded."""

    id: str
    mel: OneMel
    reference: Signal


def tune_bundle(model: str, data: Path, aim: Aim) -> None:
    """Search a grid for the bundle and write it there, unless none beats the one it has."""
    check_ready(Output(folder=None, examples=0, overwrite=False, embedding=None, embedding_rate=0))
    check_metric(aim.metric)
    folder = bundle_folder(model)
    vocoder = Vocoder.from_pretrained(folder, device=aim.device)
    clips = read_clips(vocoder, data, aim)
    own = tuple(vocoder.times(aim.steps).tolist())
    with progress_bar(aim.budget) as advance:

        def loss(grid: Grid) -> float:
            cost = grid_loss(vocoder, grid, clips, aim) if can_be_sampled(vocoder, grid) else float("inf")
            advance()
            return cost

        trials = search_grid(loss, [own, *power_grids(aim.steps)], aim.budget)
    console = Console(highlight=False)
    before = next(trial for trial in trials if trial.grid == own)
    console.print(verdict(before, trials, aim), soft_wrap=True)
    if trials[0].loss < before.loss:
        add_grid(folder, trials[0].grid, note(before, trials, len(clips), aim))
        console.print(f"{folder} samples on it from now on when asked for {aim.steps} steps", soft_wrap=True)


def check_metric(name: str) -> None:
    """Raise `ConfigError` for a metric that cannot be searched by."""
    known = [metric for metric in METRICS if metric not in UNSEARCHED]
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0) or ["log_mel"]
        raise ConfigError(f"no metric {name!r} to tune by: did you mean {near[0]}?")


def read_clips(vocoder: Vocoder, data: Path, aim: Aim) -> list[TuningClip]:
    """The recordings that can be used."""
    references = dict(list(recordings_in(data).items())[: aim.limit])
    mels, _ = read_mels(references, vocoder.mel_spec, resampled=aim.resampled)
    return [
        TuningClip(name, mel, load_audio(references[name], vocoder.sample_rate).double().numpy())
        for name, mel in mels.items()
    ]


def can_be_sampled(vocoder: Vocoder, grid: Grid) -> bool:
    """Check whether the schedule takes this grid: one of betas knows no time before its first training step."""
    try:
        explicit(vocoder.model.denoiser.schedule, grid)
    except ConfigError:
        return False
    return True


@torch.inference_mode()
def grid_loss(vocoder: Vocoder, grid: Grid, clips: list[TuningClip], aim: Aim) -> float:
    """Mean loss of the metric over the clips, each vocoded on the grid with the noise of the same seed."""
    spec, losses = vocoder.mel_spec, []
    times = explicit(vocoder.model.denoiser.schedule, grid)
    for clip in clips:
        wave = vocoder(clip.mel, spec=spec, times=times, seed=aim.seed)
        generated = wave.double().cpu().numpy()
        scores = score(clip.id, clip.reference, generated, vocoder.sample_rate, f_max=spec.f_top, wanted=(aim.metric,))
        if aim.metric in scores.values:
            losses.append(METRICS[aim.metric].loss(scores.values[aim.metric]))
    if not losses:
        raise ConfigError(f"no clip has a value of {aim.metric}: tune by another metric, or on longer recordings")
    return fmean(losses)


def verdict(before: GridTrial, trials: list[GridTrial], aim: Aim) -> str:
    """The outcome of the search, in one line."""
    best = trials[0]
    metric = METRICS[aim.metric]
    sign = -1 if metric.better == "higher" else 1
    found = ", ".join(f"{time:.4g}" for time in best.grid)
    change = f"{sign * before.loss:.{metric.digits + 1}f} -> {sign * best.loss:.{metric.digits + 1}f}"
    return f"{aim.steps} steps, {len(trials)} grids tried, {aim.metric} {change} at times {found}"


def note(before: GridTrial, trials: list[GridTrial], n_clips: int, aim: Aim) -> str:
    """The line for the model card."""
    return f"Grid tuned by `audiodiff tune` on {n_clips} recordings, seed {aim.seed}: {verdict(before, trials, aim)}."
