"""Write the clips of the page Listen, and its players, for the voices that ship.

    python docs/listen.py                               # the two clips of the tests
    python docs/listen.py --voices ljspeech-fast ljspeech-tiny --clips RECORDING...

Every clip is made three ways: the recording itself, Griffin-Lim on its mel as a control, and each voice with its own
sampler and steps, seed 0. Recordings must be free to redistribute; LJSpeech is in the public domain.
"""

import argparse
from collections.abc import Sequence
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from audiodiff import Vocoder, load_audio
from audiodiff.audio import audio_sample_rate
from audiodiff.audio.stft import Stft
from audiodiff.bundle.format import load_bundle
from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder, shipped
from audiodiff.evaluation.contact_sheet import RANGE_DB, spectrogram
from audiodiff.mel import MelSpec, MelSpectrogram
from audiodiff.mel.front_end import analysis_window
from audiodiff.mel.nnls import MelToLinear
from audiodiff.models import DiffusionModel
from audiodiff.phase.griffin_lim import griffin_lim

HERE = Path(__file__).parent
PAGE, CLIPS = HERE / "listen.md", HERE / "clips"
BEGIN, END = "<!-- clips -->", "<!-- /clips -->"
LONGEST = 4.0
"""Seconds of a recording that are used."""
ITERATIONS = 60
PICTURE = (440, 180)
"""Pixels of a spectrogram, along time and frequency."""


def voices_at(sample_rate: int) -> list[str]:
    """The shipped vocoders of that sample rate, the default voice first."""
    bundles = {name: load_bundle(bundle_folder(name)).model for name in shipped()}
    fitting = [n for n, m in bundles.items() if isinstance(m, DiffusionModel) and m.mel.sample_rate == sample_rate]
    return sorted(fitting, key=lambda name: (name != DEFAULT_VOICE, name))


def control(mel: Tensor, spec: MelSpec) -> Tensor:
    """Griffin-Lim from random phases on magnitudes by non-negative least squares: nothing is learnt."""
    magnitudes = MelToLinear(spec)(mel[None]) * analysis_window(spec).sum()
    angles = 2 * torch.pi * torch.rand(magnitudes.shape, generator=torch.Generator().manual_seed(0))
    phases = torch.polar(torch.ones_like(angles), angles)
    return griffin_lim(magnitudes, phases, Stft(spec), iterations=ITERATIONS)[0]


def takes(recording: Tensor, vocoders: Sequence[Vocoder]) -> dict[str, Tensor]:
    """The recording, the control and every voice's version of it, all of one length."""
    spec = vocoders[0].mel_spec
    recording = recording[: len(recording) // spec.hop_length * spec.hop_length]
    found = {"recording": recording, "Griffin-Lim": control(MelSpectrogram(spec)(recording[None])[0], spec)}
    for vocoder in vocoders:
        mel = MelSpectrogram(vocoder.mel_spec)(recording[None])[0]
        found[vocoder.name] = vocoder(mel, spec=vocoder.mel_spec, seed=0)[: len(recording)]
    return found


def draw(wave: Tensor, sample_rate: int, top: float, path: Path) -> None:
    """Write a spectrogram, `RANGE_DB` below `top` dB, low frequencies at the bottom, in 64 colours."""
    from matplotlib import colormaps
    from PIL import Image

    levels = ((spectrogram(wave, sample_rate) - top) / RANGE_DB + 1).clamp(0, 1).flip(0)
    colors = (torch.from_numpy(colormaps["magma"](levels.numpy())[..., :3]) * 255).byte().numpy()
    picture = Image.fromarray(colors).resize(PICTURE, Image.Resampling.BOX)
    picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def player(stem: str, name: str) -> str:
    """A spectrogram with a player below it."""
    title = escape(f"{name}, {stem.split('--')[0]}")
    return (
        f'<figure><figcaption>{escape(name)} (<a href="clips/{stem}.flac">FLAC</a>)</figcaption>'
        f'<img src="clips/{stem}.png" alt="Spectrogram: {title}" loading="lazy">'
        f'<audio controls preload="none" src="clips/{stem}.flac"></audio></figure>'
    )


def write(recordings: Sequence[Path], voices: Sequence[str]) -> None:
    """Write the clips, their spectrograms, and the part of the page between the two marks."""
    import soundfile

    CLIPS.mkdir(exist_ok=True)
    for old in (*CLIPS.glob("*.flac"), *CLIPS.glob("*.png")):
        old.unlink()
    lines, vocoders = [], [Vocoder.from_pretrained(name) for name in voices]
    for path in recordings:
        rate = vocoders[0].sample_rate
        found = takes(load_audio(path, rate)[: int(LONGEST * rate)], vocoders)
        top = spectrogram(found["recording"], rate).max().item()
        players = []
        for name, wave in found.items():
            stem = f"{path.stem}--{name}"
            soundfile.write(CLIPS / f"{stem}.flac", wave.clamp(-1, 1).numpy(), rate, subtype="PCM_16")
            draw(wave, rate, top, CLIPS / f"{stem}.png")
            players.append(player(stem, name))
        lines += [f"## {path.stem}", "", '<div class="clips">', *players, "</div>", ""]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join([f"{before}{BEGIN}\n", *lines, f"{END}{after}"]), encoding="utf-8")
    print(f"{sum(path.stat().st_size for path in CLIPS.iterdir()) / 1e6:.2f} MB in {CLIPS}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tested = sorted((HERE.parent / "tests" / "clips").glob("*.flac"))
    parser.add_argument("--clips", type=Path, nargs="+", default=tested)
    parser.add_argument("--voices", nargs="+", help="without it the shipped ones of the first clip's sample rate")
    arguments = parser.parse_args()
    write(arguments.clips, arguments.voices or voices_at(audio_sample_rate(arguments.clips[0])))
