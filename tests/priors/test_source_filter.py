"""The source-filter prior: its mean in pieces, batches and with a given f0, and its noise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.errors import MelError
from audiodiff.models.diffusion_model import LocalPrior, ScaledPrior
from audiodiff.networks import FilterNetwork, SourceNetwork, SpreadNetwork
from audiodiff.priors import SourceFilter
from tests.networks.test_source import f0_of
from tests.tiny_voices import HIFIGAN, mel_of, source_filter


@pytest.fixture(scope="module")
def prior():
    return source_filter().model.prior


def streamed(prior, mel, sizes, f0=None):
    """The mean of a mel in pieces, and how many frames of it had come when each piece had been fed."""
    means, waves, came = prior.means(), [], []
    for piece, known in zip(mel.split(sizes, -1), [None] * 99 if f0 is None else f0.split(sizes, -1), strict=False):
        waves.append(means.feed(piece) if known is None else means.feed(piece, known))
        came.append(sum(wave.shape[1] for wave in waves) // 256)
    return torch.cat([*waves, means.flush()], dim=-1), came


def test_it_is_a_prior_that_can_be_had_in_pieces_and_says_its_scale(prior):
    assert isinstance(prior, LocalPrior)
    assert isinstance(prior, ScaledPrior)


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
@torch.no_grad()
def test_a_mean_in_pieces_is_the_mean(prior, sizes):
    mel = mel_of(sum(sizes))[None]
    mean, came = streamed(prior, mel, sizes)
    whole = prior.condition(mel).mean
    assert mean.shape == whole.shape == (1, 256 * sum(sizes))
    assert_close(mean, whole, rtol=0, atol=1e-5)
    fed = torch.tensor(sizes).cumsum(0)
    assert all(n >= total - prior.means().lag for n, total in zip(came, fed.tolist(), strict=True))


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
@torch.no_grad()
def test_a_mean_at_a_given_f0_in_pieces_is_the_mean(prior, sizes):
    mel, f0 = mel_of(sum(sizes))[None], f0_of(sum(sizes))
    mean, _ = streamed(prior, mel, sizes, f0)
    assert_close(mean, prior.condition(mel, f0).mean, rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_mean_is_as_late_as_it_says_frame_by_frame(prior):
    _, came = streamed(prior, mel_of(60)[None], [1] * 60)
    lateness = [fed - n for fed, n in enumerate(came, start=1) if n]
    assert max(lateness) == prior.means().lag


@torch.no_grad()
def test_a_mel_has_the_same_mean_alone_and_in_a_batch(prior):
    mels = torch.stack([mel_of(50, seed) for seed in range(3)])
    together = prior.condition(mels)
    for index in range(3):
        alone = prior.condition(mels[index : index + 1])
        assert_close(alone.mean[0], together.mean[index], rtol=0, atol=1e-5)
        assert_close(alone.scale[0], together.scale[index], rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_nothing_voiced_has_no_mean_and_nothing_hums(prior):
    cond = prior.condition(mel_of(30)[None], torch.zeros(1, 30))
    assert cond.mean.abs().max() == 0


@torch.no_grad()
def test_a_given_f0_is_the_f0(prior):
    """The mel's own, given, changes nothing; twice as high it does."""
    mel = mel_of(50)[None]
    own = prior.source.f0(mel)
    plain = prior.condition(mel)
    assert_close(prior.condition(mel, own).mean, plain.mean, rtol=0, atol=0)
    assert (prior.condition(mel, 2 * own).mean - plain.mean).abs().max() > 0.1 * plain.mean.abs().max()


def untrained():
    parts = {"source": SourceNetwork, "filter": FilterNetwork, "spread": SpreadNetwork}
    return SourceFilter(mel=HIFIGAN, **{name: kind(mel=HIFIGAN, channels=8, layers=2) for name, kind in parts.items()})


@torch.no_grad()
def test_shaped_noise_has_the_scale():
    """In every bin and frame on the average over draws, of a mel that changes as slowly as windows can follow."""
    prior, glide = untrained(), torch.linspace(-3, 1, 80).unsqueeze(1) + torch.linspace(-2, 2, 40).sin()
    cond = prior.condition(glide[None] - 4)
    white = torch.randn(300, 256 * 40, generator=torch.Generator().manual_seed(0))
    shaped = torch.cat([prior.shape(draw[None], cond) for draw in white])
    whitened = prior.whitened(shaped, cond.scale.expand(300, -1, -1))[..., 4:-4]
    assert whitened.abs().square().mean().item() == pytest.approx(1, abs=0.1)
    bins = whitened.abs().square().mean(dim=(0, 2))[2:180]  # as far as the bands go
    assert bins.min() > 0.7
    assert bins.max() < 1.4


@torch.no_grad()
def test_noise_is_shaped_alike_with_and_without_a_known_scale(prior):
    mel, white = mel_of(20)[None], torch.randn(1, 256 * 20)
    known = prior.condition(mel)
    assert_close(prior.shape(white, known), prior.shape(white, type(known)(mel=mel)), rtol=0, atol=0)


def test_an_empty_stream_has_nothing_to_give(prior):
    with pytest.raises(MelError, match="feed at least one frame"):
        prior.means().flush()


@torch.no_grad()
def test_a_filter_of_ones_leaves_pulses_alone():
    """What is between the transforms is the filter's gains times pulses of the power of white noise, and no more."""
    prior = untrained()
    pulses = prior.pulses(torch.full((1, 40), 150.0))
    gains = torch.full((1, 513, 40), prior.stft.noise_magnitude, dtype=torch.complex64)
    assert_close(prior.through(pulses, gains)[:, 512:-512], pulses[:, 512:-512], rtol=0, atol=1e-5)
    assert pulses.square().mean().item() == pytest.approx(1, abs=0.1)
