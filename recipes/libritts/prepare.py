"""Download parts of LibriTTS and write their manifests.

    python recipes/libritts/prepare.py                              # train-clean-100, dev-clean, test-clean
    python recipes/libritts/prepare.py --parts train-clean-360 dev-clean test-clean
    python recipes/libritts/prepare.py --corpus FOLDER              # a folder of such parts

The split is the corpus's own: train-* is trained on, dev-* is for validation, test-* for tests.
"""

from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.download import Archive, unpacked
from audiodiff.data.recipe import CorpusRecording, audio_files, run
from audiodiff.data.splits import Split
from audiodiff.errors import InputError

SERVER = "https://www.openslr.org/resources/60"
SHA256 = {
    "dev-clean": "da0864e1bd26debed35da8a869dd5c04dfc27682921936de7cff9c8a254dbe1a",
    "dev-other": "d413eda26f3a152ac7c9cf3658ef85504dfb1b625296e5fa83727f5186cca79c",
    "test-clean": "234ea5b25859102a87024a4b9b86641f5b5aaaf1197335c95090cde04fe9a4f5",
    "test-other": "33a5342094f3bba7ccc2e0500b9e72d558f72eb99328ac8debe1d9080402f10d",
    "train-clean-100": "c5608bf1ef74bb621935382b8399c5cdd51cd3ee47cec51f00f885a64c6c7f6b",
    "train-clean-360": "ce7cff44dcac46009d18379f37ef36551123a1dc4e5c8e4eb73ae57260de4886",
    "train-other-500": "e35f7e34deeb2e2bdfe4403d88c8fdd5fbf64865cae41f027a185a6965f0a5df",
}
SPLITS: dict[str, Split] = {"train": "train", "dev": "valid", "test": "test"}


def download(target: Path, parts: list[str]) -> Path:
    """Download and unpack the parts below `target` unless they are there; return the corpus's folder."""
    for part in parts:
        unpacked(Archive(f"{SERVER}/{part}.tar.gz", SHA256[part]), target)
    return target / "LibriTTS"


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """Every recording of the parts that are there, with its normalized text."""
    parts = sorted(part for part in SHA256 if (corpus / part).is_dir())
    if not parts:
        raise InputError(f"{corpus} has none of {', '.join(sorted(SHA256))}: give the folder that holds such parts")
    for part in parts:
        for path in audio_files(corpus / part):
            text = path.with_name(f"{path.stem}.normalized.txt")
            yield CorpusRecording(
                id=path.stem,
                path=path,
                split=SPLITS[part.split("-")[0]],
                speaker=path.stem.split("_")[0],
                text=text if text.is_file() else None,
            )


if __name__ == "__main__":
    usual = ("train-clean-100", "dev-clean", "test-clean")
    run("libritts", download, recordings, __doc__, parts=tuple(SHA256), usual=usual)
