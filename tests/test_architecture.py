"""The floors of ARCHITECTURE.md, asserted: who may import whom, and what stays out of start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fileflow"

# A module may import from lower floors, and from its own folder.
FLOORS = {
    "lean": 0,
    "errors": 1,
    "model": 2,
    "language": 3,
    "planning": 4,
    "world": 4,
    "executors": 5,
    "engine": 6,
    "views": 7,
    "commands": 8,
    "api": 8,
    "options": 8,
    "parallel": 3,
    "cpus": 0,
    "garbage": 0,
    "signature": 0,
    "streams": 2,
    "fast": 5,
    "job": 3,
    "attributes": 2,
    "cli": 9,
    "__main__": 10,
    "__init__": 11,
}
PURE = {"lean", "errors", "model", "planning"}
BANNED_IN_PURE = {
    "os",
    "subprocess",
    "time",
    "logging",
    "yaml",
    "loky",
    "filelock",
    "random",
    "shutil",
}
LAZY = {"loky", "filelock", "tqdm", "numpy", "blake3", "nbclient"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def place(path: Path) -> tuple[str, str]:
    """The floor's name and the dotted module name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0], ".".join(("fileflow", *parts))


def imports(path: Path, *, nested: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    nodes = ast.walk(tree) if nested else iter(tree.body)
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_and_lower_floors(path: Path) -> None:
    floor, _ = place(path)
    upward = []
    for name in imports(path, nested=True):
        parts = name.split(".")
        if parts[0] != "fileflow" or len(parts) == 1:
            continue
        other = parts[1]
        if other != floor and FLOORS[other] >= FLOORS[floor]:
            upward.append(name)
    assert not upward, f"{path.name} reaches up or sideways to {upward}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_says_first_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_only_where_they_are_used(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imports(path, nested=False)} & LAZY
    if place(path)[0] == "executors":
        heavy.discard("loky")
    assert not heavy


@pytest.mark.parametrize(
    "path",
    [p for p in modules() if place(p)[0] in PURE],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_deciding_knows_no_disk_no_clock_and_no_process(path: Path) -> None:
    found = {name.split(".")[0] for name in imports(path, nested=True)} & BANNED_IN_PURE
    opens = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert not found and not opens


def test_there_is_no_cycle_of_imports() -> None:
    names = {place(path)[1]: path for path in modules()}
    needs: dict[str, set[str]] = {}
    for name, path in names.items():
        found = set()
        for other in imports(path, nested=False):
            if other in names:
                found.add(other)
            elif other + ".__init__" in names:
                found.add(other + ".__init__")
        needs[name] = found
    done: set[str] = set()
    while True:
        ready = {name for name in needs if name not in done and needs[name] <= done}
        if not ready:
            break
        done |= ready
    assert set(needs) == done


def test_version_is_answered_before_anything_heavy_is_imported() -> None:
    code = (
        f"sys.path.insert(0, {str(PACKAGE.parent)!r}); sys.argv = ['fileflow', '--version']\n"
        "from fileflow.__main__ import main\n"
        "main()\n"
        "bad = {'yaml', 'argparse', 'loky', 'tqdm', 'filelock', 'dataclasses', 'typing', 're'}\n"
        "print('LOADED', sorted((bad & set(sys.modules)) - before))\n"
    )
    found = subprocess.run(
        # without `site`, which may have loaded some of these for reasons of its own
        [sys.executable, "-S", "-c", "import sys; before = set(sys.modules)\n" + code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "LOADED []"
