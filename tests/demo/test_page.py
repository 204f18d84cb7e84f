"""The page as people see it: in a real browser, with a real clip and the voice that ships."""

import base64
import json
import os
import shutil
import time
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
import soundfile

from tests.conftest import CLIP
from tests.evaluation.browser import browse

SAMPLES = soundfile.info(CLIP).frames // 256 * 256
PATIENCE = 40


class Tab:
    """What a visitor does."""

    def __init__(self, page):
        self.page = page

    def wait(self, script, wanted=bool):
        """The value of an expression, once it is as wanted."""
        limit = time.monotonic() + PATIENCE
        while not wanted(value := self.page.run(script)):
            assert time.monotonic() < limit, f"{script} stayed {value!r}"
            time.sleep(0.05)
        return value

    def drop(self, box, path):
        """Give a file to the box, in place of the one that is there."""
        self.page.run(f"document.querySelector('{box} [aria-label=\"Clear\"]')?.click()")
        self.wait(f"document.querySelector('{box} input[type=file]') !== null")
        root = self.page.call("DOM.getDocument")["root"]["nodeId"]
        node = self.page.call("DOM.querySelector", nodeId=root, selector=f"{box} input[type=file]")["nodeId"]
        self.page.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def offer(self, box, path):
        """Give a file to the box, and wait until it is uploaded."""
        self.drop(box, path)
        self.wait(f"document.querySelector('{box}').innerText.includes({json.dumps(path.suffix)})")

    def click(self, selector):
        self.wait(f"document.querySelector('{selector}') !== null")
        self.page.run(f"document.querySelector('{selector}').click()")

    def turn_to(self, label):
        """Open the tab of that name."""
        tabs = "[...document.querySelectorAll('[role=tab]')]"
        self.page.run(f"{tabs}.find(t => t.innerText.trim() === {json.dumps(label)}).click()")

    def press(self, label):
        """Click the visible button of that text."""
        buttons = "[...document.querySelectorAll('button')].filter(b => b.offsetParent !== null)"
        self.wait(f"{buttons}.some(b => b.innerText.trim() === {json.dumps(label)})")
        self.page.run(f"{buttons}.find(b => b.innerText.trim() === {json.dumps(label)}).click()")

    def fill(self, selector, value):
        """Type a number into a field, as Svelte notices it."""
        self.page.run(
            f"""(() => {{ const field = document.querySelector('{selector}'); field.focus(); field.value = '{value}';
            field.dispatchEvent(new Event('input', {{bubbles: true}}));
            field.dispatchEvent(new Event('change', {{bubbles: true}})); field.blur();
            field.dispatchEvent(new Event('pointerup', {{bubbles: true}})); }})()"""
        )

    def samples(self, player):
        """What a player has to play, as the browser decodes it at 22.05 kHz."""
        self.wait(f"document.querySelector('{player} a[download]')?.href")
        return np.array(
            self.page.run(
                f"""fetch(document.querySelector('{player} a[download]').href).then(r => r.arrayBuffer())
                .then(data => new OfflineAudioContext(1, 1, 22050).decodeAudioData(data))
                .then(sound => Array.from(sound.getChannelData(0)))"""
            )
        )

    def text(self, label):
        """What the visible text field of that label says."""
        return self.page.run(
            f"""[...document.querySelectorAll('label')].find(l => l.offsetParent !== null
            && l.innerText.trim() === {json.dumps(label)})?.querySelector('textarea, input').value"""
        )


@pytest.fixture(scope="module")
def tab(served, tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs a Chromium (Debian: apt-get install chromium)")
    with browse(program, tmp_path_factory.mktemp("profile")) as page:
        page.open(served.address)
        yield Tab(page)


@pytest.fixture(scope="module")
def vocoded(tab):
    """The page after somebody dropped a clip and pressed the button."""
    tab.offer("#file", CLIP)
    tab.fill("#steps input[type=number]", 4)
    tab.click("#vocode")
    tab.wait("document.querySelectorAll('#pictures img').length", lambda number: number == 6)
    return tab


def test_the_sound_is_as_long_as_the_clip_and_like_it(vocoded):
    output, reference = vocoded.samples("#output"), vocoded.samples("#reference")
    assert len(output) == len(reference) == SAMPLES
    clip = soundfile.read(CLIP)[0][:SAMPLES]
    np.testing.assert_allclose(reference, clip, atol=2 / 32768)
    loudness = np.sqrt(np.mean(output**2)) / np.sqrt(np.mean(clip**2))
    assert 0.8 < loudness < 1.2


def test_the_report_has_the_verdict_and_the_time(vocoded):
    report = vocoded.text("Report")
    assert "The mel: match" in report
    assert "RTF" in report
    assert "4 steps" in report


def test_the_sound_plays(vocoded):
    vocoded.click("#output button[aria-label=Play]")
    vocoded.wait("document.querySelector('#output button[aria-label=Pause]') !== null")
    vocoded.wait("document.querySelector('#output button[aria-label=Play]') !== null")


def test_reference_output_and_difference_are_drawn(vocoded):
    pictures = vocoded.page.run(
        "[...document.querySelectorAll('#pictures img')].map(i => [i.alt, i.naturalWidth, i.clientHeight])"
    )
    names = ["reference", "output", "difference (output - reference)"]
    assert [alt for alt, _, _ in pictures] == [name for name in names for _ in range(2)]
    assert all(width > 300 and height > 30 for _, width, height in pictures)


def test_every_step_can_be_heard(vocoded):
    vocoded.fill("#step input[type=number]", 2)
    vocoded.wait("document.querySelector('#step-pictures img')?.alt", lambda alt: alt == "after step 2")
    early = vocoded.samples("#step-sound")
    vocoded.fill("#step input[type=number]", 4)
    vocoded.wait("document.querySelector('#step-pictures img')?.alt", lambda alt: alt == "after step 4")
    assert len(early) == SAMPLES
    np.testing.assert_array_equal(vocoded.samples("#step-sound"), vocoded.samples("#output"))
    assert np.abs(early - vocoded.samples("#output")).max() > 0


def test_a_picture_for_the_readme(vocoded):
    """Written where AUDIODIFF_SCREENSHOT says; it shows what the tests above looked at."""
    target = os.environ.get("AUDIODIFF_SCREENSHOT")
    clip = {"x": 0, "y": 0, "width": 1400, "height": 1800, "scale": 0.8}
    shot = vocoded.page.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
    content = base64.b64decode(shot)
    assert len(content) > 20_000
    if target:
        Path(target).write_bytes(content)


BAD = {
    "hello.wav": (b"hello", "neither audio"),
    "empty.wav": (b"", "empty"),
    "**a** <b>b</b> [c](javascript:alert(1)) &lt;img src=x onerror=alert(1)&gt;.wav": (b"hello", "neither audio"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_a_clear_sentence_in_the_page(tab, tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / name.replace("/", "\N{DIVISION SLASH}")
    path.write_bytes(content)
    tab.offer("#file", path)
    tab.click("#vocode")
    text = "document.querySelector('.toast-message-text')"
    assert words in tab.wait(f"{text}?.innerText")
    assert tab.page.run(f"{text}.children.length") == 0
    tab.click(".toast-close")
    tab.wait(f"{text} === null")


def test_a_run_can_be_cancelled_and_the_next_one_works(tab):
    tab.offer("#file", CLIP)
    tab.wait("document.querySelector('#steps input[type=number]') !== null")
    tab.fill("#steps input[type=number]", 50)
    tab.click("#vocode")
    tab.wait("document.body.innerText.includes('/50 steps')")
    tab.click("#cancel")
    tab.wait("[...document.querySelectorAll('textarea')].some(t => t.value === 'Cancelled.')")
    tab.fill("#steps input[type=number]", 1)
    tab.wait(  # pressing again and again: until the server has confirmed the end, the button is deaf
        """(document.querySelector('#vocode').click(),
        [...document.querySelectorAll('textarea')].some(t => t.value.includes(', 1 steps')))"""
    )


def test_a_blind_vote_is_counted_and_says_what_was_heard(tab):
    tab.turn_to("Compare")
    tab.offer("#compare-file", CLIP)
    tab.click("#blind input")
    tab.click("#compare")
    tab.wait("document.querySelectorAll('#first a[download], #second a[download]').length", lambda number: number == 2)
    assert len(tab.samples("#first")) == len(tab.samples("#second")) == SAMPLES
    assert tab.page.run("document.querySelectorAll('#compared img').length") == 0
    tab.press("The first is better")
    tally = tab.wait("document.querySelector('#tally input, #tally textarea').value", lambda text: "0 : 0" not in text)
    assert ("A 1 : 0 B" in tally) or ("A 0 : 1 B" in tally)
    tab.wait("document.querySelectorAll('#compared img').length", lambda number: number == 4)
    assert tab.text("Report").startswith("The first was ")


def test_a_digit_is_generated(tab):
    tab.turn_to("Generate")
    tab.click("#generate")
    tab.wait("document.querySelectorAll('#generated-pictures img').length", lambda number: number == 2)
    assert np.abs(tab.samples("#generated")).max() > 0.01


def test_speaking_without_weights_says_what_is_missing(tab):
    tab.turn_to("Speak")
    assert "speaking needs" in tab.wait("document.querySelector('#silence textarea')?.value")


def test_the_browser_has_no_complaint_and_asks_nobody_else(tab, served):
    """Of everything that was done above."""
    errors = [complaint for complaint in tab.page.complaints if '"type": "warning"' not in complaint]
    assert errors == []
    hosts = {urlparse(url).netloc for url in tab.page.requests if url.partition(":")[0] not in ("data", "blob")}
    assert hosts == {urlparse(served.address).netloc}


def test_a_huge_file_is_not_even_sent(tab, tmp_path):
    """After the test for complaints: Gradio's own script asks for the progress of an upload that it does not make."""
    (tmp_path / "huge.wav").write_bytes(bytes(33 << 20))
    tab.page.requests.clear()
    tab.drop("#file", tmp_path / "huge.wav")
    assert "maximum allowed size" in tab.wait("document.querySelector('.toast-message-text')?.innerText")
    assert not [url for url in tab.page.requests if "/upload?" in url]
    tab.click(".toast-close")
    tab.wait("document.querySelector('.toast-message-text') === null")
