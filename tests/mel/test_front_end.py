"""The front-end keeps to its spec for every convention, and so do its gradients."""

import numpy as np
import pytest
import torch

from audiodiff.errors import AudioError
from audiodiff.mel import CONVENTIONS, MelSpectrogram, convention
from audiodiff.mel.conventions import families
from audiodiff.mel.filterbank import mel_filterbank

DISTINCT = [name for names in families().values() for name in names]


@pytest.fixture(scope="module")
def noise():
    return 0.1 * torch.randn(2, 10_000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", DISTINCT)
def test_frames_are_counted_right(name, noise):
    spec = convention(name)
    front_end = MelSpectrogram(spec)
    for n_samples in (4096, 4096 + spec.hop_length - 1, 10_000):
        assert front_end(noise[:, :n_samples]).shape == (2, spec.n_mels, spec.frames_of(n_samples))


@pytest.mark.parametrize("name", DISTINCT)
def test_gradient_is_finite_also_in_silence(name, noise):
    wave = noise.clone()
    wave[:, 3000:7000] = 0
    wave.requires_grad_()
    MelSpectrogram(convention(name))(wave).square().sum().backward()
    assert wave.grad.isfinite().all()
    assert wave.grad.abs().sum() > 0


@pytest.mark.parametrize("name", DISTINCT)
def test_batch_does_not_matter(name, noise):
    front_end = MelSpectrogram(convention(name))
    torch.testing.assert_close(front_end(noise)[1], front_end(noise[1:])[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", DISTINCT)
def test_long_waveforms_are_transformed_in_blocks(name, noise, monkeypatch):
    front_end = MelSpectrogram(convention(name))
    whole = front_end(noise)
    monkeypatch.setattr("audiodiff.mel.front_end.FRAMES_AT_ONCE", 7)
    torch.testing.assert_close(front_end(noise), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", DISTINCT)
def test_frames_can_be_computed_from_what_they_see(name, noise):
    """Any of them, as they are in the whole."""
    front_end = MelSpectrogram(convention(name))
    whole, seen = front_end(noise), front_end.seen(noise)
    assert seen.shape[:2] == (2, front_end.spec.n_fft)
    assert whole.shape[-1] <= seen.shape[-1] <= whole.shape[-1] + 1
    torch.testing.assert_close(front_end.of_seen(seen[..., 3:9]), whole[..., 3:9], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["hifigan_22k", "wavegrad_ivanvovk_22k"])
def test_nan_is_not_taken_for_silence(name, noise):
    wave = noise.clone()
    wave[:, 5000] = torch.nan
    assert MelSpectrogram(convention(name))(wave).isnan().any()


@pytest.mark.parametrize("name", DISTINCT)
def test_too_short_a_waveform_is_refused(name):
    n_samples = 100 if convention(name).pad_mode == "reflect" else 0
    with pytest.raises(AudioError, match="too short"):
        MelSpectrogram(convention(name))(torch.zeros(1, n_samples))


@pytest.mark.parametrize("name", DISTINCT)
def test_front_end_has_no_weights_to_save(name):
    assert MelSpectrogram(convention(name)).state_dict() == {}


@pytest.mark.parametrize("name", sorted({name for name in families() if CONVENTIONS[name].mel_scale == "slaney"}))
def test_filterbank_equals_librosas(name):
    librosa = pytest.importorskip("librosa")
    spec = convention(name)
    theirs = librosa.filters.mel(
        sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.f_min, fmax=spec.f_max, htk=False
    )
    np.testing.assert_allclose(mel_filterbank(spec).numpy(), theirs, atol=1e-7, rtol=1e-4)
