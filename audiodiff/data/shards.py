"""Large corpora as tar shards (webdataset's format) that stream from a disk, a web server or object storage."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info
from webdataset.filters import shuffle
from webdataset.pipeline import DataPipeline
from webdataset.shardlists import SimpleShardList
from webdataset.tariterators import tarfile_to_samples
from webdataset.writer import TarWriter

from audiodiff.audio.atomic import written_whole
from audiodiff.audio.decoding import MOST_SAMPLES, audio_header, opened_audio
from audiodiff.audio.io import load_audio, resample
from audiodiff.data.augment import Augment
from audiodiff.data.features import Features, Tensors, cut, tensors_of
from audiodiff.data.manifest import Utterance
from audiodiff.errors import AudioError, ConfigError, InputError
from audiodiff.errors.callers import warn_caller
from audiodiff.errors.sentences import sentence
from audiodiff.types import Hertz, Samples, Seconds

INDEX = "shards.json"


@dataclass
class Shard:
    """A tar file, and the number of samples and the sample rate of each of its recordings."""

    name: str
    recordings: list[tuple[Samples, Hertz]] = field(default_factory=list)

    @property
    def seconds(self) -> Seconds:
        """Duration of the sound in it."""
        return sum(n_samples / rate for n_samples, rate in self.recordings)

    def segments(self, features: Features, segment: int) -> int:
        """Number of segments of `segment` frames that an epoch takes from it."""
        lengths = (-(-n * features.sample_rate // rate) // features.hop_length for n, rate in self.recordings)
        return sum(max(1, frames // segment) for frames in lengths)


def write_shards(utterances: list[Utterance], folder: Path, *, seconds: Seconds) -> list[Shard]:
    """Pack the recordings, files unchanged, into shards of about `seconds`, in an order that mixes speakers.

    What cannot be decoded is left out with a warning. Raises `InputError` if shards are there already.
    """
    if (folder / INDEX).exists():
        raise InputError(f"{folder} holds shards already: choose another folder, or remove them")
    if any(utterance.mel for utterance in utterances):
        raise InputError("shards carry no predicted mels: fine-tune from the manifest itself")
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(utterance.duration for utterance in utterances)
    n_shards = min(len(utterances), max(1, round(total / seconds)))
    mixed = Random(0).sample(utterances, len(utterances))
    shards = [_write(mixed[number::n_shards], folder / f"{number:05d}.tar") for number in range(n_shards)]
    with written_whole(folder / INDEX) as scratch:
        scratch.write_text(json.dumps([asdict(shard) for shard in shards]), encoding="utf-8")
    return shards


def _write(utterances: list[Utterance], path: Path) -> Shard:
    shard = Shard(path.name)
    with written_whole(path) as scratch, scratch.open("wb") as file, TarWriter(file) as tar:
        for number, utterance in enumerate(utterances):
            try:
                n_samples, rate = len(load_audio(utterance.path)), audio_header(utterance.path).sample_rate
                content = utterance.path.read_bytes()
            except Exception as error:  # one odd recording never ends the packing of the others
                warn_caller(f"left out: {sentence(error)}")
                continue
            about = {"id": utterance.id, "speaker": utterance.speaker, "text": utterance.text}
            suffix = utterance.path.suffix[1:].lower()
            tar.write({"__key__": f"{number:08d}", suffix: content, "json": about})
            shard.recordings.append((n_samples, rate))
    return shard


def read_index(path: Path) -> list[Shard]:
    """The shards that `write_shards` listed."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Shard(row["name"], [(n, rate) for n, rate in row["recordings"]]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no list of shards ({error}): write it with `audiodiff data shard`") from error


class ShardStream(IterableDataset):
    """Random segments of the recordings in this rank's shards, mixed in a buffer of `mix` segments.

    Every rank and every worker of it has shards of its own, so nothing is heard twice in an epoch; all ranks stop
    after as many batches as the one with the least to read can fill. The order of the shards, the segments and their
    mixing depend on (seed, epoch) alone. `place` is where the shards are: a folder or a URL; "{}" in it stands for
    a shard's name, as in "pipe:aws s3 cp s3://bucket/{} -".
    """

    def __init__(
        self,
        index: Path,
        features: Features,
        *,
        segment: int,
        batch_size: int,
        place: str | None = None,
        augment: Augment | None = None,
        mix: int = 1000,
        seed: int = 0,
        world: int = 1,
        rank: int = 0,
        workers: int = 0,
    ) -> None:
        place = str(index.parent) if place is None else place
        self.pattern = place if "{}" in place else f"{place.rstrip('/')}/{{}}"
        self.features = features
        self.segment = segment
        self.augment = augment
        self.mix = mix
        self.seed = seed
        self.epoch = 0
        shards, n_readers = read_index(index), max(1, workers)
        if len(shards) < world * n_readers:
            raise ConfigError(
                f"{len(shards)} shards cannot be shared by {world} ranks with {n_readers} workers each: write smaller "
                "shards (`audiodiff data shard --size`), or set data.workers lower"
            )
        readers = [[shards[r + world * w :: world * n_readers] for w in range(n_readers)] for r in range(world)]
        self.mine = readers[rank]
        batches = [
            sum(sum(shard.segments(features, segment) for shard in part) // batch_size for part in parts)
            for parts in readers
        ]
        self.length = min(batches) * batch_size
        if not self.length:
            raise ConfigError(f"a worker's shards hold less than a batch of {batch_size}: use fewer workers or ranks")

    def __len__(self) -> int:
        return self.length

    def start(self, epoch: int, _: int) -> None:
        """Begin the epoch; how much of it is skipped is the loader's part."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        info = get_worker_info()
        chance = Random(f"{self.seed} {self.epoch} {0 if info is None else info.id}")
        shards = list(self.mine[0 if info is None else info.id])
        chance.shuffle(shards)
        urls = [self.pattern.format(shard.name) for shard in shards]
        return iter(
            DataPipeline(
                SimpleShardList(urls),
                tarfile_to_samples(),
                self._segments,
                shuffle(self.mix, initial=self.mix, rng=chance),
            )
        )

    def _segments(self, samples: Iterator[dict[str, Any]]) -> Iterator[Tensors]:
        """All segments of every recording that streams by."""
        for sample in samples:
            wave = decoded(sample, self.features.sample_rate)
            hop = self.features.hop_length
            frames = len(wave) // hop
            name = json.loads(sample["json"])["id"]
            for number in range(max(1, frames // self.segment)):
                chance = Random(f"{self.seed} {self.epoch} {name} {number}")
                start = chance.randrange(max(1, frames - self.segment + 1))
                yield self._segment(wave, start, chance)

    def _segment(self, wave: Tensor, start: int, chance: Random) -> Tensors:
        hop = self.features.hop_length
        margin = -(-self.features.spec.n_fft // hop)
        first = max(0, start - margin)
        piece = wave[first * hop : (start + self.segment + margin) * hop]
        if self.augment is not None:
            piece = self.augment(piece, chance)
        tensors = tensors_of(self.features, piece, None, start + self.segment - first)
        return cut(tensors, start - first, self.segment, hop)


def decoded(sample: dict[str, Any], sample_rate: Hertz) -> Tensor:
    """The waveform of a recording in a shard, mixed to mono and resampled; raises `AudioError` if it is damaged."""
    audio = next(value for key, value in sample.items() if key != "json" and isinstance(value, bytes))
    try:
        with opened_audio(io.BytesIO(audio)) as file:
            rate, frames = file.samplerate, min(file.frames, MOST_SAMPLES // file.channels)
            samples = file.read(frames, dtype="float32", always_2d=True)
    except AudioError as error:
        raise AudioError(f"{sample['__key__']} of {sample['__url__']}: {error}; write that shard again") from error
    return resample(torch.from_numpy(samples.mean(axis=1)), rate, sample_rate)
