"""Requests that are too long, too many, or go wrong: refused before they are read, and in no log."""

import asyncio
import http.client
import json
import os
import sys
import time
from contextlib import closing
from urllib.parse import urlparse

import numpy as np
import pytest

from audiodiff.demo.limits import Limits
from tests.conftest import CLIP

pytest.importorskip("gradio", reason="needs gradio (pip install 'audiodiff[demo]')")

from audiodiff.demo.page.bounds import ENVELOPE, IN_USE, BoundedRequests, ShortLines, make_room

LIMITS = Limits(upload=1000, uploads=100_000, form=500)


def asked(folder, app, path="/gradio_api/queue/join", length: int | None = 10, method="POST"):
    """The status of the answer to a request, and what follows it."""
    sent = []

    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(BoundedRequests(app, folder=folder, limits=LIMITS)(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"] or b"null")


async def fine(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/gradio_api/queue/join", 500, 200),
        ("/gradio_api/queue/join", 501, 413),
        ("/gradio_api/queue/join", None, 411),
        ("/gradio_api/upload", 1000 + ENVELOPE, 200),
        ("/gradio_api/upload", 1001 + ENVELOPE, 413),
        ("/gradio_api/upload", None, 411),
    ],
)
def test_long_bodies_are_refused_unread(tmp_path, path, length, status):
    assert asked(tmp_path, fine, path, length)[0] == status


def test_what_brings_no_body_passes(tmp_path):
    assert asked(tmp_path, fine, method="GET", length=None)[0] == 200


def test_the_oldest_files_make_room_and_files_in_use_do_not(tmp_path):
    for name, age in (("old", 3 * IN_USE), ("older", 4 * IN_USE), ("new", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(bytes(40_000))
        os.utime(tmp_path / name / "a.wav", (time.time() - age,) * 2)
    assert make_room(tmp_path, 10_000, 100_000)
    assert sorted(path.parent.name for path in tmp_path.rglob("*.wav")) == ["new", "old"]
    assert not make_room(tmp_path, 70_000, 100_000)
    assert [path.parent.name for path in tmp_path.rglob("*.wav")] == ["new"]
    (tmp_path / "new" / "b.wav").write_bytes(bytes(60_000))
    status, answer = asked(tmp_path, fine, "/gradio_api/upload", 900)
    assert status == 507
    assert "room" in answer["detail"]


def test_an_error_is_an_answer_and_its_message_is_in_no_log(tmp_path, capsys):
    async def broken(scope, receive, send):
        raise ValueError("secret body")

    status, answer = asked(tmp_path, broken)
    assert (status, answer) == (500, {"detail": "this went wrong on the server"})
    assert "ValueError" in (said := capsys.readouterr().err)
    assert "secret" not in said


def test_long_lines_are_left_out_of_a_log(capsys):
    log = ShortLines(sys.stderr)
    print("short\n" + "x" * 400 + "\nshort, too", file=log, flush=True)
    assert capsys.readouterr().err == "short\n(401 characters left out)\nshort, too\n"


def posted(served, path, length, body):
    """The status of the answer to a body of which no more is sent than is taken."""
    with closing(http.client.HTTPConnection(urlparse(served.address).netloc, timeout=60)) as connection:
        connection.putrequest("POST", path)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(body)
        return connection.getresponse().status


def test_a_served_page_takes_no_long_form_and_logs_none(served):
    before, logged = served.resident, len(served.log.read_bytes())
    start = json.dumps({"data": ["x" * 50_000]}).encode()
    for _ in range(5):
        assert posted(served, "/gradio_api/call/vocode", 100 << 20, start) == 413
    assert served.resident - before < 32 << 20
    short = json.dumps({"data": [None, "secret" * 8000, "ddim", 1, 0, "", False, False]}).encode()
    posted(served, "/gradio_api/call/vocode", len(short), short)
    posted(served, "/gradio_api/queue/join", len(short), short)
    time.sleep(1)
    said = served.log.read_bytes()[logged:]
    assert b"secretsecret" not in said
    assert len(said) < 20_000


def test_damaged_mels_get_a_sentence(served, tmp_path):
    client = pytest.importorskip("gradio_client")
    page = client.Client(served.address, verbose=False, download_files=str(tmp_path))
    np.savez_compressed(tmp_path / "good.npz", mel=np.full((80, 60), -5, np.float32))
    np.save(tmp_path / "good.npy", np.full((80, 60), -5, np.float32))
    for suffix in ("npz", "npy"):
        content = bytearray((tmp_path / f"good.{suffix}").read_bytes())
        content[60:70] = b"\xff" * 10
        (tmp_path / f"bad.{suffix}").write_bytes(content)
        with pytest.raises(client.exceptions.AppError, match=rf"bad\.{suffix}"):
            page.predict(client.handle_file(tmp_path / f"bad.{suffix}"), api_name="/vocode")
    path, _ = page.predict(client.handle_file(CLIP), steps=1, api_name="/vocode")
    assert path
