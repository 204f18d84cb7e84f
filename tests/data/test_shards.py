"""Tar shards: what is written is what streams out, shared between nodes and workers without duplicates."""

from collections import Counter

import pytest
import soundfile
import torch
from torch.testing import assert_close
from typer.testing import CliRunner

from audiodiff.audio import load_audio
from audiodiff.cli.main import app
from audiodiff.data import Gain, ResumableLoader, Utterance, write_manifest
from audiodiff.data.datamodule import ShardData
from audiodiff.data.shards import INDEX, ShardStream, read_index, write_shards
from audiodiff.errors import ConfigError, InputError
from tests.conftest import CLIP

pytestmark = [  # webdataset leaves it to the garbage collector to close its files
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SEGMENT = 16
COUNT = 24


@pytest.fixture(scope="module")
def utterances(tmp_path_factory):
    """Recordings of 15 to 17 frames of a constant that is their own: one segment each, and its name in its level."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = []
    for number in range(COUNT):
        wave = torch.full(((15 + number % 3) * 256,), (number + 1) / 64)
        soundfile.write(folder / f"{number}.wav", wave.numpy(), 22050)
        rows.append(
            Utterance(id=f"u.{number}", path=folder / f"{number}.wav", duration=len(wave) / 22050, sample_rate=22050)
        )
    return rows


@pytest.fixture(scope="module")
def index(utterances, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    seconds = sum(utterance.duration for utterance in utterances) / 6
    assert len(write_shards(utterances, folder, seconds=seconds)) == 6
    return folder / INDEX


def heard(batches):
    """Which recordings the segments of the batches are of."""
    return [round(wave[0].item() * 64) - 1 for batch in batches for wave in batch["wave"]]


@pytest.mark.parametrize(("world", "workers"), [(1, 0), (3, 0), (1, 2), (2, 2)])
def test_nodes_and_workers_share_the_recordings(index, mel_features, world, workers):
    loaders = []
    for rank in range(world):
        place = {"world": world, "rank": rank, "workers": workers}
        stream = ShardStream(index, mel_features, segment=SEGMENT, batch_size=2, seed=1, **place)
        loaders.append(ResumableLoader(stream, batch_size=2, num_workers=workers, drop_last=True))
    for _ in range(2):
        ranks = [list(loader) for loader in loaders]
        assert {len(batches) for batches in ranks} == {len(loader) for loader in loaders} == {COUNT // world // 2}
        counts = Counter(number for batches in ranks for number in heard(batches))
        assert counts == Counter(range(COUNT))


def test_an_epoch_is_a_function_of_the_seed_and_can_be_resumed(index, mel_features):
    def loader(seed=1):
        stream = ShardStream(index, mel_features, segment=SEGMENT, batch_size=2, seed=seed, mix=8)
        return ResumableLoader(stream, batch_size=2, drop_last=True)

    first = loader()
    epochs = [[batch["wave"] for batch in first] for _ in range(2)]
    assert not torch.equal(torch.cat(epochs[0]), torch.cat(epochs[1]))
    assert not torch.equal(torch.cat(epochs[0]), torch.cat([batch["wave"] for batch in loader(2)]))
    resumed = loader()
    resumed.load_state_dict({"epoch": 1, "batches": 7})
    for batch, expected in zip(resumed, epochs[1][7:], strict=True):
        assert_close(batch["wave"], expected, rtol=0, atol=0)


def test_segments_are_pieces_of_the_recording_with_its_mel(mel_features, tmp_path):
    write_shards([Utterance(id="clip", path=CLIP, duration=1.9, sample_rate=22050)], tmp_path, seconds=1)
    stream = ShardStream(tmp_path / INDEX, mel_features, segment=SEGMENT, batch_size=1)
    items, wave = list(stream), load_audio(CLIP)
    whole = mel_features(wave)
    assert len(items) == len(stream) == whole["mel"].shape[1] // SEGMENT
    for item in items:
        windows = whole["wave"].unfold(0, SEGMENT * 256, 256)
        start = int((windows - item["wave"]).abs().sum(1).argmin())
        assert_close(item["wave"], windows[start], rtol=0, atol=0)
        assert_close(item["mel"], whole["mel"][:, start : start + SEGMENT], rtol=0, atol=2e-5)
    quiet = ShardStream(tmp_path / INDEX, mel_features, segment=SEGMENT, batch_size=1, augment=Gain(low=-20, high=-20))
    for plain, item in zip(items, quiet, strict=True):
        assert_close(item["wave"], 0.1 * plain["wave"])


def test_the_data_module_streams(index, mel_features, utterances, tmp_path):
    write_manifest(tmp_path / "valid.jsonl", utterances[:3])
    data = ShardData(folder=str(tmp_path), index=str(index), features=mel_features, batch_size=4, segment=SEGMENT)
    data.prepare_data()
    data.setup("fit")
    assert len(list(data.train_dataloader())) == COUNT // 4
    assert len(data.val_dataloader()) == 3
    assert data.state_dict() == {"position": {"epoch": 1, "batches": 0}}


def test_shards_can_lie_elsewhere(index, mel_features, tmp_path):
    copy = tmp_path / INDEX
    copy.write_text(index.read_text())
    for place in (str(index.parent), f"pipe:cat {index.parent}/{{}}"):
        stream = ShardStream(copy, mel_features, segment=SEGMENT, batch_size=1, place=place)
        assert len(list(stream)) == COUNT


def test_too_few_shards_are_refused(index, mel_features):
    with pytest.raises(ConfigError, match="6 shards cannot be shared by 4 ranks with 2 workers"):
        ShardStream(index, mel_features, segment=SEGMENT, batch_size=1, world=4, workers=2)
    with pytest.raises(ConfigError, match="less than a batch"):
        ShardStream(index, mel_features, segment=SEGMENT, batch_size=100)


def test_what_cannot_be_packed_is_left_out_or_refused(utterances, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    bad = Utterance(id="bad", path=tmp_path / "bad.wav", duration=1, sample_rate=1)
    with pytest.warns(UserWarning, match=r"bad\.wav"):
        shards = write_shards([utterances[0], bad], tmp_path / "shards", seconds=100)
    assert [len(shard.recordings) for shard in shards] == [1]
    assert read_index(tmp_path / "shards" / INDEX) == shards
    with pytest.raises(InputError, match="holds shards already"):
        write_shards(utterances, tmp_path / "shards", seconds=100)
    with pytest.raises(InputError, match="no list of shards"):
        read_index(tmp_path / "bad.wav")


def test_the_command_packs_a_manifest(utterances, tmp_path):
    write_manifest(tmp_path / "train.jsonl", utterances)
    arguments = ["data", "shard", str(tmp_path / "train.jsonl"), "-o", str(tmp_path / "out"), "--size", "2"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"2 shards, {COUNT} recordings" in result.output
    assert len(list((tmp_path / "out").glob("*.tar"))) == 2
