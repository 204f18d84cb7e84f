"""An imitation of the few places of the Hugging Face hub's HTTP interface that bundles come and go through."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

Files = dict[str, bytes]


class Hub(ThreadingHTTPServer):
    """Repositories in memory. `repositories` maps `user/repo` to its files, `asked` is every request that came,
    `tokens` are their authorizations."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.repositories: dict[str, Files] = {}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, repo: str) -> str:
        """The name of a repository's only commit, which follows from its files."""
        files = self.repositories[repo]
        return hashlib.sha1(b"".join(name.encode() + files[name] for name in sorted(files))).hexdigest()

    def __enter__(self) -> "Hub":
        self.thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class Answers(BaseHTTPRequestHandler):
    """What the hub says."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.noted()
        if path.startswith("/api/models/"):
            self.describe("/".join(path.split("/")[3:5]), tree="/tree/" in path)
        else:
            self.send_file(path)

    def do_HEAD(self) -> None:
        self.send_file(self.noted())

    def do_POST(self) -> None:
        path, body = self.noted(), self.rfile.read(int(self.headers["Content-Length"]))
        repo = "/".join(path.split("/")[3:5])
        if path == "/api/validate-yaml":
            self.send_json({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            wish = json.loads(body)
            repo = f"{wish.get('organization') or 'somebody'}/{wish['name']}"
            self.server.repositories.setdefault(repo, {})
            self.send_json({"url": f"{self.server.url}/{repo}", "name": repo, "id": repo})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
            self.send_json({"files": modes})
        elif "/commit/" in path:
            self.receive(repo, body)

    def receive(self, repo: str, body: bytes) -> None:
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                value = entry["value"]
                self.server.repositories[repo][value["path"]] = base64.b64decode(value["content"])
        commit = self.server.commit(repo)
        self.send_json({"commitUrl": f"{self.server.url}/{repo}/commit/{commit}", "commitOid": commit})

    def describe(self, repo: str, tree: bool) -> None:
        if repo not in self.server.repositories:
            self.refuse("RepoNotFound")
            return
        files = self.server.repositories[repo]
        if tree:  # which newer versions of huggingface_hub ask for
            oids = {name: hashlib.sha1(content).hexdigest() for name, content in files.items()}
            entries = [{"type": "file", "path": name, "size": len(files[name]), "oid": oids[name]} for name in files]
            self.send_json(entries)
            return
        siblings = [{"rfilename": name} for name in files]
        self.send_json({"id": repo, "sha": self.server.commit(repo), "private": False, "siblings": siblings})

    def send_file(self, path: str) -> None:
        repo, _, place = path[1:].partition("/resolve/")
        content = self.server.repositories.get(repo, {}).get(place.partition("/")[2])
        if content is None:
            self.refuse("EntryNotFound")
            return
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": self.server.commit(repo),
        }
        self.send(content, headers)

    def noted(self) -> str:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.tokens.add(self.headers["Authorization"])
        return urlsplit(self.path).path

    def refuse(self, code: str) -> None:
        self.send(b"{}", {"X-Error-Code": code, "X-Error-Message": "there is no such thing"}, status=404)

    def send_json(self, answer: object) -> None:
        self.send(json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
