"""Fit and measure the guesser of mel conventions on recordings.

    python benchmarks/mel_guess.py fit FOLDER
    python benchmarks/mel_guess.py measure FOLDER

FOLDER holds the corpora below, or any recordings. At least every third one of each corpus is kept out of the fit. Its
mels come from the recordings as they are and from distorted copies (other speed, equalisation, noise, mixtures), in
every family of conventions and in random conventions that have no name; `measure` uses the recordings as they are, in
every convention.
"""

import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio import audio_sample_rate, load_audio, resample
from audiodiff.errors import ConfigError
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram
from audiodiff.mel.compatibility import SURE, suspicion
from audiodiff.mel.conventions import families
from audiodiff.mel.fingerprint import FEWEST, fingerprint
from audiodiff.mel.guesser import UNNAMED, WEIGHTS, Guess, guess
from audiodiff.types import Hertz, Seconds

CORPORA = {
    "ljspeech/wavs": (6, 2),
    "librispeech_16k": (2, 2),
    "vctk_libritts": (1, 4),
    "ood": (1, 8),
    "speech": (4, 2),
    "fsdd": (100, 3),
}
"""Folders of recordings, of how many recordings the fit takes one, and how often it hears it."""

MEASURED = {"ljspeech/wavs": 7, "librispeech_16k": 3, "speech": 7, "fsdd": 60}
"""Of how many recordings one is measured, where it is not each."""

SAMPLE_RATES = {spec.sample_rate for spec in CONVENTIONS.values()}
BANDS = sorted({spec.n_mels for spec in CONVENTIONS.values()})
HIDDEN = 32
LONGEST: Seconds = 5.0

ANY = {".": (1, 4)}
"""The same where there are none of them: all recordings, four times."""


def corpora(data: Path) -> dict[str, tuple[int, int]]:
    """The corpora that are there."""
    return {name: share for name, share in CORPORA.items() if (data / name).is_dir()} or ANY


def recordings(data: Path, corpus: str) -> list[Path]:
    """The recordings of a corpus."""
    return sorted(path for path in (data / corpus).rglob("*") if path.suffix in (".flac", ".wav"))


def heard(data: Path) -> dict[Path, int]:
    """Two thirds of every corpus, or of a part of it, each with how often the fit hears it."""
    found = {}
    for corpus, (step, copies) in corpora(data).items():
        chosen = recordings(data, corpus)[::step]
        found |= {path: copies for number, path in enumerate(chosen) if number % 3}
    return found


def distorted(wave: Tensor, other: Tensor, rng: random.Random) -> Tensor:
    """Another equalisation, another level, and something mixed in: noise, or another recording."""
    spectrum = torch.fft.rfft(wave)
    frequency = torch.linspace(0, math.pi, len(spectrum))
    tilt = sum(rng.gauss(0, 0.5) * torch.cos(k * frequency) for k in range(1, 6))
    wave = torch.fft.irfft(spectrum * torch.exp(tilt), len(wave))
    wave = wave / wave.abs().max().clamp_min(1e-6) * 10 ** (rng.uniform(-20, 0) / 20)
    noise = torch.randn(len(wave)) if rng.random() < 0.6 else other.repeat(-(-len(wave) // len(other)))[: len(wave)]
    color = torch.exp(-frequency * rng.uniform(0, 2))
    noise = torch.fft.irfft(torch.fft.rfft(noise) * color, len(wave))
    if rng.random() < 0.15:  # digital silence between sounds
        start, end = sorted(rng.randrange(len(wave)) for _ in range(2))
        wave[start:end] = noise[start:end] = 0
    return wave + noise / noise.std().clamp_min(1e-6) * 10 ** (rng.uniform(-85, -25) / 20)


def melody(n_samples: int, rate: Hertz, rng: random.Random) -> Tensor:
    """Notes of a made-up instrument, with few or many partials, with or without vibrato."""
    wave, start, n_partials = torch.zeros(n_samples), 0, rng.randint(1, 25)
    slope, vibrato = rng.uniform(0.5, 2.0), rng.choice([0.0, 0.003, 0.01])
    while start < n_samples:
        time = torch.arange(min(int(rng.uniform(0.1, 1.5) * rate), n_samples - start)) / rate
        pitch = 110 * 2 ** rng.uniform(0, 4)
        phase = 2 * math.pi * pitch * (time + vibrato / 35 * torch.sin(35 * time))
        partials = [torch.sin(k * phase) / k**slope for k in range(1, n_partials + 1) if k * pitch < rate / 2]
        wave[start : start + len(time)] = sum(partials, torch.zeros(len(time))) * torch.exp(-time * rng.uniform(0, 5))
        start += len(time)
    return wave


def random_spec(n_mels: int, rng: random.Random) -> MelSpec:
    """A convention that nobody named, built from the usual parts."""
    parent = rng.choice([spec for spec in CONVENTIONS.values() if spec.n_mels == n_mels])
    rate = rng.choice([16000, 22050, 24000, 32000, 44100, 48000])
    n_fft = rng.choice([512, 1024, 1536, 2048])
    hop_length = n_fft // rng.choice([3, 4, 5, 6]) // 2 * 2
    try:
        return replace(
            parent,
            sample_rate=rate,
            n_fft=n_fft,
            win_length=n_fft,
            hop_length=hop_length,
            f_min=rng.choice([0.0, 20.0, 40.0, 60.0, 125.0]),
            f_max=rate / 2 * rng.uniform(0.6, 1.0),
            mel_scale=rng.choice(["slaney", "htk"]),
            mel_norm=rng.choice(["slaney", None]),
            last_frame="keep",
        )
    except ConfigError:
        return random_spec(n_mels, rng)


def examples(data: Path, seed: int = 0) -> Iterator[tuple[int, str, Tensor]]:
    """Bands, label and fingerprint of every mel of the fit."""
    rng, front_ends = random.Random(seed), {name: MelSpectrogram(spec) for name, spec in CONVENTIONS.items()}
    torch.manual_seed(seed)
    sources = heard(data)
    for path, copies in sources.items():
        rate, wave = audio_sample_rate(path), load_audio(path)
        for copy in range(copies):
            start = rng.randrange(max(1, len(wave) - int(LONGEST * rate)))
            sound, heard_as = wave[start : start + int(LONGEST * rate)], rate
            if copy:
                sound = melody(len(sound), rate, rng) if rng.random() < 0.15 else sound
                sound = distorted(sound, load_audio(rng.choice(list(sources)))[: 2 * rate], rng)
                heard_as = int(rate * rng.choice([0.75, 0.85, 1.0, 1.0, 1.15, 1.3]))
            unnamed = {n_mels: random_spec(n_mels, rng) for n_mels in BANDS}
            rates: dict[Hertz, Tensor] = {}
            specs = [(first, front_ends[rng.choice(names)]) for first, names in families().items()]
            for name, front_end in specs + [(UNNAMED, MelSpectrogram(spec)) for spec in unnamed.values()]:
                spec = front_end.spec
                if spec.sample_rate not in rates:
                    rates[spec.sample_rate] = resample(sound, heard_as, spec.sample_rate)
                mel = front_end(rates[spec.sample_rate][None])[0]
                if mel.shape[1] >= FEWEST and mel.max() - mel.min() > 1e-3:
                    yield spec.n_mels, name, fingerprint(mel)


def fit(data: Path) -> None:
    """Fit one small network for every number of bands and write the weights into the package."""
    found = list(examples(data))
    weights: dict[str, Tensor] = {}
    classes = {n: [*(name for name in families() if CONVENTIONS[name].n_mels == n), UNNAMED] for n in BANDS}
    for n_mels, names in classes.items():
        features = torch.stack([vector for bands, _, vector in found if bands == n_mels])
        targets = torch.tensor([names.index(name) for bands, name, _ in found if bands == n_mels])
        mean, deviation = features.mean(dim=0), features.std(dim=0) + 0.03
        network = fitted(((features - mean) / deviation).clamp(-4, 4), targets, len(names))
        state = {"mean": mean, "deviation": deviation, **network.state_dict()}
        weights |= {f"{n_mels}.{key}": value.half() for key, value in state.items()}
        print(f"{n_mels} bands: {len(targets)} mels in {len(names)} classes")
    save_file(weights, WEIGHTS, metadata={str(n_mels): json.dumps(names) for n_mels, names in classes.items()})


class Network(nn.Module):
    """One hidden layer."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(n_features, HIDDEN), nn.Linear(HIDDEN, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        features = F.dropout(features + 0.1 * torch.randn_like(features), 0.2, self.training)
        return self.output(self.hidden(features).relu())


def fitted(features: Tensor, targets: Tensor, n_classes: int, epochs: int = 60) -> Network:
    """The network, trained by cross-entropy."""
    torch.manual_seed(0)
    network = Network(features.shape[1], n_classes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(targets)).split(256):
            loss = F.cross_entropy(network(features[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def measure(data: Path) -> None:
    """Print, by corpus, how often the guess is right and how often a report is wrong; then who is taken for whom."""
    front_ends = {name: MelSpectrogram(CONVENTIONS[name]) for members in families().values() for name in members}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    taken_for: dict[str, Counter[str]] = defaultdict(Counter)
    known = heard(data)
    paths = [
        (corpus, path) for corpus in corpora(data) for path in recordings(data, corpus)[:: MEASURED.get(corpus, 1)]
    ]
    for corpus, path in track(paths, "measuring"):
        rate, wave = audio_sample_rate(path), load_audio(path)
        rates = {wanted: resample(wave, rate, wanted) for wanted in SAMPLE_RATES}
        group = f"{corpus}, {'in the fit' if path in known else 'kept out'}"
        for name, front_end in front_ends.items():
            mel = front_end(rates[front_end.spec.sample_rate][None])[0]
            found = guess(mel)
            counts[group].update(judged(found, name, suspicion(mel, front_end.spec)))
            if path not in known:
                taken_for[name][FAMILY[found.names[0]] if found.names else "nothing"] += 1
    for group, count in counts.items():
        pairs = count["pairs"]
        shares = ", ".join(f"{key} {100 * count[key] / pairs:.1f} %" for key in SHARES)
        print(f"{group}: {pairs} pairs, {shares}, {count['false matches']} false matches, {count['doubts']} doubts")
    print("\n| recordings kept out, in | right | taken for |\n|---|---|---|")
    for name, others in taken_for.items():
        wrong = ", ".join(f"`{other}` {n}" for other, n in others.most_common() if other != FAMILY[name])
        print(f"| `{name}` | {others[FAMILY[name]]} of {others.total()} | {wrong} |")


SHARES = ("family", "exact", "sure", "unambiguous")
FAMILY = {name: first for first, members in families().items() for name in members}


def judged(found: Guess, name: str, doubt: str | None) -> Counter[str]:
    """The marks of a guess about a mel of the convention `name`; a doubt of the right name is a false one."""
    specs = {CONVENTIONS[other] for other in found.names}
    sure = len(specs) > 0 and found.confidence >= SURE
    marks = {
        "pairs": True,
        "family": bool(found.names) and FAMILY[found.names[0]] == FAMILY[name],
        "exact": bool(found.names) and CONVENTIONS[found.names[0]] == CONVENTIONS[name],
        "sure": sure,
        "unambiguous": sure and len(specs) == 1,
        "false matches": sure and len(specs) == 1 and CONVENTIONS[name] not in specs,
        "doubts": doubt is not None,
    }
    return Counter(mark for mark, holds in marks.items() if holds)


if __name__ == "__main__":
    command, folder = sys.argv[1:]
    torch.set_num_threads(1)
    {"fit": fit, "measure": measure}[command](Path(folder))
