"""What strangers may rely on."""

import importlib
import inspect
import pkgutil
import re

import pytest

import audiodiff

PAGE = "audiodiff.demo.page"
"""The modules that cannot be imported without the extra `demo`."""

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(audiodiff.__path__, "audiodiff.")
    if not name.startswith(("audiodiff.conf", "audiodiff.bundles")) and name != "audiodiff.__main__"
]


def load(name):
    if name.startswith(PAGE):
        pytest.importorskip("gradio", reason="needs the extra `demo`")
    return importlib.import_module(name)


def test_the_top_level_names_are_fixed():
    assert sorted(audiodiff.__all__) == ["Generator", "MelSpec", "Vocoder", "__version__", "load_audio"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", audiodiff.__version__)


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_is(name):
    module = load(name)
    assert module.__doc__ or module.__file__.endswith("__init__.py")


@pytest.mark.parametrize("name", MODULES)
def test_public_objects_are_documented_and_typed(name):
    module = load(name)
    for label, item in vars(module).items():
        own = getattr(item, "__module__", None) == name and not label.startswith("_")
        if own and (inspect.isclass(item) or inspect.isfunction(item)):
            assert item.__doc__, f"{name}.{label} has no docstring"
        if own and inspect.isfunction(item):
            assert "return" in item.__annotations__, f"{name}.{label} does not say what it returns"


@pytest.mark.parametrize("name", MODULES)
def test_all_names_exist(name):
    module = load(name)
    missing = [label for label in getattr(module, "__all__", []) if not hasattr(module, label)]
    assert not missing, f"{name} promises {missing}"
