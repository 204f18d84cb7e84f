"""One folder with everything that a day with a GPU needs, for a machine without a network.

    python benchmarks/gpu_pack.py FOLDER --data data/ljspeech [--mib 60] [--bundles ljspeech-fast] [--python 3.12]
        [--checkpoint runs/NAME/checkpoints/last.ckpt] [--no-wheels]

It gets the code, the tests of the GPU's engine, the wheels of the few packages that images with CUDA lack, and
recordings as FLAC with manifests of relative paths: all of valid.jsonl, then of train.jsonl by name what fits into
`--mib` MiB. With `--checkpoint` a run goes on there. Then, on the other machine, in that folder:
`python benchmarks/gpu_day.py --out OUT`.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import soundfile
import typer

from audiodiff.data import Utterance, read_manifest, write_manifest

ROOT = Path(__file__).resolve().parents[1]
MIB = 2**20
CODE = ("audiodiff/", "conf/", "benchmarks/", "recipes/ljspeech/", "tests/engine/", "tests/clips/", "pyproject.toml")
LEFT_OUT = ("audiodiff/bundles/", "benchmarks/results/")
WHEELS = (
    "antlr4-python3-runtime==4.9.3",
    "beartype",
    "cffi",
    "diffwave",
    "hydra-core",
    "jaxtyping",
    "omegaconf",
    "pycparser",
    "soundfile",
    "soxr",
    "wadler-lindig",
)
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
ROW = 512
"""Bytes that a manifest may take for a recording."""
CHECKPOINT = "first.ckpt"
"""Name of the checkpoint that a run goes on from, in the packed folder."""


def wanted(file: str, bundles: list[str]) -> bool:
    """Check that a tracked file travels."""
    if file.startswith("tests/") and file.count("/") == 1:
        return file.endswith(".py")
    if any(file.startswith(f"audiodiff/bundles/{bundle}/") for bundle in bundles):
        return True
    return file.startswith(CODE) and not file.startswith(LEFT_OUT) and not file.endswith(".png")


def own_files() -> list[str]:
    """The files that git knows; all but what Python leaves behind, in a copy without git."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        return listed.stdout.splitlines()
    found = [path for name in CODE for path in (ROOT / name, *(ROOT / name).rglob("*"))] + list(ROOT.glob("tests/*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in found if path.is_file() and "__pycache__" not in path.parts)


def with_their_priors(bundles: list[str]) -> list[str]:
    """The bundles, and those whose prior they share."""
    configs = [ROOT / "audiodiff/bundles" / bundle / "config.json" for bundle in bundles]
    shared = [json.loads(config.read_text()).get("prior_of") for config in configs if config.is_file()]
    return [*bundles, *(prior["voice"] for prior in shared if prior)]


def pack_code(folder: Path, bundles: list[str]) -> None:
    """Copy the files of the project that are wanted there."""
    for file in filter(lambda file: wanted(file, with_their_priors(bundles)), own_files()):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, folder / file)


def pack_wheels(folder: Path, python: str) -> None:
    """Fetch wheels for another Python on Linux; what has none is built, if it is pure Python."""
    pip = [sys.executable, "-m", "pip"]
    pins = ["-c", str(ROOT / "constraints.txt")]
    where = [*pins, "--no-deps", "--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    for name in WHEELS:
        fetched = subprocess.run([*pip, "download", "-q", *where, *platforms, "-d", folder, name], check=False)
        if fetched.returncode:
            subprocess.run([*pip, "wheel", "-q", *pins, "--no-deps", "-w", folder, name], check=True)
    compiled = [
        wheel.name for wheel in folder.glob("*linux*.whl") if "abi3" not in wheel.name and "py3" not in wheel.name
    ]
    if odd := [name for name in compiled if f"cp{python.replace('.', '')}" not in name]:
        raise typer.BadParameter(f"these wheels are not for Python {python}: {', '.join(odd)}")


def pack_data(folder: Path, data: Path, room: float) -> dict[str, int]:
    """Copy recordings of both manifests as long as they fit into `room` bytes; the number of each that did."""
    (folder / "clips").mkdir(parents=True)
    counts = {}
    for split in ("valid", "train"):
        rows = []
        for utterance in sorted(read_manifest(data / f"{split}.jsonl"), key=lambda utterance: utterance.id):
            copy = as_flac(utterance, folder / "clips")
            room -= copy.stat().st_size + ROW
            if room < 0:
                copy.unlink()
                break
            rows.append(replace(utterance, path=copy.relative_to(folder), mel=None))
        if not rows:
            raise typer.BadParameter(
                f"not even one recording of {split}.jsonl fits: give more --mib or fewer --bundles"
            )
        write_manifest(folder / f"{split}.jsonl", rows)
        counts[split] = len(rows)
    return counts


def as_flac(utterance: Utterance, folder: Path) -> Path:
    """The recording as FLAC; one that is FLAC already is copied as it is."""
    copy = folder / f"{utterance.id}.flac"
    if utterance.path.suffix == ".flac":
        shutil.copyfile(utterance.path, copy)
    else:
        samples, rate = soundfile.read(utterance.path, dtype="int16")
        soundfile.write(copy, samples, rate)
    return copy


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(
    folder: Path,
    data: Annotated[Path, typer.Option(help="A folder with train.jsonl and valid.jsonl.")],
    mib: Annotated[float, typer.Option(help="What all of it together may take.")] = 60.0,
    bundles: Annotated[str, typer.Option(help="Names, with commas between.")] = "ljspeech-fast",
    python: str = "3.12",
    checkpoint: Path | None = None,
    wheels: bool = True,
) -> None:
    """Pack a new folder."""
    if folder.exists():
        raise typer.BadParameter(f"{folder} is there already")
    folder.mkdir(parents=True)
    pack_code(folder, bundles.split(","))
    if checkpoint is not None:
        shutil.copyfile(checkpoint, folder / CHECKPOINT)
    if wheels:
        pack_wheels(folder / "wheels", python)
    counts = pack_data(folder / "data/ljspeech", data, mib * MIB - size(folder))
    heard = f"{counts['train']} recordings to train on, {counts['valid']} to validate on"
    print(f"{folder}: {size(folder) / MIB:.1f} MiB, {heard}")


if __name__ == "__main__":
    typer.run(main)
