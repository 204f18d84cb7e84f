"""Archives of corpora: fetched once, continued where a download stopped, checked, unpacked."""

import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from audiodiff.errors import InputError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Archive:
    """Address of an archive, and the SHA-256 of its bytes (None where the server packs it anew for everybody)."""

    url: str
    sha256: str | None

    @property
    def name(self) -> str:
        """The name of the file, without its folders."""
        return self.url.rsplit("/", 1)[-1]


def unpacked(archive: Archive, folder: Path) -> Path:
    """Download and unpack an archive into `folder` unless that is done already; return `folder`.

    A marker says that all of it is there; the archive itself is removed once it is unpacked.
    """
    marker = folder / f".{archive.name}.unpacked"
    if not marker.exists():
        path = fetch(archive, folder)
        if path.suffix == ".zip":
            shutil.unpack_archive(path, folder)  # which never writes outside of the folder
        else:
            shutil.unpack_archive(path, folder, filter="data")
        marker.touch()
        path.unlink()
    return folder


def fetch(archive: Archive, folder: Path) -> Path:
    """Download an archive into `folder`, going on where an interrupted download stopped.

    Raises `InputError` if the server cannot be reached or the bytes are not those of the checksum; what does not
    match is removed, so that the next try starts anew.
    """
    whole, part = folder / archive.name, folder / f"{archive.name}.part"
    if not whole.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _continue(archive.url, part)
        except (OSError, http.client.HTTPException) as error:
            raise InputError(
                f"{archive.url} stopped ({error}): run the command again to go on from byte {_size(part)}"
            ) from error
        found = sha256(part)
        if archive.sha256 not in (None, found):
            part.unlink()
            raise InputError(
                f"{archive.url} has SHA-256 {found}, expected {archive.sha256}: it was removed; try again, "
                "or get the corpus elsewhere and pass its folder with --corpus"
            )
        part.rename(whole)
    return whole


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _continue(url: str, part: Path) -> None:
    """Append what is missing; start over where the server does not know ranges (it answers 200, not 206)."""
    start = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here; the checksum says whether it is right
        raise
    resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with response, part.open("ab" if resumed else "wb") as file, Progress(*columns, transient=True) as progress:
        expected = start * resumed + int(response.headers.get("Content-Length", 0))
        bar = progress.add_task(part.stem, total=expected or None, completed=start * resumed)
        while block := response.read(CHUNK_BYTES):
            file.write(block)
            progress.advance(bar, len(block))
    if _size(part) < expected:
        raise ConnectionError(f"only {_size(part)} of {expected} bytes came")
