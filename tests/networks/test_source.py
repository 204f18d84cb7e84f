"""The networks of a source-filter prior: their decisions, their shapes, how far they see."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.errors import ConfigError
from audiodiff.mel import convention
from audiodiff.mel.fine import FineEnvelope
from audiodiff.networks import FilterNetwork, HertzSource, SourceNetwork, SpreadNetwork
from tests.tiny_voices import mel_of

MEL = convention("hifigan_22k")


def source(std=0.3):
    torch.manual_seed(0)
    network = SourceNetwork(mel=MEL, channels=8, layers=3, dilation_cycle=2)
    torch.nn.init.normal_(network.stack.output.weight, std=std)
    return network


def filter_(channels=8):
    torch.manual_seed(0)
    network = FilterNetwork(mel=MEL, channels=channels, layers=3, dilation_cycle=2)
    torch.nn.init.normal_(network.stack.output.weight, std=0.3)
    return network


def spread():
    torch.manual_seed(0)
    network = SpreadNetwork(mel=MEL, channels=8, layers=2, dilation_cycle=2)
    torch.nn.init.normal_(network.stack.output.weight, std=0.3)
    return network


def f0_of(frames, seed=0):
    generator = torch.Generator().manual_seed(seed)
    f0 = 200 * 2 ** torch.randn(1, frames, generator=generator)
    return torch.where(torch.rand(1, frames, generator=generator) < 0.7, f0, 0.0)


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_f0_in_pieces_is_the_whole(sizes):
    """The same frames are voiced, with the same f0 to the last digits, however the mel comes."""
    network, mel = source(), mel_of(sum(sizes))[None]
    stream = network.blockwise()
    pieces = [stream.feed(piece, last=False) for piece in mel.split(sizes, dim=-1)]
    assert sum(piece.shape[1] for piece in pieces) == max(0, sum(sizes) - network.frame_radius)
    pieces.append(stream.feed(mel[..., :0], last=True))
    found, whole = torch.cat(pieces, dim=1), network.f0(mel)
    assert whole.dtype == torch.float64
    assert torch.equal(found > 0, whole > 0)
    assert_close(found, whole, rtol=1e-10, atol=0)


def test_f0_of_a_mel_is_the_same_alone_and_in_a_batch():
    network = source()
    mels = torch.stack([mel_of(60, seed) for seed in range(4)])
    together = network.f0(mels)
    assert 0.1 < (together > 0).double().mean() < 0.99
    for mel, f0 in zip(mels, together, strict=True):
        assert torch.equal(network.f0(mel[None])[0] > 0, f0 > 0)
        assert_close(network.f0(mel[None])[0], f0, rtol=1e-10, atol=0)


def test_decisions_are_not_taken_in_the_precision_around_them():
    network, mel = source(), mel_of(60)[None]
    plain = network.f0(mel)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(network.f0(mel), plain)
        stream = network.blockwise()
        assert_close(torch.cat([stream.feed(mel, last=False), stream.feed(mel[..., :0], last=True)], dim=1), plain)


def test_new_weights_are_believed_at_once():
    network, mel = source(), mel_of(30)[None]
    before = network.f0(mel)
    with torch.no_grad():
        network.stack.output.weight.mul_(-1)
    assert not torch.equal(network.f0(mel), before)


@pytest.mark.parametrize("hertz", [54.0, 61.3, 220.0, 987.6, 1040.0])
def test_f0_that_was_learnt_by_heart_is_said(hertz):
    """The logarithms of the targets are the best logits, and give f0 back."""
    network = source()
    f0 = torch.tensor([[hertz, 0.0, hertz]], dtype=torch.float64)
    near, voiced = network.targets(f0)
    logits = torch.cat([near.clamp_min(1e-12).log(), 9 * (2 * voiced - 1).unsqueeze(1)], dim=1)
    said = network.decided(logits)
    assert_close(said[:, 1], torch.zeros(1, dtype=torch.float64))
    within = 2 ** (0.5 / network.per_octave)
    assert hertz / within < said[0, 0].item() < hertz * within
    best, _ = network.loss(logits, f0)
    for other in (logits.roll(1, dims=1), logits.roll(-2, dims=1)):
        assert network.loss(other, f0)[0] > best


@pytest.mark.parametrize(
    ("hertz", "voiced"), [(50.0, False), (52.0, False), (57.0, True), (990.0, True), (1080.0, False)]
)
def test_a_pitch_at_the_ends_of_the_range_is_none_in_any_convention(hertz, voiced):
    """The tracker that it learns from says them of chords and hisses; the source of one voice keeps them."""
    for network, said_there in ((HertzSource(mel=MEL, channels=8, layers=2), voiced), (source(), True)):
        near, _ = network.targets(torch.tensor([[hertz]], dtype=torch.float64))
        logits = torch.cat([near.clamp_min(1e-12).log(), torch.full((1, 1, 1), 9.0)], dim=1)
        assert bool(network.decided(logits) > 0) == said_there


@pytest.mark.parametrize("off", [0.0, 0.2, -0.5])
def test_the_distance_is_that_of_what_is_said(off):
    """In candidates, whatever a second voice far away says."""
    network = source()
    said = torch.tensor([[220.0, 0.0]], dtype=torch.float64)
    near, voiced = network.targets(said)
    logits = torch.cat([near.clamp_min(1e-12).log(), 9 * (2 * voiced - 1).unsqueeze(1)], dim=1)
    logits[:, 3] += 50
    f0 = said * 2 ** (off / network.per_octave)
    assert network.distance(logits, f0).item() == pytest.approx(abs(off), abs=0.02)


@pytest.mark.parametrize("hertz", [0.0, 20.0, 5000.0])
def test_no_f0_and_one_beyond_the_range_have_a_finite_gradient(hertz):
    network = source()
    logits = torch.zeros(1, 1 + len(network.frequencies), 3, requires_grad=True)
    network.distance(logits, torch.full((1, 3), hertz)).backward()
    assert logits.grad.isfinite().all()


def test_nothing_voiced_loses_nothing_by_f0():
    nothing = torch.zeros(2, 1 + len(source().frequencies), 5), torch.zeros(2, 5)
    pitch, voicing = source().loss(*nothing)
    assert pitch == source().distance(*nothing) == 0
    assert voicing.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(("lowest", "highest"), [(0.0, 500.0), (500.0, 100.0), (50.0, 12000.0), (-1.0, 500.0)])
def test_a_range_that_cannot_be_is_refused(lowest, highest):
    with pytest.raises(ConfigError, match="below 11025"):
        SourceNetwork(mel=MEL, lowest=lowest, highest=highest)


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
@torch.no_grad()
def test_gains_in_pieces_are_the_whole(sizes):
    network, mel, f0 = filter_(), mel_of(sum(sizes))[None], f0_of(sum(sizes))
    stream = network.blockwise()
    parts = zip(mel.split(sizes, dim=-1), f0.split(sizes, dim=-1), strict=True)
    pieces = [stream.feed(piece, known, last=False) for piece, known in parts]
    assert sum(piece.shape[-1] for piece in pieces) == max(0, sum(sizes) - network.frame_radius)
    pieces.append(stream.feed(mel[..., :0], f0[..., :0], last=True))
    assert_close(torch.cat(pieces, dim=-1), network(mel, f0), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_untrained_filters_say_nothing_and_untrained_spreads_are_softer_than_the_envelope():
    mel, f0 = mel_of(9)[None], f0_of(9)
    assert FilterNetwork(mel=MEL, channels=8, layers=2)(mel, f0).abs().max() == 0
    network = SpreadNetwork(mel=MEL, channels=8, layers=2)
    assert_close(network(mel) / FineEnvelope(MEL)(mel), torch.full((1, 257, 18), 0.05 + math.log(2)))


KINDS = {
    "source": (source, lambda network, mel: network(mel), 1),
    "filter": (filter_, lambda network, mel: network(mel, torch.full((1, mel.shape[-1]), 150.0)), 1),
    "spread": (spread, lambda network, mel: network(mel), 2),
}


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_frame_radius_is_exact(kind):
    """A frame is heard as far away as that, and no further."""
    make, run, parts = KINDS[kind]
    network, mel = make().double(), mel_of(41)[None].double()
    other = mel.clone()
    other[..., 20] += 1
    touched = (run(network, other) - run(network, mel)).abs().amax(dim=(0, 1)) > 0
    frames = touched.nonzero().squeeze(1) // parts
    assert (frames.min(), frames.max()) == (20 - network.frame_radius, 20 + network.frame_radius)


@torch.no_grad()
def test_f0_and_voicing_reach_the_filter():
    network, mel = filter_(), mel_of(20)[None]
    plain = network(mel, torch.full((1, 20), 150.0))
    for other in (torch.full((1, 20), 160.0), torch.zeros(1, 20)):
        assert (network(mel, other) - plain).abs().max() > 1e-3 * plain.abs().max()


@pytest.mark.parametrize("frames", [1, 2, 31])
@pytest.mark.parametrize("size", [1, 3])
@torch.no_grad()
def test_shapes(size, frames):
    mel = torch.stack([mel_of(frames, seed) for seed in range(size)])
    f0 = source().f0(mel)
    assert f0.shape == (size, frames)
    assert filter_()(mel, f0.float()).shape == (size, 513, frames)
    assert spread()(mel).shape == (size, 257, 2 * frames)
