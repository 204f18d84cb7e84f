"""Whatever people call, a DiffWave speaks through the engine, tile by tile, and never as the plain module."""

import sys
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.audio import load_audio
from audiodiff.bulk.jobs import Job
from audiodiff.bulk.vocoding import Request, vocode_file
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import save_bundle
from audiodiff.cli.main import main
from audiodiff.demo.limits import Limits
from audiodiff.demo.takes import Settings, takes
from audiodiff.engine import CallsInTiles
from audiodiff.integrations.matcha import MatchaVocoder
from audiodiff.networks import DiffWave
from tests.conftest import CLIP
from tests.tiny_voices import HIFIGAN, mel_of
from tests.trees import TINY_TREE

OPTIONS = {"spec": HIFIGAN, "seed": 3}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small DiffWave of four steps, none of whose weights is zero."""
    tree = deepcopy(TINY_TREE)
    network = {"n_mels": 80, "hop_length": 256, "channels": 4, "layers": 3, "dilation_cycle": 3}
    tree["model"]["denoiser"]["network"] = {"_target_": "audiodiff.networks.DiffWave", **network}
    tree["model"]["prior"] = {"_target_": "audiodiff.priors.Isotropic"}
    torch.manual_seed(0)
    model = build(canonical(tree)["model"])
    torch.nn.init.normal_(model.denoiser.network.output.weight, std=0.1)
    return save_bundle(tmp_path_factory.mktemp("bundles") / "small", "small", tree, model, card="# small\n")


@pytest.fixture
def voice(bundle):
    return Vocoder.from_pretrained(bundle)


@pytest.fixture
def fed(monkeypatch):
    """The frames that each call of a network was fed, in order; the plain module must not be called."""
    frames, feed = [], CallsInTiles.feed

    def counted(self: CallsInTiles, turn: int, x: torch.Tensor, *rest: object, **options: bool) -> torch.Tensor:
        frames.append(x.shape[-1] // self.network.hop_length)
        return feed(self, turn, x, *rest, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(CallsInTiles, "feed", counted)
    monkeypatch.setattr(DiffWave, "forward", lambda *_: pytest.fail("the plain network was called"))
    return frames


def audiodiff(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["audiodiff", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code


def streamed(voice: Vocoder, mel: torch.Tensor, *, live: bool, size: int = 7) -> torch.Tensor:
    stream = voice.stream(live=live, **OPTIONS)
    return torch.cat([*(stream.feed(piece) for piece in mel.split(size, dim=1)), stream.flush()])


def test_a_call(voice, fed):
    voice(mel_of(40), **OPTIONS)
    assert sum(fed) == 4 * 40


def test_a_batch_and_a_list(voice, fed):
    voice(torch.stack([mel_of(20, 1), mel_of(20, 2)]), **OPTIONS)
    voice([mel_of(11, 1), mel_of(9, 2)], **OPTIONS)
    assert sum(fed) == 4 * (40 + 20)


def test_steps(voice, fed):
    mel = mel_of(40)
    states = list(voice.each_step(mel, **OPTIONS))
    assert sum(fed) == 4 * 40
    assert len(states) == 4
    assert_close(states[-1], voice(mel, **OPTIONS), rtol=0, atol=0)
    assert min((a - b).norm().item() for a, b in pairwise(states)) > 1e-3


@pytest.mark.parametrize("live", [True, False])
def test_streams(voice, fed, live):
    mel = mel_of(60)
    made = streamed(voice, mel, live=live)
    assert sum(fed) == 4 * 60
    assert_close(made, voice(mel, **OPTIONS), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [1, 5, 200])
def test_a_stream_that_need_not_be_live_is_no_later_than_it_says(voice, size):
    stream, got, behind = voice.stream(live=False, **OPTIONS), 0, []
    for done, piece in enumerate(mel_of(200).split(size, dim=1), start=1):
        got += len(stream.feed(piece))
        behind.append(256 * size * done - got if got else 0)
    assert max(behind) <= stream.latency
    assert stream.latency > voice.latency()


def test_vocode_short_and_long(bundle, voice, fed, tmp_path, monkeypatch):
    monkeypatch.setattr("audiodiff.bulk.long_mels.LONG", 40)
    for name, frames in (("short", 30), ("long", 90)):
        np.save(tmp_path / f"{name}.npy", mel_of(frames).numpy())
    audiodiff(monkeypatch, "vocode", tmp_path, "-o", tmp_path / "out", "--model", bundle, "--as", "model", "--seed", 3)
    assert sum(fed) == 4 * (30 + 90)
    for name, frames in (("short", 30), ("long", 90)):
        wave = load_audio(tmp_path / "out" / f"{name}.wav", 22050)
        assert_close(wave, voice(mel_of(frames), **OPTIONS).clamp(-1, 1), rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_bulk(voice, fed, tmp_path):
    from audiodiff.bulk.predict import vocode_everywhere

    np.save(tmp_path / "mel.npy", mel_of(25).numpy())
    jobs = [Job(tmp_path / "mel.npy", tmp_path / "out" / f"{name}.wav") for name in "ab"]
    request = Request(
        jobs=jobs,
        model="",
        sampler=None,
        steps=None,
        seed=3,
        precision="fp32",
        spec=HIFIGAN,
        convert="exact",
        transposed=False,
        resample=False,
        overwrite=False,
    )

    def work(job: Job) -> None:
        vocode_file(voice, job, request)

    assert vocode_everywhere(voice.model, jobs, work, device="cpu", devices=1, nodes=1) == []
    assert sum(fed) == 2 * 4 * 25
    assert all(job.target.is_file() for job in jobs)


def test_the_demo(voice, fed):
    shown = list(takes(voice, mel_of(30), Settings(seed=3), Limits()))
    assert sum(fed) == 4 * 30
    assert [take.taken for take in shown] == [1, 2, 3, 4]
    assert shown[-1].done


def test_evaluate_and_tune(bundle, fed, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    (data / "clip.flac").write_bytes(Path(CLIP).read_bytes())
    audiodiff(monkeypatch, "evaluate", "--model", bundle, "--data", data, "--steps", "2")
    assert sum(fed) == 2 * (2 * 163 + 3 * 86)  # to warm up, to be measured, and three times the first second
    fed.clear()
    audiodiff(monkeypatch, "tune", bundle, data, "--steps", "3", "--budget", "3")
    assert sum(fed) == 3 * 3 * 163


def test_integrations(voice, fed):
    MatchaVocoder(voice)(mel_of(12)[None])
    assert sum(fed) == 4 * 12


def test_progress_is_told_on_the_way(voice):
    shares = []
    voice(mel_of(700), progress=shares.append, **OPTIONS)
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert shares[-1] == 1
    shares.clear()
    voice([mel_of(9), mel_of(9)], progress=shares.append, **OPTIONS)
    assert 0.5 in shares
    assert shares[-1] == 1


def test_a_grid_can_be_given_itself(voice):
    mel, times = mel_of(15), voice.times(3)
    assert_close(voice(mel, times=times, **OPTIONS), voice(mel, n_steps=3, **OPTIONS), rtol=0, atol=0)


def test_a_model_that_was_moved_elsewhere_gets_its_engine_anew(voice):
    """Lightning moves a model without asking the vocoder."""
    before = voice._fast
    assert voice._fast is before
    voice.model.to("meta")
    assert voice._fast is not before
