"""`report.html`: the record, the media of a few examples, and the script that shows them, in one file."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from audiodiff.audio.atomic import written_whole
from audiodiff.evaluation.alignment import Aligned, align
from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.pairs import Pair, load_pair
from audiodiff.evaluation.record import Record
from audiodiff.evaluation.report.pictures import (
    difference_picture,
    flac,
    spectrogram_picture,
    waveform_picture,
)
from audiodiff.evaluation.report.zoom import zoom_picture
from audiodiff.evaluation.systems import Rules, System
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz

RANKED_BY = "log_mel"
Media = dict[str, str]


def write_report(path: Path, record: Record, systems: Sequence[System], rules: Rules, *, examples: int) -> None:
    """Write the page; `examples` utterances get pictures and players, spread evenly from worst to best."""
    chosen = spread(systems[0], examples)
    data = {"record": record, "examples": [example(id, systems, rules) for id in chosen]}
    with written_whole(path) as scratch:
        scratch.write_text(page(data), encoding="utf-8")


def page(data: Record) -> str:
    """The template with style, script and data in their places."""
    folder = files("audiodiff.evaluation.report")
    text = (folder / "page.html").read_text(encoding="utf-8")
    parts = {
        "/* style */": (folder / "page.css").read_text(encoding="utf-8"),
        "/* plot */": (folder / "plot.js").read_text(encoding="utf-8"),
        "/* script */": (folder / "page.js").read_text(encoding="utf-8"),
        "/* data */": embeddable(data),
    }
    for place, part in parts.items():
        text = text.replace(place, part, 1)
    return text


def embeddable(data: Record) -> str:
    """JSON that cannot end the script element which it stands in, whatever files are called."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def spread(system: System, count: int) -> list[str]:
    """Ids at even ranks from the worst to the best by log-mel distance."""
    ranked = sorted(system.scores, key=lambda scores: -METRICS[RANKED_BY].loss(scores.values[RANKED_BY]))
    ranks = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    return [ranked[rank].id for rank in ranks]


def example(id: str, systems: Sequence[System], rules: Rules) -> Record:
    """The media of one utterance: of the reference, and of every system that has it."""
    pairs = {system.name: aligned(system.files[id], rules) for system in systems if id in system.files}
    reference = next(iter(pairs.values()))
    peak = float(np.abs(reference.reference).max())
    return {
        "id": id,
        "reference": media(reference.reference, reference.sample_rate, peak),
        "systems": [
            {"name": name}
            | media(pair.generated, pair.sample_rate, peak)
            | {
                "zoom": zoom_picture(pair.reference, pair.generated, pair.sample_rate),
                "difference": difference_picture(pair.reference, pair.generated, pair.sample_rate),
            }
            for name, pair in pairs.items()
        ],
    }


def aligned(pair: Pair, rules: Rules) -> Aligned:
    """Both recordings of a pair as they were measured."""
    recordings = load_pair(pair, resampled=rules.resampled)
    return align(recordings.reference, recordings.generated, recordings.sample_rate, rules.max_lag)


def media(signal: Signal, sample_rate: Hertz, peak: float) -> Media:
    """Sound, spectrogram and waveform of one recording."""
    return {
        "audio": flac(signal, sample_rate),
        "spectrogram": spectrogram_picture(signal, sample_rate),
        "waveform": waveform_picture(signal, sample_rate, peak),
    }
