"""Which segments are drawn, in which order, by whom, and what is done with broken recordings."""

from collections import Counter
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import lightning as L
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.data import Features, Gain, LiveFeatures, Loudness, SegmentDataset, SegmentOrder, write_manifest
from audiodiff.data.datamodule import VocoderData, spread
from audiodiff.data.dataset import usable
from audiodiff.data.order import by_speaker, epoch_order
from audiodiff.errors import AudioError, ConfigError, InputError
from audiodiff.training.model_features import DeferredMelFeatures
from tests.data.conftest import CLIPS

SEGMENT = 16


@pytest.fixture
def dataset(mel_features):
    source = LiveFeatures(mel_features, shortest=SEGMENT)
    return SegmentDataset(usable(CLIPS, source, strict=True, name="test"), source, segment=SEGMENT, seed=5)


@pytest.fixture
def data(tmp_path, mel_features):
    """A function that makes a data module of the clips; its arguments are the data module's."""
    for name in ("train", "valid"):
        write_manifest(tmp_path / f"{name}.jsonl", CLIPS)

    def make(features: Features = mel_features, **changes: object) -> VocoderData:
        settings = {"folder": str(tmp_path), "cache": None, "batch_size": 4, "segment": SEGMENT, "seed": 5} | changes
        return VocoderData(features=features, **settings)

    return make


def epoch_of(loader) -> list[torch.Tensor]:
    return [batch["wave"] for batch in loader]


@pytest.mark.parametrize(("device", "pinned"), [("cuda", True), ("cpu", False)])
def test_batches_wait_for_a_gpu_in_pinned_memory(data, device, pinned):
    module = data()
    place = SimpleNamespace(root_device=torch.device(device))
    module.trainer = SimpleNamespace(world_size=1, global_rank=0, strategy=place)
    module.setup("fit")
    assert module.train_dataloader().pin_memory == pinned


def test_there_are_as_many_segments_as_fit(dataset):
    frames = [dataset.source.frames(clip) for clip in CLIPS]
    assert len(dataset) == sum(n // SEGMENT for n in frames)
    assert dataset[0, 0]["mel"].shape == (80, SEGMENT)
    long = SegmentDataset([(CLIPS[0], 1000)], LiveFeatures(dataset.source.features), segment=1000)
    assert len(long) == 1


def test_a_segment_depends_on_seed_epoch_and_index_alone(dataset):
    first = dataset[3, 7]["wave"]
    dataset[1, 2]
    assert_close(dataset[3, 7]["wave"], first, rtol=0, atol=0)
    others = [dataset[4, 7], dataset[3, 8], SegmentDataset(dataset.clips, dataset.source, segment=SEGMENT)[3, 7]]
    assert all(not torch.equal(first, other["wave"]) for other in others)
    assert_close(dataset[7]["wave"], dataset[0, 7]["wave"], rtol=0, atol=0)


def test_a_segment_must_hold_something(dataset):
    with pytest.raises(ConfigError, match="segment"):
        SegmentDataset(dataset.clips, dataset.source, segment=0)


@pytest.mark.parametrize("world", [1, 2, 3, 40])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_ranks_share_an_epoch_without_duplicates(dataset, world, batch_size):
    orders = [SegmentOrder(dataset, batch_size=batch_size, seed=1, world=world, rank=rank) for rank in range(world)]
    epochs = []
    for epoch in (0, 1):
        for order in orders:
            order.start(epoch, 0)
        ranks = [list(order) for order in orders]
        assert [len(rank) for rank in ranks] == [len(orders[0])] * world
        seen = Counter(key for rank in ranks for key in rank)
        if len(dataset) >= world * batch_size:
            assert set(seen.values()) == {1}
            assert len(dataset) - len(seen) < world * batch_size
        else:
            assert {index for _, index in seen} == set(range(len(dataset)))
        epochs.append(ranks)
    assert epochs[0] != epochs[1]


def test_ranks_together_see_the_batches_of_one_process(dataset):
    alone = list(SegmentOrder(dataset, batch_size=4, seed=1, world=1, rank=0))
    first, second = (list(SegmentOrder(dataset, batch_size=2, seed=1, world=2, rank=rank)) for rank in (0, 1))
    for k in range(len(first) // 2):
        assert set(alone[4 * k : 4 * k + 4]) == {*first[2 * k : 2 * k + 2], *second[2 * k : 2 * k + 2]}


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 5))
def test_balance_hears_every_speaker_equally_often(counts, epoch):
    speakers = [f"s{number}" for number, count in enumerate(counts) for _ in range(count)]
    groups = by_speaker(speakers)
    order = epoch_order(groups, len(speakers), seed=0, epoch=epoch)
    heard = Counter(speakers[index] for index in order)
    assert len(order) == len(speakers)
    assert max(heard.values()) - min(heard[f"s{number}"] for number in range(len(counts))) <= 1
    for group in groups:
        times = Counter(dict.fromkeys(group, 0))
        times.update(index for index in order if index in times)
        assert max(times.values()) - min(times.values()) <= 1


def test_the_data_module_balances(data):
    for balance, groups in (("speaker", 2), (None, 1)):
        module = data(balance=balance)
        module.setup("fit")
        assert len(module.train_dataloader().sampler.groups) == groups


def test_balance_needs_speakers(mel_features):
    source = LiveFeatures(mel_features)
    nameless = SegmentDataset([(replace(CLIPS[0], speaker=None), 100)], source, segment=SEGMENT)
    with pytest.raises(ConfigError, match="speaker"):
        SegmentOrder(nameless, batch_size=1, seed=0, world=1, rank=0, balanced=True)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("done", [0, 3])
def test_a_loader_goes_on_where_it_was(data, workers, done):
    module = data(workers=workers)
    module.setup("fit")
    loader, resumed = module.train_dataloader(), module.train_dataloader()
    first, second = epoch_of(loader), epoch_of(loader)
    assert not torch.equal(first[0], second[0])
    resumed.load_state_dict({"epoch": 1, "batches": done})
    assert len(resumed) == len(second)
    for batch, expected in zip(epoch_of(resumed), second[done:], strict=True):
        assert_close(batch, expected, rtol=0, atol=0)
    assert resumed.state_dict() == loader.state_dict() == {"epoch": 2, "batches": 0}


class Watcher(L.LightningModule):
    """Remembers what it is trained on."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, _):
        self.seen.append(batch["wave"].clone())
        return self.weight * batch["wave"].mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, no validation
@pytest.mark.parametrize("stop", [2, 4, 5])
def test_lightning_resumes_in_the_middle_of_an_epoch(data, tmp_path, stop):
    """An epoch has four batches here; the batches after a restart are those of an uninterrupted run."""

    def run(steps, path=None):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = L.Trainer(
            max_steps=steps, accelerator="cpu", limit_val_batches=0, enable_checkpointing=False, **quiet
        )
        watcher = Watcher()
        trainer.fit(watcher, data(batch_size=4), ckpt_path=path)
        trainer.save_checkpoint(tmp_path / "run.ckpt")
        return watcher.seen

    whole = run(9)
    before = run(stop)
    after = run(9, tmp_path / "run.ckpt")
    assert len(before) + len(after) == len(whole) == 9
    for batch, expected in zip(before + after, whole, strict=True):
        assert_close(batch, expected, rtol=0, atol=0)


def test_broken_recordings_are_listed_and_left_out(data, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF????WAVE")
    broken = [replace(CLIPS[0], id=name, path=tmp_path / f"{name}.wav") for name in ("broken", "missing")]
    write_manifest(tmp_path / "train.jsonl", [*CLIPS, *broken])
    for cache in (None, str(tmp_path / "cache")):
        module = data(cache=cache)
        with pytest.warns(UserWarning, match=r"(?s)2 of 4 recordings.*\n  broken: .*\n  missing: "):
            module.setup("fit")
        assert len(module.train_set.clips) == 2
        with pytest.raises(AudioError, match=r"broken\.wav"):
            data(cache=cache, strict=True).setup("fit")
        write_manifest(tmp_path / "valid.jsonl", broken)
        with (
            pytest.warns(UserWarning, match="missing"),
            pytest.raises(InputError, match=r"none of the 2 recordings of .*valid\.jsonl"),
        ):
            module.setup("fit")
        write_manifest(tmp_path / "valid.jsonl", CLIPS)


def test_a_recording_that_breaks_while_it_is_read_is_replaced(dataset, tmp_path):
    gone = replace(CLIPS[0], path=tmp_path / "gone.flac")
    clips = [(gone, 160), dataset.clips[1]]
    with pytest.warns(UserWarning, match="gone"):
        item = SegmentDataset(clips, dataset.source, segment=SEGMENT)[0, 0]
    assert item["wave"].shape == (SEGMENT * 256,)
    with pytest.raises(AudioError, match="gone"):
        SegmentDataset(clips, dataset.source, segment=SEGMENT, strict=True)[0, 0]
    with pytest.warns(UserWarning, match="gone"), pytest.raises(InputError, match="in a row"):
        SegmentDataset(clips[:1], dataset.source, segment=SEGMENT)[0, 0]


@pytest.mark.parametrize(
    ("augment", "low", "high"),
    [(Gain(low=-12, high=-6), 10 ** (-12 / 20), 10 ** (-6 / 20)), (Gain(low=60, high=60), 1.0, 1000.0)],
)
def test_gain_changes_wave_and_mel_together(mel_features, dataset, augment, low, high):
    changed = SegmentDataset(
        dataset.clips, LiveFeatures(mel_features, shortest=SEGMENT, augment=augment), segment=SEGMENT, seed=5
    )
    gains = []
    for index in range(len(dataset)):
        plain, item = dataset[0, index], changed[0, index]
        gain = (item["wave"] * plain["wave"]).sum() / plain["wave"].square().sum()
        assert_close(item["wave"], gain * plain["wave"], rtol=0, atol=1e-5)
        loud = plain["mel"] > -8
        assert_close((item["mel"] - plain["mel"])[loud], gain.log().expand(int(loud.sum())), rtol=0, atol=1e-2)
        assert item["wave"].abs().max() < 1
        gains.append(gain.item())
    assert low - 1e-4 < min(gains) < max(gains) < high + 1e-4


def test_loudness_sets_the_level_but_leaves_pauses_quiet():
    wave = 0.01 * torch.sin(torch.arange(8000.0))
    levels = [20 * Loudness(low=-30, high=-24)(wave, Random(n)).square().mean().sqrt().log10() for n in range(50)]
    assert -30.01 < min(levels) < -29
    assert -25 < max(levels) < -23.99
    pause = 1e-5 * wave
    assert_close(Loudness(low=-20, high=-20)(pause, Random(0)), 10 * pause)
    assert_close(Loudness(low=-20, high=-20)(torch.zeros(9), Random(0)), torch.zeros(9))
    with pytest.raises(ConfigError, match="low"):
        Gain(low=1, high=0)


def test_stored_features_cannot_be_augmented(data, tmp_path):
    with pytest.raises(ConfigError, match=r"data\.cache=null"):
        data(cache=str(tmp_path), augment=Gain(low=-6, high=0))


@pytest.mark.parametrize("change", [None, Gain(low=-6, high=0)])
def test_mels_can_be_computed_where_the_model_trains(data, tiny_model, change):
    """Batch by batch, training and validation, the same as the loader's."""
    modules = [data(augment=change), data(DeferredMelFeatures(model=tiny_model), augment=change)]
    for module in modules:
        module.setup("fit")
    loaders = [[*module.train_dataloader(), *module.val_dataloader()] for module in modules]
    assert len(loaders[0]) == len(loaders[1]) > 2
    for batch, raw in zip(*loaders, strict=True):
        assert raw.keys() == {"wave", "seen"}
        made = modules[1].on_after_batch_transfer(raw, 0)
        assert made.keys() == modules[0].on_after_batch_transfer(batch, 0).keys() == {"wave", "mel"}
        assert_close(made["wave"], batch["wave"], rtol=0, atol=0)
        ours, theirs = made["mel"].exp(), batch["mel"].exp()  # rounding is relative to a frame's loudest band
        assert ((ours - theirs).abs() <= 1e-5 * theirs.amax(dim=1, keepdim=True)).all()


def test_what_is_left_for_the_device_is_not_stored_and_replaces_no_given_mel(data, tiny_model, tmp_path):
    features = DeferredMelFeatures(model=tiny_model)
    with pytest.raises(ConfigError, match=r"set data\.cache=null"):
        data(features, cache=str(tmp_path))
    with pytest.raises(ConfigError, match="set features=mel"):
        features(torch.zeros(5000), torch.zeros(80, 19))


def test_validation_clips_are_spread_and_unchanged(data):
    assert spread(list(range(10)), 4) == [0, 2, 5, 7]
    assert spread([1, 2], 8) == [1, 2]
    module = data(valid_clips=1, valid_frames=50, augment=Gain(low=-30, high=-30))
    module.setup("fit")
    (batch,) = module.val_dataloader()
    expected = LiveFeatures(module.train_source.features).crop(CLIPS[0], 0, 50)
    assert_close(batch["wave"][0], expected["wave"])


def test_a_validation_clip_is_at_least_a_segment_long(tmp_path, data):
    """Losses look at a segment, and words may last less."""
    soundfile.write(tmp_path / "short.wav", 0.1 * torch.randn(1000).numpy(), 22050)
    made = data()
    short = replace(CLIPS[0], id="short", path=tmp_path / "short.wav", duration=1000 / 22050)
    write_manifest(tmp_path / "valid.jsonl", [short])
    made.setup("fit")
    assert made.valid_set[0]["mel"].shape[-1] == SEGMENT
