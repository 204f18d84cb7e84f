"""Mel files that are damaged, lie about themselves, or hold something else."""

import json
import zipfile
from pathlib import Path
from random import Random

import h5py
import numpy as np
import torch

from audiodiff.mel import convention, write_mel
from tests.fuzz.cases import CONVENTION, VOICE, Case, mutated
from tests.tiny_voices import mel_of

SUFFIXES = ("npy", "npz", "pt", "safetensors", "h5", "ark")
SPEC = convention(CONVENTION)
MEL = mel_of(12)


def damaged(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Any format with a few bytes changed."""
    path = folder / f"odd.{chance.choice(SUFFIXES)}"
    write_mel(path, MEL, SPEC)
    content, about = mutated(path.read_bytes(), chance)
    path.write_bytes(content)
    return path, f"{path.suffix} {about}", False


def cut(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """A file that ends before its time."""
    path = folder / f"odd.{chance.choice(SUFFIXES)}"
    write_mel(path, MEL, SPEC)
    content = path.read_bytes()
    length = chance.randrange(len(content) * 3 // 4)
    path.write_bytes(content[:length])
    return path, f"{path.suffix} cut to {length} of {len(content)} bytes", True


def values(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Numbers that no sound has."""
    path, number = folder / "odd.npy", chance.choice([100.0, 1000.0, 1e10, 3e38, float("nan"), float("inf")])
    mel = MEL.numpy().copy()
    mel[chance.randrange(80), chance.randrange(12)] = number
    np.save(path, mel)
    return path, f"npy with a value of {number}", True


def dtype(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Numbers of another type."""
    path = folder / "odd.npy"
    kind = chance.choice(
        ["complex64", "int16", "int64", "bool", "uint8", "U5", "O", "S3", "float16", "float64", "M8[s]"]
    )
    array = np.zeros((80, 12)).astype(kind) if kind != "O" else np.array([{}], dtype=object)
    np.save(path, array, allow_pickle=True)
    return path, f"npy of {kind}", not kind.startswith("float")


def shape(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Arrays of another shape."""
    path, suffix = folder / "odd", chance.choice(["npy", "pt"])
    sizes = [(), (0,), (80,), (80, 0), (0, 80), (12, 80), (81, 12), (2, 80, 12), (1, 1, 80, 12), (80, 80, 80)]
    size = chance.choice(sizes)
    array = np.full(size, -5, dtype=np.float32)
    path = path.with_suffix(f".{suffix}")
    np.save(path, array) if suffix == "npy" else torch.save(torch.from_numpy(array), path)
    return path, f"{suffix} of shape {size}", True


def torch_kind(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Tensors that are not plain ones, and other things that torch saves."""
    made = {
        "sparse": lambda: MEL.to_sparse(),
        "csr": lambda: MEL.to_sparse_csr(),
        "meta": lambda: MEL.to("meta"),
        "nested": lambda: torch.nested.nested_tensor([MEL, MEL[:, :5]]),
        "fp8": lambda: MEL.to(torch.float8_e4m3fn),
        "expanded": lambda: torch.zeros(1).expand(80, 10**9),
        "complex": lambda: MEL.to(torch.complex64),
        "dict": lambda: {"mel": MEL},
        "list": lambda: [MEL],
        "text": lambda: "mel",
        "path": lambda: Path("mel"),
    }
    kind = chance.choice(sorted(made))
    path = folder / f"odd.{chance.choice(['pt', 'pth', 'mel'])}"
    torch.save(made[kind](), path)
    return path, f"{path.suffix} with {kind}", True


def bomb(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """A few bytes that ask for terabytes."""
    kind, frames = chance.choice(["npy", "npz", "deflated", "h5", "ark"]), 10 ** chance.randrange(9, 12)
    header = str({"descr": "<f4", "fortran_order": False, "shape": (80, frames)}).encode()
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    path = folder / f"odd.{'npz' if kind == 'deflated' else kind}"
    if kind == "npy":
        path.write_bytes(npy)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("feats", (frames, 80), "f4", chunks=(1024, 80), compression="gzip")
    elif kind == "ark":
        size = min(frames, 2**31 - 1).to_bytes(4, "little")
        path.write_bytes(b"odd \0BFM \x04" + size + b"\x04" + (80).to_bytes(4, "little") + bytes(64))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if kind == "deflated" else zipfile.ZIP_STORED) as archive:
            archive.writestr("mel.npy", npy)
    return path, f"{kind} of {frames} frames", True


def container(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Archives without a mel, or with several, and specs that are none."""
    kinds = ["h5 vector", "h5 empty", "h5 group", "npz two", "npz spec", "scp pipe", "scp gone", "ark empty"]
    kind = chance.choice(kinds)
    path = folder / f"odd.{kind.split()[0]}"
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            if kind == "h5 vector":
                file["feats_"] = np.zeros(5)
            elif kind == "h5 group":
                file.create_group("feats")
    elif kind == "npz two":
        np.savez(path, a=MEL.numpy(), b=MEL.numpy())
    elif kind == "npz spec":
        spec = chance.choice(["[]", "{", '{"n_mels": 3}', "null", json.dumps(SPEC.to_dict() | {"n_mels": "x"})])
        np.savez(path, mel=MEL.numpy(), mel_spec=np.array(spec))
    else:
        texts = {"scp pipe": "a cat x |\n", "scp gone": "a /nowhere/x.ark:12\n", "ark empty": "\n"}
        path.write_bytes(texts[kind].encode())
    return path, kind, True


def no_mel(chance: Random, folder: Path) -> tuple[Path, str, bool]:
    """Bytes that are no mel under a mel's name."""
    path = folder / f"odd.{chance.choice([*SUFFIXES, 'scp', 'hdf5'])}"
    beginnings = [b"", b"\0", b"PK\x03\x04", b"hello\n" * 9, b"\x89HDF\r\n\x1a\n", b"\x80\x02.", b"\x93NUMPY"]
    content = chance.choice(beginnings) + chance.randbytes(chance.choice([0, 999]))
    path.write_bytes(content)
    return path, f"{path.suffix} with {content[:9]!r}", True


KINDS = (damaged, damaged, cut, values, dtype, shape, torch_kind, bomb, container, no_mel)


def mel_case(chance: Random, folder: Path) -> Case:
    """An odd mel, with a good one beside it, given to a command that takes mels."""
    path, about, hopeless = chance.choice(KINDS)(chance, folder)
    good, out = folder / "good.safetensors", folder / "out"
    write_mel(good, MEL, SPEC)
    inputs, as_ = [str(path), str(good)], ["--as", CONVENTION]
    command = chance.choice(["vocode", "convert", "check", "show"])
    if command == "vocode":
        arguments = ["vocode", *inputs, "-o", str(out), "--model", VOICE, "--steps", "1", *as_]
        return Case(about=about, arguments=arguments, hopeless=hopeless, promised=(out / "good.wav",), results=out)
    if command == "convert":
        arguments = ["mel", "convert", *inputs, "--to", "coqui_22k", "-o", str(out), "--approximate", *as_]
        promised = (out / "good.safetensors",)
        return Case(about=about, arguments=arguments, hopeless=hopeless, promised=promised, results=out)
    arguments = ["mel", command, *inputs, *as_] + (["--for", VOICE] if command == "check" else [])
    return Case(about=about, arguments=arguments, hopeless=hopeless, results=out)
