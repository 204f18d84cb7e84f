"""The prior of a voice for every mel: one set of weights, the same levels, pieces and wholes, for any convention."""

from random import Random

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.mel.hertz import POINTS, FineBands, HertzView
from audiodiff.models.diffusion_model import LocalPrior, ScaledPrior
from audiodiff.models.siblings import share_parameters
from audiodiff.networks import FilterNetwork, HertzFilter, HertzSource, HertzSpread
from audiodiff.priors import AnyMelSourceFilter
from audiodiff.training.conventions_drawn import all_conventions, invent
from tests.tiny_voices import mel_of

NAMES = ["hifigan_22k", "cosyvoice2_24k", "speecht5_16k", "bigvgan_44k_256", "espnet_24k", "vocos_24k"]
INVENTED = [invent(Random(seed)) for seed in range(8)]
SPECS = [*(convention(name) for name in NAMES), *INVENTED]


def prior_for(spec):
    torch.manual_seed(0)
    small = {"channels": 8, "layers": 2}
    prior = AnyMelSourceFilter(
        mel=spec,
        source=HertzSource(mel=spec, **small),
        filter=HertzFilter(mel=spec, **small),
        spread=HertzSpread(mel=spec, **small),
    )
    for stack in (prior.source.stack, prior.filter.stack, prior.spread.stack):
        torch.nn.init.normal_(stack.output.weight, std=0.3)
    return prior.eval()


def bands_of(spec, frames):
    """A mel that jumps, in any convention: values between its floor and loud speech."""
    noise = torch.nn.functional.interpolate(mel_of(frames)[None, None], (spec.n_mels, frames))[0]
    return MelSpectrogram(spec).compression.values(noise)


@pytest.mark.parametrize("spec", SPECS)
def test_one_set_of_weights_fits_every_convention(spec):
    ours, theirs = prior_for(convention("hifigan_22k")), prior_for(spec)
    share_parameters(ours, theirs)
    assert all(a is b for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_weights_that_belong_to_a_convention_are_not_shared():
    ours, theirs = (FilterNetwork(mel=convention(name)) for name in ("hifigan_22k", "vocos_24k"))
    with pytest.raises(ConfigError, match="depends on the mel convention"):
        share_parameters(ours, theirs)


@pytest.mark.parametrize("spec", SPECS)
def test_noise_has_the_same_level_through_every_convention(spec):
    """White noise of unit density is at one level at all points that bands cover, whatever the rate and the bands."""
    wave = torch.randn(1, spec.sample_rate, generator=torch.Generator().manual_seed(0))
    wave *= (spec.sample_rate / 22050) ** 0.5
    mel = MelSpectrogram(spec)(wave)
    view = HertzView(spec)(FineBands(spec)(mel))
    levels, covered = view[0, :POINTS].mean(dim=1) * 3 - 5, view[0, 2 * POINTS : 3 * POINTS, 0] > 0
    inner = covered.nonzero()[:, 0][8:-3]
    # the mean of log |X| lies under the log of the root mean square by an amount that depends on a band's width
    assert levels[inner].max() < 0.1
    assert levels[inner].min() > -0.45


@pytest.mark.parametrize("spec", SPECS)
@torch.no_grad()
def test_a_mean_in_pieces_is_the_mean(spec):
    prior, frames = prior_for(spec), 60
    mel = bands_of(spec, frames)[None] if bands_of(spec, frames).dim() == 2 else bands_of(spec, frames)
    means, waves, came = prior.means(), [], 0
    for end, piece in enumerate(mel.split(1, -1), start=1):
        waves.append(means.feed(piece))
        came += waves[-1].shape[1] // spec.hop_length
        assert waves[-1].shape[1] % spec.hop_length == 0
        assert came >= end - means.lag
    mean = torch.cat([*waves, means.flush()], dim=1)
    whole = prior.condition(mel).mean
    assert mean.shape == whole.shape == (1, frames * spec.hop_length)
    assert whole.abs().max() > 0
    assert_close(mean, whole, rtol=0, atol=1e-5 * float(whole.abs().max().clamp_min(1)))


@pytest.mark.parametrize("spec", SPECS[:3])
@torch.no_grad()
def test_a_given_f0_has_a_value_for_every_frame_of_the_mel(spec):
    prior, frames = prior_for(spec), 40
    mel, f0 = bands_of(spec, frames), torch.full((1, frames), 143.7)
    means = prior.means()
    pieces = [means.feed(mel[..., k : k + 7], f0[:, k : k + 7]) for k in range(0, frames, 7)]
    streamed, whole = torch.cat([*pieces, means.flush()], dim=1), prior.condition(mel, f0).mean
    assert_close(streamed, whole, rtol=0, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize("spec", SPECS[:4])
@torch.no_grad()
def test_the_pitch_of_a_mel_has_a_value_for_every_frame_of_it(spec):
    prior, mel = prior_for(spec), bands_of(spec, 50)
    stream = prior.source_stream()
    found = [stream.feed(mel[..., k : k + 9], last=False) for k in range(0, 50, 9)]
    assert torch.cat([*found, stream.feed(mel[..., :0], last=True)], dim=1).shape == (1, 50)


@pytest.mark.parametrize("spec", SPECS[:4])
def test_it_is_a_prior_that_can_be_had_in_pieces_and_says_its_scale(spec):
    assert isinstance(prior_for(spec), LocalPrior)
    assert isinstance(prior_for(spec), ScaledPrior)


@pytest.mark.parametrize("spec", SPECS[:6])
@torch.no_grad()
def test_noise_depends_on_nothing_beyond_the_radius(spec):
    prior, frames = prior_for(spec), 60
    mel, white = bands_of(spec, frames), torch.randn(1, 60 * spec.hop_length)
    changed = mel.clone()
    changed[..., 30] += 0.5
    difference = prior.shape(white, prior.condition(mel)) - prior.shape(white, prior.condition(changed))
    reached = difference[0].nonzero()[:, 0]
    first, last = 30 * spec.hop_length, 31 * spec.hop_length - 1
    assert first - reached[0] <= prior.radius
    assert reached[-1] - last <= prior.radius


def test_conventions_to_train_on_are_many_and_differ():
    specs = all_conventions()
    assert len(specs) == len(set(specs)) > 50
    assert {16000, 22050, 24000, 32000, 44100, 48000} <= {spec.sample_rate for spec in specs}
