"""The shape of the house: imports go down, files stay short, nothing heavy comes along."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "audiodiff"

LAYERS = [
    {"defaults", "errors", "types", "version"},
    {"conditioning", "noise", "audio"},
    {"mel", "diffusion", "source"},
    {"phase", "data", "models"},
    {"networks", "priors"},
    {"bundle", "engine", "streaming", "training"},
    {"convert", "experiment", "export", "generation", "vocoder"},
    {"bulk", "compat", "evaluation", "integrations"},
    {"demo"},
    {"cli"},
]
DEPTH = {name: depth for depth, names in enumerate(LAYERS) for name in names}
DOORS = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
"""What leads into the house from outside and is imported by nothing inside."""
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path not in DOORS]
PROSE = [*FILES, *sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "recipes").rglob("*.py"))]


def part(file: Path) -> str:
    """The first name below audiodiff."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> set[str]:
    """The dotted names of all modules that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "audiodiff" else {node.module}
            )
    return found


def test_the_house_is_small_enough_to_know():
    assert len(LAYERS) <= 10
    assert len([path for path in PACKAGE.iterdir() if path.is_file()]) <= 9
    rooms = {part(file) for file in FILES}
    assert rooms == set(DEPTH), "every file belongs to one layer, and every layer has files"


def test_every_package_says_what_lives_there():
    for file in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), f"{file} has no docstring"


def test_no_two_modules_share_a_name():
    stems = Counter(file.stem for file in FILES if file.stem != "__init__")
    assert not [stem for stem, n in stems.items() if n > 1]


def test_no_two_public_names_are_the_same():
    """Classes, constants and aliases of modules; what every command of the command line has is left out."""
    names: Counter[str] = Counter()
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
            names.update([node.name] if isinstance(node, ast.ClassDef) else [])
    usual = {"app", "console", "errors", "__all__"}
    assert not [name for name, n in names.items() if n > 1 and name not in usual and not name.startswith("_")]


def test_protocols_have_methods_and_plain_attributes():
    """From Python 3.12 on `isinstance` sees no submodules and buffers, since a module's `__getattr__` is not asked."""
    plain = {"bool", "int", "Hertz", "Samples", "MelSpec", "Sequence[str]"}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and "runtime_checkable" in map(ast.unparse, node.decorator_list):
                kinds = {ast.unparse(part.annotation) for part in node.body if isinstance(part, ast.AnnAssign)}
                assert kinds <= plain, f"{file}: {node.name}"


def test_no_module_is_hidden_by_what_its_package_exports():
    """Or `_target_: package.module.Class` could not be found by Hydra, which asks for attributes."""
    for package in {file.parent for file in FILES} - {PACKAGE}:
        tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
        bound = {
            alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        bound |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        modules = {path.stem for path in package.glob("*.py")} | {
            path.name for path in package.iterdir() if path.is_dir()
        }
        assert not {name for name in bound & modules if not is_import_of_module(tree, name, package)}


def is_import_of_module(tree, name, package):
    """Check whether a package binds the very module of that name."""
    dotted = ".".join(package.relative_to(ROOT).parts)
    return any(
        isinstance(node, ast.ImportFrom) and node.module == dotted and name in {alias.name for alias in node.names}
        for node in tree.body
    )


@pytest.mark.parametrize("file", PROSE, ids=lambda file: str(file.relative_to(ROOT)))
def test_docstrings_are_nouns_or_imperatives(file):
    """Those of modules, classes, functions, constants and fields."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                words = str(statement.value.value).split()
                assert words[:1] not in (["What"], ["How"], ["Where"], ["Which"], ["Whether"]), statement.value.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_file_respects_the_layers(file):
    used = {name.split(".")[1] for name in imports(file) if name.startswith("audiodiff.")} - {part(file)}
    upward = {name for name in used if DEPTH[name] >= DEPTH[part(file)]}
    assert not upward, f"{file} imports {sorted(upward)}, which lies beside or above it"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_file_keeps_the_frameworks_in_their_places(file):
    roots = {name.split(".")[0] for name in imports(file)}
    place = str(file.relative_to(PACKAGE))
    if part(file) not in ("cli", "compat"):
        assert "typer" not in roots
    if part(file) != "experiment":
        assert not {"hydra", "omegaconf"} & roots
    if part(file) not in ("training", "experiment") and not place.endswith(("datamodule.py", "bulk/predict.py")):
        assert not {"lightning", "pytorch_lightning"} & roots
    assert "torchaudio" not in roots


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_file_is_short_and_has_a_name(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 250, f"{file} is too long: split it by idea"
    assert file.stem not in ("utils", "helpers", "common", "misc")


def test_functions_are_short():
    lengths = [
        node.end_lineno - node.lineno + 1
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted(lengths)[len(lengths) // 2] <= 10
    assert max(lengths) <= 45


def test_import_is_light():
    code = "import sys, audiodiff; print(*sorted(m for m in sys.modules if '.' not in m))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"lightning", "pytorch_lightning", "hydra", "omegaconf", "librosa", "torchaudio", "soundfile", "scipy"}
    heavy |= {"yaml", "huggingface_hub", "transformers"}
    assert not heavy & set(result.stdout.split())


@pytest.mark.parametrize(
    "file", [file for file in PROSE if " = parser.parse_args()" in file.read_text()], ids=lambda file: file.stem
)
def test_what_a_script_reads_of_its_command_line_is_an_option_of_it(file):
    tree = ast.parse(file.read_text())
    parsed = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "parse_args" in ast.dump(node.value)
        for target in node.targets
    }
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in parsed
    }
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    options = {text.lstrip("-").replace("-", "_") for text in texts}
    options |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert parsed
    assert read <= options
