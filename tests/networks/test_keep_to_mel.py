"""The finish: a waveform made to say its mel, whose frames depend on few others."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio.stft import Stft
from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.networks import KeepToMel

HIFIGAN = convention("hifigan_22k")
SPECS = {
    "hifigan_22k": HIFIGAN,
    "center": replace(HIFIGAN, framing="center"),
    "short_window": replace(HIFIGAN, win_length=800),
    "espnet_24k": convention("espnet_24k"),
    "speecht5_16k": convention("speecht5_16k"),
}
FRAMES, HERE = 81, 40


def made(
    name: str, onsets: int, rounds: int = 1, scaled_first: bool = True, postfilter: int = 0, iterations: int = 0
) -> KeepToMel:
    """Gains in time are not one, and a postfilter corrects every frame."""
    torch.manual_seed(0)
    finish = KeepToMel(
        mel=SPECS[name],
        onsets=onsets,
        rounds=rounds,
        scaled_first=scaled_first,
        postfilter=postfilter,
        iterations=iterations,
    )
    if finish.onsets is not None:
        torch.nn.init.normal_(finish.onsets.stack.output.weight, std=0.3)
    if finish.postfilter is not None:
        torch.nn.init.normal_(finish.postfilter.said.weight)
        torch.nn.init.constant_(finish.postfilter.decided[2].bias, 1.0)
    return finish.double().eval().requires_grad_(False)


def sound(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, and the mel of another."""
    spec, draw = SPECS[name], torch.Generator().manual_seed(1)
    waves = 0.1 * torch.randn(2, FRAMES * spec.hop_length, generator=draw)
    mel = MelSpectrogram(spec)(waves[1:])[..., :FRAMES].double()
    return waves[:1].double(), mel


@pytest.mark.parametrize(
    ("onsets", "rounds", "scaled_first", "postfilter"),
    [
        (0, 1, True, 0),
        (8, 1, True, 0),
        (8, 2, True, 0),
        (8, 1, False, 0),
        (8, 2, False, 0),
        (0, 1, True, 4),
        (8, 2, True, 4),
    ],
)
@pytest.mark.parametrize("name", SPECS)
def test_a_frame_depends_on_as_many_as_are_said(name, onsets, rounds, scaled_first, postfilter):
    """On the furthest of the waveform's frames as well, to one side at least, and on no more of the mel."""
    finish, (wave, mel), hop = made(name, onsets, rounds, scaled_first, postfilter), sound(name), SPECS[name].hop_length
    wave, mel = wave.requires_grad_(), mel.requires_grad_()
    inner = finish(wave, mel)[0, HERE * hop : (HERE + 1) * hop]
    weights = torch.rand(hop, generator=torch.Generator().manual_seed(2)).double()
    by_wave, by_mel = torch.autograd.grad((inner * weights).sum(), (wave, mel))
    of_wave = by_wave.view(FRAMES, hop).abs().amax(dim=1).nonzero().squeeze(1) - HERE
    of_mel = by_mel[0].abs().amax(dim=0).nonzero().squeeze(1) - HERE
    assert max(-of_wave.min(), of_wave.max()) == finish.frame_radius
    assert finish.mel_radius - 2 <= of_mel.abs().max() <= finish.mel_radius


@pytest.mark.parametrize("name", SPECS)
def test_the_result_says_the_mel(name):
    """To what magnitudes of overlapping frames leave of it, from another sound that is a third as loud."""
    wave, mel = sound(name)
    wave = wave / 3
    front_end, finish = MelSpectrogram(SPECS[name]).double(), made(name, 0)
    inner = slice(4, FRAMES - 4)

    def off(x: torch.Tensor) -> float:
        return (front_end(x)[..., :FRAMES] - mel)[..., inner].abs().mean().item()

    assert off(finish(wave, mel)) < 0.25 * off(wave)


@pytest.mark.parametrize("scaled_first", [True, False])
@pytest.mark.parametrize("rounds", [1, 3])
def test_the_scaling_follows_the_gains(rounds, scaled_first):
    """What gains in time do to the mel is undone, and what they do within a window stays."""
    wave, mel = sound("hifigan_22k")
    finish = made("hifigan_22k", 8, rounds, scaled_first)
    kept = finish.scaled(wave, mel) if scaled_first else wave
    for _ in range(rounds):
        timed = finish.onsets(kept, mel)
        assert (timed - kept).abs().max() > 0.1 * kept.abs().max()
        kept = finish.scaled(timed, mel)
    assert_close(finish(wave, mel), kept, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("postfilter", "iterations"), [(0, 0), (4, 0), (0, 3), (4, 3)])
@pytest.mark.parametrize("name", SPECS)
def test_its_stages_one_after_the_other_are_the_finish(name, postfilter, iterations):
    """And together they see a frame more than it at most, so that a stream in stages is not later by more."""
    wave, mel = sound(name)
    finish = made(name, 8, 2, postfilter=postfilter, iterations=iterations)
    assert len(finish.stages) == (2 if iterations else 1)
    staged, sharp = wave, mel if finish.postfilter is None else finish.postfilter(mel)
    for stage in finish.stages:
        staged = stage(staged, sharp, 3)
    assert_close(staged, finish(wave, mel, 3), rtol=0, atol=0)
    assert sum(stage.frame_radius for stage in finish.stages) in (finish.frame_radius, finish.frame_radius + 1)


def test_no_rounds_and_nothing_to_begin_with_are_refused():
    with pytest.raises(ConfigError, match="rounds=0"):
        KeepToMel(mel=HIFIGAN, onsets=8, rounds=0)
    with pytest.raises(ConfigError, match="scaled_first=False"):
        KeepToMel(mel=HIFIGAN, scaled_first=False)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("inner", [0, 1, 33, 129, 500])
def test_reach_of_a_transform_is_exact(name, inner):
    """The samples near a hop share frames with as many samples as `reach` says, to either side."""
    stft, hop = Stft(SPECS[name]).double(), SPECS[name].hop_length
    wave = torch.randn(1, FRAMES * hop, dtype=torch.float64, requires_grad=True)
    start, end = HERE * hop - inner, (HERE + 1) * hop + inner
    spectrum = stft(wave)
    found = stft.inverse(spectrum * (2 + spectrum.abs()))[0, start:end]  # not linear, or it would be the wave alone
    (seen,) = torch.autograd.grad((found * torch.rand_like(found)).sum(), wave)
    places = seen[0].nonzero().squeeze(1)
    assert (HERE * hop - places.min(), places.max() + 1 - (HERE + 1) * hop) == stft.reach(inner, inner)
