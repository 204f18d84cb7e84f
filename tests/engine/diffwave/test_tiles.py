"""All calls on one tile before the next tile: what the network makes of the whole."""

from dataclasses import replace
from math import ceil

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import SAMPLERS, VP, Denoiser, StraightPath, X0Prediction, ddim, uniform
from audiodiff.engine import CallsInTiles, FastDiffWave, accelerated
from audiodiff.engine.diffwave import tile_pass, tiles
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.noise import SampleNoise
from audiodiff.priors import Isotropic
from audiodiff.streaming import synthesize
from tests.engine.diffwave.networks import HOP, inputs, network
from tests.tiny_voices import HIFIGAN

KINDS = ["plain", "unconditional", "upsamplers", "rounded", "wide_steps", "two_cycles", "reflected"]


def model_of(plain: DiffWave) -> DiffusionModel:
    """A model without a prior of its own, for mels of the test networks' kind."""
    denoiser = Denoiser(network=plain, schedule=VP(), prediction=X0Prediction())
    return DiffusionModel(mel=replace(HIFIGAN, hop_length=HOP, n_mels=7), denoiser=denoiser, prior=Isotropic()).eval()


def both(plain: DiffWave, frames: int, sampler: str, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The network's own waveforms of two mels, and the engine's."""
    model, mel = model_of(plain), inputs(frames)[1].need_mel()
    walk_of = {"sampler": SAMPLERS[sampler], "times": uniform(model.denoiser.schedule, steps)}
    expected = model.generate(mel, **walk_of, noise=SampleNoise([1, 2]))
    assert expected.std() > 1e-2
    noise = [SampleNoise([1]), SampleNoise([2])]
    return expected, next(synthesize(accelerated(model), mel, **walk_of, noise=noise))


@pytest.mark.parametrize("tile", [1, 64, 2048])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 2, 4, 31])
@torch.inference_mode()
def test_same_waveform(kind, frames, tile, monkeypatch):
    """Tiles of one frame, which is shorter than a call looks ahead, of two, and of everything."""
    monkeypatch.setattr(tile_pass, "TILE", tile)
    expected, ours = both(network(kind), frames, "ddim", 3)
    assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampler", SAMPLERS)
@torch.inference_mode()
def test_every_sampler(sampler, monkeypatch):
    monkeypatch.setattr(tile_pass, "TILE", 64)
    expected, ours = both(network("plain"), 17, sampler, 4)
    assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("room", [0, 1 << 29])
@torch.inference_mode()
def test_mel_is_projected_once_where_there_is_room(room, monkeypatch):
    monkeypatch.setattr(tile_pass, "TILE", 64)
    monkeypatch.setattr(tiles, "PROJECTED", room)
    products, mm = [], torch.mm
    monkeypatch.setattr(torch, "mm", lambda *factors, **options: products.append(1) or mm(*factors, **options))
    expected, ours = both(network("plain"), 8, "ddim", 3)
    assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    n_tiles = ceil(8 / max(1, tile_pass.tile_length() // HOP))
    assert len(products) == (2 * n_tiles * 5 if room else 0)  # mels, tiles, blocks


@torch.inference_mode()
def test_bfloat16_too(monkeypatch):
    monkeypatch.setattr(tile_pass, "TILE", 64)
    exact, _ = both(network("plain"), 9, "ddim", 3)
    with torch.autocast("cpu", torch.bfloat16):
        _, ours = both(network("plain"), 9, "ddim", 3)
    assert 1e-4 < (ours - exact).norm() / exact.norm() < 3e-2


def test_where_gradients_are_wanted_the_network_is_called_on_the_whole():
    plain = network("plain")
    assert not FastDiffWave(plain).tiles
    with torch.no_grad():
        assert FastDiffWave(plain).tiles
        assert not FastDiffWave(network("reflected")).tiles


@torch.inference_mode()
def test_memory_does_not_grow_with_the_length(monkeypatch):
    """What is kept of the mel is bounded by the calls and by how far a network sees."""
    monkeypatch.setattr(tile_pass, "TILE", 64)
    kept, feed = [], CallsInTiles.feed

    def watched(self: CallsInTiles, *args: object, **options: bool) -> torch.Tensor:
        kept.append(len(self.tiles))
        return feed(self, *args, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(CallsInTiles, "feed", watched)
    model = accelerated(model_of(network("plain")))
    times = uniform(StraightPath(), 3)
    next(synthesize(model, inputs(400)[1].need_mel()[:1], sampler=ddim, times=times, noise=[SampleNoise([1])]))
    assert max(kept) <= 3
