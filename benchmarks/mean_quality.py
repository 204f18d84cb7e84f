"""The worth and the cost of the window and the iterations of a voice's Griffin-Lim.

    python benchmarks/mean_quality.py data/ljspeech/test.jsonl [--settings 16+32x48,16+32x32,32+32x48] [--steps 4]

A setting is block + look-ahead x iterations. Means over the clips of a manifest, of the prior's mean alone and after
`--steps` steps of diffusion. Processor seconds per second of audio, one thread, so that a busy machine matters less;
they are those of the whole voice. What is printed is kept in benchmarks/results/.
"""

import json
import time
from pathlib import Path
from statistics import fmean
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from audiodiff.audio import load_audio
from audiodiff.audio.atomic import written_whole
from audiodiff.data import read_manifest
from audiodiff.evaluation.scoring import score
from audiodiff.evaluation.timing import describe_machine
from audiodiff.mel import MelSpectrogram
from audiodiff.phase import running_griffin_lim
from audiodiff.priors import MelInversion
from audiodiff.vocoder import Vocoder

METRICS = ("pesq", "log_mel", "mr_stft")
RESULTS = Path(__file__).parent / "results"


def measured(vocoder: Vocoder, setting: str, steps: int, waves: list[Tensor]) -> dict[str, float | str]:
    """Scores and cost of one setting."""
    window, iterations = setting.split("x")
    running_griffin_lim.ADVANCE, running_griffin_lim.LOOK_AHEAD = map(int, window.split("+"))
    prior = vocoder.model.prior
    assert isinstance(prior, MelInversion)
    prior.iterations = int(iterations)
    front_end, spec = MelSpectrogram(vocoder.mel_spec), vocoder.mel_spec
    scores: dict[str, list[float]] = {f"{name}{kind}": [] for name in METRICS for kind in ("", " of the mean")}
    seconds = audio = 0.0
    for wave in track(waves, description=setting, transient=True):
        mel = front_end(wave[None])[0]
        with torch.inference_mode():
            mean = prior.condition(mel[None]).need_mean()[0]
        before = time.process_time()
        spoken = vocoder(mel, spec=spec, n_steps=steps)
        seconds, audio = seconds + time.process_time() - before, audio + len(spoken) / spec.sample_rate
        for kind, generated in (("", spoken), (" of the mean", mean)):
            pair = (x[: len(generated)].double().numpy() for x in (wave, generated))
            values = score("", *pair, spec.sample_rate, wanted=METRICS).values
            for name in METRICS:
                scores[name + kind].append(values[name])
    return {"setting": setting, **{name: fmean(values) for name, values in scores.items()}, "rtf": seconds / audio}


def main(
    manifest: Path,
    settings: str = "16+32x48,32+32x48,16+32x40,16+32x32,32+32x32,16+32x24",
    steps: Annotated[int, typer.Option(min=1)] = 4,
    model: str = "ljspeech-fast",
) -> None:
    """Measure all settings and keep the result."""
    torch.set_num_threads(1)
    vocoder = Vocoder.from_pretrained(model)
    waves = [load_audio(utterance.path, vocoder.sample_rate) for utterance in read_manifest(manifest)]
    rows = [measured(vocoder, setting, steps, waves) for setting in settings.split(",")]
    columns = list(rows[0])
    table = Table(*columns, title=f"{model}, {len(waves)} clips, {steps} steps, 1 thread")
    for row in rows:
        table.add_row(*(x if isinstance(x, str) else f"{x:.3f}" for x in row.values()))
    Console(highlight=False).print(table)
    RESULTS.mkdir(exist_ok=True)
    with written_whole(RESULTS / f"mean-quality-{model}.json") as scratch:
        kept = {"machine": describe_machine(torch.device("cpu")), "clips": len(waves), "steps": steps, "rows": rows}
        scratch.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
