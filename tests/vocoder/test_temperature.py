"""The noise temperature of a vocoder: the same on every road to a waveform."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import ConfigError
from tests.tiny_voices import HIFIGAN, mel_of, source_filter, whitened

MEL = mel_of(12)
VOICES = {"whitened": whitened, "source_filter": source_filter}


@pytest.fixture(scope="module", params=VOICES.values(), ids=VOICES)
def vocoder(request):
    return request.param()


def test_one_changes_nothing(vocoder):
    assert_close(vocoder(MEL, spec=HIFIGAN, temperature=1.0), vocoder(MEL, spec=HIFIGAN), rtol=0, atol=0)


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_without_noise_the_seed_does_not_matter(vocoder, sampler):
    options = {"spec": HIFIGAN, "sampler": sampler, "n_steps": 2}
    cold = [vocoder(MEL, seed=seed, temperature=0, **options) for seed in (1, 2)]
    assert_close(cold[0], cold[1], rtol=0, atol=0)
    assert (vocoder(MEL, seed=1, **options) - cold[0]).abs().max() > 1e-3


def test_lists_batches_steps_and_streams_follow(vocoder):
    options = {"spec": HIFIGAN, "sampler": "ancestral", "n_steps": 2, "seed": 3, "temperature": 0.5}
    wave = vocoder(MEL, **options)
    stream = vocoder.stream(**options)
    streamed = torch.cat([stream.feed(MEL[:, :5]), stream.feed(MEL[:, 5:]), stream.flush()])
    others = {
        "list": vocoder([MEL], **options)[0],
        "batch": vocoder(torch.stack([MEL, MEL]), **options)[1],
        "padded": vocoder(MEL[None], [12], **options)[0],
        "each_step": list(vocoder.each_step(MEL, **options))[-1],
        "stream": streamed,
    }
    for name, other in others.items():
        assert_close(other, wave, rtol=0, atol=1e-5, msg=lambda said, name=name: f"{name}: {said}")


@pytest.mark.parametrize("number", [np.float32(0.5), torch.tensor(0.5), torch.tensor(0.5, requires_grad=True)])
def test_scalars_of_numpy_and_torch_are_numbers(vocoder, number):
    wave = vocoder(MEL, spec=HIFIGAN, temperature=number)
    assert_close(wave, vocoder(MEL, spec=HIFIGAN, temperature=0.5), rtol=0, atol=0)
    assert not wave.requires_grad


WRONG = [-1, float("nan"), "warm", True, torch.tensor(True), torch.tensor([0.5]), torch.tensor(-1.0), torch.tensor(1j)]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_no_temperature_is_refused(vocoder, wrong):
    with pytest.raises(ConfigError, match="temperature"):
        vocoder(MEL, spec=HIFIGAN, temperature=wrong)
    with pytest.raises(ConfigError, match="temperature"):
        vocoder.stream(temperature=wrong)
