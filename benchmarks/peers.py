"""Vocoders from the package index beside audiodiff: the same recording, the same process, the same threads.

    pip install --no-deps diffwave wavegrad vocos encodec einops speechbrain hyperpyyaml 'ruamel.yaml<0.19'
    pip install 'huggingface_hub<1'
    python benchmarks/peers.py RECORDING [--seconds 10] [--threads 1] [--repeats 5] [--model ljspeech-fast]

(--no-deps because some of them pin versions of torch and numpy that are years old; they run on today's.)

The package index holds the networks, not their trained weights, so the peers run with random ones and only their
speed is measured: from the mel to the waveform, model loaded. Peers that are not installed are named and left out.
Everybody takes turns, `--repeats` times. Factors are medians, by the clock on the wall and by the processor's time,
which with one thread is the fairer one on a machine that others use too; ratios are of the latter, to the first row.
What is printed is kept in benchmarks/results/.
"""

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from audiodiff.audio import load_audio
from audiodiff.audio.atomic import written_whole
from audiodiff.evaluation.timing import describe_machine, timed
from audiodiff.mel import MelSpec, MelSpectrogram, convention
from audiodiff.vocoder import Vocoder

warnings.filterwarnings("ignore")
CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results"
SIX_STEPS = [1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5]


@dataclass(frozen=True)
class Contestant:
    """A vocoder ready to run on mels of `n_mels` bands with `hop_length` samples per frame."""

    name: str
    sample_rate: int
    n_mels: int
    hop_length: int
    parameters: int
    vocode: Callable[[Tensor], Tensor]


def audiodiff(model: str, *, compiled: bool) -> Contestant:
    """Our own, as it comes or compiled."""
    vocoder = Vocoder.from_pretrained(model)
    vocoder = vocoder.compile() if compiled else vocoder
    spec = vocoder.mel_spec
    name = f"audiodiff {vocoder.name}, {vocoder.n_steps} steps{', compiled' if compiled else ''}"
    return Contestant(name, spec.sample_rate, spec.n_mels, spec.hop_length, size(vocoder.model), vocoder)


def lmnt_diffwave() -> Contestant:
    """DiffWave BASE with its six-step schedule, called as its README says."""
    from diffwave.inference import predict
    from diffwave.model import DiffWave
    from diffwave.params import AttrDict, params

    network = DiffWave(AttrDict(params))
    folder = saved(network)
    return Contestant(
        f"diffwave {version('diffwave')} (lmnt), 6 steps",
        *(params.sample_rate, params.n_mels, params.hop_samples, size(network)),
        lambda mel: predict(mel, folder, device=CPU, fast_sampling=True)[0][0],
    )


def lmnt_wavegrad() -> Contestant:
    """WaveGrad with a six-step schedule."""
    from wavegrad.inference import predict
    from wavegrad.model import WaveGrad
    from wavegrad.params import AttrDict, params

    network = WaveGrad(AttrDict(params))
    folder = saved(network)
    schedule = {"noise_schedule": np.array(SIX_STEPS)}
    return Contestant(
        f"wavegrad {version('wavegrad')} (lmnt), 6 steps",
        *(params.sample_rate, 128, params.hop_samples, size(network)),
        lambda mel: predict(mel, folder, params=schedule, device=CPU)[0][0],
    )


def vocos() -> Contestant:
    """Vocos in the size of its published 24 kHz mel model."""
    from vocos import Vocos
    from vocos.feature_extractors import MelSpectrogramFeatures
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    network = Vocos(
        MelSpectrogramFeatures(),
        VocosBackbone(input_channels=100, dim=512, intermediate_dim=1536, num_layers=8),
        ISTFTHead(dim=512, n_fft=1024, hop_length=256),
    ).eval()
    name = f"vocos {version('vocos')}, 24 kHz (a GAN)"
    return Contestant(name, 24000, 100, 256, size(network), lambda mel: network.decode(mel[None])[0])


def hifigan() -> Contestant:
    """HiFi-GAN V1 as SpeechBrain builds it, weight normalization removed."""
    from speechbrain.lobes.models.HifiGAN import HifiganGenerator

    network = HifiganGenerator(
        in_channels=80,
        out_channels=1,
        resblock_type="1",
        resblock_dilation_sizes=[[1, 3, 5]] * 3,
        resblock_kernel_sizes=[3, 7, 11],
        upsample_kernel_sizes=[16, 16, 4, 4],
        upsample_initial_channel=512,
        upsample_factors=[8, 8, 2, 2],
    ).eval()
    with contextlib.redirect_stdout(io.StringIO()):
        network.remove_weight_norm()
    name = f"HiFi-GAN V1 (speechbrain {version('speechbrain')}, a GAN)"
    return Contestant(name, 22050, 80, 256, size(network), lambda mel: network.inference(mel[None])[0, 0])


PEERS = (lmnt_diffwave, lmnt_wavegrad, vocos, hifigan)


def size(network: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def saved(network: nn.Module) -> str:
    """A checkpoint as lmnt's packages load it."""
    folder = tempfile.mkdtemp()
    torch.save({"model": network.state_dict()}, f"{folder}/weights.pt")
    return folder


def mel_for(contestant: Contestant, recording: Path, seconds: float) -> Tensor:
    """The recording's mel with that many bands at that hop; with random weights its scaling does not matter."""
    spec = convention("hifigan_22k")
    frames = round(seconds * contestant.sample_rate / contestant.hop_length)
    sized = MelSpec(
        sample_rate=contestant.sample_rate,
        n_fft=spec.n_fft * 2 if contestant.hop_length > 256 else spec.n_fft,
        win_length=spec.n_fft,
        hop_length=contestant.hop_length,
        n_mels=contestant.n_mels,
        f_max=spec.f_max,
        framing="same",
    )
    wave = load_audio(recording, contestant.sample_rate)
    wave = wave.repeat(-(-frames * contestant.hop_length // len(wave)))[: frames * contestant.hop_length]
    return MelSpectrogram(sized)(wave[None])[0]


def line_up(model: str, console: Console) -> list[Contestant]:
    """Ourselves, twice, and every peer that is installed."""
    ready = [audiodiff(model, compiled=compiled) for compiled in (False, True)]
    for make in PEERS:
        try:
            ready.append(make())
        except ImportError as error:
            console.print(f"left out {make.__name__}: {error}")
    return ready


@dataclass(frozen=True)
class Lap:
    """Seconds per second of audio, by the wall clock and by the processor's."""

    wall: float
    processor: float


def race(contestants: list[Contestant], mels: list[Tensor], repeats: int) -> list[list[Lap]]:
    """Everybody in turn, `repeats` times; the first round is not counted."""
    laps: list[list[Lap]] = [[] for _ in contestants]
    for _ in range(repeats + 1):
        for contestant, mel, times in zip(contestants, mels, laps, strict=True):
            times.append(run(contestant, mel))
    return [times[1:] for times in laps]


@torch.inference_mode()
def run(contestant: Contestant, mel: Tensor) -> Lap:
    """Vocode once."""
    before = process_time()
    wave, elapsed = timed(lambda: contestant.vocode(mel), CPU)
    duration = wave.shape[-1] / contestant.sample_rate
    return Lap(elapsed / duration, (process_time() - before) / duration)


def main(
    recording: Path,
    seconds: float = 10,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    repeats: Annotated[int, typer.Option(min=1)] = 5,
    model: str = "ljspeech-fast",
) -> None:
    """Race all vocoders and keep the result."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    console = Console(highlight=False)
    contestants = line_up(model, console)
    laps = race(contestants, [mel_for(c, recording, seconds) for c in contestants], repeats)
    rows = [result(contestant, times, laps[0]) for contestant, times in zip(contestants, laps, strict=True)]
    table = Table("vocoder", "parameters", "RTF", "processor", "ratio", title=f"{seconds:g} s, {threads} threads")
    for row in rows:
        factors = (f"{row['rtf']:.4f}", f"{row['processor_rtf']:.4f}", f"{row['ratio']:.2f}")
        table.add_row(row["name"], f"{row['parameters'] / 1e6:.1f} M", *factors)
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    with written_whole(RESULTS / f"peers-{threads}-threads.json") as scratch:
        kept = {"machine": describe_machine(CPU), "seconds": seconds, "repeats": repeats, "rows": rows}
        scratch.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def result(contestant: Contestant, times: list[Lap], first: list[Lap]) -> dict[str, Any]:
    """One row of the table."""
    processor = median(lap.processor for lap in times)
    return {
        "name": contestant.name,
        "parameters": contestant.parameters,
        "rtf": median(lap.wall for lap in times),
        "processor_rtf": processor,
        "ratio": processor / median(lap.processor for lap in first),
        "laps": [asdict(lap) for lap in times],
    }


if __name__ == "__main__":
    typer.run(main)
