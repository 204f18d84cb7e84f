"""Sound above a mel's f_max, which the voice makes up, beside the recording's: a table rate x band.

    python recipes/universal/above.py universal data/speech.jsonl --speakers p225 p226 p360 p376

The conventions end at 8 kHz. Each number is the energy of a band over a whole recording, in dB beyond the recording's:
the mean over the recordings, and the smallest and the largest. The last column is the mean over frames of all that lies
above f_max. Recordings must reach half the convention's rate.
"""

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import torch
from every_mel import beginning, scored, speakers, vocoded
from torch import Tensor

from audiodiff import Vocoder
from audiodiff.mel import MelSpec, convention
from audiodiff.types import Hertz, OneWave

F_MAX = 8000.0
SPECS = {
    22050: convention("hifigan_22k"),
    24000: replace(convention("bigvgan_24k"), n_mels=80, f_max=F_MAX),
    32000: replace(convention("rvc_32k"), f_max=F_MAX),
    44100: replace(convention("bigvgan_44k_512"), n_mels=80, f_max=F_MAX),
}
EDGES = (6000, 8000, 9000, 10000, 11000, 12000, 14000, 16000, 18000, 20000)
"""Of the bands, in hertz; the first lies below f_max."""
N_FFT = 2048
FAINT = 1e-12
BIAS = ("high_band_bias",)


def energies(wave: OneWave, rate: Hertz) -> Tensor:
    """Energy of every band that ends below half the rate."""
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    power = torch.stft(wave.double(), N_FFT, N_FFT // 4, window=window, return_complex=True).abs().square().sum(dim=1)
    hertz = torch.arange(len(power)) * rate / N_FFT
    bands = [(low, high) for low, high in pairwise(EDGES) if high <= rate / 2]
    return torch.stack([power[(hertz >= low) & (hertz < high)].sum() for low, high in bands])


def beyond(vocoder: Vocoder, spec: MelSpec, wave: OneWave) -> Tensor:
    """Level of what the voice makes over that of the recording, in dB, band by band."""
    theirs, ours = (energies(x, spec.sample_rate) + FAINT for x in vocoded(vocoder, spec, wave))
    return 10 * (ours / theirs).log10()


def main() -> None:
    """Print one line for every rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a voice for every mel: its name or folder")
    parser.add_argument("manifests", type=Path, nargs="+", help="manifests that hold the recordings")
    parser.add_argument("--speakers", nargs="+", required=True, help="whose recordings: one of each")
    parser.add_argument("--seconds", type=float, default=4.0, help="how much of each recording")
    arguments = parser.parse_args()
    vocoder, rows = Vocoder.from_pretrained(arguments.model), speakers(arguments.manifests, arguments.speakers)
    bands = [f"{low / 1000:g}-{high / 1000:g} kHz" for low, high in pairwise(EDGES)]
    print("| rate | clips |", " | ".join(bands), "| by frames |")
    print("|" + "---|" * (3 + len(bands)))
    for rate, spec in SPECS.items():
        able = [row for row in rows if row.sample_rate >= rate]
        waves = {row.id: beginning(row, arguments.seconds, rate) for row in able}
        found = torch.stack([beyond(vocoder, spec, wave) for wave in waves.values()])
        by_frames = fmean(scored(vocoder, spec, name, wave, BIAS).values[BIAS[0]] for name, wave in waves.items())
        cells = [f"{fmean(x):+.1f} ({min(x):+.1f} … {max(x):+.1f})" for x in found.mT.tolist()]
        cells += ["-"] * (len(bands) - len(cells))
        print(f"| {rate} | {len(able)} |", " | ".join(cells), f"| {by_frames:+.1f} |", flush=True)


if __name__ == "__main__":
    main()
