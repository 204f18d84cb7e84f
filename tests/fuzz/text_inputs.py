"""Manifests, bundles' configs, settings and options that are not as they should be."""

import json
import shutil
from pathlib import Path
from random import Random

from audiodiff.bundle.location import BUNDLES
from tests.conftest import CLIP
from tests.fuzz.cases import VOICE, Case, mutated

ODD_TEXTS = ["", "x", "../../x", "a\0b", "x" * 300, "长" * 90, "\u2028"]
ODD = [None, True, 0, -1, 7, 1.5, 1e400, -(10**30), [], {}, [[]], *ODD_TEXTS]
"""Values of JSON for a key that expects another one."""


def manifest_case(chance: Random, folder: Path) -> Case:
    """A manifest with an odd row, given to a command that takes manifests."""
    row = {"id": "a", "path": str(CLIP), "duration": 1.9, "sample_rate": 22050}
    key, value = chance.choice([*row, "speaker", "text", "mel", "unknown"]), chance.choice(ODD)
    kind = chance.choice(["value", "value", "value", "missing", "bytes", "encoding", "deep", "shape"])
    odd = {name: kept for name, kept in row.items() if name != key} | ({key: value} if kind != "missing" else {})
    good = json.dumps(row | {"id": "good"})
    content = f"{good}\n{json.dumps(odd)}\n".encode()
    about = f"{key} = {value!r:.40}" if kind == "value" else kind
    if kind == "bytes":
        content, about = mutated(content, chance)
    elif kind == "encoding":
        text, about = json.dumps(row | {"text": "é"}, ensure_ascii=False), chance.choice(["utf-16", "latin-1"])
        content = f"{good}\n{text}\n".encode(about)
    elif kind == "deep":
        content = f"{good}\n{'[' * 100000}\n".encode()
    elif kind == "shape":
        content = chance.choice([b"", b"\n\n", b"[]\n", b"null\n", b"3\n", b'"x"\n', b"\xef\xbb\xbf" + good.encode()])
    path, out = folder / "list.jsonl", folder / "out"
    path.write_bytes(content)
    commands = {
        "check": ["data", "check", str(path), "--fix", str(out / "list.jsonl"), "--jobs", "1"],
        "shard": ["data", "shard", str(path), "-o", str(out)],
        "vocode": ["vocode", str(path), "-o", str(out), "--model", VOICE, "--steps", "1"],
    }
    return Case(about=about, arguments=commands[chance.choice(sorted(commands))], results=out)


def places(node: object, path: tuple = ()) -> list[tuple]:
    """Every place in a JSON tree."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path] + [place for key, value in items for place in places(value, (*path, key))]


def bundle_case(chance: Random, folder: Path) -> Case:
    """A bundle with an odd value in its config, or damaged weights."""
    bundle, out = folder / "bundle", folder / "out"
    shutil.copytree(BUNDLES / VOICE, bundle)
    path, value = bundle / "config.json", chance.choice(ODD)
    kind = chance.choice(["value", "value", "value", "bytes", "weights", "gone"])
    about = kind
    if kind == "value":
        config = json.loads(path.read_text())
        place = chance.choice([place for place in places(config) if place])
        node = config
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value
        path.write_text(json.dumps(config))
        about = f"{'.'.join(map(str, place))} = {value!r:.40}"
    elif kind == "gone":
        chance.choice([path, bundle / "model.safetensors"]).unlink()
    else:
        path = path if kind == "bytes" else bundle / "model.safetensors"
        content, about = mutated(path.read_bytes(), chance)
        path.write_bytes(content)
    commands = {
        "vocode": ["vocode", str(CLIP), "-o", str(out), "--model", str(bundle), "--steps", "1"],
        "inspect": ["inspect", str(bundle)],
        "check": ["mel", "convert", "missing.npy", "--to", str(bundle), "-o", str(out)],
    }
    return Case(about=about, arguments=commands[chance.choice(["inspect", "vocode", "check"])], results=out)


OPTIONS = {
    "--steps": ["0", "-1", "2147483648", "x", "1e3", "10001"],
    "--seed": ["-1", "x", str(2**64), str(2**63), "1.5"],
    "--device": ["meta", "cuda", "cuda:99", "mps", "x", "", "cpu:7", "xla", "cpu:-1"],
    "--threads": ["0", "-1", str(10**9), str(2**40), "x"],
    "--sampler": ["", "x", "ddmi", "../x", "[red]"],
    "--model": ["", ".", "/", "x" * 300, "a\udcffb", "hub:", "../..", "\n", "ljspeech_tiny"],
    "--as": ["", "x", "hifigan", "model "],
    "--convert": ["", "x", "Exact"],
    "--precision": ["fp8", "", "fp16"],
    "--devices": ["0", "-1", "x"],
    "--stepz": ["1"],
}


def option_case(chance: Random, folder: Path) -> Case:
    """An odd value of an option."""
    option, out = chance.choice(sorted(OPTIONS)), folder / "out"
    value = chance.choice(OPTIONS[option])
    first = ["--model", VOICE] if option != "--model" else []
    steps = ["--steps", "1"] if option != "--steps" else []
    arguments = ["vocode", str(CLIP), "-o", str(out), *first, *steps, f"{option}={value}"]
    return Case(about=f"{option}={value!r:.40}", arguments=arguments, results=out)


SETTINGS = (Path(__file__).parent / "settings.txt").read_text().splitlines()
"""Settings that no training can have, or not without what is missing here: a corpus."""


def settings_case(chance: Random, folder: Path) -> Case:
    """An odd setting of a training, given with few and small others."""
    setting = chance.choice(SETTINGS)
    paths = [f"paths.data={folder / 'data'}", f"paths.runs={folder / 'runs'}"]
    arguments = ["train", *paths, "trainer.max_steps=1", "trainer.accelerator=cpu", setting]
    return Case(about=setting, arguments=arguments, hopeless=True, results=folder / "runs")
