"""A headless Chromium, spoken to over its debugging pipe: no driver, no port, no further package."""

import json
import os
import select
import subprocess
import time
from contextlib import contextmanager

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1400,1000",
    "--remote-debugging-pipe",
]
TIMEOUT = 120


class Page:
    """One tab; everything that it complains about is in `complaints`, everything it asks for in `requests`."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing
        self.buffer, self.last_id, self.session = b"", 0, None
        self.events, self.complaints, self.requests = set(), [], []

    def open(self, url):
        """Load a page and wait for it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.events.clear()
        self.call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self.events:
            self.note(self.receive())

    def run(self, script):
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def call(self, method, **parameters):
        """Send a command and wait for its answer."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.last_id:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.note(answer)

    def receive(self):
        """The next message."""
        limit = time.monotonic() + TIMEOUT
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reading], [], [], max(0, limit - time.monotonic()))
            assert ready, "the browser does not answer"
            self.buffer += os.read(self.reading, 1 << 20)
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def note(self, event):
        """Remember what happened."""
        method, parameters = event.get("method", ""), event.get("params", {})
        self.events.add(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        bad_call = method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert")
        if bad_call or method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(json.dumps(parameters))


@contextmanager
def browse(program, profile):
    """A tab of a browser that lives as long as the context; `profile` is an empty folder."""
    (their_reading, our_writing), (our_reading, their_writing) = os.pipe(), os.pipe()
    script = f'exec "$@" 3<&{their_reading} 4>&{their_writing}'
    command = ["bash", "-c", script, "bash", program, *ARGUMENTS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, pass_fds=(their_reading, their_writing), stderr=subprocess.DEVNULL)
    os.close(their_reading)
    os.close(their_writing)
    try:
        yield Page(our_reading, our_writing)
    finally:
        process.terminate()
        process.wait(timeout=TIMEOUT)
        os.close(our_reading)
        os.close(our_writing)
