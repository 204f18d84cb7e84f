"""Bundles go to the hub and come back, through huggingface_hub itself and an imitation of the hub's side."""

import json

import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.bundle.card import split_card
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import CARD, CONFIG, WEIGHTS, save_bundle
from audiodiff.errors import BundleError, ConfigError, OutputError, UntrustedBundleError
from tests.bundle.hub_server import Hub
from tests.integrations.voices import mel_like
from tests.trees import TINY_TREE

huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub")

REPO = "somebody/tiny-voice"
CARD_TEXT = "---\nlicense: mit\ntags: [speech]\n---\n# tiny\n\nIt was trained on nothing.\n"


@pytest.fixture
def vocoder(tmp_path):
    torch.manual_seed(0)
    model = build(canonical(TINY_TREE)["model"])
    return Vocoder.from_pretrained(save_bundle(tmp_path / "tiny", "tiny", TINY_TREE, model, CARD_TEXT))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The imitated hub, which huggingface_hub takes for the real one, with an empty cache."""
    from huggingface_hub import constants, file_download

    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, file_download):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield server


@pytest.fixture
def offline(monkeypatch):
    """A function that takes the network away, as HF_HUB_OFFLINE=1 does."""
    from huggingface_hub import constants

    return lambda: monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def same_voice(one: Vocoder, other: Vocoder) -> None:
    mel = mel_like(one.mel_spec, frames=6)
    assert_close(other(mel, spec=other.mel_spec), one(mel, spec=one.mel_spec), rtol=0, atol=0)


def test_a_saved_vocoder_is_the_same_one(vocoder, tmp_path):
    folder = vocoder.save_pretrained(tmp_path / "copy")
    assert sorted(path.name for path in folder.iterdir()) == sorted([CARD, CONFIG, WEIGHTS])
    original = tmp_path / "tiny"
    assert json.loads((folder / CONFIG).read_text()) == json.loads((original / CONFIG).read_text())
    assert (folder / WEIGHTS).read_bytes() == (original / WEIGHTS).read_bytes()
    same_voice(vocoder, Vocoder.from_pretrained(folder))


def test_float32_stays_float32(tmp_path):
    torch.manual_seed(0)
    model = build(canonical(TINY_TREE)["model"])
    fine = Vocoder.from_pretrained(save_bundle(tmp_path / "fine", "fine", TINY_TREE, model, "", torch.float32))
    same_voice(fine, Vocoder.from_pretrained(fine.save_pretrained(tmp_path / "copy")))


def test_saving_replaces_a_bundle_but_nothing_else(vocoder, tmp_path):
    vocoder.save_pretrained(tmp_path / "copy")
    vocoder.save_pretrained(tmp_path / "copy")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(OutputError, match="no bundle"):
        vocoder.save_pretrained(tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_to_the_hub_and_back(vocoder, hub):
    assert vocoder.push_to_hub(REPO) == f"{hub.url}/{REPO}/commit/{hub.commit(REPO)}"
    assert sorted(hub.repositories[REPO]) == sorted([CARD, CONFIG, WEIGHTS])
    same_voice(vocoder, Vocoder.from_pretrained(f"hub:{REPO}"))
    same_voice(vocoder, Vocoder.from_pretrained(f"hub:{REPO}@{hub.commit(REPO)}"))


def test_the_card_on_the_hub_keeps_what_its_author_wrote_and_says_how_to_load_it(vocoder, hub):
    vocoder.push_to_hub(REPO)
    header, body = split_card(hub.repositories[REPO][CARD].decode())
    assert header == {"license": "mit", "tags": ["speech", "audiodiff", "vocoder"], "library_name": "audiodiff"}
    assert "It was trained on nothing." in body
    assert f'Vocoder.from_pretrained("{REPO}")' in body
    Vocoder.from_pretrained(f"hub:{REPO}").push_to_hub(REPO)
    assert hub.repositories[REPO][CARD].decode().count("## Use") == 1


def test_a_bundle_without_a_card_gets_one(tmp_path, hub):
    torch.manual_seed(0)
    model = build(canonical(TINY_TREE)["model"])
    Vocoder.from_pretrained(save_bundle(tmp_path / "bare", "bare", TINY_TREE, model, "")).push_to_hub(REPO)
    header, body = split_card(hub.repositories[REPO][CARD].decode())
    assert header["library_name"] == "audiodiff"
    assert "license" not in header
    for fact in ("# bare", "hifigan_22k", "DiffWave", "22050 Hz", "| 4 |"):
        assert fact in body


def test_only_the_files_of_a_bundle_travel(vocoder, hub, tmp_path):
    vocoder.push_to_hub(REPO)
    hub.repositories[REPO] |= {"evil.py": b"boom", "pytorch_model.bin": b"boom", "sub/config.json": b"{}"}
    hub.asked.clear()
    Vocoder.from_pretrained(f"hub:{REPO}")
    fetched = {request.split("/")[-1] for request in hub.asked if "/resolve/" in request}
    assert fetched == {CARD, CONFIG, WEIGHTS}
    names = {path.name for path in (tmp_path / "cache").rglob("*")}
    assert not names & {"evil.py", "pytorch_model.bin", "sub"}


def test_a_stranger_s_code_is_not_run(vocoder, hub):
    vocoder.push_to_hub(REPO)
    config = json.loads(hub.repositories[REPO][CONFIG])
    config["sampler"]["_target_"] = "os.system"
    hub.repositories[REPO][CONFIG] = json.dumps(config).encode()
    with pytest.raises(UntrustedBundleError, match=r"os\.system"):
        Vocoder.from_pretrained(f"hub:{REPO}")


def test_without_a_network_the_cache_speaks(vocoder, hub, offline):
    vocoder.push_to_hub(REPO)
    Vocoder.from_pretrained(f"hub:{REPO}")
    hub.asked.clear()
    offline()
    same_voice(vocoder, Vocoder.from_pretrained(f"hub:{REPO}"))
    assert not hub.asked


def test_without_a_network_and_a_cache_the_error_says_what_was_looked_for_and_where(hub, offline, tmp_path):
    offline()
    with pytest.raises(BundleError, match="HF_HUB_OFFLINE") as refusal:
        Vocoder.from_pretrained(f"hub:{REPO}")
    for word in (REPO, CONFIG, WEIGHTS, str(tmp_path / "cache")):
        assert word in str(refusal.value)


def test_a_hub_that_does_not_answer_and_what_is_not_there(vocoder, hub, monkeypatch):
    from huggingface_hub import constants

    with pytest.raises(BundleError, match=r"looked for .* of 'somebody/nothing' at http"):
        Vocoder.from_pretrained("hub:somebody/nothing")
    hub.repositories["somebody/else"] = {"README.md": b"", "weights.pt": b""}
    with pytest.raises(BundleError, match=r"is no bundle.*found no config\.json"):
        Vocoder.from_pretrained("hub:somebody/else")
    with pytest.raises(BundleError, match="not a name is no folder here and cannot be had from the hub"):
        Vocoder.from_pretrained("hub:not a name")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BundleError, match="127"):
        Vocoder.from_pretrained(f"hub:{REPO}")
    with pytest.raises(OutputError, match=f"cannot push to {REPO}"):
        vocoder.push_to_hub(REPO)


def test_a_model_of_no_bundle_is_not_saved(vocoder, tmp_path):
    from audiodiff.bundle.format import Bundle

    bare = Bundle(name="bare", model=vocoder.model, sampler=vocoder.sampler(), grid=build(canonical(TINY_TREE)["grid"]))
    with pytest.raises(ConfigError, match="config"):
        Vocoder(bare).save_pretrained(tmp_path / "bare")


def test_revision_token_and_cache_are_passed_on(vocoder, hub, tmp_path):
    vocoder.push_to_hub(REPO)
    hub.asked.clear()
    commit = hub.commit(REPO)
    found = Vocoder.from_pretrained(REPO, revision=commit, token="hf_secret", cache_dir=tmp_path / "mine")
    same_voice(vocoder, found)
    assert any(f"/{commit}" in request for request in hub.asked)
    assert "Bearer hf_secret" in hub.tokens
    assert list((tmp_path / "mine").rglob(WEIGHTS))
    assert not (tmp_path / "cache").exists()
    with pytest.raises(ConfigError, match="one revision"):
        Vocoder.from_pretrained(f"{REPO}@main", revision=commit)
