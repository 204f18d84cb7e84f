"""Batches for a voice that speaks every mel: each draws a convention, and then speakers, places and loudness."""

import math
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from audiodiff.audio.framing import frame_centre
from audiodiff.audio.io import resample
from audiodiff.data.manifest import read_manifest
from audiodiff.data.order import Position, ResumableLoader
from audiodiff.errors import ConfigError
from audiodiff.mel.fine import fine_spec
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.source.pulses import recorded_pulses
from audiodiff.training.analysed import AnalysedRecording, f0_every
from audiodiff.training.conventions_drawn import all_conventions
from audiodiff.types import Hertz, Seconds

GAIN_SPREAD = 4.0
"""Standard deviation of the gain in decibels."""
AROUND: Seconds = 0.1
"""Taken around a crop and cut off again, so that neither mel nor rate conversion meets an edge."""
ENOUGH_BAND = 0.85
"""The share of half the sample rate that a recording must hold to be an example at that rate."""


class ConventionBatches(Dataset[dict[str, Any]]):
    """Whole batches, addressed by their number: `convention` (its place in `all_conventions`), `wave`, `mel`, `f0` at fine frames, `pulses`.

    Which they are depends on `seed` and the number alone. Speakers are drawn by the square root of what is heard of
    them; recordings whose band is narrower than a convention's rate asks for are not drawn for it.
    """

    def __init__(
        self, recordings: dict[str, list[AnalysedRecording]], *, batch_size: int, seconds: Seconds, count: int, seed: int
    ) -> None:
        self.recordings = recordings
        self.batch_size, self.seconds, self.count, self.seed = batch_size, seconds, count, seed
        self.specs = all_conventions()
        self.front_ends: dict[MelSpec, MelSpectrogram] = {}
        self.able = {rate: self._able(rate) for rate in sorted({spec.sample_rate for spec in self.specs})}
        self.usable = [number for number, spec in enumerate(self.specs) if self.able[spec.sample_rate]]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        chance = Random(f"{self.seed} {index}")
        number = chance.choice(self.usable)
        spec = self.specs[number]
        rows = [self._example(spec, chance) for _ in range(self.batch_size)]
        return {"convention": number, **{name: torch.stack([row[name] for row in rows]) for name in rows[0]}}

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
        speakers = self.able[spec.sample_rate]
        recordings = chance.choices([fit for _, fit in speakers], [weight for weight, _ in speakers])[0]
        recording = chance.choices(recordings, [len(one.wave) / one.sample_rate for one in recordings])[0]
        rate, native, hop = spec.sample_rate, recording.sample_rate, spec.hop_length
        frames = max(8, round(self.seconds * rate / hop))
        margin = math.ceil(AROUND * rate / hop) * hop
        total = (frames * hop + 2 * margin) / rate
        start = chance.uniform(0, max(0.0, len(recording.wave) / native - total))
        first = int(start * native)
        piece = recording.wave[first : first + int(total * native) + 64] * 10 ** (chance.gauss(0, GAIN_SPREAD) / 20)
        wave = resample(piece, native, rate) if native != rate else piece
        wave = torch.nn.functional.pad(wave, (0, max(0, frames * hop + 2 * margin - len(wave))))
        wave = wave[: frames * hop + 2 * margin] / max(1.0, float(wave.abs().max()))
        mel = self._front_end(spec)(wave.unsqueeze(0))[0]
        skipped = margin // hop
        instants = (recording.instants - first) / native * rate - margin
        return {
            "wave": wave[margin : margin + frames * hop],
            "mel": mel[:, skipped : skipped + frames],
            "f0": self._fine_f0(spec, recording, first / native + margin / rate, frames),
            "pulses": self._pulses(recording, instants, first / native + margin / rate, frames * hop, rate),
        }

    def _fine_f0(self, spec: MelSpec, recording: AnalysedRecording, begin: Seconds, frames: int) -> Tensor:
        fine = fine_spec(spec)
        centre = frame_centre(fine.n_fft, fine.hop_length, fine.framing)
        count = frames * spec.hop_length // fine.hop_length
        times = begin + (torch.arange(count, dtype=torch.float64) * fine.hop_length + centre) / fine.sample_rate
        return f0_every(recording, times).unsqueeze(0)

    def _pulses(
        self, recording: AnalysedRecording, instants: Tensor, begin: Seconds, length: int, rate: Hertz
    ) -> Tensor:
        near = instants[(instants > -64) & (instants < length + 64)]
        f0 = f0_every(recording, begin + near / rate)
        return recorded_pulses(near[f0 > 0], f0[f0 > 0].double(), length, rate)

    def _front_end(self, spec: MelSpec) -> MelSpectrogram:
        if spec not in self.front_ends:
            self.front_ends[spec] = MelSpectrogram(spec)
        return self.front_ends[spec]


class ConventionData(L.LightningDataModule):
    """Batches of random conventions from recordings that `recipes/universal/analyse.py` has analysed.

    `seconds` is the length of a crop. There is no validation set: choices are made on the development list by
    `audiodiff evaluate`, convention by convention. `features` is not looked at.
    """

    def __init__(
        self,
        *,
        folder: str,
        features: object = None,
        batch_size: int = 6,
        seconds: Seconds = 0.5,
        batches: int = 1_000_000,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.batch_size, self.seconds, self.batches = batch_size, seconds, batches
        self.workers, self.seed = workers, seed
        self.loader: ResumableLoader | None = None
        self.position: Position | None = None

    def setup(self, stage: str) -> None:
        """Read all recordings into memory; raises `ConfigError` where there are several processes."""
        if self.trainer is not None and self.trainer.world_size > 1:
            raise ConfigError("data=conventions trains in one process: set trainer.devices=1")
        speakers: defaultdict[str, list[AnalysedRecording]] = defaultdict(list)
        for row in read_manifest(self.folder / "train.jsonl"):
            speakers[row.speaker or row.id].append(AnalysedRecording.load(row.path))
        self.train_set = ConventionBatches(
            dict(speakers), batch_size=self.batch_size, seconds=self.seconds, count=self.batches, seed=self.seed
        )

    def train_dataloader(self) -> DataLoader:
        """Whole batches in the order of their numbers."""
        return DataLoader(self.train_set, batch_size=None, shuffle=False, num_workers=self.workers)
