"""Training on random mel conventions: its batches, and the siblings that share one model's weights."""

import pytest
import torch

from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.run import build_model
from audiodiff.mel import MelSpectrogram
from audiodiff.mel.fine import fine_spec
from audiodiff.training.analysed import AnalysedRecording, analyse, f0_every
from audiodiff.training.conventions_data import ConventionBatches
from audiodiff.training.conventions_drawn import all_conventions
from tests.tiny_voices import source_filter
from tests.vowels import vowel

SMALL = [
    *(f"prior.{part}.{key}" for part in ("source", "filter", "spread") for key in ("channels=8", "layers=2")),
    "network.channels=6",
    "network.layers=2",
]


@pytest.fixture(scope="module")
def recordings():
    """Vowels of two speakers, as if analysed."""
    found = {}
    for speaker, f0 in (("low", 100.0), ("high", 220.0)):
        wave, instants = vowel(f0, 48000, seconds=2.0)
        track = torch.full((401,), f0, dtype=torch.float32)
        one = AnalysedRecording(torch.from_numpy(wave).float(), 48000, torch.from_numpy(instants), track, 24000.0)
        found[speaker] = [one]
    return found


def batches(recordings, **settings):
    return ConventionBatches(recordings, **{"batch_size": 2, "seconds": 0.4, "count": 100, "seed": 0, **settings})


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize(("speed", "pitch"), [(0.0, 0.0), (0.35, 0.0), (0.35, 0.4)])
def test_a_batch_is_in_its_convention(recordings, number, speed, pitch):
    batch = batches(recordings, speed=speed, pitch=pitch)[number]
    spec = all_conventions()[int(batch["convention"])]
    frames = batch["mel"].shape[-1]
    assert batch["mel"].shape[:2] == (2, spec.n_mels)
    assert batch["wave"].shape == batch["pulses"].shape == (2, frames * spec.hop_length)
    assert batch["f0"].shape == (2, 1, frames * spec.hop_length // fine_spec(spec).hop_length)
    own = MelSpectrogram(spec)(batch["wave"])[..., :frames]
    around = -(-spec.n_fft // spec.hop_length)
    inner = slice(around, frames - around)
    torch.testing.assert_close(own[..., inner], batch["mel"][..., inner], rtol=1e-3, atol=1e-3 * spec.gain)


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("pitch", [0.0, 0.4])
def test_pulses_keep_time_with_f0_at_any_speed_and_pitch(recordings, number, pitch):
    batch = batches(recordings, speed=0.35, pitch=pitch)[number]
    spec = all_conventions()[int(batch["convention"])]
    for pulses, f0 in zip(batch["pulses"], batch["f0"][:, 0], strict=True):
        counted = float(pulses.sum()) / (spec.sample_rate / float(f0.median())) ** 0.5
        per_second = counted / (len(pulses) / spec.sample_rate)
        assert per_second == pytest.approx(float(f0.median()), rel=0.12)


def test_batches_depend_on_their_number_and_the_seed_alone(recordings):
    one, again, other = batches(recordings), batches(recordings), batches(recordings, seed=1)
    one[5]
    for name, tensor in one[7].items():
        assert torch.equal(torch.as_tensor(tensor), torch.as_tensor(again[7][name]))
    assert not torch.equal(one[7]["mel"], other[7]["mel"]) if one[7]["mel"].shape == other[7]["mel"].shape else True


def test_a_narrow_recording_is_no_example_at_a_high_rate(recordings):
    narrow = {
        name: [AnalysedRecording(r.wave, r.sample_rate, r.instants, r.f0, 8000.0) for r in rows]
        for name, rows in recordings.items()
    }
    used = {all_conventions()[int(batches(narrow)[number]["convention"])].sample_rate for number in range(20)}
    assert used == {16000}


EXPERIMENTS = {"every_source_match": "source", "every_source_filter": "filter", "every_residual": "residual"}
EXPERIMENTS |= {"every_postfilter_match": "postfilter"}


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("objective", [*EXPERIMENTS, "every_unrolled"])
def test_batches_in_any_convention_teach_the_one_model(recordings, objective, bfloat16):
    name = f"universal_{EXPERIMENTS[objective]}" if objective in EXPERIMENTS else "universal"
    config = compose_config("train", [f"experiment={name}", "init_from=null", *SMALL])
    model = build_model(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    module = build(config.objective, model=model)
    names = {id(parameter) for parameter in module.parameters()}
    data, seen = batches(recordings, seconds=0.5), set()
    for number in range(4):
        batch = data[number]
        seen.add(int(batch["convention"]))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            loss = module(**batch)["loss"]
        loss.backward()
        assert {id(parameter) for parameter in module.parameters()} == names
    assert len(seen) > 1
    moved = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert moved
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_an_analysed_recording_is_read_as_it_was_written(tmp_path):
    wave, _ = vowel(150.0, 24000, seconds=1.0)
    found = analyse(torch.from_numpy(wave).float(), 24000, source_filter().model)
    found.save(tmp_path / "one.safetensors")
    read = AnalysedRecording.load(tmp_path / "one.safetensors")
    torch.testing.assert_close(read.wave, found.wave, rtol=0, atol=1 / 32767)
    assert torch.equal(read.instants, found.instants)
    assert (read.sample_rate, read.bandwidth) == (24000, found.bandwidth)
    assert len(read.instants) > 100


@pytest.mark.parametrize(("f0", "voiced"), [(110.0, True), (440.0, True), (950.0, False)])
def test_f0_is_that_of_closures_and_hisses_have_none(f0, voiced):
    wave, instants = vowel(f0, 24000, seconds=1.0)
    found = analyse(torch.from_numpy(wave).float(), 24000, source_filter().model)
    times = torch.linspace(0.2, 0.8, 101, dtype=torch.float64)
    labels = f0_every(found, times)
    if voiced:
        between = torch.from_numpy(instants).diff().reciprocal() * 24000
        assert float((labels / between.median()).log().abs().max()) < 0.01
    else:
        assert not labels.any()


def test_a_voice_for_every_mel_can_say_how_a_recording_would_be_in_phase():
    wave, _ = vowel(150.0, 24000, seconds=1.0)
    recording = torch.from_numpy(wave).float()
    model = build_model(compose_config("train", ["experiment=universal", "init_from=null", *SMALL]))
    found = analyse(recording, 24000, model)
    assert found.wave.shape == recording.shape
    assert found.wave.isfinite().all()
    ours, theirs = (torch.fft.rfft(x).abs() for x in (found.wave, recording))
    assert float((ours - theirs).norm() / theirs.norm()) < 0.05  # an all-pass, but for what rings beyond the edges
