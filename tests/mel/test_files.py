"""What is written is what is read, and a stranger's file is refused in words."""

import pickle
import struct
from dataclasses import replace

import h5py
import kaldiio
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from audiodiff.audio import audio_sample_rate, load_audio, resample, save_audio
from audiodiff.errors import AudioError, MelError, MelMismatchError, OutputError
from audiodiff.mel import MelFile, convention, read_mel, read_mels, write_mel
from audiodiff.mel.formats import CARRIERS, WRITERS

SPEC = convention("hifigan_22k")


@pytest.fixture
def mel():
    return torch.randn(80, 50, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("suffix", [*WRITERS, *map(str.upper, WRITERS)])
def test_mel_survives_its_file(tmp_path, mel, suffix):
    write_mel(tmp_path / f"a{suffix}", mel, SPEC)
    found = read_mel(tmp_path / f"a{suffix}")
    torch.testing.assert_close(found.mel, mel, atol=0, rtol=0)
    assert found.spec == (SPEC if suffix.lower() in CARRIERS else None)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_mel_has_to_fit_its_spec_to_be_written(tmp_path, mel):
    with pytest.raises(MelMismatchError, match="80 bands"):
        write_mel(tmp_path / "a.npz", mel, convention("vocos_24k"))
    with pytest.raises(OutputError, match=r"\.txt"):
        write_mel(tmp_path / "a.txt", mel)
    with pytest.raises(OutputError, match="cannot write"):
        write_mel(tmp_path / "nowhere" / "a.npz", mel)
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, mel, monkeypatch):
    write_mel(tmp_path / "a.npy", mel)

    def interrupted(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", interrupted)
    with pytest.raises(OutputError, match="No space left"):
        write_mel(tmp_path / "a.npy", mel + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
    torch.testing.assert_close(read_mel(tmp_path / "a.npy").mel, mel)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.dtype(">f4")], ids=str)
def test_every_floating_point_type_is_read(tmp_path, mel, dtype):
    np.save(tmp_path / "a.npy", mel.numpy().astype(dtype)[None])
    found = read_mel(tmp_path / "a.npy", SPEC)
    assert found.mel.dtype == torch.float32
    torch.testing.assert_close(found.mel, mel, atol=5e-3, rtol=0)


UNUSABLE = {
    "NaN or infinite": lambda mel: np.where(mel > 2, np.nan, mel),
    "of 4000": lambda mel: np.where(mel > 2, -np.inf, mel),
    "shape": lambda mel: mel[0],
    r"\(2, 80, 50\)": lambda mel: np.stack([mel, mel]),
    "int64": lambda mel: mel.astype(np.int64),
    "bool": lambda mel: mel > 0,
    "complex64": lambda mel: mel.astype(np.complex64),
    "empty": lambda mel: mel[:, :0],
    "<U": lambda mel: mel.astype(str),
}


@pytest.mark.parametrize("words", UNUSABLE)
def test_unusable_values_are_refused(tmp_path, mel, words):
    np.save(tmp_path / "a.npy", UNUSABLE[words](mel.numpy()))
    with pytest.raises(MelError, match=words):
        read_mel(tmp_path / "a.npy", SPEC)


def test_transposed_mel_is_refused_unless_announced(tmp_path, mel):
    np.save(tmp_path / "a.npy", mel.T)
    for spec in (None, SPEC):
        with pytest.raises(MelMismatchError, match="looks transposed"):
            read_mel(tmp_path / "a.npy", spec)
        torch.testing.assert_close(read_mel(tmp_path / "a.npy", spec, transposed=True).mel, mel)
    write_mel(tmp_path / "b.npy", mel)
    with pytest.raises(MelMismatchError, match="leave out"):
        read_mel(tmp_path / "b.npy", SPEC, transposed=True)


def test_spec_of_the_reader_must_agree_with_the_files(tmp_path, mel):
    write_mel(tmp_path / "a.npz", mel, SPEC)
    with pytest.raises(MelMismatchError, match="another convention"):
        read_mel(tmp_path / "a.npz", convention("tacotron2_22k"))
    np.save(tmp_path / "b.npy", mel[:70])
    with pytest.raises(MelMismatchError, match="70 mel bands"):
        read_mel(tmp_path / "b.npy", SPEC)


def test_one_frame_and_a_million(tmp_path):
    spec = replace(SPEC, n_mels=8)
    for frames in (1, 1_000_000):
        np.save(tmp_path / "a.npy", np.zeros((8, frames), dtype=np.float16))
        assert read_mel(tmp_path / "a.npy", spec).mel.shape == (8, frames)


DAMAGED = {
    ".npy": b"\x93NUMPY garbage",
    ".npz": b"PK\x03\x04 garbage",
    ".pt": b"garbage",
    ".safetensors": struct.pack("<Q", 1 << 60) + b"{}",
    ".ark": b"utt garbage",
    ".scp": b"utt",
    ".h5": b"garbage",
    ".wav": b"RIFF",
}


@pytest.mark.parametrize("suffix", DAMAGED)
@pytest.mark.parametrize("content", [None, b"", "damaged"], ids=["missing", "empty", "damaged"])
def test_unreadable_file_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    if content is not None:
        path.write_bytes(DAMAGED[suffix] if content == "damaged" else content)
    with pytest.raises(MelError, match="a" + suffix):
        read_mel(path)


def test_array_and_archive_are_not_mistaken_for_each_other(tmp_path, mel):
    write_mel(tmp_path / "a.npz", mel)
    (tmp_path / "a.npz").rename(tmp_path / "b.npy")
    write_mel(tmp_path / "a.npy", mel)
    (tmp_path / "a.npy").rename(tmp_path / "b.npz")
    for name in ("b.npy", "b.npz"):
        with pytest.raises(MelError, match="archive of arrays"):
            read_mel(tmp_path / name)


class Bomb:
    """An object whose unpickling has an effect."""

    def __reduce__(self):
        return pytest.fail, ("it was run",)


def test_nothing_in_a_file_is_run(tmp_path, mel):
    torch.save({"mel": Bomb()}, tmp_path / "a.pt")
    np.save(tmp_path / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    (tmp_path / "a.ark").write_bytes(b"utt PKL" + pickle.dumps(Bomb()))
    (tmp_path / "a.scp").write_text(f"utt touch {tmp_path / 'run'} |\n")
    for suffix in (".pt", ".npy", ".ark", ".scp"):
        with pytest.raises(MelError):
            read_mel(tmp_path / f"a{suffix}")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("spec", ["{", '{"n_mels": 80}', '{"colour": "red"}', "[]"])
def test_damaged_spec_is_refused(tmp_path, mel, spec):
    save_file({"mel": mel}, tmp_path / "a.safetensors", metadata={"mel_spec": spec})
    with pytest.raises(MelError, match="carries a mel spec"):
        read_mel(tmp_path / "a.safetensors")


def test_kaldi_archives_hold_many_mels(tmp_path, mel, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mels = {"one": mel, "two": mel[:, :30]}
    arrays = {key: value.T.numpy() for key, value in mels.items()}
    kaldiio.save_ark("a.ark", arrays, scp="a.scp")
    kaldiio.save_ark("text.ark", arrays, text=True)
    kaldiio.save_ark("small.ark", arrays, compression_method=2)
    for name, tolerance in {"a.ark": 0, "a.scp": 0, "text.ark": 1e-5, "small.ark": 0.1}.items():
        found = dict(read_mels(name, SPEC))
        assert list(found) == ["one", "two"]
        for key, value in mels.items():
            torch.testing.assert_close(found[key].mel, value, atol=tolerance, rtol=0)
    with pytest.raises(MelError, match="several mels"):
        read_mel("a.scp")


def test_hdf5_in_the_layouts_of_parallel_wavegan_and_espnet(tmp_path, mel):
    with h5py.File(tmp_path / "pwg.h5", "w") as file:
        file["wave"], file["feats"] = np.zeros(50 * 256, dtype=np.float32), mel.T
    with h5py.File(tmp_path / "espnet.h5", "w") as file:
        file["utt1"], file["utt2"] = mel.T, mel.T[:20]
    torch.testing.assert_close(read_mel(tmp_path / "pwg.h5").mel, mel)
    assert {key: found.mel.shape[1] for key, found in read_mels(tmp_path / "espnet.h5")} == {"utt1": 50, "utt2": 20}


def test_parallel_wavegan_dump_of_the_parity_set(shared):
    with np.load(shared / "parity" / "mels" / "parallel_wavegan_lj.npz") as arrays:
        expected = torch.from_numpy(arrays["mel_normalized"])
    found = read_mel(shared / "parity" / "mels" / "parallel_wavegan_norm_dump.h5")
    assert isinstance(found, MelFile)
    torch.testing.assert_close(found.mel, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("encoding", ["PCM_16", "FLOAT"])
def test_16_bit_audio_survives_its_file(tmp_path, encoding):
    wave = torch.randint(-32768, 32768, (1000,), generator=torch.Generator().manual_seed(0)) / 32768
    save_audio(tmp_path / "a.wav", wave, 22050, encoding)
    torch.testing.assert_close(load_audio(tmp_path / "a.wav"), wave, atol=0, rtol=0)
    assert audio_sample_rate(tmp_path / "a.wav") == 22050


def test_loud_audio_is_clipped_not_wrapped(tmp_path):
    save_audio(tmp_path / "a.flac", torch.tensor([1.5, -1.5, 0.0]), 16000)
    torch.testing.assert_close(load_audio(tmp_path / "a.flac"), torch.tensor([32767 / 32768, -1.0, 0.0]))


def test_unusable_audio_is_refused(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").write_bytes(b"")
    for name in ("missing.wav", "text.wav", "empty.wav"):
        with pytest.raises(AudioError, match=name):
            load_audio(tmp_path / name)
        with pytest.raises(AudioError, match=name):
            audio_sample_rate(tmp_path / name)
    for wave in (torch.tensor([torch.nan]), torch.zeros(0), torch.zeros(1, 5)):
        with pytest.raises(AudioError):
            save_audio(tmp_path / "a.wav", wave, 22050)
    with pytest.raises(OutputError, match="nowhere"):
        save_audio(tmp_path / "nowhere" / "a.wav", torch.zeros(5), 22050)
    with pytest.raises(OutputError, match="FLOAT"):
        save_audio(tmp_path / "a.flac", torch.zeros(5), 22050, "FLOAT")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.wav", "text.wav"]


def test_audio_that_is_not_finite_is_refused(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan]), 22050, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        load_audio(tmp_path / "a.wav")


@pytest.mark.parametrize(("start", "end"), [(22050, 24000), (44100, 22050), (8000, 22050), (22050, 22050)])
def test_resampling_keeps_a_tone_and_the_duration(start, end):
    time = torch.arange(start) / start
    tone = torch.stack([torch.sin(2 * torch.pi * 440 * time), torch.cos(2 * torch.pi * 440 * time)])
    found = resample(tone, start, end)
    assert found.shape == (2, end)
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(end) / end)
    torch.testing.assert_close(found[0, 500:-500], expected[500:-500], atol=1e-3, rtol=0)
