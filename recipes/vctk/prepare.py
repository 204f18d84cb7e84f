"""Download VCTK 0.92 and write its manifests.

    python recipes/vctk/prepare.py                      # downloads to data/VCTK-Corpus-0.92, writes data/vctk
    python recipes/vctk/prepare.py --corpus FOLDER      # a folder with wav48_silence_trimmed/ and txt/

VCTK has no official split. Whole speakers are held out: the last eight (as in NU-Wave, Lee and Han 2021) are test
data, the first two validation data. Of the two microphones the first is used.
"""

from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.download import Archive, unpacked
from audiodiff.data.recipe import CorpusRecording, audio_files, need, run
from audiodiff.data.splits import Split

TEST = frozenset({"p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5"})
VALID = frozenset({"p225", "p226"})
ARCHIVE = Archive(
    "https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
    sha256="f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c",
)


def download(target: Path, _: list[str]) -> Path:
    """Download and unpack VCTK (11 GB) below `target` unless it is there; return its folder."""
    return unpacked(ARCHIVE, target / "VCTK-Corpus-0.92")


def split(speaker: str) -> Split:
    """The split of all that a speaker says."""
    return "test" if speaker in TEST else "valid" if speaker in VALID else "train"


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """Every recording of the first microphone; the transcripts of p315 were lost by the corpus's authors."""
    folder = need(corpus / "wav48_silence_trimmed", "wav48_silence_trimmed/ and txt/")
    for path in audio_files(folder):
        if path.stem.endswith("_mic1"):
            speaker, name = path.parent.name, path.stem.removesuffix("_mic1")
            text = corpus / "txt" / speaker / f"{name}.txt"
            yield CorpusRecording(
                id=name,
                path=path,
                split=split(speaker),
                speaker=speaker,
                text=text if text.is_file() else None,
            )


if __name__ == "__main__":
    run("vctk", download, recordings, __doc__)
