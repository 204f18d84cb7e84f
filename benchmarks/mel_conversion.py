"""Cost of converting mels to a model's convention: in decibels, in log-mel L1, and in the PESQ of the sound.

    python benchmarks/mel_conversion.py FOLDER_OF_AUDIO ID_LIST [MODEL]

For every convention whose frames lie at the model's times (up to half a hop), the mels of the recordings in ID_LIST
(one file name without suffix per line) are converted to the model's convention and compared with the mels that the
recordings give in it, frames in the same places. Then both are vocoded; PESQ is wide band, against the recording, with
the half hop of a different framing made up for.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from pesq import pesq
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from audiodiff import Vocoder
from audiodiff.audio import load_audio, resample
from audiodiff.mel import CONVENTIONS, Compatibility, MelSpec, MelSpectrogram, compare
from audiodiff.mel.conventions import families
from audiodiff.mel.conversion import MelConverter
from audiodiff.mel.conversion_error import NEPER, estimated_error, mel_distance


def pesq_wb(wave: Tensor, recording: Tensor, sample_rate: int) -> float:
    """Wide-band PESQ of `wave` against `recording`."""
    length = min(len(wave), len(recording))
    pair = [resample(x[:length], sample_rate, 16000).numpy().astype(np.float64) for x in (recording, wave)]
    return float(pesq(16000, *pair, "wb"))


def sound_of(vocoder: Vocoder, mel: Tensor, delay: int) -> Tensor:
    """The vocoded mel, moved back by `delay` samples."""
    wave = vocoder(mel, spec=vocoder.mel_spec)
    return wave[delay:] if delay >= 0 else torch.cat([torch.zeros(-delay), wave])


def mels(spec: MelSpec, recordings: list[Path]) -> Iterator[Tensor]:
    """The mel of every recording, [1, n_mels, frames]."""
    front_end = MelSpectrogram(spec)
    for path in recordings:
        yield front_end(load_audio(path, spec.sample_rate)[None])


def errors(have: MelSpec, want: MelSpec, recordings: list[Path]) -> tuple[float, float]:
    """Mean distance of converted mels from extracted ones in dB, and what it was estimated to be."""
    converter, found, estimated = MelConverter(have, want), [], []
    for mel, truth in zip(mels(have, recordings), mels(replace(want, framing=have.framing), recordings), strict=True):
        converted = converter(mel)
        frames = min(truth.shape[-1], converted.shape[-1])
        found.append(mel_distance(converted[..., :frames], truth[..., :frames], want))
        estimated.append(estimated_error(mel[0], have, want))
    return mean(found), mean(estimated)


def scores(vocoder: Vocoder, have: MelSpec, recordings: list[Path]) -> float:
    """Mean PESQ of converted mels, vocoded."""
    converter, rate = MelConverter(have, vocoder.mel_spec), vocoder.sample_rate
    converted = (converter(mel)[0] for mel in mels(have, recordings))
    waves = [sound_of(vocoder, mel, converter.delay) for mel in converted]
    return mean(pesq_wb(wave, load_audio(path, rate), rate) for wave, path in zip(waves, recordings, strict=True))


def main(audio: Path, ids: Path, model: str | None) -> None:
    """Measure and print one row for each convention."""
    vocoder = Vocoder.from_pretrained(model) if model else Vocoder.from_pretrained()
    wanted = set(ids.read_text().split())
    recordings = sorted(path for path in audio.iterdir() if path.stem in wanted)
    names = [name for members in families().values() for name in members]
    near = [
        name
        for name in names
        if compare(CONVENTIONS[name], vocoder.mel_spec).compatibility is not Compatibility.MISMATCHED
    ]
    own = scores(vocoder, vocoder.mel_spec, recordings)
    table = Table("from", "compatibility", "error dB", "log-mel L1", "estimated dB", "PESQ", "PESQ lost")
    for name in track(near, "converting"):
        error, estimate = errors(CONVENTIONS[name], vocoder.mel_spec, recordings)
        score = scores(vocoder, CONVENTIONS[name], recordings)
        figures = f"{error:.2f}", f"{error / NEPER:.3f}", f"{estimate:.2f}", f"{score:.2f}", f"{own - score:.2f}"
        table.add_row(name, compare(CONVENTIONS[name], vocoder.mel_spec).compatibility, *figures)
    Console(width=110).print(f"{len(recordings)} recordings, to the mel of {vocoder.name}", table)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
