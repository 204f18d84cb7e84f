"""Draw 30 ms of a vowel and of a burst: recordings, and what a voice makes of their mels below.

python recipes/ljspeech/zooms.py --model ljspeech-fast --data data/ljspeech/test.jsonl -o recipes/ljspeech/zooms.png
"""

import argparse
from pathlib import Path

import numpy as np

from audiodiff import Vocoder, load_audio
from audiodiff.data import read_manifest
from audiodiff.evaluation.ear.onsets import block_energies, bursts, levels
from audiodiff.evaluation.ear.pulse_alignment import moved_onto
from audiodiff.evaluation.report.zoom import clearest_voiced
from audiodiff.evaluation.waveform import Signal
from audiodiff.mel import MelSpectrogram

CLIPS = ("LJ001-0002", "LJ001-0008")
HALF = 0.015
FIRST_BLOCK = 6
"""The block of a millisecond that the first of `bursts` stands for."""


def steepest_burst(signal: Signal, rate: int) -> int:
    """The sample at which the loudest of the bursts begins."""
    energies = block_energies(signal, rate)
    peak = float(np.percentile(energies, 99))
    before, after = levels(energies, 1e-6 * peak)
    found = bursts(before, after, 0.01 * peak)
    return (max(found, key=lambda block: after[block]) + FIRST_BLOCK) * int(0.001 * rate)


def draw(model: str, data: Path, out: Path) -> None:
    """Write a picture of two rows for each clip, of which the second is the voice."""
    from matplotlib.figure import Figure

    vocoder = Vocoder.from_pretrained(model)
    rate, front_end = vocoder.sample_rate, MelSpectrogram(vocoder.mel_spec)
    chosen = [utterance for utterance in read_manifest(data) if utterance.id in CLIPS]
    figure = Figure(figsize=(10, 2.2 * 2 * len(chosen)), dpi=100, layout="constrained")
    panels = figure.subplots(2 * len(chosen), 2, sharey=False)
    for number, utterance in enumerate(chosen):
        wave = load_audio(utterance.path, rate)
        said = vocoder(front_end(wave[None])[0], spec=vocoder.mel_spec).double().numpy()
        recording = wave.double().numpy()
        places = {"vowel": clearest_voiced(recording, rate), "burst": steepest_burst(recording, rate)}
        said = moved_onto(recording, said, rate)
        for column, (kind, center) in enumerate(places.items()):
            span = slice(center - int(HALF * rate), center + int(HALF * rate))
            for row, (name, signal) in enumerate((("recording", recording), (vocoder.name, said))):
                panel = panels[2 * number + row, column]
                panel.plot(np.linspace(-1000 * HALF, 1000 * HALF, len(signal[span])), signal[span], linewidth=0.8)
                panel.set_ylim(-1.1 * np.abs(recording[span]).max(), 1.1 * np.abs(recording[span]).max())
                panel.set(title=f"{utterance.id}, {kind}, {name}", xlabel="ms")
    figure.savefig(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ljspeech-fast")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    draw(**vars(parser.parse_args()))
