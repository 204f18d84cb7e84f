"""The page as other programs see it: over HTTP, by gradio_client or by hand."""

import json
import secrets
import urllib.error
import urllib.request
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiodiff.mel import MelSpectrogram, convention, write_mel
from tests.conftest import CLIP, ROOT

client = pytest.importorskip("gradio_client", reason="needs gradio (pip install 'audiodiff[demo]')")

SAMPLES = soundfile.info(CLIP).frames // 256 * 256
FILE = {"_type": "gradio.FileData"}
FORM = ["ljspeech-fast", "the model's own", 0, 0, "the model's own", False, False]


@pytest.fixture
def connect(served, tmp_path):
    """Makes clients, who put what they get into the test's folder."""
    return lambda: client.Client(served.address, verbose=False, download_files=str(tmp_path))


def test_the_client_of_the_docs_gets_the_sound(served, monkeypatch):
    """The five lines of docs/demo.md, to the letter but for the address."""
    from gradio_client import Client, handle_file

    monkeypatch.chdir(ROOT)
    page = Client(served.address)
    path, report = page.predict(handle_file("tests/clips/LJ001-0002.flac"), steps=2, api_name="/vocode")
    print(path, report)
    assert soundfile.info(path).frames == SAMPLES
    assert soundfile.info(path).samplerate == 22050
    assert "RTF" in report
    assert "2 steps" in report
    assert "match" in report
    Path(path).unlink()


def test_a_mel_gets_a_verdict_and_one_of_another_convention_a_refusal(connect, clip, tmp_path):
    wave = clip.unsqueeze(0)
    write_mel(tmp_path / "own.npz", MelSpectrogram(convention("hifigan_22k"))(wave)[0], convention("hifigan_22k"))
    write_mel(tmp_path / "other.npy", MelSpectrogram(convention("diffwave_22k"))(wave)[0])
    page = connect()
    path, report = page.predict(client.handle_file(tmp_path / "own.npz"), steps=1, api_name="/vocode")
    assert soundfile.info(path).frames >= SAMPLES
    assert "The mel: match: declared as hifigan_22k" in report
    with pytest.raises(client.exceptions.AppError, match="it does not look like hifigan_22k"):
        page.predict(client.handle_file(tmp_path / "other.npy"), api_name="/vocode")


def test_two_ways_of_sampling_are_compared(connect):
    first, second, report = connect().predict(
        client.handle_file(CLIP), sampler_a="ddim", steps_a=1, steps_b=2, api_name="/compare"
    )
    assert soundfile.info(first).frames == soundfile.info(second).frames == SAMPLES
    assert Path(first).read_bytes() != Path(second).read_bytes()
    assert report.startswith("The first was A (ddim, 1 steps)")


def test_ten_clients_at_once_are_served_in_bounded_memory(served, connect):
    """Each gets what it would get alone, and the server has not grown by as much as ten runs at once take."""

    def vocode(seed):
        path, _ = connect().predict(client.handle_file(CLIP), seed=seed % 2, steps=2, api_name="/vocode")
        return soundfile.read(path)[0]

    alone = [vocode(seed) for seed in (0, 1)]
    before = served.resident
    with ThreadPoolExecutor(10) as pool:
        together = list(pool.map(vocode, range(10)))
    for wave, expected in zip(together, alone * 5, strict=True):
        np.testing.assert_allclose(wave, expected, rtol=0, atol=2e-3)  # rounding, as Griffin-Lim magnifies it
    growth = served.resident - before
    print(f"resident {before / 2**20:.0f} MiB, grown by {growth / 2**20:.0f} MiB")
    assert growth < 200 << 20


def test_two_visitors_who_cancel_stop_their_own_runs_only(connect):
    visitors = [connect() for _ in range(3)]
    running, waiting, last = (
        visitor.submit(client.handle_file(CLIP), steps=steps, api_name="/vocode")
        for visitor, steps in zip(visitors, (50, 50, 2), strict=True)
    )
    for job in (running, waiting):
        job.cancel()
    path, report = last.result(timeout=60)
    assert soundfile.info(path).frames == SAMPLES
    assert "2 steps" in report
    for job in (running, waiting):
        try:
            outcome = job.result(timeout=60)
        except (CancelledError, client.exceptions.AppError):
            continue
        assert outcome[0] is None, "a run that was cancelled came to its end"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "/etc"}, "not in the list"),
        ({"sampler": "magic"}, "not in the list"),
        ({"steps": 51}, "greater than"),
        ({"steps": -1}, "less than"),
        ({"seed": -1}, "less than"),
        ({"convention": "../.."}, "not in the list"),
    ],
)
def test_choices_that_the_page_does_not_offer_are_refused(connect, options, words):
    with pytest.raises(client.exceptions.AppError, match=words):
        connect().predict(client.handle_file(CLIP), api_name="/vocode", **options)


def get(served, path):
    """The status and the text of an answer."""
    try:
        with urllib.request.urlopen(served.address + path, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=%2Fetc%2Fpasswd",
        "gradio_api/file=..%2F..%2F..%2Fetc%2Fpasswd",
        f"gradio_api/file={ROOT}/README.md",
        "gradio_api/file=README.md",
        "gradio_api/file=file:///etc/passwd",
        "gradio_api/file=http://127.0.0.1:1/",
        "file=/etc/passwd",
        "static/..%2F..%2F..%2F..%2F..%2F..%2F..%2Fetc%2Fpasswd",
        "assets/..%2F..%2F..%2F..%2F..%2F..%2F..%2Fetc%2Fpasswd",
        "gradio_api/proxy=http://127.0.0.1:1/",
        "gradio_api/runs",
        "monitoring",
    ],
)
def test_no_file_of_the_server_is_served(served, path):
    status, text = get(served, path)
    assert 400 <= status < 500
    assert "root:" not in text
    assert "Diffusion vocoders" not in text


@pytest.mark.parametrize(
    "path", ["/etc/passwd", str(CLIP), "../../../etc/passwd", "file:///etc/passwd", "https://example.org/a.wav"]
)
def test_no_file_but_an_upload_is_vocoded(served, path):
    """A client that claims to have uploaded what lies on the server, or elsewhere."""
    session = secrets.token_hex(8)
    body = {"data": [{"path": path, "meta": FILE}, *FORM], "fn_index": 0, "session_hash": session}
    request = urllib.request.Request(
        f"{served.address}gradio_api/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=60).close()
    with urllib.request.urlopen(f"{served.address}gradio_api/queue/data?session_hash={session}", timeout=60) as events:
        messages = [json.loads(line.removeprefix(b"data:")) for line in events if line.startswith(b"data:")]
    (end,) = [message for message in messages if message["msg"] == "process_completed"]
    assert not end["success"]
    assert set(end["output"]) & {"error"}
    assert "root:" not in json.dumps(messages)
