"""Batches for a voice that speaks every mel: each draws a convention, and then speakers, places and loudness."""

import math
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from audiodiff.audio.framing import frame_centre
from audiodiff.audio.io import resample
from audiodiff.data.manifest import read_manifest
from audiodiff.errors import ConfigError
from audiodiff.mel.fine import fine_spec
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.source.pitch_shift import shift_pitch
from audiodiff.source.pulses import recorded_pulses
from audiodiff.training.analysed import AnalysedRecording, f0_every
from audiodiff.training.conventions_drawn import all_conventions
from audiodiff.training.unspoken import played, whispered
from audiodiff.types import Hertz, Seconds

GAIN_SPREAD = 4.0
"""Standard deviation of the gain in decibels."""
AROUND: Seconds = 0.1
"""Taken around a crop and cut off again, so that neither mel nor rate conversion meets an edge."""
VARIED = 0.7
"""The share of examples at another speed, where `speed` allows any, and of those at another pitch."""
WHISPERS = 0.6
"""The share of whispers among examples that are no speech; the others are notes, chords and noise."""
ENOUGH_BAND = 0.85
"""The share of half the sample rate that a recording must hold to be an example at that rate."""


class ConventionBatches(Dataset[dict[str, Tensor]]):
    """Whole batches, addressed by their number: `convention`, `wave`, `mel`, `f0` at fine frames, `pulses`.

    `convention` is a place in `all_conventions`. Which they are depends on `seed` and the number alone. Speakers are
    drawn by the square root of what is heard of them; recordings whose band is narrower than a convention's rate asks
    for are not drawn for it. Up to e^`speed` times faster or slower, a recording is that of another speaker; `pitch` is
    the same for f0 alone. A share of `unspoken` are whispers made of the recordings, or made music and noise, in which
    f0 is that of the loudest part; these have no pulses.
    """

    def __init__(
        self,
        recordings: dict[str, list[AnalysedRecording]],
        *,
        batch_size: int,
        seconds: Seconds,
        count: int,
        seed: int,
        speed: float = 0.0,
        pitch: float = 0.0,
        unspoken: float = 0.0,
    ) -> None:
        self.recordings = recordings
        self.batch_size, self.seconds, self.count, self.seed = batch_size, seconds, count, seed
        self.speed, self.pitch, self.unspoken = speed, pitch, unspoken
        self.specs = all_conventions()
        self.front_ends: dict[MelSpec, MelSpectrogram] = {}
        self.able = {rate: self._able(rate) for rate in sorted({spec.sample_rate for spec in self.specs})}
        self.usable = [number for number, spec in enumerate(self.specs) if self.able[spec.sample_rate]]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        chance = Random(f"{self.seed} {index}")
        number = chance.choice(self.usable)
        spec = self.specs[number]
        rows = [self._example(spec, chance) for _ in range(self.batch_size)]
        return {
            "convention": torch.tensor(number),
            **{name: torch.stack([row[name] for row in rows]) for name in rows[0]},
        }

    def _able(self, rate: Hertz) -> list[tuple[float, list[AnalysedRecording]]]:
        """Weight and recordings of every speaker who has some that hold enough for this rate."""
        found = []
        for recordings in self.recordings.values():
            fit = [one for one in recordings if one.bandwidth >= ENOUGH_BAND * rate / 2]
            if fit:
                found.append((math.sqrt(sum(len(one.wave) / one.sample_rate for one in fit)), fit))
        return found

    @torch.no_grad()
    def _example(self, spec: MelSpec, chance: Random) -> dict[str, Tensor]:
        recording = self._drawn(spec, chance)
        # played faster or slower, a recording is that of another speaker
        speed, pitch = self._factor(self.speed, chance), self._factor(self.pitch, chance)
        pitch = pitch if len(recording.instants) else 1.0
        rate, native, hop = spec.sample_rate, round(recording.sample_rate * speed), spec.hop_length
        speed = native / recording.sample_rate
        frames = max(8, round(self.seconds * rate / hop))
        margin = math.ceil(AROUND * rate / hop) * hop
        total = (frames * hop + 2 * margin) / rate
        first = int(chance.uniform(0, max(0.0, len(recording.wave) / native - total)) * native)
        piece, instants = _shifted(recording, first, int(total * native) + 64, pitch)
        piece = piece * 10 ** (chance.gauss(0, GAIN_SPREAD) / 20)
        wave = resample(piece, native, rate) if native != rate else piece
        wave = torch.nn.functional.pad(wave, (0, max(0, frames * hop + 2 * margin - len(wave))))
        wave = wave[: frames * hop + 2 * margin] / max(1.0, float(wave.abs().max()))
        mel = self._front_end(spec)(wave.unsqueeze(0))[0]
        skipped = margin // hop
        begin, faster = first / native + margin / rate, speed * pitch
        instants = instants / native * rate - margin
        return {
            "wave": wave[margin : margin + frames * hop],
            "mel": mel[:, skipped : skipped + frames],
            "f0": faster * _fine_f0(spec, recording, begin, frames, speed),
            "pulses": _pulses(recording, instants, begin, frames * hop, rate, speed, faster),
        }

    def _drawn(self, spec: MelSpec, chance: Random) -> AnalysedRecording:
        speakers = self.able[spec.sample_rate]
        recordings = chance.choices([fit for _, fit in speakers], [weight for weight, _ in speakers])[0]
        recording = chance.choices(recordings, [len(one.wave) / one.sample_rate for one in recordings])[0]
        if not self.unspoken or chance.random() >= self.unspoken:
            return recording
        draw, enough = np.random.default_rng(chance.getrandbits(32)), (self.seconds + 4 * AROUND) * math.exp(self.speed)
        if chance.random() < WHISPERS:
            return whispered(recording, enough, draw)
        return played(enough, spec.sample_rate, draw)

    @staticmethod
    def _factor(spread: float, chance: Random) -> float:
        return math.exp(chance.uniform(-spread, spread)) if chance.random() < VARIED else 1.0

    def _front_end(self, spec: MelSpec) -> MelSpectrogram:
        if spec not in self.front_ends:
            self.front_ends[spec] = MelSpectrogram(spec)
        return self.front_ends[spec]


def _shifted(recording: AnalysedRecording, first: int, length: int, pitch: float) -> tuple[Tensor, Tensor]:
    """A piece of a recording and the closures in it, at another pitch."""
    piece, instants = recording.wave[first : first + length], recording.instants - first
    if pitch == 1:
        return piece, instants
    instants = instants[(instants >= 0) & (instants < len(piece))]
    f0 = f0_every(recording, (first + instants) / recording.sample_rate)
    return shift_pitch(piece, instants[f0 > 0], f0[f0 > 0], pitch, recording.sample_rate)


def _fine_f0(spec: MelSpec, recording: AnalysedRecording, begin: Seconds, frames: int, speed: float) -> Tensor:
    """f0 of the recording at the fine frames of a piece that begins there when played `speed` times faster."""
    fine = fine_spec(spec)
    centre = frame_centre(fine.n_fft, fine.hop_length, fine.framing)
    count = frames * spec.hop_length // fine.hop_length
    times = begin + (torch.arange(count, dtype=torch.float64) * fine.hop_length + centre) / fine.sample_rate
    return f0_every(recording, times * speed).unsqueeze(0)


def _pulses(
    recording: AnalysedRecording,
    instants: Tensor,
    begin: Seconds,
    length: int,
    rate: Hertz,
    speed: float,
    faster: float,
) -> Tensor:
    """The pulse train at closures in samples of the piece; `faster` is how far f0 was moved."""
    near = instants[(instants > -64) & (instants < length + 64)]
    f0 = faster * f0_every(recording, (begin + near / rate) * speed)
    return recorded_pulses(near[f0 > 0], f0[f0 > 0].double(), length, rate)


class ConventionData(L.LightningDataModule):
    """Batches of random conventions from recordings that `recipes/universal/analyse.py` has analysed.

    `seconds` is the length of a crop, `speed` and `pitch` the largest changes of tempo and of f0 in nepers, `unspoken`
    the share of whispers and made music and noise, from which f0 and voicing can be learnt but no filter. There is no
    validation set: choices are made on the development list, convention by convention. `features` is not looked at.
    """

    def __init__(
        self,
        *,
        folder: str,
        features: object = None,
        batch_size: int = 6,
        seconds: Seconds = 0.5,
        speed: float = 0.0,
        pitch: float = 0.0,
        unspoken: float = 0.0,
        batches: int = 1_000_000,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.batch_size, self.seconds, self.batches = batch_size, seconds, batches
        self.speed, self.pitch, self.unspoken = speed, pitch, unspoken
        self.workers, self.seed = workers, seed
        self.done = 0

    def setup(self, stage: str) -> None:
        """Read all recordings into memory; raises `ConfigError` where there are several processes."""
        if self.trainer is not None and self.trainer.world_size > 1:
            raise ConfigError("data=conventions trains in one process: set trainer.devices=1")
        speakers: defaultdict[str, list[AnalysedRecording]] = defaultdict(list)
        for row in read_manifest(self.folder / "train.jsonl"):
            speakers[row.speaker or row.id].append(AnalysedRecording.load(row.path))
        self.train_set = ConventionBatches(
            dict(speakers),
            batch_size=self.batch_size,
            seconds=self.seconds,
            count=self.batches,
            seed=self.seed,
            speed=self.speed,
            pitch=self.pitch,
            unspoken=self.unspoken,
        )

    def train_dataloader(self) -> DataLoader:
        """Whole batches in the order of their numbers, after those that this run has had."""
        numbers = range(self.done, self.batches)
        return DataLoader(self.train_set, batch_size=None, sampler=numbers, num_workers=self.workers)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Count the batch."""
        self.done += 1
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The number of batches that this run has had."""
        return {"done": self.done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on behind these."""
        self.done = state_dict["done"]
