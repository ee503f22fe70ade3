from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fileflow
from fileflow.errors import FileflowError
from fileflow.world.code import Code, CodeReader

MODULE = '''\
"""About flights."""
import json
from rules import shared

LIMIT = 3


def keep(row: "Row") -> bool:
    """Whether a row stays."""
    return row.delay < LIMIT


def tidy(input, output, sep=","):
    """Tidies."""
    # all of them
    from late import writer
    return writer.write(output, [keep(r) for r in shared.read(input)], sep)


def summarise(input):
    import only_here
    return only_here.go(input)


class Row:
    delay = 0


class Other:
    size = 1


if __name__ == "__main__":
    summarise("x")
'''


class Project:
    """A folder of modules, and a fresh reader for each question."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.search: list[str] = []

    def write(self, **files: str) -> None:
        for name, text in files.items():
            self.file(name.replace("__", "/") + ".py", text)

    def file(self, path: str, text: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def reader(self) -> CodeReader:
        return CodeReader(str(self.root), self.search, editable={})

    def code(self, what: str = "rules.flights:tidy") -> Code:
        return self.reader().function(*what.split(":"))

    def names(self, code: Code) -> list[str]:
        return [name for name, _ in code.parts]

    def read(self, code: Code) -> list[str]:
        return [str(Path(path).relative_to(self.root)) for path in code.files]

    def changes(self, act: Callable[[], None], what: str = "rules.flights:tidy") -> bool:
        before = self.code(what).digest
        act()
        return self.code(what).digest != before


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.write(
        rules__flights=MODULE,
        rules__shared="import deep\ndef read(x): return deep.parse(x)\n",
        deep="def parse(x): return x\ndef unused(): return 1\n",
        late__writer="def write(*a): pass\n",
        only_here="def go(x): pass\n",
    )
    project.file("late/__init__.py", "STYLE = 1\n")
    return project


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # all of them\n", ""),
        ("LIMIT = 3\n", "LIMIT   =  3  # at most\n\n\n"),
        ('"""Tidies."""', '"""Makes tidy."""'),
        ('    """Tidies."""\n', ""),
        ('"""About flights."""\n', ""),
        ('sep=","', "sep=','"),
        (
            "[keep(r) for r in shared.read(input)]",
            "[\n  (keep(r))\n  for r in shared.read(input)\n]",
        ),
        ("only_here.go(input)", "only_here.go(input, 2)"),
        ("def summarise(input):", "def summarise(input, n=1):"),
        ("size = 1", "size = 2"),
        ("class Other:\n    size = 1\n", ""),
        ("LIMIT = 3\n", "LIMIT = 3\n\ndef new(): pass\n\nclass New(Exception): pass\n"),
        ("LIMIT = 3\n", "LIMIT = 3\n'a remark'\n"),
    ],
)
def test_what_says_nothing_to_the_function_changes_nothing(
    project: Project, old: str, new: str
) -> None:
    assert not project.changes(lambda: project.edit("rules/flights.py", old, new))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("rules/flights.py", "sep)", "sep, 1)"),
        ("rules/flights.py", 'sep=","', 'sep=";"'),
        ("rules/flights.py", "delay < LIMIT", "delay <= LIMIT"),
        ("rules/flights.py", "LIMIT = 3", "LIMIT = 4"),
        ("rules/flights.py", "LIMIT = 3", 'LIMIT = "3"'),
        ("rules/flights.py", "delay = 0", "delay = 1"),
        ("rules/flights.py", "def tidy(", "@json.loads\ndef tidy("),
        ("rules/flights.py", "import json", "import csv"),
        ("rules/shared.py", "return deep.parse(x)", "return 2"),
        ("deep.py", "return x", "return x + 1"),
        ("deep.py", "return 1", "return 2"),
        ("late/writer.py", "pass", "return 1"),
        ("late/__init__.py", "STYLE = 1", "STYLE = 2"),
    ],
)
def test_what_the_function_reaches_changes_its_digest(
    project: Project, path: str, old: str, new: str
) -> None:
    assert project.changes(lambda: project.edit(path, old, new))


def test_an_import_of_a_function_that_is_not_reached_does_not_count(project: Project) -> None:
    assert project.read(project.code()) == [
        "deep.py",
        "late/__init__.py",
        "late/writer.py",
        "rules/flights.py",
        "rules/shared.py",
    ]
    assert "only_here.py" in project.read(project.code("rules.flights:summarise"))


def test_the_parts_name_each_reached_definition_and_each_module(project: Project) -> None:
    assert project.names(project.code()) == [
        "deep.py",
        "late/__init__.py",
        "late/writer.py",
        "rules/flights.py",
        "rules/flights.py:Row",
        "rules/flights.py:keep",
        "rules/flights.py:tidy",
        "rules/shared.py",
    ]


def test_only_the_part_that_changed_has_another_digest(project: Project) -> None:
    before = dict(project.code().parts)
    project.edit("rules/flights.py", "delay < LIMIT", "delay > LIMIT")
    after = dict(project.code().parts)
    assert [name for name in before if before[name] != after[name]] == ["rules/flights.py:keep"]


def test_moving_the_project_changes_nothing(project: Project, tmp_path: Path) -> None:
    before = project.code()
    project.root = project.root.rename(tmp_path / "elsewhere")
    assert project.code().digest == before.digest
    assert project.code().parts == before.parts


@pytest.mark.parametrize(
    "use", ["__doc__", "tidy.__doc__", "getattr(tidy, '__doc__')", "inspect.getdoc(tidy)"]
)
def test_a_docstring_counts_where_docstrings_are_read(project: Project, use: str) -> None:
    project.write(rules__flights=f'"""One."""\ndef tidy(x):\n    """Two."""\n    return {use}\n')
    assert project.changes(lambda: project.edit("rules/flights.py", "One.", "First."))
    if use != "__doc__":
        project.write(other='"""Three."""\n')
        project.edit("rules/flights.py", "def", "import other\ndef")
        assert project.changes(lambda: project.edit("other.py", "Three", "Third"))


@pytest.mark.parametrize(
    "trick",
    [
        "globals()['keep']",
        "eval('ke' + 'ep')",
        "getattr(sys.modules[__name__], 'ke' + 'ep')",
        "importlib.import_module(__name__)",
        "vars()",
        "pickle.load(x)",
        "np.load(x, allow_pickle=True)",
        "getattr(x, 'keep')",
    ],
)
def test_a_function_that_may_reach_anything_reaches_all(project: Project, trick: str) -> None:
    project.write(m=f"import pickle\ndef keep(): return 1\ndef f(x): return {trick}\n")
    assert project.changes(lambda: project.edit("m.py", "return 1", "return 2"), "m:f")


@pytest.mark.parametrize(
    "lines",
    [
        "@register\ndef other(): return 1\n",
        "@TABLE.add('x')\ndef other(): return 1\n",
        "class Sub(Base): x = 1\n",
        "class Sub(base.Base):\n    def g(self): return 1\n",
        "class Sub:\n    TABLE[0] = 1\n",
        "class Sub:\n    register(1)\n",
        "def other(x=register()): return 1\n",
        "class Top:\n    def __init_subclass__(cls): register(1)\nclass Sub(Top):\n    x = 1\n",
    ],
)
def test_a_definition_that_may_register_itself_counts(project: Project, lines: str) -> None:
    project.write(
        base="class Base: pass\n",
        m=f"import base\nfrom base import Base\nTABLE = {{}}\n{lines}def f(): return TABLE\n"
        "def register(x): TABLE[x] = 2\n",
    )
    assert project.changes(lambda: project.edit("m.py", "1", "7"), "m:f")


@pytest.mark.parametrize(
    "lines",
    [
        "@functools.lru_cache(maxsize=None)\ndef other(): return 1\n",
        "@dataclass(frozen=True)\nclass Other:\n"
        "    x: list = field(default_factory=list)\n    y = 1\n",
        "class Other(ValueError):\n    @property\n    def x(self): return 1\n"
        "    @x.setter\n    def x(self, v): pass\n",
        "class Other(enum.Enum):\n    A = enum.auto()\n    B = 1\n",
    ],
)
def test_a_definition_that_only_the_standard_library_sees_does_not_count(
    project: Project, lines: str
) -> None:
    head = "import functools, enum\nfrom dataclasses import dataclass, field\n"
    project.write(m=f"{head}{lines}def f(): return 0\n")
    assert not project.changes(lambda: project.edit("m.py", "1", "7"), "m:f")


def test_subclasses_of_a_reached_class_are_reached(project: Project) -> None:
    project.write(m="class A: pass\nclass B(A): x = 1\ndef f(): return A.__subclasses__()\n")
    assert project.changes(lambda: project.edit("m.py", "x = 1", "x = 2"), "m:f")


def test_what_only_runs_as_a_script_is_not_reached_by_the_function(project: Project) -> None:
    project.edit("rules/flights.py", 'summarise("x")', 'import only_here\n    summarise("x")')
    assert "only_here.py" not in project.read(project.code())


def test_a_module_in_site_packages_or_the_standard_library_does_not_count(
    project: Project, tmp_path: Path
) -> None:
    site = tmp_path / "lib/site-packages"
    site.mkdir(parents=True)
    (site / "shelf.py").write_text("A = 1\n")
    project.search = [str(site)]
    project.write(m="import shelf, os, fileflow\ndef f(): pass\n")
    assert not project.changes(lambda: void((site / "shelf.py").write_text("A = 2\n")), "m:f")
    assert project.read(project.code("m:f")) == ["m.py"]
    assert project.code("shelf:anything").files == ()


def void(_: object) -> None:
    """Lets a lambda do something."""


def test_a_module_elsewhere_on_the_search_path_counts(project: Project, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    (lib / "mine.py").write_text("A = 1\n")
    project.search = [str(lib)]
    project.write(m="import mine\ndef f(): pass\n")
    assert project.changes(lambda: void((lib / "mine.py").write_text("A = 2\n")), "m:f")
    assert str(lib / "mine.py") in project.names(project.code("m:f"))


def test_an_editable_install_with_an_import_hook_counts(project: Project, tmp_path: Path) -> None:
    package = tmp_path / "src/mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("")
    project.write(m="import mine.a\ndef f(): pass\n")
    reader = CodeReader(str(project.root), [], editable={"mine": str(package)})
    assert str(package / "a.py") in reader.function("m", "f").files


def test_relative_imports_reach_modules_and_package_files(project: Project) -> None:
    project.file("pkg/__init__.py", "")
    project.file("pkg/sub/__init__.py", "from .. import side\n")
    project.write(
        pkg__sub__m="from . import near\nfrom ..far import x\ndef f(): return near, x\n",
        pkg__sub__near="",
        pkg__far="x = 1\n",
        pkg__side="",
    )
    assert project.read(project.code("pkg.sub.m:f")) == [
        "pkg/__init__.py",
        "pkg/far.py",
        "pkg/side.py",
        "pkg/sub/__init__.py",
        "pkg/sub/m.py",
        "pkg/sub/near.py",
    ]


def test_imports_by_call_count_if_their_name_is_written_out(project: Project) -> None:
    project.write(
        m="import importlib\ndef f(): return importlib.import_module('deep')\n"
        "def g(): return __import__('late.writer')\n"
    )
    assert "deep.py" in project.read(project.code("m:f"))
    assert "late/writer.py" in project.read(project.code("m:g"))


def test_a_function_is_followed_to_where_it_is_defined(project: Project) -> None:
    project.file("pkg/__init__.py", "from .impl import work as run, other\n__all__ = ['other']\n")
    project.write(pkg__impl="def work(): return 0\ndef other(): return 1\n")
    assert project.names(project.code("pkg:run")) == [
        "pkg/__init__.py",
        "pkg/impl.py",
        "pkg/impl.py:work",
    ]
    assert not project.changes(lambda: project.edit("pkg/impl.py", "1", "2"), "pkg:run")
    assert project.changes(lambda: project.edit("pkg/impl.py", "0", "2"), "pkg:run")


def test_a_package_that_only_hands_on_siblings_does_not_reach_them(project: Project) -> None:
    project.file("pkg/__init__.py", "from .impl import other\n")
    project.write(pkg__impl="def work(): return 0\ndef other(): return 1\n")
    assert not project.changes(lambda: project.edit("pkg/impl.py", "1", "2"), "pkg.impl:work")
    project.edit("pkg/impl.py", "return 0", "import pkg; return pkg.other()")
    assert project.changes(lambda: project.edit("pkg/impl.py", "2", "3"), "pkg.impl:work")


@pytest.mark.parametrize(
    "text",
    [
        "from deep import *\n",
        "import functools\nf = functools.partial(print, 1)\ndef g(): return 1\n",
        "def __getattr__(name): return 1\n",
        "try:\n    from deep import parse as f\nexcept ImportError:\n    f = None\n",
        "if True:\n    def f(): return 1\n",
        "def g():\n    global f\n    f = 1\n",
        "from json import loads as f\n",
        "globals()['f'] = 1\n",
    ],
)
def test_a_function_that_cannot_be_found_in_the_text_takes_the_whole_module(
    project: Project, text: str
) -> None:
    project.write(m=f"{text}def other(): return 5\n")
    assert project.changes(lambda: project.edit("m.py", "return 5", "return 6"), "m:f")
    assert project.reader().signature("m", "f") is None


def test_a_cycle_of_imports_ends_and_reaches_what_is_taken_back(project: Project) -> None:
    project.write(
        a="import b\ndef f(): return b.g()\ndef h(): return 1\ndef i(): return 2\n",
        b="from a import h\ndef g(): return h()\n",
    )
    assert project.names(project.code("a:f")) == ["a.py", "a.py:f", "a.py:h", "b.py"]
    project.edit("b.py", "from a import h", "import a")
    assert "a.py:i" in project.names(project.code("a:f"))


def test_a_file_with_a_syntax_error_counts_by_its_bytes(project: Project) -> None:
    project.write(m="def f(:\n")
    assert project.changes(lambda: project.edit("m.py", "\n", " # x\n"), "m:f")
    assert project.reader().signature("m", "f") is None


def test_a_module_that_is_no_python_text_counts_by_its_bytes(project: Project) -> None:
    project.write(m="import fast, old\ndef f(): pass\n")
    project.file("fast.so", b"\x7fELF1")
    project.file("old.pyc", b"1")
    assert project.changes(lambda: project.file("fast.so", b"\x7fELF2"), "m:f")
    assert project.changes(lambda: project.file("old.pyc", b"2"), "m:f")


def test_a_module_that_appears_later_was_looked_for(project: Project) -> None:
    project.write(m="import json, nowhere\nfrom late import missing\ndef f(): pass\n")
    absent = project.code("m:f").absent
    for path in ("nowhere.py", "nowhere", "json.py", "late/missing.py", "m"):
        assert str(project.root / path) in absent
    assert all(not Path(path).exists() for path in absent)
    assert project.changes(lambda: project.write(json="A = 1\n"), "m:f")
    assert project.changes(lambda: project.write(nowhere="A = 1\n"), "m:f")


def test_a_regular_package_later_on_the_path_wins_over_a_plain_folder(
    project: Project, tmp_path: Path
) -> None:
    lib = tmp_path / "site-packages/data"
    lib.mkdir(parents=True)
    project.search = [str(lib.parent)]
    project.write(data__x="A = 1\n", m="import data.x\ndef f(): pass\n")
    assert project.read(project.code("m:f")) == ["data/x.py", "m.py"]
    (lib / "__init__.py").write_text("")
    assert project.read(project.code("m:f")) == ["m.py"]
    assert str(project.root / "data/__init__.py") in project.code("m:f").absent


@pytest.mark.parametrize("name", ["actions", "engine", "planning", "cli", "rules", "tests"])
def test_modules_may_have_the_names_of_our_own(project: Project, name: str) -> None:
    (project.root / "rules").rename(project.root / "moved")
    project.write(**{name: "import engine\ndef f(): return 1\n"})
    project.search = list(sys.path)
    assert project.code(f"{name}:f").files == (str(project.root / f"{name}.py"),)


def test_a_missing_module_is_an_error_that_names_the_nearest(project: Project) -> None:
    with pytest.raises(FileflowError, match=r"no module 'rules\.flihgts'") as caught:
        project.code("rules.flihgts:tidy")
    assert caught.value.hint == "did you mean 'rules.flights'?"
    with pytest.raises(FileflowError) as caught:
        project.code("rules/flights.py:tidy")
    assert caught.value.hint == "modules are written with dots: 'rules.flights'"
    with pytest.raises(FileflowError) as caught:
        project.code("zzz.qqq:tidy")
    assert caught.value.hint == "looked for zzz/qqq.py beside the Workflowfile"
    for odd in ("", ".rules", "rules..flights", "rules."):
        with pytest.raises(FileflowError, match="there is no module"):
            project.reader().function(odd, "tidy")


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("rules/lost.py", "lost.py", "Too many levels of symbolic links"),
        ("rules/lost.py", "/proc/self/mem", "Input/output error"),  # it opens, and nothing comes
        ("rules/lost.py", ".", "Is a directory"),
        ("rules/lost", "lost", "Too many levels of symbolic links"),
    ],
)
def test_a_module_that_cannot_be_read_is_told_as_that(
    project: Project, name: str, target: str, words: str
) -> None:
    (project.root / name).symlink_to(target)
    with pytest.raises(FileflowError) as caught:
        project.code("rules.lost:tidy")
    assert caught.value.what == f"{name} cannot be read: {words}"


def test_a_missing_function_is_an_error_that_names_the_nearest(project: Project) -> None:
    with pytest.raises(FileflowError, match=r"'rules\.flights' has no function 'tidyy'") as caught:
        project.code("rules.flights:tidyy")
    assert caught.value.hint == "did you mean 'tidy'?"
    with pytest.raises(FileflowError, match="'rules' has no function 'flights2'"):
        project.code("rules:flights2")


def test_a_script_counts_whole_with_the_modules_beside_it(project: Project) -> None:
    project.write(
        tools__plot='"""Plots."""\nimport beside, deep\n'
        'if __name__ == "__main__":\n    import late\n',
        tools__beside="A = 1\n",
    )
    code = project.reader().script("tools/plot.py")
    assert project.read(code) == ["deep.py", "late/__init__.py", "tools/beside.py", "tools/plot.py"]
    assert project.names(code) == project.read(code)
    project.edit("tools/beside.py", "1", "1  # one")
    assert project.reader().script("tools/plot.py").digest == code.digest
    project.edit("tools/plot.py", '"""Plots."""', "# plots")
    assert project.reader().script("tools/plot.py").digest != code.digest
    project.edit("tools/plot.py", "# plots", '"""Plots."""')
    assert project.reader().script("tools/plot.py").digest == code.digest
    project.edit("tools/beside.py", "1", "2")
    assert project.reader().script("tools/plot.py").digest != code.digest


def test_a_script_in_another_language_counts_by_its_bytes(project: Project) -> None:
    project.file("fit.R", "x <- 1\n")
    before = project.reader().script("fit.R")
    project.file("fit.R", "x <- 1 # one\n")
    assert project.reader().script("fit.R").digest != before.digest
    project.file("in/x", "")
    with pytest.raises(FileflowError, match="the script 'in' is a folder"):
        project.reader().script("in")
    with pytest.raises(FileflowError, match=r"no script 'fit\.r'"):
        project.reader().script("fit.r")


def test_a_signature_is_read_from_the_text(project: Project) -> None:
    project.write(
        m="async def f(a, /, b: Path, *c, d: 'list[Path]' = 1, e: list[int], **g):\n"
        "    def inner(): yield 1\n",
        n="from m import f as again\ndef h(x=1, y=2): yield x\n@again\ndef i(): pass\n",
    )
    found = project.reader().signature("n", "again")
    assert found is not None
    assert (found.is_async, found.is_generator) == (True, False)
    assert [(p.name, p.kind, p.has_default, p.annotation) for p in found.parameters] == [
        ("a", "positional_only", False, None),
        ("b", "positional_or_keyword", False, "Path"),
        ("c", "var_positional", False, None),
        ("d", "keyword_only", True, "list[Path]"),
        ("e", "keyword_only", False, "list[int]"),
        ("g", "var_keyword", False, None),
    ]
    plain = project.reader().signature("n", "h")
    assert plain is not None and plain.is_generator
    assert [p.has_default for p in plain.parameters] == [True, True]
    assert project.reader().signature("n", "i") is None
    assert project.reader().signature("nowhere", "i") is None


def test_a_function_that_is_bound_twice_has_no_sure_signature(project: Project) -> None:
    project.write(m="def f(x): pass\nf = print(f)\n")
    assert project.reader().signature("m", "f") is None


def test_a_very_deep_expression_is_read(project: Project) -> None:
    project.write(m="x = " + " + ".join(["1"] * 900) + "\ndef f(): return x\n")
    assert project.changes(lambda: project.edit("m.py", "1 + 1 +", "1 +"), "m:f")


VERSIONS = [
    found
    for minor in (10, 12, 13)
    for found in sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))[:1]
]


@pytest.mark.skipif(not VERSIONS, reason="no other Python here")
def test_the_digest_is_the_same_on_every_python(project: Project) -> None:
    project.write(
        m="import asyncio\n"
        "async def f(x, *a, k: 'int' = 1.5, **b) -> None:\n"
        "    async with x as y: await y\n"
        "    print(f'{x!r:>{a[0]}} a' 'b' f'{x=}{{}}{x:}' u'é')\n"
        "    print(1j, -2, b'\\x00', ..., *[i for i in a])\n"
        "    match x:\n"
        "        case {'a': 1, **rest}: return lambda: (yield)\n"
        "        case [1, *_] | None: pass\n"
        "    try: d = {**b, 1: 2}\n"
        "    except ValueError as e: raise e from None\n"
        "    return x[1:2, ::3] if (z := 0x10_00) else '\\d\\u200b'\n"
        "class C(Exception, metaclass=type): x: int\n"
    )
    ask = (
        "import sys; from fileflow.world.code import CodeReader; "
        "print(CodeReader(sys.argv[1], []).function('m', 'f').digest.hex())"
    )
    ours = Path(fileflow.__file__).parents[1]
    for python in VERSIONS:
        done = subprocess.run(
            [python, "-c", ask, project.root],
            cwd=ours,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.strip() == project.code("m:f").digest.hex(), python
        assert not done.stderr


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('import sys\nsys.path.insert(0, "lib")\nimport util\n', "lib"),
        ("import sys as system\nfrom sys import path\npath.append('lib')\nimport util\n", "lib"),
        ("import site\nsite.addsitedir('tools/lib')\nfrom util import V\n", "tools/lib"),
        (
            "import sys\nfrom pathlib import Path\n"
            "sys.path.append(str(Path(__file__).parent.parent / 'tools' / 'lib'))\n"
            "from util import V\n",
            "tools/lib",
        ),
        (
            "import os, sys\nhere = os.path.dirname(os.path.abspath(__file__))\n"
            "sys.path.insert(0, os.path.join(here, '..', 'lib'))\nimport util\n",
            "lib",
        ),
        ("import sys, os\nsys.path.insert(0, os.path.dirname(__file__))\nimport util\n", "steps"),
        ("import sys\nsys.path.insert(0, 'lib')\nfrom pack.util import V\n", "lib/pack"),
    ],
)
def test_modules_in_folders_that_the_code_adds_to_the_path_count(
    tmp_path: Path, text: str, folder: str
) -> None:
    project = Project(tmp_path / "project")
    project.file("steps/make.py", text + "def make(output): util.V\n")
    for name in ("lib", "lib/pack", "tools/lib", "steps"):
        project.file(f"{name}/util.py", "V = 1\n")
    what = "steps.make:make"
    assert project.changes(lambda: project.file(f"{folder}/util.py", "V = 2\n"), what)
    assert not project.changes(lambda: project.file(f"{folder}/util.py", "V = 2  # two\n"), what)
    script = project.reader().script("steps/make.py").digest
    project.file(f"{folder}/util.py", "V = 3\n")
    assert project.reader().script("steps/make.py").digest != script
    assert not project.changes(lambda: project.file("other/util.py", "V = 2\n"), what)


@pytest.mark.parametrize(
    "helper",
    [
        "import sys\ndef call(m, n): return getattr(sys.modules[m], n)()\n",
        "from sys import modules\ndef call(m, n): return getattr(modules[m], n)()\n",
        "import sys\ndef call(m, n): return sys._getframe(1).f_globals[n]()\n",
    ],
)
def test_what_another_module_can_take_by_a_computed_name_counts(
    tmp_path: Path, helper: str
) -> None:
    project = Project(tmp_path / "project")
    project.file("helper.py", helper)
    project.file(
        "steps.py",
        "from helper import call\ndef do_a(): return 1\n"
        "def make(output, kind): return call(__name__, 'do_' + kind)\n",
    )
    assert project.changes(lambda: project.edit("steps.py", "return 1", "return 2"), "steps:make")


@pytest.mark.parametrize(
    "exports",
    [
        "__all__ = ['sub']",
        "__all__: list[str] = ['sub']",
        "__all__ = []\n__all__ += ['sub']",
        "__all__ = []\n__all__.append('sub')",
        "__all__ = []\n__all__.extend(('sub',))",
        "from glob import glob\n__all__ = [name[:-3] for name in glob('*.py')]",
        "__all__ = []\nfor name in ['s']: __all__.append(name + 'ub')",
    ],
)
def test_a_star_takes_the_modules_that_a_package_exports(project: Project, exports: str) -> None:
    project.write(m="from pkg import *\ndef f(): return sub.V\n", pkg__sub="V = 1\n")
    project.file("pkg/__init__.py", exports + "\n")
    project.write(pkg__other="V = 1\n")
    assert project.changes(lambda: project.edit("pkg/sub.py", "1", "2"), "m:f")
    if "name" not in exports:
        assert not project.changes(lambda: project.edit("pkg/other.py", "1", "2"), "m:f")


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("import importlib\nNAME = 'helper'\ndef f(): return importlib.import_module(NAME)\n", ""),
        ("NAME = 'helper'\ndef f(): return __import__(NAME).V\n", ""),
        ("from importlib import import_module as get\ndef f(): return get('helper').V\n", ""),
        (
            "import importlib\ndef f(): return [importlib.import_module(n) for n in ['helper']]\n",
            "",
        ),
        ("import runpy\ndef f(): return runpy.run_path('helper.py')\n", ""),
        ("import runpy\ndef f(): return runpy.run_path('tools/helper.py')\n", "tools/helper.py"),
        ("import runpy\ndef f(): return runpy.run_module('helper')\n", ""),
        (
            "from importlib.util import spec_from_file_location\n"
            "def f(): return spec_from_file_location('x', './helper.py')\n",
            "",
        ),
    ],
)
def test_a_module_that_a_text_names_counts_where_texts_are_loaded(
    project: Project, text: str, file: str
) -> None:
    file = file or "helper.py"
    project.write(m=text, stranger="V = 1\n")
    project.file(file, "V = 1\n")
    assert project.changes(lambda: project.edit(file, "1", "2"), "m:f")
    assert not project.changes(lambda: project.edit("stranger.py", "1", "2"), "m:f")


def test_a_module_that_a_text_names_is_looked_for_in_the_package_too(project: Project) -> None:
    text = (
        "from importlib import import_module\nN = 'sub'\ndef f(): import_module('.' + N, 'pkg')\n"
    )
    project.write(pkg____init__="", pkg__m=text, pkg__sub="V = 1\n")
    assert project.changes(lambda: project.edit("pkg/sub.py", "1", "2"), "pkg.m:f")


@pytest.mark.parametrize(
    ("begins", "test", "counts"),
    [
        ("from typing import TYPE_CHECKING", "TYPE_CHECKING", False),
        ("import typing", "typing.TYPE_CHECKING", False),
        ("TYPE_CHECKING = True", "TYPE_CHECKING", True),
        ("from typing import TYPE_CHECKING", "not TYPE_CHECKING", True),
    ],
)
def test_what_is_imported_for_types_alone_is_not_reached(
    project: Project, begins: str, test: str, counts: bool
) -> None:
    project.write(
        m=f"{begins}\nif {test}:\n    import deep\ndef f(a: 'deep.T'): return 1\n",
        deep="class T: size = 1\n",
    )
    assert project.changes(lambda: project.edit("deep.py", "1", "2"), "m:f") is counts
