"""Parts of a source-synchronous voice's time on a processor, beside vocos (one pass of a GAN) if that is installed.

    pip install --no-deps vocos encodec einops
    python benchmarks/default_voice.py RECORDING [--seconds 10] [--threads 1,2] [--repeats 7] [--model ljspeech-fast]

Everything is done in turn, `--repeats` times; figures are medians by the clock on the wall, as seconds of computing
per second of audio. Indented rows are parts of the row above them, each timed by itself. Beside them stand the
operations of the products and convolutions, in GFLOP per second of audio; FFTs and what is done item by item are not
counted. What is printed is kept in benchmarks/results/.
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
from torch.utils.flop_counter import FlopCounterMode

from audiodiff.audio import load_audio
from audiodiff.audio.atomic import written_whole
from audiodiff.conditioning import Conditioning
from audiodiff.evaluation.timing import describe_machine, timed
from audiodiff.mel import MelSpectrogram
from audiodiff.networks import KeepToMel, SpectralGainNetwork
from audiodiff.noise import SampleNoise
from audiodiff.priors import AnyMelSourceFilter, SourceFilter
from audiodiff.vocoder import Vocoder

warnings.filterwarnings("ignore")
CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results"
Call = Callable[[], object]
Stages = dict[str, tuple[Call, float]]
"""A call, and the number of calls for a second of audio."""


def whole(vocoder: Vocoder, mel: Tensor) -> dict[str, Call]:
    """The voice itself."""
    return {
        f"{steps} steps": lambda steps=steps: vocoder(mel, spec=vocoder.mel_spec, n_steps=steps) for steps in (1, 2, 4)
    }


def prior_stages(prior: SourceFilter, mel: Tensor) -> dict[str, Call]:
    """The mean and the spread of the noise, once for every mel."""
    f0 = prior.source.f0(mel)
    pulses = prior.pulses(f0).to(mel)
    gains = prior.filter(mel, f0)
    return {
        "condition": lambda: prior.condition(mel),
        "  source: f0 and voicing": lambda: prior.source.f0(mel),
        "  pulses": lambda: prior.pulses(f0),
        "  filter: complex gains": lambda: prior.filter(mel, f0),
        "  filtering, STFT and inverse": lambda: prior.through(pulses, gains),
        "  spread": lambda: prior.scale(mel),
    }


def noise_stages(prior: SourceFilter, cond: Conditioning, like: Tensor) -> dict[str, Call]:
    """The noise that sampling begins with."""
    white = SampleNoise([0])(like)
    return {
        "noise": lambda: prior.shape(SampleNoise([0])(like), cond),
        "  drawing": lambda: SampleNoise([0])(like),
        "  its shape": lambda: prior.shape(white, cond),
    }


def network_stages(network: SpectralGainNetwork, cond: Conditioning, x_t: Tensor) -> dict[str, Call]:
    """One call of the network; a step is one."""
    t = torch.tensor([0.5])
    mean, now = (network.stft(wave).mT for wave in (cond.need_mean(), x_t + cond.need_mean()))
    envelope, scale = network.envelope(cond.need_mel()).mT, cond.need_scale().mT
    _, planes = network.relative(now, mean, envelope, scale)
    step, constraint = network.embedding(t), network.constraint
    parts: dict[str, Call] = {
        "network, one call": lambda: network(x_t, t, cond),
        "  STFT, twice, and inverse": lambda: (network.stft(x_t), network.stft.inverse(network.stft(x_t))),
        "  input planes": lambda: network.relative(now, mean, envelope, scale),
        "  convolutions": lambda: network.said(planes, step),
    }
    if constraint is not None:
        parts["  mel constraint"] = lambda: constraint(x_t + cond.need_mean(), cond.need_mel())
    return parts


def finish_stages(finish: KeepToMel, mel: Tensor, wave: Tensor) -> dict[str, Call]:
    """Postfilter, scaling, gains in time and iterations, behind the last step."""
    low, bands = finish.low, finish.constraint.bands(mel).mT
    parts: dict[str, Call] = {"finish": lambda: finish(wave, mel)}
    if finish.postfilter is not None:
        parts["  postfilter of the mel"] = lambda: finish.postfilter(mel)
    parts["  scaling and gains in time"] = lambda: finish.learnt(wave, mel)
    if low is not None:
        parts["  iterations below 1 kHz"] = lambda: low(wave, bands)
    return parts


def stages_of(vocoder: Vocoder, mel: Tensor, per_second: float) -> Stages:
    """The voice and its parts."""
    prior, network = vocoder.model.prior, vocoder.model.denoiser.network
    if not isinstance(prior, SourceFilter) or isinstance(prior, AnyMelSourceFilter):
        raise typer.BadParameter(f"its parts are those of a SourceFilter, not of a {type(prior).__name__}")
    assert isinstance(network, SpectralGainNetwork)
    batch = mel[None]
    cond = prior.condition(batch)
    x_t = prior.shape(SampleNoise([0])(torch.empty_like(cond.need_mean())), cond)
    calls = whole(vocoder, mel) | prior_stages(prior, batch) | noise_stages(prior, cond, x_t)
    calls |= network_stages(network, cond, x_t)
    if isinstance(finish := vocoder.model.finish, KeepToMel):
        calls |= finish_stages(finish, batch, cond.need_mean())
    return {name: (call, per_second) for name, call in calls.items()}


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


def gflop(call: Call) -> float:
    """Operations of the products and convolutions of a call, in 10⁹."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def timed_alone(call: Call) -> float:
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
    spec = vocoder.mel_spec
    frames = round(seconds * spec.sample_rate / spec.hop_length)
    wave = load_audio(recording, spec.sample_rate)
    mel = MelSpectrogram(spec)(wave.repeat(-(-frames * spec.hop_length // len(wave)))[None])[0, :, :frames]
    per_second = spec.sample_rate / (frames * spec.hop_length)
    counts, columns = [int(count) for count in threads.split(",")], {}
    with torch.inference_mode():
        stages = stages_of(vocoder, mel, per_second) | peer_stages(recording, seconds, console)
    work = {name: gflop(call) * often for name, (call, often) in stages.items()}
    for count in counts:
        torch.set_num_threads(count)
        columns[count] = medians(stages, repeats)
    table = Table("", "GFLOP", *(f"{count} threads" for count in counts), title=f"{model}, {seconds:g} s")
    for name in stages:
        table.add_row(name, f"{work[name]:.2f}", *(f"{columns[count][name]:.4f}" for count in counts))
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    with written_whole(RESULTS / f"default-voice-{model}.json") as scratch:
        settings = {"machine": describe_machine(CPU), "seconds": seconds, "repeats": repeats}
        kept = {**settings, "threads": columns, "gflop": work}
        scratch.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
