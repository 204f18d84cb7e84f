"""Laws of scaling magnitudes to a mel, in every convention."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio import resample
from audiodiff.mel import CONVENTIONS, MelSpectrogram
from audiodiff.phase.banded import BandedProduct
from audiodiff.phase.iterations import Rescaling
from audiodiff.phase.mel_constraint import MelConstraint

USABLE = [name for name, spec in CONVENTIONS.items() if spec.hop_length <= spec.win_length // 2]


def heard(name, clip):
    """A quarter second of speech in a convention: its mel, its magnitudes in a plain Hann window, the constraint."""
    front_end = MelSpectrogram(CONVENTIONS[name])
    wave = resample(clip, 22050, front_end.spec.sample_rate)[None, 8000:14000]
    window_gain = torch.hann_window(front_end.spec.win_length).sum() / front_end.window.sum()
    magnitudes = front_end.stft(wave).abs() * window_gain
    mel = front_end(wave)
    return mel, magnitudes[..., : mel.shape[-1]], MelConstraint(front_end.spec)


def interior(mel):
    """Which values lie between the floor and the ceiling of the convention, away from a frame that is made up."""
    inside = (mel > mel.amin() + 1e-3) & (mel < mel.amax() - 1e-3)
    inside[..., -1] = False
    return inside


@pytest.mark.parametrize("name", USABLE)
def test_a_recording_meets_its_own_mel(name, clip):
    mel, magnitudes, constraint = heard(name, clip)
    found = constraint.filters @ magnitudes.pow(constraint.power)
    # where a convention adds an epsilon to squared magnitudes, its quiet bands hold that and not the recording
    added = (
        constraint.filters.sum(dim=1, keepdim=True)
        * (10 * CONVENTIONS[name].magnitude_epsilon ** 0.5) ** constraint.power
    )
    inside = interior(mel) & (constraint.bands(mel) > added)
    assert inside.float().mean() > 0.3
    assert_close(found[inside], constraint.bands(mel)[inside], rtol=2e-2, atol=2e-5)


@pytest.mark.parametrize("name", USABLE)
def test_scaling_brings_any_magnitudes_close_to_the_mel(name, clip):
    mel, magnitudes, constraint = heard(name, clip)
    bands = constraint.bands(mel)

    def error(candidate):
        found = constraint.filters @ candidate.pow(constraint.power)
        inside = interior(mel)
        return (found[inside].clamp_min(1e-12).log() - bands[inside].log()).abs().mean().item()

    wrong = magnitudes * torch.empty_like(magnitudes).uniform_(0.3, 3, generator=torch.Generator().manual_seed(0))
    once = constraint(wrong, bands)
    assert error(once) < 0.3 * error(wrong)
    assert error(constraint(once, bands)) < error(once)


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("frames", [1, 7, 48])
def test_rescaling_in_place_is_the_scaling(name, frames):
    constraint, generator = MelConstraint(CONVENTIONS[name]), torch.Generator().manual_seed(0)
    magnitudes = torch.rand(frames, constraint.filters.shape[1], generator=generator)
    rescale = Rescaling(constraint, magnitudes)
    for _ in range(2):
        bands = torch.rand(frames, len(constraint.filters), generator=generator)
        expected = constraint.by_frames(magnitudes.clone(), bands)
        rescale(bands)
        assert_close(magnitudes, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(80, 513), (20, 33), (513, 80)])
def test_a_banded_product_is_the_product(shape):
    """Rows of different widths along a diagonal, with empty ones at both ends and in the middle."""
    outputs, inputs = shape
    where = torch.arange(outputs).unsqueeze(1) * inputs / outputs - torch.arange(inputs)
    matrix = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * (where.abs() < inputs / 12)
    matrix[[0, outputs // 2, -1]] = 0
    product, x = BandedProduct(matrix), torch.rand(5, inputs)
    first, last = product.span
    out = torch.full((5, outputs), 7.0)
    for rows, piece, place in product.between(x, out):
        torch.mm(rows, piece, out=place)
    assert (first, last) == (1, outputs - 1)
    assert_close(out[:, first:last], (x @ matrix.mT)[:, first:last])
    assert (out[:, [0, -1]] == 7).all()
    assert sum(part.size for part in product.parts) < 0.7 * matrix.numel()


def test_silence_of_a_mel_silences_what_it_covers():
    constraint = MelConstraint(CONVENTIONS["hifigan_22k"])
    magnitudes = torch.rand(1, 513, 4)
    silent = constraint(magnitudes, torch.zeros(1, 80, 4))
    covered = constraint.uncovered == 0
    assert silent[:, covered].abs().max() == 0
    assert_close(silent[:, ~covered], magnitudes[:, ~covered])


@pytest.mark.parametrize("name", USABLE)
def test_the_gradient_is_finite_where_bands_or_magnitudes_are_silent(name):
    constraint, generator = MelConstraint(CONVENTIONS[name]), torch.Generator().manual_seed(0)
    n_mels, bins = constraint.filters.shape
    magnitudes = torch.rand(12, bins, generator=generator).requires_grad_()
    bands = torch.rand(12, n_mels, generator=generator)
    bands[:4] = 0
    bands[4:8, ::3] = 0
    quiet = torch.ones_like(bands)
    quiet[::2] = 1e-30
    held = magnitudes * torch.tensor([1.0, 1e-6, 0.0]).repeat(4).unsqueeze(1)
    constraint.by_frames(held, bands * quiet).sum().backward()
    assert magnitudes.grad.isfinite().all()
    assert magnitudes.grad.abs().max() > 0
