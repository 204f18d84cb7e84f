"""A recording in blocks has the samples and the mel that it has as a whole."""

import numpy as np
import pytest
import soundfile
import torch

from audiodiff.audio import load_audio
from audiodiff.audio.blocks import audio_blocks, audio_length, resampled_blocks
from audiodiff.audio.io import resample
from audiodiff.errors import AudioError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.mel.conventions import CONVENTIONS
from audiodiff.mel.extraction_stream import mel_blocks, whole_frames

NOISE = 0.1 * torch.randn(30000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize(("n_samples", "block"), [(30000, 777), (29952, 30000), (5000, 100)])
def test_the_mel_of_blocks_is_the_mel_of_the_whole(name, n_samples, block):
    spec, wave = convention(name), NOISE[:n_samples]
    pieces = list(mel_blocks(spec, wave.split(block), frames_at_once=7))
    whole = MelSpectrogram(spec)(wave[None])[0, :, : whole_frames(spec, len(wave))]
    assert all(piece.shape[1] == 7 for piece in pieces[:-1])
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(("have", "want"), [(44100, 22050), (16000, 22050), (22050, 24000), (8000, 48000)])
@pytest.mark.parametrize("n_samples", [1, 100, 29999])
def test_blocks_are_resampled_as_the_whole_is(have, want, n_samples):
    wave = NOISE[:n_samples]
    pieces = torch.cat(list(resampled_blocks(wave.split(997), have, want)))
    torch.testing.assert_close(pieces, resample(wave, have, want), atol=1e-6, rtol=0)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [22050, 16000])
def test_blocks_of_a_file_are_its_samples(suffix, rate, tmp_path):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([NOISE.repeat(7), 0.5 * NOISE.repeat(7)], axis=1), 22050)
    blocks = list(audio_blocks(path, rate))
    assert len(blocks) > 1
    torch.testing.assert_close(torch.cat(blocks), load_audio(path, rate), atol=1e-6, rtol=0)
    assert audio_length(path, rate) == sum(map(len, blocks))


@pytest.mark.parametrize("fault", ["cut", "loud", "nan"])
def test_blocks_are_refused_as_the_whole_is(fault, tmp_path):
    path, wave = tmp_path / "a.flac", NOISE.repeat(7).numpy()
    if fault == "cut":
        soundfile.write(path, wave, 22050)
        path.write_bytes(path.read_bytes()[:-20000])
    else:
        path = path.with_suffix(".wav")
        wave[-9] = 5 if fault == "loud" else np.nan
        soundfile.write(path, wave, 22050, subtype="FLOAT")
    for read in (load_audio, lambda path: list(audio_blocks(path)), lambda path: audio_length(path, 16000)):
        with pytest.raises(AudioError):
            read(path)
