"""Copy-synthesis: recordings to mels to waveforms again, with the clock running."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from audiodiff.audio import load_audio, save_audio
from audiodiff.audio.atomic import file_name
from audiodiff.data.perturbation import Perturbation
from audiodiff.errors import InputError
from audiodiff.errors.sentences import sentence
from audiodiff.evaluation.pairs import Exclusion, Pair
from audiodiff.evaluation.timing import PeakMemory, timed
from audiodiff.mel import MelSpec
from audiodiff.mel.recordings import check_rate, mels_of
from audiodiff.types import OneMel, OneWave, Seconds

REPEATS = 3


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """One way to make waveforms of the mels of `spec`, in `n_steps` calls of a network."""

    name: str
    spec: MelSpec
    vocode: Callable[[OneMel], OneWave]
    n_steps: int
    device: torch.device
    perturbation: Perturbation | None = None
    """Changes made to the mels first."""


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Results of copy-synthesis: pairs to compare, and how fast it went.

    `rtf` is by recording; `facts` are the steps, the latency of one second of speech, the peak memory.
    """

    pairs: list[Pair]
    rtf: dict[str, float]
    facts: dict[str, float]


def read_mels(
    references: Mapping[str, Path], spec: MelSpec, *, resampled: bool = False
) -> tuple[dict[str, OneMel], list[Exclusion]]:
    """The mel of every recording; raises `InputError` when there is none that can be used."""
    mels, excluded = {}, []
    for name, path in references.items():
        try:
            mels[name] = mel_of(path, spec, resampled=resampled)
        except Exception as error:  # one odd recording never ends the evaluation of the others
            excluded.append(Exclusion(name, sentence(error)))
    if not mels:
        reasons = "; ".join(f"{item.id}: {item.reason}" for item in excluded[:3])
        raise InputError(f"none of the {len(references)} recordings can be vocoded: {reasons}")
    return mels, excluded


def mel_of(path: Path, spec: MelSpec, *, resampled: bool = False) -> OneMel:
    """The mel of a recording, as many frames as whole hops; raises `AudioError` where there is none."""
    check_rate(path, spec, resampled=resampled)
    return mels_of(load_audio(path, spec.sample_rate)[None], spec)[0]


def synthesize(
    synthesis: Synthesis,
    mels: Mapping[str, OneMel],
    references: Mapping[str, Path],
    folder: Path,
    advance: Callable[[], None] = lambda: None,
) -> Copies:
    """Vocode every mel into a wav in `folder`; the first one once more before the clock starts."""
    folder.mkdir(parents=True, exist_ok=True)
    rate = synthesis.spec.sample_rate
    synthesis.vocode(next(iter(mels.values())))
    latency = median(latencies(synthesis, next(iter(mels.values()))))
    memory = PeakMemory(synthesis.device)
    pairs, rtf = [], {}
    for name, mel in mels.items():
        wave, elapsed = timed(lambda mel=mel: synthesis.vocode(mel), synthesis.device)
        target = folder / f"{file_name(name)}.wav"
        save_audio(target, wave, rate)
        pairs.append(Pair(name, target, references[name]))
        rtf[name] = elapsed / (len(wave) / rate)
        advance()
    peak = memory.mebibytes()
    facts = {"n_steps": float(synthesis.n_steps), "latency": latency}
    if peak is not None:
        facts["peak_memory"] = peak
    return Copies(pairs=pairs, rtf=rtf, facts=facts)


def latencies(synthesis: Synthesis, mel: OneMel) -> list[Seconds]:
    """Seconds from the mel of one second of speech to its waveform, several times."""
    second = mel[:, : round(synthesis.spec.frame_rate)]
    return [timed(lambda: synthesis.vocode(second), synthesis.device)[1] for _ in range(REPEATS)]
