"""A large file in parts that may travel one by one.

    python benchmarks/parts.py split FILE FOLDER [--mib 14]
    python benchmarks/parts.py join FOLDER FILE

Parts are called FILE.000, FILE.001 and so on; the last one is followed by FILE.sha256, without which nothing is joined.
"""

import hashlib
from pathlib import Path

import typer

MIB = 2**20
app = typer.Typer(add_completion=False)


def split(file: Path, folder: Path, mib: float = 14.0) -> list[Path]:
    """Write the parts of a file, each of at most `mib` MiB, in place of those of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{file.name}.[0-9][0-9][0-9]"):
        old.unlink()
    digest, parts = hashlib.sha256(), []
    with file.open("rb") as whole:
        while piece := whole.read(int(mib * MIB)):
            digest.update(piece)
            parts.append(folder / f"{file.name}.{len(parts):03d}")
            parts[-1].write_bytes(piece)
    (folder / f"{file.name}.sha256").write_text(digest.hexdigest() + "\n", encoding="ascii")
    return parts


def join(folder: Path, file: Path) -> None:
    """Put the file together again; raises `ValueError` where a part is missing or damaged."""
    digest = hashlib.sha256()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as whole:
        for part in sorted(folder.glob(f"{file.name}.[0-9][0-9][0-9]")):
            piece = part.read_bytes()
            digest.update(piece)
            whole.write(piece)
    if digest.hexdigest() != (folder / f"{file.name}.sha256").read_text(encoding="ascii").strip():
        file.unlink()
        raise ValueError(f"the parts of {file.name} in {folder} are not whole: one is missing or damaged")


app.command()(split)
app.command()(join)

if __name__ == "__main__":
    app()
