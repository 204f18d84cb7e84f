"""Perturbed mels are as noisy and as smooth as asked for, and otherwise the same."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.data.perturbation import (
    PERTURBATION_UNITS,
    Perturbation,
    add_noise,
    blur_bands,
    blur_frames,
    parse_perturbations,
)
from audiodiff.errors import ConfigError


@pytest.fixture
def log_mel():
    return torch.randn(2, 80, 200, generator=torch.Generator().manual_seed(0)).cumsum(dim=-1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("std", [0.1, 0.4])
def test_noise_has_the_deviation_asked_for_and_comes_from_the_generator(log_mel, std):
    noise = add_noise(log_mel, std, seeded()) - log_mel
    assert noise.std().item() == pytest.approx(std, rel=0.03)
    assert abs(noise.mean().item()) < 0.05 * std
    assert_close(add_noise(log_mel, std, seeded()), log_mel + noise)
    assert not torch.equal(add_noise(log_mel, std, seeded(1)), log_mel + noise)


@pytest.mark.parametrize("reach", [1, 4])
def test_a_blurred_frame_is_the_mean_of_its_neighbours(log_mel, reach):
    blurred = blur_frames(log_mel, reach)
    for frame in (reach, 100, 199 - reach):
        assert_close(blurred[..., frame], log_mel[..., frame - reach : frame + reach + 1].mean(dim=-1))
    ends = torch.cat([log_mel[..., :1]] * reach + [log_mel[..., : reach + 1]], dim=-1)
    assert_close(blurred[..., 0], ends.mean(dim=-1))


def test_bands_are_blurred_as_frames_are(log_mel):
    assert_close(blur_bands(log_mel, 2), blur_frames(log_mel.mT, 2).mT)
    assert_close(blur_bands(log_mel, 1)[:, 40], log_mel[:, 39:42].mean(dim=1))


@pytest.mark.parametrize("text", ["blur-frames=2", "blur-bands=3"])
def test_a_blur_leaves_a_constant_and_the_shape_alone(text, log_mel):
    (blur,) = parse_perturbations(text)
    assert_close(blur(torch.full((80, 50), -3.0)), torch.full((80, 50), -3.0))
    assert blur(log_mel).shape == log_mel.shape
    assert blur(log_mel[0, :, :1]).shape == (80, 1)


@pytest.mark.parametrize("kind", PERTURBATION_UNITS)
def test_a_perturbation_does_what_it_is_called(kind, log_mel):
    functions = {"noise": lambda mel: add_noise(mel, 2, seeded()), "blur-frames": lambda mel: blur_frames(mel, 2)}
    functions["blur-bands"] = lambda mel: blur_bands(mel, 2)
    assert_close(Perturbation(kind, 2.0)(log_mel, seeded()), functions[kind](log_mel))


def test_a_list_is_read_and_written():
    found = parse_perturbations("noise=.2, blur-frames=1,blur-bands=2")
    assert found == [Perturbation("noise", 0.2), Perturbation("blur-frames", 1), Perturbation("blur-bands", 2)]
    assert [str(one) for one in found] == ["noise=0.2", "blur-frames=1", "blur-bands=2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("noise", "expected one such as noise=.2"),
        ("noise=much", "expected one such as noise=.2"),
        ("noise=-1", "expected one such as noise=.2"),
        ("noise=0", "a number above 0"),
        ("blur=1", "no perturbation 'blur': there are noise, blur-frames, blur-bands"),
        ("blur-frames=1.5", "a whole number above 0"),
        ("", "expected one such as noise=.2"),
    ],
)
def test_anything_else_is_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_perturbations(text)
