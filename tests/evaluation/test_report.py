"""The report holds everything itself, and works in a real browser."""

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.pairs import Exclusion, Pair
from audiodiff.evaluation.record import make_record
from audiodiff.evaluation.report import write_report
from audiodiff.evaluation.scoring import Scores
from audiodiff.evaluation.systems import Rules, System
from tests.conftest import ROOT
from tests.evaluation.browser import browse
from tests.evaluation.conftest import CLIPS, SAMPLE_RATE
from tests.evaluation.controls import with_noise

STRANGE = "</script><script>throw 1</script>"
MACHINE = {"processor": "a processor", "cores": 2, "threads": 1}


@pytest.fixture(scope="module")
def report(tmp_path_factory, speech):
    """The report of three systems on the clips; one file has a name that would like to be markup."""
    folder = tmp_path_factory.mktemp("report")
    systems = [
        make_system(folder, speech, name, noise, rtf)
        for name, noise, rtf in [("one", 30, 0.02), ("two", 40, 0.04), ("three", 20, 0.5)]
    ]
    write_report(folder / "report.html", make_record(systems, MACHINE, {"seed": 0}), systems, Rules(), examples=1)
    return folder / "report.html"


def make_system(folder, speech, name, noise, rtf):
    """Noisy clips with made-up scores, which differ between utterances and lack a number here and there."""
    files, scores = {}, []
    for i, (clip, strange) in enumerate(zip(CLIPS, ("", STRANGE), strict=True)):
        path = folder / f"{name}-{clip}.wav"
        soundfile.write(path, with_noise(speech[clip], noise), SAMPLE_RATE)
        files[clip + strange] = Pair(clip + strange, path, ROOT / "tests" / "clips" / f"{clip}.flac")
        values = dict.fromkeys(METRICS, noise / 10 + i) | {"rtf": rtf}
        missing = {} if i else {"si_sdr": values.pop("si_sdr") and "the phases were not kept"}
        scores.append(Scores(clip + strange, 1.9, 0.0, "waveform", 1.0, values, missing))
    facts = {"latency": rtf, "n_steps": 4.0}
    excluded = [Exclusion("mute", "it is <i>silent</i>")]
    return System(name=name, scores=scores, excluded=excluded, files=files, facts=facts)


def test_the_page_needs_nothing_else(report):
    text = report.read_text(encoding="utf-8")
    links = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert links == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:)", text)
    assert "/* data */" not in text


def test_the_data_in_the_page_is_the_record(report):
    text = report.read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL).group(1))
    assert [system["name"] for system in data["record"]["systems"]] == ["one", "two", "three"]
    assert [example["id"] for example in data["examples"]] == [CLIPS[1] + STRANGE]
    assert data["examples"][0]["systems"][0]["audio"].startswith("data:audio/flac;base64,")


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    """The report in Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs a Chromium (Debian: apt-get install chromium)")
    with browse(program, tmp_path_factory.mktemp("profile")) as tab:
        tab.open(report.as_uri())
        yield tab


def test_the_browser_has_no_complaint_and_asks_for_nothing(page):
    page.run("new Promise(done => setTimeout(done, 200))")
    assert page.complaints == []
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "data"}


def test_every_picture_is_visible(page):
    pictures = page.run(
        """[...document.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().height, i.alt])"""
    )
    assert len(pictures) == 2 + 3 * 4
    for complete, width, height, alt in pictures:
        assert complete, alt
        assert width > 300
        assert height > 50


def test_every_recording_plays(page):
    times = page.run(
        """Promise.all([...document.querySelectorAll("audio")].map(async (audio) => {
            await audio.play();
            while (audio.currentTime === 0) await new Promise(done => setTimeout(done, 20));
            audio.pause();
            return [audio.duration, audio.currentTime];
        }))"""
    )
    assert len(times) == 4
    for duration, current in times:
        assert 1.5 < duration < 2
        assert current > 0


def test_utterances_sort_by_a_click(page):
    button = """document.querySelector('#utterance-table [data-column="pesq"]')"""
    column = f"""[...document.querySelectorAll("#utterance-table tbody tr")].map(
        row => row.cells[{button}.closest("th").cellIndex].textContent)"""
    click = f"{button}.click()"
    page.run(click)
    assert page.run(column) == ["3.000", "4.000"]
    page.run(click)
    assert page.run(column) == ["4.000", "3.000"]
    assert page.run("document.querySelector('#utterance-table td[title*=phases]').textContent") == "\N{EN DASH}"


def test_names_are_text_and_never_markup(page):
    assert page.run("document.querySelectorAll('i, b').length") == 0
    assert STRANGE in page.run("document.querySelector('#utterance-table').textContent")
    assert "<i>silent</i>" in page.run("document.querySelector('#excluded-table').textContent")


def test_the_plot_shows_every_system_and_the_frontier(page):
    assert page.run("document.querySelectorAll('#pareto-plot circle').length") == 3
    frontier = page.run("document.querySelector('#pareto-plot .frontier').getAttribute('points')")
    assert len(frontier.split()) == 2  # "three" is slower and worse
    texts = page.run("[...document.querySelectorAll('#pareto-plot text')].map(t => t.textContent)")
    assert {"one", "two", "three", "real-time factor"} <= set(texts)
    assert not any("NaN" in text for text in texts)


def test_the_best_of_each_column_is_bold_and_all_metrics_can_be_shown(page):
    headings = "[...document.querySelectorAll('#summary-table th')].map(cell => cell.textContent)"
    few = page.run(headings)
    page.run("document.getElementById('all-metrics').click()")
    assert set(few) < set(page.run(headings))
    bold = page.run("""[...document.querySelectorAll("#summary-table tbody tr")].map(row => row.cells[6].className)""")
    assert bold.count("best") == 1
    assert np.all([name in few for name in ("pesq", "log_mel", "latency")])
