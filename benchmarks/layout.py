"""Sizes of the package: files at its root, layers, the longest file, the median function, the README.

    python benchmarks/layout.py [CHECKOUT]

A checkout of another commit can be measured by the same rules (`git worktree add`).
"""

import ast
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[1]


def layers(checkout: Path) -> int:
    """Number of layers in the test of the architecture."""
    tree = ast.parse((checkout / "tests/test_architecture.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LAYERS":
            assert isinstance(node.value, ast.List)
            return len(node.value.elts)
    raise typer.BadParameter(f"{checkout} does not list its layers")


def function_lengths(file: Path) -> list[int]:
    """Lines of every function and method, from `def` to the last statement."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def main(checkout: Annotated[Path, typer.Argument()] = ROOT) -> None:
    """Print one figure a line."""
    package = checkout / "audiodiff"
    files = sorted(package.rglob("*.py"))
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    longest = max(lines, key=lambda file: lines[file])
    functions = [length for file in files for length in function_lengths(file)]
    in_cli = sum(count for file, count in lines.items() if file.is_relative_to(package / "cli"))
    print(f"files at the package root: {sum(path.is_file() for path in package.iterdir())}")
    print(f"layers: {layers(checkout)}")
    print(f"modules: {len(files)}, {sum(lines.values())} lines, {in_cli} of them in cli/")
    print(f"longest file: {longest.relative_to(package)}, {lines[longest]} lines")
    print(f"median file: {median(lines.values()):g} lines")
    print(f"functions: {len(functions)}, median {median(functions):g} lines, longest {max(functions)}")
    print(f"README: {len((checkout / 'README.md').read_text(encoding='utf-8').splitlines())} lines")


if __name__ == "__main__":
    typer.run(main)
