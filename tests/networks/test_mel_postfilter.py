"""The postfilter of over-smoothed mels: what it leaves alone, how far it sees, and what the shipped one mends."""

import math

import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.audio import resample
from audiodiff.data.perturbation import add_noise, blur_bands, blur_frames
from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.networks import KeepToMel
from audiodiff.networks.mel_postfilter import LARGEST_CORRECTION, MelPostfilter
from audiodiff.training.over_smoothing import OverSmoothing, drawn_kernel, smoothed
from audiodiff.training.postfilter_match import PostfilterMatch
from audiodiff.training.unrolled import Unrolled
from tests.trees import source_filter_model

CONVENTIONS = ["hifigan_22k", "espnet_24k", "xtts_dvae_22k", "speecht5_16k", "bigvgan_44k_512", "vocos_24k"]
SHIPPED_FOR = ["hifigan_22k", "espnet_24k", "bigvgan_44k_512"]
SMOOTHED = {
    "bands": lambda log_mel: blur_bands(log_mel, 1),
    "wide bands": lambda log_mel: blur_bands(log_mel, 2),
    "frames": lambda log_mel: blur_frames(log_mel, 1),
    "noise": lambda log_mel: add_noise(log_mel, 0.2, torch.Generator().manual_seed(0)),
    "triangle": lambda log_mel: smoothed(log_mel[0].mT, torch.tensor([1, 2, 3, 2, 1]) / 9).mT[None],
}


def made(name: str, decided: float) -> MelPostfilter:
    """All weights drawn, every frame decided alike."""
    torch.manual_seed(0)
    postfilter = MelPostfilter(mel=convention(name), channels=6)
    torch.nn.init.normal_(postfilter.said.weight)
    torch.nn.init.zeros_(postfilter.decided[2].weight)
    torch.nn.init.constant_(postfilter.decided[2].bias, decided)
    return postfilter.double().requires_grad_(False)


def stored(name: str, frames: int = 61) -> torch.Tensor:
    """The mel of noise that swells, [1, n_mels, frames]."""
    spec = convention(name)
    samples = torch.arange(frames * spec.hop_length)
    wave = 0.1 * torch.randn(len(samples), generator=torch.Generator().manual_seed(1)) * (1 + (samples / 4000).sin())
    return MelSpectrogram(spec)(wave[None])[..., :frames].double()


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_mel_that_is_taken_for_a_recordings_comes_back_to_the_bit(name):
    mel = stored(name)
    assert torch.equal(made(name, -1.0)(mel), mel)
    assert not torch.equal(made(name, 1.0)(mel), mel)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_it_corrects_by_as_much_as_it_is_sure(name):
    """Half as much at half the certainty, in nepers of magnitude whatever a convention stores."""
    mel, full, half = stored(name), made(name, 9.0), made(name, 1.0)
    log_bands = [one.compression.log_bands(one(mel)) for one in (full, half)]
    before = full.compression.log_bands(mel)
    kept = log_bands[0] > before.min() + 0.1  # a floor cuts the rest
    assert_close((log_bands[1] - before)[kept] * 2, (log_bands[0] - before)[kept], atol=1e-4, rtol=1e-3)
    assert ((log_bands[0] - before).abs() <= LARGEST_CORRECTION * full.power + 1e-6).all()


def test_frame_radius_is_exact():
    """A frame is heard as far away as that, and no further."""
    postfilter, mel = made("hifigan_22k", 0.5), stored("hifigan_22k")
    torch.nn.init.normal_(postfilter.decided[2].weight, std=0.1)
    other = mel.clone()
    other[..., 30] += 0.5
    (corrections, decisions), (other_corrections, other_decisions) = postfilter.judged(mel), postfilter.judged(other)
    moved = (corrections != other_corrections).any(dim=1) | (decisions != other_decisions)
    frames = moved[0].nonzero().squeeze(1)
    assert (frames.min(), frames.max()) == (30 - postfilter.frame_radius, 30 + postfilter.frame_radius)


@pytest.mark.parametrize("place", [(0, slice(None), 20), (0, 7), (0, 7, 20)], ids=["a frame", "a band", "a value"])
@pytest.mark.parametrize("value", [-math.inf, -1e4, -30.0, 30.0])
def test_absurd_levels_stay_where_they_are(value, place):
    """They and no others: corrections are bounded."""
    mel = stored("hifigan_22k")
    mel[place] = value
    sharp = made("hifigan_22k", 9.0)(mel)
    others = torch.ones_like(mel, dtype=torch.bool)
    others[place] = False
    assert sharp[others].isfinite().all()
    assert ((sharp - mel)[others].abs() <= LARGEST_CORRECTION + 1e-6).all()
    assert ((sharp[place] - value).abs() <= LARGEST_CORRECTION + 1e-6).all() or value < mel[others].min()


def test_a_finish_keeps_to_the_sharpened_mel():
    """Its gains as well: all of it is that of the sharpened mel."""
    torch.manual_seed(0)
    finish = (
        KeepToMel(mel=convention("hifigan_22k"), onsets=8, iterations=4, postfilter=6).double().requires_grad_(False)
    )
    torch.nn.init.normal_(finish.onsets.stack.output.weight, std=0.3)
    finish.postfilter = made("hifigan_22k", 9.0)
    mel, wave = stored("hifigan_22k"), 0.1 * torch.randn(1, 61 * 256).double()
    kept = finish(wave, mel)
    sharp, finish.postfilter = finish.postfilter(mel), None
    assert_close(kept, finish(wave, sharp))
    assert not torch.allclose(kept, finish(wave, mel), atol=1e-3)


@pytest.mark.parametrize("widest", [0.5, 1.2, 1.5])
def test_kernels_are_averages_no_wider_than_said(widest):
    torch.manual_seed(0)
    for _ in range(100):
        kernel = drawn_kernel(widest)
        places = torch.arange(len(kernel)) - len(kernel) // 2
        assert len(kernel) % 2 == 1
        assert kernel.sum().item() == pytest.approx(1)
        assert math.sqrt((kernel * places.square()).sum()) <= max(widest, math.sqrt(2 / 3)) + 0.01


def test_smoothing_leaves_a_constant_and_the_share_it_says():
    torch.manual_seed(0)
    level = torch.full((200, 20, 20), -3.0)
    assert_close(OverSmoothing(noise=0.0, untouched=0.0)(level), level)
    mels = torch.randn(400, 12, 12)
    same = (OverSmoothing(untouched=0.35)(mels) == mels).all(dim=(1, 2)).float().mean().item()
    assert same == pytest.approx(0.35, abs=0.07)


def test_its_objective_teaches_the_postfilter_and_nothing_else():
    torch.manual_seed(0)
    model, mel = source_filter_model(), stored("hifigan_22k").float().expand(4, -1, -1)
    objective = PostfilterMatch(model=model, smoothing=OverSmoothing(untouched=0.0))
    losses = objective(wave=torch.zeros(4, 61 * 256), mel=mel)
    losses["loss"].backward()
    learnt = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert learnt == {name for name, _ in model.named_parameters() if name.startswith("finish.postfilter.")}


def test_its_objective_needs_one():
    model = source_filter_model()
    model.finish.postfilter = None
    with pytest.raises(ConfigError, match=r"model\.finish\.postfilter=CHANNELS"):
        PostfilterMatch(model=model, smoothing=OverSmoothing())


@pytest.fixture(
    scope="module", params=[("ljspeech-fast", "hifigan_22k"), *(("universal", x) for x in SHIPPED_FOR)], ids=" ".join
)
def shipped(request, clip) -> tuple[MelPostfilter, MelSpectrogram, torch.Tensor]:
    """A voice's postfilter for a convention, mels of that, and the clip at its rate."""
    voice, name = request.param
    spec = convention(name)
    model = Vocoder.from_pretrained(voice, mel=name if voice == "universal" else None).model
    return model.finish.postfilter, MelSpectrogram(spec), resample(clip, 22050, spec.sample_rate)


@torch.inference_mode()
def test_a_shipped_one_leaves_a_recordings_mel_alone(shipped):
    """Also where it is 20 dB louder or softer, noise, or half a second of it; silence stays within half a decibel."""
    postfilter, front_end, clip = shipped
    noise = 0.1 * torch.randn(22050, generator=torch.Generator().manual_seed(0))
    cut = clip[len(clip) // 3 :][: front_end.spec.sample_rate // 2]
    waves = [(clip, 0.002), (clip / 10, 0.002), (clip * 10, 0.002), (cut, 0.002), (noise, 0.0), (0 * clip, 0.05)]
    for wave, most in waves:
        mel = front_end(wave[None])
        assert (postfilter(mel) - mel).abs().mean() <= most


@pytest.mark.parametrize("kind", SMOOTHED)
@torch.inference_mode()
def test_a_shipped_one_brings_smoothed_mels_nearer_to_the_recordings(shipped, kind, request):
    """Also over a triangle, which it never saw; over two bands that of any speaker is worth next to nothing."""
    postfilter, front_end, clip = shipped
    most = 1.0 if kind == "wide bands" and "universal" in request.node.callspec.id else 0.97
    mel = front_end(clip[None])
    given = SMOOTHED[kind](mel).clamp_min(mel.min())
    assert (postfilter(given) - mel).abs().mean() < most * (given - mel).abs().mean()


@pytest.mark.parametrize("name", CONVENTIONS)
def test_silence_teaches_nothing_that_is_not_finite(name):
    """In no convention, whatever it stores for silence."""
    spec = convention(name)
    model = KeepToMel(mel=spec, postfilter=4)
    torch.nn.init.normal_(model.postfilter.said.weight)
    holder = source_filter_model()
    holder.finish = model
    mel = MelSpectrogram(spec)(torch.zeros(2, 60 * spec.hop_length))
    loss = PostfilterMatch(model=holder, smoothing=OverSmoothing())(wave=torch.zeros(2, 1), mel=mel)["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_an_untrained_one_changes_nothing():
    torch.manual_seed(0)
    postfilter, mel = MelPostfilter(mel=convention("hifigan_22k"), channels=6).double(), stored("hifigan_22k")
    torch.nn.init.constant_(postfilter.decided[2].bias, 9.0)
    assert_close(postfilter(mel), mel)


def test_the_unrolled_stage_leaves_it_alone():
    """Nothing of it learns there, so that several processes wait for no gradient of it."""
    model = source_filter_model().requires_grad_(True)
    Unrolled(model=model)
    assert not any(parameter.requires_grad for parameter in model.finish.postfilter.parameters())
    assert all(parameter.requires_grad for parameter in model.finish.onsets.parameters())
