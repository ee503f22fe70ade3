"""Which tools are installed, and how each is called. Always the true program, never a shim."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
ALL = ("fileflow", "loop", "joblib", "ninja", "make", "doit", "snakemake")


def module_found(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def program(name: str) -> str | None:
    """The program of this name, that of this Python's environment first."""
    beside = Path(PYTHON).parent
    return shutil.which(name, path=str(beside)) or shutil.which(name)


def ninja_program() -> str | None:
    """The package `ninja` may put a Python script before the program: look behind it."""
    if module_found("ninja"):
        inside = getattr(importlib.import_module("ninja"), "BIN_DIR", None)
        if inside and (Path(inside) / "ninja").is_file():
            return str(Path(inside) / "ninja")
    return program("ninja")


def gnu_make() -> str | None:
    for name in ("gmake", "make"):
        found = program(name)
        if found and "GNU Make" in first_line([found, "--version"]):
            return found
    return None


def first_line(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]


def found_tools() -> dict[str, list[str]]:
    """The first words of each tool's command line."""
    found = {"fileflow": [PYTHON, "-m", "fileflow"], "loop": [PYTHON]}
    if module_found("joblib"):
        found["joblib"] = [PYTHON]
    if path := ninja_program():
        found["ninja"] = [path]
    if path := gnu_make():
        found["make"] = [path]
    if module_found("doit"):
        found["doit"] = [PYTHON, "-m", "doit"]
    if module_found("snakemake"):
        found["snakemake"] = [PYTHON, "-m", "snakemake"]
    return found


@dataclass(frozen=True)
class Tools:
    """The tools that take part in this run."""

    argv: dict[str, list[str]]

    @classmethod
    def look(cls, wanted: list[str] | None = None) -> Tools:
        found = found_tools()
        return cls(
            {name: found[name] for name in ALL if name in found and wanted_has(wanted, name)}
        )

    def __contains__(self, name: object) -> bool:
        return name in self.argv

    def call(self, name: str, *words: str) -> list[str]:
        return [*self.argv[name], *words]

    def versions(self) -> dict[str, str]:
        """What `--version` says of each, the bare number."""
        versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
        for name, argv in self.argv.items():
            if name == "loop":
                continue
            code = "import joblib; print(joblib.__version__)"
            words = ["-c", code] if name == "joblib" else ["--version"]
            number = re.search(r"\d+(\.\d+)+\S*", first_line([*argv, *words]))
            versions[name] = number.group() if number else "?"
        return versions


def wanted_has(wanted: list[str] | None, name: str) -> bool:
    return wanted is None or name in wanted
