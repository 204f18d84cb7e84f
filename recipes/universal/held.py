"""Are held notes held? Pictures of recordings above what was spoken, and how often the level breaks in.

    python recipes/universal/held.py spoken/singing/reference spoken/singing/steps-1 -o singing.png

For each pair it prints the share of 10 ms frames, among those within 40 dB of the loudest, whose level is more
than 6 dB below the recording's, and the standard deviation of the levels' difference in dB.
"""

import argparse
from pathlib import Path

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio import audio_sample_rate, load_audio
from audiodiff.evaluation.contact_sheet import contact_sheet
from audiodiff.types import Hertz

BROKEN_DB = 6.0
HEARD_DB = 40.0
FRAME = 0.01
"""Seconds; a level is measured in windows four times as long."""


def levels(wave: Float[Tensor, " samples"], sample_rate: Hertz) -> Float[Tensor, " frames"]:
    """The level of every frame in dB."""
    hop = round(FRAME * sample_rate)
    power = F.avg_pool1d(wave.square()[None, None], 4 * hop, hop)[0, 0]
    return 10 * power.clamp_min(1e-12).log10()


def differences(reference: Tensor, made: Tensor, sample_rate: Hertz) -> Float[Tensor, " heard"]:
    """By how many dB the level of every audible frame is above the recording's."""
    length = min(len(reference), len(made))
    theirs, ours = (levels(wave[:length], sample_rate) for wave in (reference, made))
    return (ours - theirs)[theirs > theirs.max() - HEARD_DB]


def main() -> None:
    """Measure all pairs and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path, help="a folder of recordings")
    parser.add_argument("made", type=Path, help="a folder of what was spoken, under the same names")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the picture")
    parser.add_argument("--seconds", type=float, default=5.0, help="how much of each recording to draw")
    arguments = parser.parse_args()
    waves, titles, rate = [], [], 0
    for path in sorted(arguments.reference.glob("*.wav")):
        rate = audio_sample_rate(path)
        reference, made = load_audio(path), load_audio(arguments.made / path.name)
        found = differences(reference, made, rate)
        broken = 100 * (found < -BROKEN_DB).float().mean()
        print(f"{path.stem}: {broken:.2f} % of frames break in, levels differ by {found.std():.2f} dB")
        drawn = round(arguments.seconds * rate)
        waves += [reference[:drawn], made[:drawn]]
        titles += [path.stem, f"{arguments.made.name} of its mel"]
    figure = contact_sheet(waves, rate, titles, columns=2)
    figure.set_size_inches(9, 1.8 * len(waves) / 2)
    figure.savefig(arguments.out)


if __name__ == "__main__":
    main()
