"""What strangers may rely on."""

import importlib
import inspect
import pkgutil
import re

import pytest

import audiodiff

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(audiodiff.__path__, "audiodiff.")
    if not name.startswith(("audiodiff.conf", "audiodiff.bundles")) and name != "audiodiff.__main__"
]


def test_the_top_level_names_are_fixed():
    assert sorted(audiodiff.__all__) == ["Generator", "MelSpec", "Vocoder", "__version__", "load_audio"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", audiodiff.__version__)


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_is(name):
    assert importlib.import_module(name).__doc__ or importlib.import_module(name).__file__.endswith("__init__.py")


@pytest.mark.parametrize("name", MODULES)
def test_public_objects_are_documented_and_typed(name):
    module = importlib.import_module(name)
    for label, item in vars(module).items():
        own = getattr(item, "__module__", None) == name and not label.startswith("_")
        if own and (inspect.isclass(item) or inspect.isfunction(item)):
            assert item.__doc__, f"{name}.{label} has no docstring"
        if own and inspect.isfunction(item):
            assert "return" in item.__annotations__, f"{name}.{label} does not say what it returns"


def test_all_names_exist():
    for name in MODULES:
        module = importlib.import_module(name)
        missing = [label for label in getattr(module, "__all__", []) if not hasattr(module, label)]
        assert not missing, f"{name} promises {missing}"
