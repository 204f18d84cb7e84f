"""recipes/join.py: one bundle of parts that were trained side by side."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

from audiodiff.bundle.format import load_bundle, save_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.priors import Isotropic

SCRIPT = Path(__file__).parents[2] / "recipes/join.py"


def join(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["join.py", *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.fixture
def silent(tmp_path):
    """The default voice with a source whose weights are zeros."""
    bundle = load_bundle(bundle_folder("ljspeech-fast"))
    for parameter in bundle.model.prior.source.parameters():
        parameter.data.zero_()
    return save_bundle(tmp_path / "silent", "silent", bundle.config, bundle.model, "# Silent\n", bundle.dtype)


def test_a_part_comes_from_the_other_bundle_and_all_else_from_the_first(tmp_path, silent, monkeypatch, capsys):
    join(monkeypatch, silent, "prior.source=ljspeech-fast", "--name", "whole", "-o", tmp_path / "whole")
    assert "prior.source: 36 tensors" in capsys.readouterr().out
    weights = (bundle_folder("ljspeech-fast") / "model.safetensors").read_bytes()
    assert (tmp_path / "whole/model.safetensors").read_bytes() == weights
    assert (tmp_path / "whole/README.md").read_text() == "# Silent\n"


def test_of_a_share_the_weights_are_averaged(tmp_path, silent, monkeypatch, capsys):
    join(monkeypatch, "ljspeech-fast", f"prior.source=0.25*{silent}", "--name", "quarter", "-o", tmp_path / "quarter")
    assert ", 0.25" in capsys.readouterr().out
    found, whole = (
        load_bundle(folder).model.state_dict() for folder in (tmp_path / "quarter", bundle_folder("ljspeech-fast"))
    )
    for key, tensor in whole.items():
        wanted = 0.75 * tensor if key.startswith("prior.source.") else tensor
        torch.testing.assert_close(found[key], wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("prior.source=2*ljspeech-fast", "expected a share above 0"),
        ("prior.source=x*ljspeech-fast", "expected a share above 0"),
        ("prior.source=ljspeech-tiny", "prior.source of ljspeech-tiny does not fit ljspeech-fast"),
        ("prior.sauce=ljspeech-tiny", "no part 'prior.sauce'"),
        ("prior.source", "expected a part and a bundle"),
        ("prior.source=nowhere", "no model 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_written(tmp_path, monkeypatch, capsys, part, said):
    with pytest.raises(SystemExit):
        join(monkeypatch, "ljspeech-fast", part, "--name", "new", "-o", tmp_path / "new")
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("base", "part", "said"),
    [
        ("ljspeech-tiny", "denoiser.network.onsets=universal", "has no part 'denoiser.network.onsets'"),
        ("fsdd-digits", "prior.source=ljspeech-fast", "is for other mels"),
        ("fsdd-digits", "finish.postfilter=ljspeech-fast", "no place for that of ljspeech-fast"),
        ("no finish", "finish.postfilter=ljspeech-fast", "no place for that of ljspeech-fast"),
        ("another prior", "prior.source=ljspeech-fast", "no place for prior.source"),
    ],
)
def test_a_part_without_a_place_is_refused(tmp_path, monkeypatch, capsys, base, part, said):
    if base in ("no finish", "another prior"):
        bundle = load_bundle(bundle_folder("ljspeech-tiny"))
        name, config = (
            ("finish", None) if base == "no finish" else ("prior", {"_target_": "audiodiff.priors.Isotropic"})
        )
        setattr(bundle.model, name, None if config is None else Isotropic())
        bundle.config["model"][name] = config
        base = save_bundle(tmp_path / "bare", "bare", bundle.config, bundle.model, "# Bare\n", bundle.dtype)
    with pytest.raises(SystemExit):
        join(monkeypatch, base, part, "--name", "new", "-o", tmp_path / "new")
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_part_that_the_first_lacks_is_added_with_its_setting(tmp_path, monkeypatch):
    """Taken away from the default voice and put back, it is the same voice."""
    bundle = load_bundle(bundle_folder("ljspeech-fast"))
    bare = load_bundle(bundle_folder("ljspeech-fast"))
    del bare.config["model"]["finish"]["postfilter"]
    bare.model.finish.postfilter = None
    without = save_bundle(tmp_path / "bare", "bare", bare.config, bare.model, "# Bare\n", bare.dtype)
    join(monkeypatch, without, "finish.postfilter=ljspeech-fast", "--name", "whole", "-o", tmp_path / "whole")
    whole = load_bundle(tmp_path / "whole")
    assert whole.config["model"] == bundle.config["model"]
    weights = (bundle_folder("ljspeech-fast") / "model.safetensors").read_bytes()
    assert (tmp_path / "whole/model.safetensors").read_bytes() == weights
