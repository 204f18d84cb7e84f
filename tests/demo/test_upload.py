"""Strangers' files: the good ones become mels, the bad ones a sentence that names no place on the server."""

import zipfile

import numpy as np
import pytest
import soundfile
import torch
from torch.testing import assert_close

from audiodiff.demo.limits import Limits
from audiodiff.demo.upload import MODELS_OWN, Reading, open_upload, shown_name
from audiodiff.errors import InputError, MelMismatchError
from audiodiff.mel import MelSpectrogram, convention, write_mel
from tests.conftest import CLIP

OWN = convention("hifigan_22k")
LIMITS = Limits(upload=1 << 20, duration=5.0)


@pytest.fixture(scope="module")
def mel(clip):
    return MelSpectrogram(OWN)(clip.unsqueeze(0))[0, :, : len(clip) // 256]


def test_a_recording_becomes_its_mel(mel, clip):
    upload = open_upload(CLIP, Reading(), OWN, LIMITS)
    assert_close(upload.mel, mel)
    assert_close(upload.reference, clip[: 256 * mel.shape[1]])
    assert upload.verdict.startswith("match")


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_a_recording_at_another_rate_is_resampled_and_that_is_said(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(rate) / 5), rate)
    upload = open_upload(tmp_path / "a.wav", Reading(), OWN, LIMITS)
    assert upload.mel.shape == (80, 22050 // 256)
    assert ("resampled" in upload.verdict) == (rate != 22050)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".npy", ".pt"])
def test_a_mel_is_held_to_the_contract(tmp_path, mel, suffix):
    write_mel(tmp_path / f"a{suffix}", mel, OWN if suffix in (".safetensors", ".npz") else None)
    upload = open_upload(tmp_path / f"a{suffix}", Reading(), OWN, LIMITS)
    assert_close(upload.mel, mel)
    assert upload.reference is None
    assert upload.verdict.startswith(("match", "convertible"))


def test_a_mel_of_another_convention_is_refused_and_converted_when_allowed(tmp_path, clip):
    write_mel(tmp_path / "a.npy", MelSpectrogram(convention("diffwave_22k"))(clip.unsqueeze(0))[0])
    for reading in (Reading(), Reading(convention="diffwave_22k")):
        with pytest.raises(MelMismatchError, match="diffwave_22k"):
            open_upload(tmp_path / "a.npy", reading, OWN, LIMITS)
    allowed = Reading(convention="diffwave_22k", convert="approximate")
    upload = open_upload(tmp_path / "a.npy", allowed, OWN, LIMITS)
    assert upload.mel.shape[0] == 80
    assert upload.verdict.startswith("convertible")


def test_a_mel_the_other_way_round_is_read_when_that_is_said(tmp_path, mel):
    np.save(tmp_path / "a.npy", mel.T.numpy())
    with pytest.raises(MelMismatchError, match="transposed"):
        open_upload(tmp_path / "a.npy", Reading(convention=MODELS_OWN), OWN, LIMITS)
    upload = open_upload(tmp_path / "a.npy", Reading(convention=MODELS_OWN, transposed=True), OWN, LIMITS)
    assert_close(upload.mel, mel)


def wav(path, samples, rate=22050):
    soundfile.write(path, samples, rate)


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mel.npy", b"\0" * (2 << 20))


BAD = {
    "empty.wav": (lambda path: path.write_bytes(b""), "is empty"),
    "text.wav": (lambda path: path.write_text("hello"), "neither audio"),
    "strange.xyz": (lambda path: path.write_bytes(bytes(range(256))), "neither audio"),
    "cut.flac": (lambda path: path.write_bytes(CLIP.read_bytes()[:40]), "neither audio"),
    "huge.wav": (lambda path: path.write_bytes(b"RIFF" + bytes(2 << 20)), "at most 1,048,576"),
    "long.flac": (lambda path: wav(path, np.zeros(6 * 22050)), "lasts 6.0 s"),
    "nothing.wav": (lambda path: wav(path, np.zeros(0)), "0 s"),
    "short.wav": (lambda path: wav(path, np.zeros(100)), "less than one mel frame"),
    "wide.wav": (lambda path: wav(path, np.zeros((100, 9))), "9 channels"),
    "quick.wav": (lambda path: wav(path, np.zeros(9000), 400_000), "400000 Hz"),
    "broken.wav": (lambda path: soundfile.write(path, np.full(9000, np.nan), 22050, "FLOAT"), "NaN"),
    "text.npy": (lambda path: path.write_text("hello"), "cannot be read as a mel"),
    "text.pt": (lambda path: path.write_text("hello"), "cannot be read as a mel"),
    "code.npy": (lambda path: np.save(path, np.array([print], dtype=object)), "cannot be read as a mel"),
    "code.pt": (lambda path: torch.save(print, path), "cannot be read as a mel"),
    "bands.npy": (lambda path: np.save(path, np.zeros((70, 20), np.float32)), "bands"),
    "whole.npy": (lambda path: np.save(path, np.zeros((80, 20), np.int64)), "floating-point"),
    "nan.npy": (lambda path: np.save(path, np.full((80, 20), np.nan, np.float32)), "NaN"),
    "frames.npy": (lambda path: np.save(path, np.zeros((80, 0), np.float32)), "empty"),
    "long.npy": (lambda path: np.save(path, np.zeros((80, 500), np.float16)), "lasts 5.8 s"),
    "silent.npy": (lambda path: np.save(path, np.zeros((80, 20), np.float32)), "silent"),
    "bomb.npz": (bomb, "holds 2,097,152 bytes"),
    "view.pt": (lambda path: torch.save(torch.zeros(1).expand(80, 1 << 40), path), "at most"),
    "sparse.pt": (lambda path: torch.save(torch.zeros(80, 20).to_sparse(), path), "expected a plain one"),
    "paths.scp": (lambda path: path.write_text("a /etc/passwd\n"), "neither audio"),
    "archive.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "neither audio"),
}


@pytest.mark.filterwarnings("default::UserWarning")  # torch's own, about sparse tensors
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_that_keeps_the_servers_folders_to_itself(tmp_path, name):
    make, words = BAD[name]
    make(tmp_path / name)
    with pytest.raises(InputError) as refused:
        open_upload(tmp_path / name, Reading(), OWN, LIMITS)
    assert words in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_lying_header_does_not_allocate(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((80, 10), np.float32))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(80, 10), }", b"(80, 9999999999999), }"))
    with pytest.raises(InputError, match=r"a\.npy"):
        open_upload(tmp_path / "a.npy", Reading(), OWN, LIMITS)


def test_hostile_names_are_shown_harmlessly(tmp_path):
    assert shown_name(tmp_path / "a\n\x1b[31m\u202eb.wav") == "a??[31m?b.wav"
    assert len(shown_name(tmp_path / ("x" * 250 + ".wav"))) == 60
