"""Perturbed mels are still mels of their convention, and slopes are slopes."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.data.perturbation import Perturbation, blur_bands, blur_frames
from audiodiff.evaluation.robustness import perturbed, slopes
from audiodiff.evaluation.scoring import Scores
from audiodiff.evaluation.systems import System
from audiodiff.mel import CONVENTIONS, MelSpectrogram, convention


@pytest.fixture(scope="module")
def noise():
    return 0.1 * torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("perturbation", [Perturbation("noise", 0.5), Perturbation("blur-bands", 2)], ids=str)
def test_a_perturbed_mel_is_one_of_its_convention(name, perturbation, noise):
    spec = convention(name)
    mel = MelSpectrogram(spec)(noise)[0]
    worse = perturbed(mel, spec, perturbation, seed=0)
    assert worse.shape == mel.shape
    assert worse.isfinite().all()
    assert not torch.equal(worse, mel)
    if spec.range is not None:
        assert spec.range[0] <= worse.min() <= worse.max() <= spec.range[1]
    assert_close(worse, perturbed(mel, spec, perturbation, seed=0))


@pytest.mark.parametrize("blur", [blur_frames, blur_bands])
def test_conventions_that_differ_by_a_scale_are_blurred_alike(blur, noise):
    natural, decibels = convention("hifigan_22k"), convention("diffwave_22k")
    kind = {blur_frames: "blur-frames", blur_bands: "blur-bands"}[blur]
    mel = MelSpectrogram(natural)(noise)[0]
    assert_close(perturbed(mel, natural, Perturbation(kind, 2), seed=0), blur(mel, 2), atol=1e-4, rtol=1e-4)
    mel = MelSpectrogram(decibels)(noise)[0]
    inner = (mel > 0.05) & (mel < 0.95)
    smooth = perturbed(mel, decibels, Perturbation(kind, 1), seed=0)
    assert_close(smooth[inner], blur(mel, 1)[inner], atol=1e-4, rtol=1e-4)


def system(name, values):
    scores = [Scores(f"{i}", 1.0, 0.0, "waveform", 1.0, {"pesq": value}, {}) for i, value in enumerate(values)]
    return System(name=name, scores=scores, excluded=[], files={})


def test_the_slope_is_that_of_a_line_through_the_clean_value():
    clean = system("clean", [4.0, 4.2, 3.9])
    others = [
        (Perturbation("noise", amount), system(f"{amount}", [4.0 - 2 * amount, 4.2 - 3 * amount, 3.9 - amount]))
        for amount in (0.1, 0.2)
    ]
    others.append((Perturbation("blur-bands", 2), system("blurred", [3.0, 3.2, 2.9])))
    noise, bands = slopes(clean, others)
    assert (noise.system, noise.kind, noise.amounts) == ("clean", "noise", (0.1, 0.2))
    assert noise.values["pesq"].mean == pytest.approx(-2)
    assert noise.values["pesq"].low < -2 < noise.values["pesq"].high
    assert bands.values["pesq"].mean == pytest.approx(-0.5)
    assert noise.values.keys() == {"pesq"}


def test_an_utterance_without_a_number_takes_no_part():
    clean = system("clean", [4.0, 4.2, 3.9])
    (found,) = slopes(clean, [(Perturbation("noise", 0.5), system("noisy", [3.5, 3.2]))])
    assert found.values["pesq"].n == 2
    assert found.values["pesq"].mean == pytest.approx(-1.5)
