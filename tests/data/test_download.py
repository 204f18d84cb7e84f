"""Downloads from a server on this machine: resumed, checked, unpacked once."""

import hashlib
import tarfile
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from audiodiff.data.download import Archive, fetch, unpacked
from audiodiff.errors import InputError


class Server(BaseHTTPRequestHandler):
    """Serves `files`; with `ranges` from where the client asks, and at most `limit` bytes before it hangs up."""

    def __init__(self, state, *args):
        self.state = state
        super().__init__(*args)

    def do_GET(self):
        content = self.state["files"].get(self.path)
        if content is None:
            return self.send_error(404)
        asked = self.headers.get("Range") if self.state["ranges"] else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.state["starts"].append(start)
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.state["limit"]])

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    state = {"files": {}, "starts": [], "limit": None, "ranges": True}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, state))
    state["url"] = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def archive(server, tmp_path):
    """A tar with one file, on the server."""
    (tmp_path / "hello.txt").write_text("hello")
    with tarfile.open(tmp_path / "corpus.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "hello.txt", "corpus/hello.txt")
    content = (tmp_path / "corpus.tar.gz").read_bytes()
    server["files"]["/corpus.tar.gz"] = content
    return Archive(f"{server['url']}/corpus.tar.gz", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(server, archive, tmp_path, ranges):
    server["limit"], server["ranges"] = 50, ranges
    with pytest.raises(InputError, match="go on from byte 50"):
        fetch(archive, tmp_path / "data")
    server["limit"] = None
    path = fetch(archive, tmp_path / "data")
    assert path.read_bytes() == server["files"]["/corpus.tar.gz"]
    assert server["starts"] == [0, 50 if ranges else 0]
    fetch(archive, tmp_path / "data")
    assert len(server["starts"]) == 2


def test_a_download_that_stopped_at_the_very_end_is_not_fetched_again(server, archive, tmp_path):
    part = tmp_path / "data" / "corpus.tar.gz.part"
    part.parent.mkdir()
    part.write_bytes(server["files"]["/corpus.tar.gz"])
    assert fetch(archive, tmp_path / "data").read_bytes() == server["files"]["/corpus.tar.gz"]


def test_wrong_bytes_are_removed(server, archive, tmp_path):
    with pytest.raises(InputError, match="SHA-256"):
        fetch(Archive(archive.url, "0" * 64), tmp_path / "data")
    assert not any((tmp_path / "data").iterdir())


def test_an_archive_is_unpacked_once_and_then_removed(server, archive, tmp_path):
    folder = unpacked(archive, tmp_path / "data")
    assert (folder / "corpus" / "hello.txt").read_text() == "hello"
    assert not (folder / "corpus.tar.gz").exists()
    unpacked(archive, tmp_path / "data")
    assert server["starts"] == [0]


def test_zips_are_unpacked_too(server, tmp_path):
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as file:
        file.writestr("txt/hello.txt", "hello")
    server["files"]["/corpus.zip"] = (tmp_path / "corpus.zip").read_bytes()
    folder = unpacked(Archive(f"{server['url']}/corpus.zip", None), tmp_path / "data")
    assert (folder / "txt" / "hello.txt").read_text() == "hello"


def test_a_server_without_the_file_is_named(server, tmp_path):
    with pytest.raises(InputError, match=r"absent\.tar.*404"):
        fetch(Archive(f"{server['url']}/absent.tar", None), tmp_path)
