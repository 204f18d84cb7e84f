"""Download voices of CMU Arctic and write their manifests.

    python recipes/cmu_arctic/prepare.py                          # bdl, slt, rms, clb: two men, two women
    python recipes/cmu_arctic/prepare.py --parts slt              # one voice
    python recipes/cmu_arctic/prepare.py --corpus FOLDER          # a folder of cmu_us_<voice>_arctic folders

CMU Arctic has no official split. A prompt is in the same split for every voice, by a hash of its name: 2 % are for
validation, 2 % for tests.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.download import Archive, unpacked
from audiodiff.data.recipe import CorpusRecording, audio_file, need, run
from audiodiff.data.splits import split_of
from audiodiff.errors import InputError

SERVER = "http://festvox.org/cmu_arctic/packed"
SHA256 = {
    "awb": "d74a950c9739a65f7bfc4dfa6187f2730fa03de5b8eb3f2da97a51b74df64d3c",
    "bdl": "26b91aaf48b2799b2956792b4632c2f926cd0542f402b5452d5adecb60942904",
    "clb": "3f16dc3f3b97955ea22623efb33b444341013fc660677b2e170efdcc959fa7c6",
    "jmk": "3a37c0e1dfc91e734fdbc88b562d9e2ebca621772402cdc693bbc9b09b211d73",
    "ksp": "8029cafce8296f9bed3022c44ef1e7953332b6bf6943c14b929f468122532717",
    "rms": "c6dc11235629c58441c071a7ba8a2d067903dfefbaabc4056d87da35b72ecda4",
    "slt": "7c173297916acf3cc7fcab2713be4c60b27312316765a90934651d367226b4ea",
}
PROMPT = re.compile(r'\(\s*(\S+)\s+"(.*)"\s*\)')


def download(target: Path, voices: list[str]) -> Path:
    """Download and unpack the voices (about 100 MB each) below `target` unless they are there; return its folder."""
    corpus = target / "cmu_arctic"
    for voice in voices:
        unpacked(Archive(f"{SERVER}/cmu_us_{voice}_arctic.tar.bz2", SHA256[voice]), corpus)
    return corpus


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """Every recording that a voice's list of prompts names."""
    folders = sorted(corpus.glob("cmu_us_*_arctic"))
    if not folders:
        raise InputError(f"{corpus} has no cmu_us_<voice>_arctic folder: give the folder that holds them")
    for folder in folders:
        voice = folder.name.split("_")[2]
        prompts = need(folder / "etc", "etc/txt.done.data and wav/") / "txt.done.data"
        for name, text in PROMPT.findall(prompts.read_text(encoding="utf-8-sig")):
            path = audio_file(folder / "wav" / name) or folder / "wav" / f"{name}.wav"
            split = split_of(name, valid=0.02, test=0.02)
            yield CorpusRecording(id=f"{voice}_{name}", path=path, split=split, speaker=voice, text=text)


if __name__ == "__main__":
    run("cmu_arctic", download, recordings, __doc__, parts=tuple(SHA256), usual=("bdl", "slt", "rms", "clb"))
