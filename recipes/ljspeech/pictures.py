"""Draw recordings and what a voice makes of their mels, one above the other, over the full band.

python recipes/ljspeech/pictures.py --model ljspeech-fast --data data/ljspeech/test.jsonl -o recipes/ljspeech
"""

import argparse
from pathlib import Path

from audiodiff import Vocoder, load_audio
from audiodiff.data import read_manifest
from audiodiff.evaluation.contact_sheet import RANGE_DB, spectrogram
from audiodiff.mel import MelSpectrogram

CLIPS = ("LJ001-0002", "LJ001-0008", "LJ001-0014")


def draw(model: str, data: Path, out: Path) -> None:
    """Write out/<model>-<clip>.png for three test clips."""
    from matplotlib.figure import Figure

    vocoder = Vocoder.from_pretrained(model)
    mel_of = MelSpectrogram(vocoder.mel_spec)
    for utterance in read_manifest(data):
        if utterance.id not in CLIPS:
            continue
        recording = load_audio(utterance.path, vocoder.sample_rate)
        voice = vocoder(mel_of(recording[None])[0], spec=vocoder.mel_spec)
        figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
        for row, (title, wave) in enumerate((("recording", recording), (model, voice))):
            picture = spectrogram(wave[: len(voice)], vocoder.sample_rate)
            top = spectrogram(recording, vocoder.sample_rate).max().item()
            axes = figure.add_subplot(2, 1, row + 1)
            extent = (0, len(voice) / vocoder.sample_rate, 0, vocoder.sample_rate / 2000)
            span = {"vmin": top - RANGE_DB, "vmax": top}
            axes.imshow(picture.numpy(), origin="lower", aspect="auto", cmap="magma", extent=extent, **span)
            axes.set(title=f"{utterance.id}, {title}", ylabel="kHz", xlabel="s" if row else "")
        figure.savefig(out / f"{vocoder.name}-{utterance.id}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ljspeech-fast")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    draw(**vars(parser.parse_args()))
