"""Laws that hold for every network."""

from dataclasses import replace
from math import ceil

import pytest
import torch
from torch.testing import assert_close

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import LinearBetas
from audiodiff.errors import ConfigError
from audiodiff.mel import convention
from audiodiff.mel.fine import fine_spec, fine_stft
from audiodiff.networks import (
    DiffWave,
    FromV,
    KeepToMel,
    MagnitudeNetwork,
    SpectralGainNetwork,
    Whitening,
)
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.spectral_gains import RelativePlanes
from audiodiff.networks.upsampling import MelUpsampler, split_hop

MEL = convention("hifigan_22k")
CENTER = replace(MEL, framing="center")
NETWORKS = {
    "diffwave": lambda: DiffWave(n_mels=80, hop_length=256, channels=8, layers=4, dilation_cycle=3),
    "diffwave_mean": lambda: DiffWave(
        n_mels=80, hop_length=256, channels=8, layers=4, dilation_cycle=3, sees_mean=True
    ),
    "diffwave_white": lambda: DiffWave(
        n_mels=80,
        hop_length=256,
        channels=8,
        layers=4,
        dilation_cycle=3,
        sees_mean=True,
        whitening=Whitening(mel=MEL),
    ),
    "diffwave_patches": lambda: DiffWave(n_mels=80, hop_length=256, channels=8, layers=4, dilation_cycle=3, patch=4),
    "diffwave_kept": lambda: DiffWave(
        n_mels=80,
        hop_length=256,
        channels=8,
        layers=4,
        dilation_cycle=3,
        sees_mean=True,
        whitening=Whitening(mel=MEL),
        constraint=KeepToMel(mel=MEL),
        from_v=FromV(schedule=LinearBetas(first=1e-4, last=0.05, n_steps=50)),
        patch=4,
    ),
    "gains": lambda: SpectralGainNetwork(mel=MEL, channels=8, layers=2, step_channels=8),
    "gains_kept": lambda: SpectralGainNetwork(mel=MEL, channels=8, layers=2, constrained=True, step_channels=8),
    "gains_kept_center": lambda: SpectralGainNetwork(
        mel=CENTER, channels=8, layers=2, constrained=True, step_channels=8
    ),
    "gains_center": lambda: SpectralGainNetwork(mel=CENTER, channels=8, layers=2, together=3, step_channels=8),
}


def made(name: str) -> torch.nn.Module:
    """A network whose output layer is not zero, so that everything inside matters."""
    torch.manual_seed(0)
    network = NETWORKS[name]()
    torch.nn.init.normal_(network.output.weight, std=0.1)
    return network.eval()


def batch(size: int, frames: int) -> tuple[torch.Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(size, 80, frames, generator=generator) - 5
    x_t, mean = 0.01 * torch.randn(2, size, 256 * frames, generator=generator)  # as loud as that mel
    scale = 0.1 + torch.rand(size, fine_stft(MEL).bins, 2 * frames, generator=generator)
    return x_t, Conditioning(mel=mel, mean=mean, scale=scale)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("frames", [1, 2, 31])
def test_samples_in_samples_out(name, frames):
    x_t, cond = batch(3, frames)
    assert made(name)(x_t, torch.rand(3), cond).shape == x_t.shape


@pytest.mark.parametrize("name", NETWORKS)
def test_items_of_a_batch_are_independent(name):
    network = made(name)
    x_t, cond = batch(3, 12)
    t = torch.tensor([0.1, 0.5, 0.9])
    alone = Conditioning(mel=cond.mel[1:2], mean=cond.mean[1:2], scale=cond.scale[1:2])
    assert_close(network(x_t, t, cond)[1:2], network(x_t[1:2], t[1:2], alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_input_matters(name):
    network = made(name)
    x_t, cond = batch(1, 12)
    t = torch.tensor([0.5])
    plain = network(x_t, t, cond)
    others = [
        network(x_t * 2, t, cond),
        network(x_t, t + 0.2, cond),
        network(x_t, t, replace(cond, mel=cond.mel + 0.3)),
    ]
    assert all((other - plain).abs().max() > 1e-4 * plain.abs().max() for other in others)


@pytest.mark.parametrize("name", ["gains", "diffwave_mean", "diffwave_kept"])
def test_network_sees_the_mean(name):
    network = made(name)
    x_t, cond = batch(1, 12)
    silent = replace(cond, mean=torch.zeros_like(x_t))
    without = network(x_t, torch.tensor([0.5]), silent)
    assert (network(x_t, torch.tensor([0.5]), cond) - without).abs().max() > 1e-2 * without.abs().max()


@pytest.mark.parametrize("name", NETWORKS)
def test_radius_is_exact(name):
    """No sample further away than the radius has a gradient, and one at that very distance has.

    A plain DiffWave sees the mel furthest, whose frames its upsampler smears; its blocks see samples.
    """
    network = made(name).double()
    x_t, cond = batch(1, 40)
    x_t, cond, t = x_t.double().requires_grad_(), cond.to(dtype=torch.float64), torch.tensor([0.5]).double()
    out, distances = network(x_t, t, cond)[0], []
    ends = (0, 1, 62, 63, 64, 65, 126, 127, 128, 129, 130, 254, 255)  # among these are the ends of frames
    for n in (20 * 256 + end for end in ends):
        (gradient,) = torch.autograd.grad(out[n], x_t, retain_graph=True)
        distances += (gradient[0].nonzero().squeeze(1) - n).tolist()
    plain = isinstance(network, DiffWave) and network.whitening is None
    expected = (network.block_radius + 1) * network.patch - 1 if plain else network.radius
    assert (min(distances), max(distances)) == (-expected, expected)


@pytest.mark.parametrize("part", ["onsets", "iterations", "postfilter"])
def test_parts_of_a_finish_are_refused_inside_of_a_network(part):
    """They see further than a network's radius says."""
    with pytest.raises(ConfigError, match=r"belongs to the model's finish"):
        DiffWave(n_mels=80, hop_length=256, channels=4, layers=2, constraint=KeepToMel(mel=MEL, **{part: 4}))


def test_radius_of_a_mel_is_exact():
    """A DiffWave whose upsampler's weights are all positive hears a frame at both ends of what it says."""
    network = made("diffwave").double()
    for parameter in network.upsampler.parameters():
        parameter.data.abs_()
    x_t, cond = batch(1, 9)
    mel = cond.mel.double().abs().requires_grad_()
    out = network(x_t.double(), torch.tensor([0.5]).double(), Conditioning(mel=mel))[0]
    heard = [n for n in range(256, 8 * 256) if torch.autograd.grad(out[n], mel, retain_graph=True)[0][..., 4].any()]
    assert min(heard) == 4 * 256 - network.radius
    assert max(heard) == 5 * 256 - 1 + network.radius


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("changed", ["x_t", "mel", "mean", "scale"])
def test_nothing_is_heard_in_frames_beyond_the_radius(name, changed):
    """Be it in the signal, in the mel or in the mean."""
    network = made(name)
    x_t, cond = batch(1, 40)
    other = {"x_t": x_t.clone(), "mel": cond.mel.clone(), "mean": cond.mean.clone(), "scale": cond.scale.clone()}
    width = {"mel": 1, "scale": 2}.get(changed, 256)
    other[changed][..., 20 * width : 21 * width] += 3
    t = torch.tensor([0.5])
    plain = network(x_t, t, cond)
    touched = network(other.pop("x_t"), t, Conditioning(**other)) - plain
    frames = (touched.abs() > 1e-9)[0].nonzero().squeeze(1) // 256
    seen = {"mean": name not in ("diffwave", "diffwave_patches"), "scale": "gains" in name}.get(changed, True)
    assert bool(frames.numel()) == seen
    assert ((frames - 20).abs() <= ceil(network.radius / 256)).all()


@pytest.mark.parametrize("name", ["gains", "gains_center"])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_gains_begin_at_what_a_gaussian_residual_would_keep(name, t):
    """alpha / (alpha² + sigma²) on the straight path: all of it at the end, nothing at the beginning."""
    network = NETWORKS[name]()
    x_t, cond = batch(2, 9)
    kept = (1 - t) / ((1 - t) ** 2 + t**2)
    assert_close(network(x_t, torch.full((2,), t), cond), kept * x_t, rtol=0, atol=1e-6)


def test_gains_turn_with_the_phases():
    """A network that turns all phases by the same angle before it turns its output: so it is with the sign."""
    network = made("gains")
    x_t, cond = batch(1, 12)
    t = torch.tensor([0.5])
    flipped = network(-x_t, t, replace(cond, mean=-cond.mean))
    assert_close(flipped, -network(x_t, t, cond), rtol=1e-3, atol=1e-6)


def test_relative_phases_of_a_sinusoid_are_the_same_in_all_frames_and_bins():
    """What neighbours look like to a bin does not depend on where the sinusoid lies, nor on its phase."""
    spec = fine_spec(MEL)
    n, planes = torch.arange(spec.hop_length * 16), []
    for k, phase in ((20, 0.0), (21, 1.0), (34, 2.0)):
        wave = torch.cos(2 * torch.pi * k * n / spec.n_fft + phase).unsqueeze(0)
        spectrum = fine_stft(MEL)(wave).mT
        flat = torch.ones(spectrum.shape)
        _, seen = RelativePlanes(spec)(spectrum, spectrum, flat, flat)
        planes.append(seen[0, 6:10, k - 1 : k + 2, :10])
    for other in planes[1:]:
        assert_close(other, planes[0], rtol=0, atol=2e-2)
    neighbours = planes[0][0, 1].view(5, 2)
    assert all(part[0] > 1 and part[1].abs() < 1e-2 for part in neighbours)


@pytest.mark.parametrize("hop", [1, 64, 120, 200, 240, 256, 257, 300, 441, 480, 512])
def test_upsampler_fits_every_hop(hop):
    a, b = split_hop(hop)
    assert a * b == hop
    assert MelUpsampler(hop_length=hop)(torch.randn(2, 8, 5)).shape == (2, 8, 5 * hop)


def test_step_embedding_is_the_paper_s_at_whole_steps_and_linear_between():
    embedding = StepEmbedding(n_steps=50)
    step = torch.tensor([0.0, 7.0, 49.0], dtype=torch.float64)
    k = torch.arange(64, dtype=torch.float64)
    angle = step[:, None] * 10 ** (4 * k / 63)
    table = torch.cat([angle.sin(), angle.cos()], dim=1)
    slow = torch.arange(128) % 64 < 32  # float32 frequencies cannot tell the fastest angles to many digits
    assert_close(embedding.sinusoids(step)[:, slow], table[:, slow], rtol=0, atol=1e-3)
    seen = []
    embedding.projection1.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    embedding((step + 1) / 50)
    embedding(torch.tensor([8.25 / 50]))
    low, high = embedding.sinusoids(torch.tensor([7.0, 8.0], dtype=torch.float64))
    assert_close(seen[1][0], (0.75 * low + 0.25 * high).float(), rtol=0, atol=1e-5)


def test_diffwave_base_has_the_paper_s_size():
    size = sum(p.numel() for p in DiffWave(n_mels=80, hop_length=256).parameters())
    assert size == pytest.approx(2.64e6, rel=0.01)  # Kong et al. 2021, table 1


def test_untrained_magnitudes_are_the_envelope():
    network = MagnitudeNetwork(mel=MEL, channels=8, layers=2)
    mel = torch.randn(1, 80, 9) - 4
    assert_close(network(mel), network.envelope(mel))
