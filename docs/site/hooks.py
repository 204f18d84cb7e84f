"""Brings the recipes' and studies' own pages into the site, and follows links through the repository.

A page links as it does in the repository, where its neighbours are files. On the site a link to a page or a picture
leads to its copy there; what is not part of the site, such as source code, is named without a link.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
GUESTS = ("recipes/*/README.md", "studies/*.md", "recipes/**/*.png", "studies/*.png")
"""What lies outside docs/ and belongs to the site, under its own path."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the guests."""
    for pattern in GUESTS:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links through the repository into links through the site."""

    def follow(link: re.Match[str]) -> str:
        mark, text, target, anchor = link[1], link[2], link[3], link[4] or ""
        if not target or ":" in target:
            return link[0]
        path = os.path.relpath(os.path.join(os.path.dirname(str(page.file.abs_src_path)), target), ROOT)
        if (ROOT / path / "README.md").is_file():
            path = f"{path}/README.md"
        uri = Path(path).as_posix().removeprefix("docs/")
        if files.get_file_from_path(uri) is not None:
            return f"{mark}[{text}]({posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"
        return text if (ROOT / path).exists() else link[0]

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(follow, part) for part in parts)
