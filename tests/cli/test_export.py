"""`audiodiff export` as people type it; what it writes is tested in tests/export."""

import sys
from pathlib import Path

import pytest

from audiodiff.cli.main import main
from audiodiff.convert import convert
from audiodiff.mel import convention
from tests.convert import foreign


@pytest.fixture
def voice(tmp_path):
    return convert(foreign.lmnt(tmp_path)).save(tmp_path / "voice")


@pytest.fixture
def calls(monkeypatch):
    """What the exporters were asked for; each writes an empty file."""
    asked = {}

    def stand_in(name):
        def export(path, *arguments):
            asked[name] = (path, *arguments)
            Path(path).touch()

        return export

    monkeypatch.setattr("audiodiff.export.onnx.export_sampler", stand_in("sampler"))
    monkeypatch.setattr("audiodiff.export.onnx.export_network", stand_in("network"))
    monkeypatch.setattr("audiodiff.export.torch_program.export_program", stand_in("program"))
    return asked


@pytest.fixture
def export(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["audiodiff", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code or 0, capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("options", "exporter", "suffix"),
    [
        ((), "sampler", ".onnx"),
        (("--to", "torch-export"), "program", ".pt2"),
        (("--part", "network"), "network", ".onnx"),
    ],
)
def test_each_kind_has_its_exporter(options, exporter, suffix, voice, calls, export, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, said = export(voice, *options)
    assert code == 0, said.err
    assert calls[exporter][0] == Path(f"lmnt-diffwave{suffix}")
    assert f"lmnt-diffwave{suffix}" in said.out


def test_choices_are_passed_on(voice, calls, export, tmp_path):
    export(voice, "-o", tmp_path / "x.onnx", "--steps", 3, "--sampler", "ddim", "--weights", "int8", "--frames", 9)
    _, bundle, sampler, times, weights, frames = calls["sampler"]
    assert (bundle.name, weights, frames) == ("lmnt-diffwave", "int8", 9)
    assert sampler.__name__ == "ddim"
    assert len(times) == 4


def test_a_voice_for_every_mel_is_told_a_convention(calls, export, tmp_path):
    code, said = export("universal", "--as", "vocos_24k", "-o", tmp_path / "x.onnx")
    assert code == 0, said.err
    assert calls["sampler"][1].model.mel == convention("vocos_24k")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--as", "vocos_24k"), "take the voice universal"),
        (("--part", "network", "--frames", "9"), "for the whole model"),
        (("--part", "network", "--steps", "3"), "for the whole model"),
        (("--part", "network", "--sampler", "ddim"), "for the whole model"),
        (("--part", "network", "--to", "torch-export"), "are for ONNX"),
        (("--weights", "int8", "--to", "torch-export"), "are for ONNX"),
        (("--sampler", "magic"), "no sampler 'magic'"),
        (("-o", "there.onnx"), "--overwrite"),
    ],
)
def test_refusals(options, message, voice, calls, export, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").write_text("precious")
    code, said = export(voice, *options)
    assert code == 2
    assert message in said.err
    assert calls == {}
    assert Path("there.onnx").read_text() == "precious"


def test_a_missing_extra_is_named(voice, export, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    code, said = export(voice, "-o", tmp_path / "x.onnx")
    assert code == 2
    assert "pip install 'audiodiff[onnx]'" in said.err
    assert not (tmp_path / "x.onnx").exists()
