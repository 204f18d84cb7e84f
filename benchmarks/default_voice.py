"""Where the default voice's time goes on a processor, beside vocos (one pass of a GAN), where that is installed.

    pip install --no-deps vocos encodec einops
    python benchmarks/default_voice.py RECORDING [--seconds 10] [--threads 1,2] [--repeats 7]

Everything is done in turn, `--repeats` times; figures are medians by the clock on the wall, as seconds of computing
per second of audio. Indented rows are parts of the row above them, each timed by itself. What is printed is kept in
benchmarks/results/.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import typer
from peers import mel_for, vocos
from rich.console import Console
from rich.table import Table
from torch import Tensor

from audiodiff.audio import load_audio
from audiodiff.audio.atomic import written_whole
from audiodiff.audio.stft import Stft
from audiodiff.evaluation.timing import describe_machine, timed
from audiodiff.mel import MelSpectrogram
from audiodiff.networks import MagnitudeNetwork, SpectralDiffWave
from audiodiff.networks.spectral_diffwave import BoundSpectralDiffWave
from audiodiff.noise import SampleNoise
from audiodiff.phase.iterations import GriffinLimIterations
from audiodiff.phase.running_griffin_lim import ADVANCE, LOOK_AHEAD, RunningGriffinLim
from audiodiff.priors import MelInversion
from audiodiff.vocoder import Vocoder

warnings.filterwarnings("ignore")
CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results"
Stages = dict[str, tuple[Callable[[], object], float]]
"""What to call, and how often it is called for a second of audio."""


def whole(vocoder: Vocoder, mel: Tensor, per_second: float) -> Stages:
    """The voice itself."""
    return {
        f"{steps} steps": (lambda steps=steps: vocoder(mel, spec=vocoder.mel_spec, n_steps=steps), per_second)
        for steps in (1, 2, 4)
    }


def prior_stages(prior: MelInversion, mel: Tensor, per_second: float) -> Stages:
    """The mean, and what it is made of."""
    assert isinstance(prior.magnitudes, MagnitudeNetwork)
    network, batch, block = prior.magnitudes, mel[None], mel[None, :, :32].clone()
    started = network.blockwise()
    started.feed(mel[None, :, : 32 + network.frame_radius].clone(), last=False)
    blocks_per_second = per_second * mel.shape[1] / 32
    rows = network(batch)[0].mT.contiguous()
    bands = prior.constraint.bands(batch)[0].mT.contiguous()

    def searched() -> None:
        griffin_lim = prior.means().griffin_lim
        griffin_lim.feed(rows, bands)
        griffin_lim.flush()

    return {
        "mean": (lambda: prior.condition(batch), per_second),
        "  magnitude network, 32 frames at a time": (lambda: started.feed(block, last=False), blocks_per_second),
        "  Griffin-Lim": (searched, per_second),
        **rounds_stages(prior, rows, bands, per_second),
    }


def rounds_stages(prior: MelInversion, rows: Tensor, bands: Tensor, per_second: float) -> Stages:
    """One round of Griffin-Lim in the middle of an utterance, and its parts."""
    n, stft = ADVANCE + LOOK_AHEAD, prior.stft
    rounds, past = GriffinLimIterations(stft, prior.constraint, n), torch.zeros((stft.segments - 1) * stft.hop_length)
    spectrum = torch.polar(rows[:n], 6.28 * torch.rand(n, stft.bins))
    frames, trust, gain = torch.fft.irfft(spectrum, n=stft.n_fft), torch.full((n, 1), 0.7), torch.ones_like(past[:1])
    window = (spectrum, torch.fft.rfft(frames), rows[:n].clone(), bands[:n].clone())
    count = RunningGriffinLim(stft, prior.constraint, prior.iterations).n_iterations
    often = per_second * len(rows) / ADVANCE * count
    return {
        "    rounds": (lambda: rounds(*window, [trust] * count, 0.99, past, gain), often / count),
        "      inverse FFT": (lambda: torch.fft.irfft(spectrum, n=stft.n_fft), often),
        "      FFT": (lambda: torch.fft.rfft(frames), often),
        "      overlap-add": (lambda: rounds.overlap(frames, past, gain), often),
        "      mel constraint": (lambda: rounds.rescale(bands[:n]), often),
    }


def denoiser_stages(vocoder: Vocoder, mel: Tensor, per_second: float) -> Stages:
    """Noise, and one call of the network."""
    prior, network, batch = vocoder.model.prior, vocoder.model.denoiser.network, mel[None]
    stft = Stft(vocoder.mel_spec)
    cond, t = prior.condition(batch), torch.tensor([0.5])
    white = SampleNoise([0])(torch.empty(1, mel.shape[1] * vocoder.mel_spec.hop_length))
    x_t = prior.shape(white, cond)
    stages: Stages = {
        "noise": (lambda: SampleNoise([0])(white), per_second),
        "  its shape": (lambda: prior.shape(white, cond), per_second),
        "network, one call as a module": (lambda: network(x_t, t, cond), per_second),
        "  STFT and inverse": (lambda: stft.inverse(stft(x_t)), per_second),
    }
    if not isinstance(network, SpectralDiffWave):
        return stages
    bound = BoundSpectralDiffWave(network, cond)
    bound(x_t, t)
    return stages | {
        "network, first call when bound": (lambda: BoundSpectralDiffWave(network, cond)(x_t, t), per_second),
        "network, later calls": (lambda: bound(x_t, t), per_second),
    }


def peer_stages(recording: Path, seconds: float, console: Console) -> Stages:
    """vocos, random weights."""
    try:
        peer = vocos()
    except ImportError as error:
        console.print(f"left out vocos: {error}")
        return {}
    mel = mel_for(peer, recording, seconds)
    per_second = peer.sample_rate / (mel.shape[1] * peer.hop_length)
    return {peer.name: (lambda: peer.vocode(mel), per_second)}


@torch.inference_mode()
def medians(stages: Stages, repeats: int) -> dict[str, float]:
    """Seconds per second of audio; the first turn is not counted."""
    laps = [{name: timed_alone(call) for name, (call, _) in stages.items()} for _ in range(repeats + 1)][1:]
    return {name: median(lap[name] for lap in laps) * often for name, (_, often) in stages.items()}


def timed_alone(call: Callable[[], object]) -> float:
    """Seconds of one call; of short ones the mean of many, once they are warm."""
    _, once = timed(lambda: (call(), torch.empty(0))[1], CPU)
    many = max(1, round(0.02 / once))
    if many == 1:
        return once
    _, seconds = timed(lambda: ([call() for _ in range(many)], torch.empty(0))[1], CPU)
    return seconds / many


def main(
    recording: Path, seconds: float = 10, threads: str = "1,2", repeats: int = 7, model: str = "ljspeech-fast"
) -> None:
    """Time all stages and keep the result."""
    console, vocoder = Console(highlight=False), Vocoder.from_pretrained(model)
    prior, spec = vocoder.model.prior, vocoder.mel_spec
    assert isinstance(prior, MelInversion)
    frames = round(seconds * spec.sample_rate / spec.hop_length)
    wave = load_audio(recording, spec.sample_rate)
    mel = MelSpectrogram(spec)(wave.repeat(-(-frames * spec.hop_length // len(wave)))[None])[0, :, :frames]
    per_second = spec.sample_rate / (frames * spec.hop_length)
    torch.manual_seed(0)
    counts, columns = [int(count) for count in threads.split(",")], {}
    with torch.inference_mode():
        stages = {**whole(vocoder, mel, per_second), **prior_stages(prior, mel, per_second)}
        stages |= denoiser_stages(vocoder, mel, per_second) | peer_stages(recording, seconds, console)
    for count in counts:
        torch.set_num_threads(count)
        columns[count] = medians(stages, repeats)
    table = Table("", *(f"{count} threads" for count in counts), title=f"{model}, {seconds:g} s")
    for name in stages:
        table.add_row(name, *(f"{columns[count][name]:.4f}" for count in counts))
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    with written_whole(RESULTS / f"default-voice-{model}.json") as scratch:
        kept = {"machine": describe_machine(CPU), "seconds": seconds, "repeats": repeats, "threads": columns}
        scratch.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
