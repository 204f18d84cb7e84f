"""What the fused block leaves to the module, how batches are filled up, and that Triton stays where it is."""

import copy
import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from audiodiff.engine import FastDiffWave, RecordedModel, compiled
from audiodiff.engine.diffwave.gpu import FusedDiffWave, launch
from audiodiff.engine.diffwave.gpu.buckets import FEWEST_FRAMES, MOST, bucket, grouped
from audiodiff.engine.diffwave.support import supports
from audiodiff.engine.gains.fast_gains import FastGains
from audiodiff.errors import ConfigError
from audiodiff.networks import DiffWave, SpectralGainNetwork
from tests.engine.diffwave.gpu.voices import vocoder
from tests.engine.diffwave.networks import KINDS, T, inputs, network
from tests.tiny_voices import HIFIGAN, VOICES, mel_of

REASONS = {
    "reflected": "reflect the signal",
    "upsamplers": "stretches the mel for itself",
    "whitened": "whitens the signal",
    "told": "labels, speakers or embeddings",
    "patches": "share a place",
    "patches_white": "share a place",
}


@pytest.mark.parametrize("kind", REASONS)
def test_networks_that_the_block_cannot_run_are_refused(kind):
    with pytest.raises(ConfigError, match=REASONS[kind]):
        FusedDiffWave(network(kind, channels=16))


def test_every_other_kind_is_run():
    """And compared with the network itself, in `interpreted/test_network.py`."""
    assert {kind for kind in KINDS if supports(network(kind, channels=16), "triton") is not None} == set(REASONS)


@pytest.mark.parametrize("channels", [8, 24, 256])
def test_channels_that_the_block_cannot_run_are_refused(channels):
    with pytest.raises(ConfigError, match=f"{channels} channels, not one of 16, 32, 64, 128"):
        FusedDiffWave(network("plain", channels=channels, layers=1))


def test_other_dtypes_of_weights_are_refused():
    with pytest.raises(ConfigError, match=r"torch\.float64, not float32"):
        FusedDiffWave(network("plain", channels=16, layers=1).double())


@torch.no_grad()
def test_without_a_gpu_the_network_itself_runs():
    plain = network("plain", channels=16, layers=2)
    x_t, cond = inputs(2)
    assert FusedDiffWave(plain).factors(x_t.device) is None
    assert_close(FusedDiffWave(plain)(x_t, T, cond), plain(x_t, T, cond), rtol=0, atol=0)


@pytest.fixture
def gpu(monkeypatch):
    """A machine whose processor counts as a GPU, and where torch need not be asked to compile."""
    monkeypatch.setattr(DiffWave, "compile", lambda self, **options: None)
    monkeypatch.setattr("audiodiff.engine.compilation.triton_runs_on", lambda device: True)


def test_compile_chooses_by_network_and_device(gpu, monkeypatch):
    assert isinstance(vocoder()._fast.denoiser.network, FastDiffWave)
    assert isinstance(vocoder().compile()._fast, RecordedModel)
    assert isinstance(vocoder(padding_mode="reflect").compile()._fast.denoiser.network, FastDiffWave)
    assert isinstance(vocoder(channels=24).compile()._fast.denoiser.network, FastDiffWave)
    monkeypatch.setattr("audiodiff.engine.compilation.triton_runs_on", launch.triton_runs_on)
    assert isinstance(vocoder().compile()._fast.denoiser.network, FastDiffWave)


def test_moving_a_compiled_vocoder_chooses_anew(gpu, monkeypatch):
    voice = vocoder().compile()
    monkeypatch.setattr("audiodiff.engine.compilation.triton_runs_on", launch.triton_runs_on)
    assert isinstance(voice.to("cpu")._fast.denoiser.network, FastDiffWave)
    assert isinstance(vocoder().to("cpu")._fast.denoiser.network, FastDiffWave)


def test_a_recorded_model_where_nothing_can_be_recorded_is_the_model(gpu):
    """As in half precision on a GPU: one item after the other, by the network itself."""
    voice, some = vocoder(), [mel_of(2), mel_of(5)]
    expected = voice(some, spec=HIFIGAN, seed=[1, 2])
    made = voice.compile()(some, spec=HIFIGAN, seed=[1, 2])
    assert not voice._fast._recordings
    for wave, other in zip(made, expected, strict=True):
        assert_close(wave, other, rtol=0, atol=1e-5)


def test_on_a_gpu_other_networks_are_compiled_by_torch(monkeypatch):
    """On a processor they are not: gains have a function in C."""
    asked = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: asked.append(type(self).__name__))
    voice = VOICES["source_filter"]()
    assert isinstance(voice.compile()._fast.denoiser.network, FastGains)
    assert not asked
    elsewhere = copy.deepcopy(voice.model).to("meta")
    assert isinstance(compiled(elsewhere).denoiser.network, SpectralGainNetwork)
    assert asked == ["GatedStack"]  # of the gains in time, in the finish


def test_buckets_hold_what_they_are_for():
    assert [bucket(n) for n in (1, 2, 3, 4, 5, 16, 17)] == [1, 2, 4, 4, 8, 16, 32]
    assert all(n <= bucket(n, FEWEST_FRAMES) < max(2 * n, FEWEST_FRAMES + 1) for n in range(1, 1025))
    assert len({bucket(n, FEWEST_FRAMES) for n in range(1, 1025)}) == 5


def test_a_list_is_grouped_by_bucket():
    frames = [70, 1024, 3, 100, 64, *[600] * (MOST + 1)]
    groups = grouped(frames)
    assert sorted(place for group in groups for place in group) == list(range(len(frames)))
    assert all(len(group) <= MOST for group in groups)
    assert all(len({bucket(frames[place], FEWEST_FRAMES) for place in group}) == 1 for group in groups)
    assert len(groups) == 4
    assert grouped([]) == []


def test_the_papers_networks_are_supported():
    for channels in (64, 128):
        assert supports(DiffWave(n_mels=80, hop_length=256, channels=channels, layers=2), "triton") is None


def test_triton_is_not_imported_before_a_kernel_is_launched():
    code = """
import sys, torch
from audiodiff import Vocoder
from audiodiff.engine.diffwave.gpu import FusedDiffWave
from audiodiff.networks import DiffWave
FusedDiffWave(DiffWave(n_mels=80, hop_length=256, channels=16, layers=1))
print(sorted(name for name in sys.modules if name.split(".")[0] == "triton"))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_without_triton_nothing_is_fused(monkeypatch):
    monkeypatch.setattr(launch, "find_spec", lambda name: None)
    assert not launch.triton_runs_on(torch.device("cuda"))
    assert not launch.triton_runs_on(torch.device("cpu"))
