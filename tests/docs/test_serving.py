"""The server of docs/serving.py, through its own WebSocket."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_voices import HIFIGAN, mel_of

testclient = pytest.importorskip("fastapi.testclient", reason="needs fastapi, of the extra `demo`")
disconnected = pytest.importorskip("starlette.websockets").WebSocketDisconnect

FILE = Path(__file__).resolve().parents[2] / "docs" / "serving.py"
MEL = mel_of(40)


@pytest.fixture(scope="module")
def server():
    threads = torch.get_num_threads()
    spec = importlib.util.spec_from_file_location("serving", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)


def message(mel):
    return mel.T.contiguous().numpy().astype("<f4").tobytes()


def said(socket, mel):
    """The samples of a mel in two pieces."""
    parts = []
    for piece in (mel[:, :15], mel[:, 15:]):
        socket.send_bytes(message(piece))
        parts.append(socket.receive_bytes())
    socket.send_bytes(b"")
    parts.append(socket.receive_bytes())
    return np.frombuffer(b"".join(parts), "<i2")


def test_the_example_is_short():
    assert len(FILE.read_text().splitlines()) <= 60


def test_a_client_hears_what_the_vocoder_says(server):
    client = testclient.TestClient(server.app)
    facts = client.get("/").json()
    assert facts["n_mels"] == 80
    expected = server.vocoder(MEL, spec=HIFIGAN, seed=3, n_steps=1).clip(-1, 1) * 32767
    with client.websocket_connect("/speak?seed=3") as socket:
        heard = said(socket, MEL)
    assert len(heard) == 40 * 256
    assert np.abs(heard - expected.numpy()).max() < 2


def test_several_clients_at_once_do_not_mix(server):
    client = testclient.TestClient(server.app)
    with client.websocket_connect("/speak?seed=1") as one, client.websocket_connect("/speak?seed=1") as other:
        assert np.array_equal(said(one, MEL), said(other, MEL))
    assert server.open_streams == 0


def test_one_too_many_and_nonsense_are_refused(server, monkeypatch):
    client = testclient.TestClient(server.app)
    with client.websocket_connect("/speak") as socket:
        socket.send_bytes(b"123")
        with pytest.raises(disconnected) as refused:
            socket.receive_bytes()
    assert refused.value.code == 1007
    monkeypatch.setattr(server, "STREAMS", 0)
    with client.websocket_connect("/speak") as socket, pytest.raises(disconnected) as refused:
        socket.receive_bytes()
    assert refused.value.code == 1013
