"""A page that is really served, by a process of its own."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

PATIENCE = 180


class Server:
    """The process, the address of its page, and the file that it writes what it says to."""

    def __init__(self, process, address, log):
        self.process, self.address, self.log = process, address, log

    @property
    def resident(self):
        """Memory that the process holds, in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(folder, *arguments):
    """Serve until the context ends; what the process says goes to `folder`/log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log, environment = (
        folder / "log",
        os.environ
        | {
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(folder),
        },
    )
    command = [sys.executable, "-m", "audiodiff", "demo", "--port", str(port), *arguments]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        limit = time.monotonic() + PATIENCE
        while "Ctrl-C" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < limit, "the page was not served in time"
            time.sleep(0.1)
        yield Server(process, f"http://127.0.0.1:{port}/", log)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        assert [path.name for path in folder.iterdir()] == ["log"], "strangers' files outlive the page"
