"""Kinds of sounds through one mel convention, by several voices: a table group x metric.

    python recipes/universal/groups.py universal FORMER ljspeech-fast --data data/speech.jsonl data/others.jsonl

Recordings are of the second line of speakers.txt and of test.txt: no voice was trained on them. `made_sounds.py` makes
what no corpus at hand holds; of silence the peak counts, as it has no other number. The last two columns are what the
voice's source takes the sounds for: the percentage of frames that are voiced, and their f0 in hertz, in the median.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from every_mel import COLUMNS, beginning, means, scored, speakers, vocoded
from made_sounds import bursts, clicks, pink, played_faster, silence, whispered, white

from audiodiff import Vocoder
from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpec, MelSpectrogram, convention
from audiodiff.types import OneWave

ENGLISH = ("p225", "p226", "p360", "p376", "3575", "174", "2277", "5536")
WOMEN = ("p225", "3575", "2277")
LANGUAGES = ("el", "zh", "lin", "lang_es_ES-dave", "lang_it_IT-paola", "lang_pl_PL-gosia", "lang_ro_RO-mihai")
SONGS = ("singing_solo-vocadito_1_a", "singing_solo-vocadito_1_c")
MUSIC = ("music-solo_trumpet", "music-vibe_ace")
BARK = ("noise-esc10_dog_1-100032-A",)
COLUMNS_HERE = (*COLUMNS, "f0_deviation", "vuv_error", "level")
SPOKEN = {"English", "languages", "children (made)", "whisper (made)", "singing"}
"""Groups that PESQ is made for."""

Waves = dict[str, OneWave]


def groups(manifests: list[Path], spec: MelSpec, seconds: float) -> dict[str, Waves]:
    """The waveforms of every group at the convention's rate."""
    rate = spec.sample_rate

    def taken(names: tuple[str, ...], change: Callable[..., OneWave] | None = None) -> Waves:
        rows = speakers(manifests, list(names))
        if len(rows) < len(names):
            raise SystemExit(f"the manifests hold {[row.id for row in rows]} of {names}")
        waves = {row.id: beginning(row, seconds, rate) for row in rows}
        return waves if change is None else {name: change(wave, rate) for name, wave in waves.items()}

    return {
        "English": taken(ENGLISH),
        "languages": taken(LANGUAGES),
        "children (made)": taken(WOMEN, played_faster),
        "whisper (made)": taken(ENGLISH, whispered),
        "singing": taken(SONGS),
        "music": taken(MUSIC),
        "dog": taken(BARK),
        "noise (made)": {make.__name__: make(rate, seconds) for make in (white, pink)},
        "clicks (made)": {make.__name__: make(rate, seconds) for make in (clicks, bursts)},
    }


def taken_for(voice: Vocoder, spec: MelSpec, waves: list[OneWave]) -> str:
    """The cells of what the source finds; dashes for a voice without one."""
    front_end, voice = MelSpectrogram(spec), voice.for_mel(spec)
    try:
        f0 = torch.cat([voice.pitch(front_end(wave[None])[0], spec=spec) for wave in waves])
    except ConfigError:
        return "- | -"
    median = f"{f0[f0 > 0].median():.0f}" if f0.any() else "-"
    return f"{100 * (f0 > 0).float().mean():.0f} | {median}"


def main() -> None:
    """Print one line for every group and voice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="voices that speak the convention: names or folders")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="manifests that hold the recordings")
    parser.add_argument("--convention", default="hifigan_22k")
    parser.add_argument("--seconds", type=float, default=4.0, help="how much of each recording")
    parser.add_argument("--each", action="store_true", help="one line for every sound, not for every group")
    arguments = parser.parse_args()
    spec, voices = convention(arguments.convention), [Vocoder.from_pretrained(model) for model in arguments.models]
    print("| group | clips | voice |", " | ".join((*COLUMNS_HERE, "voiced", "pitch")), "|")
    print("|" + "---|" * (5 + len(COLUMNS_HERE)))
    for group, waves in groups(arguments.data, spec, arguments.seconds).items():
        wanted = COLUMNS_HERE if group in SPOKEN else COLUMNS_HERE[1:]
        for voice in voices:
            found = {name: scored(voice, spec, name, wave, wanted) for name, wave in waves.items()}
            rows = {name: [one] for name, one in found.items()} if arguments.each else {group: [*found.values()]}
            for name, scores in rows.items():
                found_there = taken_for(voice, spec, [waves[name]] if arguments.each else [*waves.values()])
                cells = f"{means(scores, COLUMNS_HERE)} | {found_there}"
                print(f"| {name} | {len(scores)} | {voice.name} | {cells} |", flush=True)
    for voice in voices:
        _, made = vocoded(voice, spec, silence(spec.sample_rate, arguments.seconds))
        peak = 20 * made.abs().amax().clamp(min=1e-10).log10().item()
        print(f"silence, {voice.name}: peak {peak:.1f} dBFS")


if __name__ == "__main__":
    main()
