"""The table of changes for each feature of the language: what is built after one change.

For each feature and kind of action one project goes through all changes, one after the other.
Before each of them `-n` foretells what will be built and changes no byte; after it nothing is left
to do. In a row, jobs are told so:

    work a      foretold for certain, and built
    work a?     foretold with the reservation "if NAME changes", and built
    work a~     foretold with the reservation, and spared
    work a-     foretold with the reservation, and held back by a failure
    work a+     not foretold, as it is found while running, and built
    work a!     foretold for certain, and failed
    @work       of this rule `-n` says that something cannot be known yet

An output that is gone, or that something else was written over, is taken to come back as it was.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from .features import Feature, Look, Row, changed, write_feature
from .space import Space
from .table import expect

# Changes that are a reason for nothing, whatever the feature.
NOTHING = [
    "nothing",
    "touch",
    "remark",
    "docstring",
    "order of the keys of params",
    "rule renamed",
    "folder moved, rule named as before",
]
# Changes of the subject's action, and what of it they have no meaning for.
EDITS = ["word of the action", "helper", "param"]
NOT_FOR = {"docstring": ("shell", "argv", "sh")}
# What counts of a script are its bytes.
BYTES = {"remark": ("py", "sh", "ipynb"), "docstring": ("py", "ipynb")}
# What each feature has to have a row for.
ROWS = [
    "intermediate deleted",
    "output deleted",
    "same-size edit",
    "same bytes from upstream",
    "member added",
    "member removed",
    "intermediate overwritten",
    "output overwritten",
    "failed job",
    "put back",
]


# -- the shape that most features have: two files are worked on, then gathered ------------------

TOTAL = """\
  total:
    input: work/{name}.txt
    output: out/total.txt
    @join total
"""
PLAIN = (
    """\
wildcards:
  name: in/{name}.txt
rules:
  all:
    input: out/total.txt
  work:
    input: in/{name}.txt
    output: work/{name}.txt
    @join work name
"""
    + TOTAL
)
TEMP = 'output: {{path: "{}/{{name}}.txt", temp: true}}'
PLAIN_ROWS = {
    "intermediate deleted": Row("", {"work/a.txt": None}),
    "output deleted": Row("work a, total", {"out/total.txt": None}),
    "same-size edit": Row("work a, total?", {"in/a.txt": "a two\n"}),
    "same bytes from upstream": Row("work a, total~", {"in/a.txt": "A TWO\n"}),
    "member added": Row("work c, total", {"in/c.txt": "c one\n"}),
    "member removed": Row("total", {"in/b.txt": None}),
    "intermediate overwritten": Row("work a", {"work/a.txt": "mine\n"}),
    "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
    "failed job": Row("work a!, total-", {"in/a.txt": "bad\n"}),
    "put back": Row("", {"in/a.txt": "A TWO\n"}),
}
# Of the first two members, the second has been removed and a third added when the action is edited.
plain = Feature(
    PLAIN,
    {"in/a.txt": "a one\n", "in/b.txt": "b one\n"},
    first="work a, work b, total",
    edited="work a, work c, total~",
    rows=PLAIN_ROWS,
)


def with_rule(feature: Feature, before: str, after: str) -> Feature:
    """The same feature with something else in its Workflowfile."""
    assert before in feature.workflow
    return replace(feature, workflow=feature.workflow.replace(before, after))


def with_rows(feature: Feature, rows: Mapping[str, Row]) -> Feature:
    """The same feature with other rows, in the place of those of their names, and with new ones."""
    return replace(feature, rows={**feature.rows, **rows})


# -- values found while running ------------------------------------------------------------------

SPLIT = (
    """\
rules:
  all:
    input: out/total.txt
  split:
    input: in/text.txt
    output: build/{name}.txt
    scatter: name
    @yield split
  work:
    input: build/{name}.txt
    output: work/{name}.txt
    @join work name
"""
    + TOTAL
)
TEXT = "a one\nb one\n"

static_scatter = Feature(
    "wildcards:\n  name: [a, b]\n" + SPLIT,
    {"in/text.txt": TEXT},
    subject="split",
    first="split, work a, work b, total",
    edited="split, work a~, work c~, total~",
    rows={
        "intermediate deleted": Row("", {"work/a.txt": None}),
        "output deleted": Row("work a, total", {"out/total.txt": None}),
        "same-size edit": Row("split, work a?, work b~, total?", {"in/text.txt": "a two\nb one\n"}),
        "same bytes from upstream": Row(
            "split, work a~, work b~, total~", {"in/text.txt": "a TWO\nb one\n"}
        ),
        "member added": Row(
            "split, work a~, work b~, work c, total",
            {"in/text.txt": "a TWO\nb one\nc one\n"},
            {"name: [a, b]": "name: [a, b, c]"},
        ),
        "member removed": Row(
            "split, work a~, work c~, total",
            {"in/text.txt": "a TWO\nc one\n"},
            {"name: [a, b, c]": "name: [a, c]"},
        ),
        "intermediate overwritten": Row("work a", {"work/a.txt": "mine\n"}),
        "chunk overwritten": Row("split", {"build/a.txt": "mine\n"}),
        "chunk deleted": Row("", {"build/a.txt": None}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("split!, work a-, work c-, total-", {"in/text.txt": "a TWO\nc bad\n"}),
        "put back": Row("", {"in/text.txt": "a TWO\nc one\n"}),
    },
)
LATER = ", @work, @total"
scatter = Feature(
    SPLIT.replace("@yield", "@split"),
    {"in/text.txt": TEXT},
    subject="split",
    first="split, work a+, work b+, total+" + LATER,
    edited="split" + LATER,
    rows={
        "intermediate deleted": Row("", {"work/a.txt": None}),
        "output deleted": Row("work a, total", {"out/total.txt": None}),
        "same-size edit": Row("split, work a+, total+" + LATER, {"in/text.txt": "a two\nb one\n"}),
        "same bytes from upstream": Row("split" + LATER, {"in/text.txt": "a TWO\nb one\n"}),
        "member added": Row(
            "split, work c+, total+" + LATER, {"in/text.txt": "a TWO\nb one\nc one\n"}
        ),
        "member removed": Row("split, total+" + LATER, {"in/text.txt": "a TWO\nc one\n"}),
        "intermediate overwritten": Row("work a", {"work/a.txt": "mine\n"}),
        "chunk overwritten": Row("split", {"build/a.txt": "mine\n"}),
        "chunk deleted": Row("", {"build/a.txt": None}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("split!" + LATER, {"in/text.txt": "a TWO\nc bad\n"}),
        "put back": Row("", {"in/text.txt": "a TWO\nc one\n"}),
    },
)
scatter_by_value = Feature(
    "wildcards:\n  sample: in/{sample}.txt\n"
    + SPLIT.replace("in/text", "in/{sample}")
    .replace("/{name}", "/{sample}/{name}")
    .replace("@yield split", "@split split sample")
    .replace("@join work", "@join work sample"),
    {"in/x.txt": TEXT, "in/y.txt": "b one\n"},
    subject="split",
    first="split x, split y, work x a+, work x b+, work y b+, total+" + LATER,
    edited="split x, split z" + LATER,
    rows={
        "intermediate deleted": Row("", {"work/x/a.txt": None}),
        "output deleted": Row("work x a, total", {"out/total.txt": None}),
        "same-size edit": Row("split x, work x a+, total+" + LATER, {"in/x.txt": "a two\nb one\n"}),
        "same bytes from upstream": Row("split x" + LATER, {"in/x.txt": "a TWO\nb one\n"}),
        "member added": Row("split y, work y c+, total+" + LATER, {"in/y.txt": "b one\nc one\n"}),
        "member removed": Row("split x, total+" + LATER, {"in/x.txt": "b one\n"}),
        "producer added": Row("split z, work z a+, total+" + LATER, {"in/z.txt": "a one\n"}),
        "producer removed": Row("total", {"in/y.txt": None}),
        "intermediate overwritten": Row("split z", {"build/z/a.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("split x!" + LATER, {"in/x.txt": "b bad\n"}),
        "put back": Row("", {"in/x.txt": "b one\n"}),
    },
)
# Of two names of one scatter the first has values, the second is found for each of them.
HALVES = "l-a one\nl-b one\nr-a one\n"
half_declared_scatter = Feature(
    "wildcards:\n  half: [l, r]\n"
    + SPLIT.replace("@yield", "@split")
    .replace("scatter: name", "scatter: [half, name]")
    .replace("/{name}", "/{half}-{name}")
    .replace("@join work", "@join work half")
    .replace("input: out/total.txt", "input: [out/total.txt, out/halves.txt]")
    + """\
  halves:
    input: in/{half}.txt
    output: out/halves.txt
    @join halves
""",
    {"in/text.txt": HALVES, **{f"in/{x}.txt": f"{x} one\n" for x in "lrs"}},
    subject="split",
    kinds=["shell", "argv", "run", "py", "sh"],
    first="split, work l a+, work l b+, work r a+, total+, halves" + LATER,
    edited="split" + LATER,
    rows={
        "intermediate deleted": Row("", {"work/l-a.txt": None}),
        "output deleted": Row("work l a, total", {"out/total.txt": None}),
        "same-size edit": Row(
            "split, work l a+, total+" + LATER, {"in/text.txt": "l-a two\nl-b one\nr-a one\n"}
        ),
        "same bytes from upstream": Row(
            "split" + LATER, {"in/text.txt": "l-a TWO\nl-b one\nr-a one\n"}
        ),
        "member added": Row(
            "split, work r c+, total+" + LATER,
            {"in/text.txt": "l-a TWO\nl-b one\nr-a one\nr-c one\n"},
        ),
        "member removed": Row(
            "split, total+" + LATER, {"in/text.txt": "l-a TWO\nr-a one\nr-c one\n"}
        ),
        "declared value added": Row(
            "split, work s a+, total+, halves" + LATER,
            {"in/text.txt": "l-a TWO\nr-a one\nr-c one\ns-a one\n"},
            {"half: [l, r]": "half: [l, r, s]"},
        ),
        "declared values in another order": Row(
            "total, halves", edits={"half: [l, r, s]": "half: [s, r, l]"}
        ),
        "value that is not declared": Row(
            "split!" + LATER, {"in/text.txt": "l-a TWO\nr-a one\nr-c one\ns-a one\nu-a one\n"}
        ),
        "declared value that is not made": Row(
            "split!" + LATER, {"in/text.txt": "l-a TWO\nr-a one\nr-c one\n"}
        ),
        "declared value removed": Row(
            "split, total+, halves" + LATER, edits={"half: [s, r, l]": "half: [r, l]"}
        ),
        "intermediate overwritten": Row("work l a", {"work/l-a.txt": "mine\n"}),
        "chunk overwritten": Row("split", {"build/l-a.txt": "mine\n"}),
        "chunk deleted": Row("", {"build/l-a.txt": None}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("split!" + LATER, {"in/text.txt": "l-a TWO\nr-c bad\n"}),
        "put back": Row("", {"in/text.txt": "l-a TWO\nr-a one\nr-c one\n"}),
    },
)
temp_around_scatter = replace(
    scatter,
    workflow=scatter.workflow.replace("output: build/{name}.txt", TEMP.format("build")).replace(
        "output: work/{name}.txt", TEMP.format("work")
    ),
    rows={
        **scatter.rows,
        "output deleted": Row("split, work a, work b, total", {"out/total.txt": None}),
        "same-size edit": Row(
            "split, work a+, work b+, total+" + LATER, {"in/text.txt": "a two\nb one\n"}
        ),
        "member added": Row(
            "split, work a+, work b+, work c+, total+" + LATER,
            {"in/text.txt": "a TWO\nb one\nc one\n"},
        ),
        "member removed": Row(
            "split, work a+, work c+, total+" + LATER, {"in/text.txt": "a TWO\nc one\n"}
        ),
        "intermediate overwritten": Row("split, work a", {"work/a.txt": "mine\n"}),
        "output overwritten": Row("split, work a, work c, total", {"out/total.txt": "mine\n"}),
    },
    without={
        "intermediate deleted": "it is never there after a run",
        "chunk deleted": "it is never there after a run",
    },
)
INNER = ", @inner" + LATER
scatter_in_scatter = Feature(
    """\
rules:
  all:
    input: out/total.txt
  outer:
    input: in/text.txt
    output: outer/{x}.txt
    scatter: x
    @split outer
  inner:
    input: outer/{x}.txt
    output: inner/{x}/{y}.txt
    scatter: y
    @yield inner x
  work:
    input: inner/{x}/{y}.txt
    output: work/{x}/{y}.txt
    @join work x y
  total:
    input: work/{x}/{y}.txt
    output: out/total.txt
    @join total
""",
    {"in/text.txt": "p 1 one\np 2 one\nq 1 one\n"},
    subject="inner",
    first="outer, inner p+, inner q+, work p 1+, work p 2+, work q 1+, total+" + INNER,
    edited="inner p, inner q" + LATER,
    rows={
        "intermediate deleted": Row("", {"work/p/1.txt": None}),
        "output deleted": Row("work p 1, total", {"out/total.txt": None}),
        "same-size edit": Row(
            "outer, inner p+, work p 1+, total+" + INNER,
            {"in/text.txt": "p 1 two\np 2 one\nq 1 one\n"},
        ),
        "same bytes from upstream": Row(
            "outer" + INNER, {"in/text.txt": "p 1 TWO\np 2 one\nq 1 one\n"}
        ),
        "member added": Row(
            "outer, inner q+, work q 2+, total+" + INNER,
            {"in/text.txt": "p 1 TWO\np 2 one\nq 1 one\nq 2 one\n"},
        ),
        "member removed": Row(
            "outer, inner p+, total+" + INNER,
            {"in/text.txt": "p 1 TWO\nq 1 one\nq 2 one\n"},
        ),
        "outer member added": Row(
            "outer, inner r+, work r 1+, total+" + INNER,
            {"in/text.txt": "p 1 TWO\nq 1 one\nq 2 one\nr 1 one\n"},
        ),
        "outer member removed": Row(
            "outer, total+" + INNER, {"in/text.txt": "p 1 TWO\nq 1 one\nq 2 one\n"}
        ),
        "intermediate overwritten": Row("inner p", {"inner/p/1.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("outer!" + INNER, {"in/text.txt": "p 1 bad\n"}),
        "put back": Row("", {"in/text.txt": "p 1 TWO\nq 1 one\nq 2 one\n"}),
    },
)
JOINED = (
    """\
rules:
  all:
    input: out/total.txt
  left:
    input: in/left.txt
    output: left/{name}.txt
    scatter: name
    @yield left
  right:
    input: in/right.txt
    output: right/{name}.txt
    scatter: name
    @split right
  work:
    input: ["left/{name}.txt", "right/{name}.txt"]
    output: work/{name}.txt
    @join work name
"""
    + TOTAL
)
joined_scatters = Feature(
    JOINED,
    {"in/left.txt": "a one\nb one\nc one\n", "in/right.txt": "b one\nc one\nd one\n"},
    subject="left",
    first="left, right, work b+, work c+, total+" + LATER,
    edited="left" + LATER,
    rows={
        "intermediate deleted": Row("", {"work/b.txt": None}),
        "output deleted": Row("work b, total", {"out/total.txt": None}),
        "same-size edit": Row(
            "left, work b+, total+" + LATER, {"in/left.txt": "a one\nb two\nc one\n"}
        ),
        "same bytes from upstream": Row("left" + LATER, {"in/left.txt": "a one\nb TWO\nc one\n"}),
        "member added": Row(
            "right, work a+, total+" + LATER, {"in/right.txt": "a one\nb one\nc one\nd one\n"}
        ),
        "member without a partner": Row(
            "left" + LATER, {"in/left.txt": "a one\nb TWO\nc one\ne one\n"}
        ),
        "member removed": Row("left, total+" + LATER, {"in/left.txt": "a one\nb TWO\ne one\n"}),
        "intermediate overwritten": Row("right", {"right/b.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("left!" + LATER, {"in/left.txt": "a bad\n"}),
        "put back": Row("", {"in/left.txt": "a one\nb TWO\ne one\n"}),
    },
)
MADE = (
    """\
rules:
  all:
    input: out/total.txt
  plan:
    input: data/plan.txt
    output: build/plan.csv
    @list plan
  work:
    input: in/{name}.txt
    output: work/{name}.txt
    @join work name
"""
    + TOTAL
)
MADE_ROWS = {
    "intermediate deleted": Row("", {"build/plan.csv": None}),
    "output deleted": Row("total", {"out/total.txt": None}),
    "intermediate overwritten": Row("plan", {"build/plan.csv": "mine\n"}),
    "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
}
made_list = Feature(
    "wildcards:\n  name: {lines: build/plan.csv}\n" + MADE,
    {"data/plan.txt": "a\nb\n", **{f"in/{x}.txt": f"{x} one\n" for x in "abc"}},
    subject="plan",
    first="plan, work a+, work b+, total+" + LATER,
    edited="plan" + LATER,
    rows={
        **MADE_ROWS,
        "same-size edit": Row("work a, total?", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("plan" + LATER, {"data/plan.txt": "a\nb\n# end\n"}),
        "member added": Row("plan, work c+, total+" + LATER, {"data/plan.txt": "a\nb\nc\n"}),
        "order of the members": Row("plan, total+" + LATER, {"data/plan.txt": "c\na\nb\n"}),
        "member removed": Row("plan, total+" + LATER, {"data/plan.txt": "c\na\n"}),
        "failed job": Row("plan!" + LATER, {"data/plan.txt": "bad\n"}),
        "put back": Row("", {"data/plan.txt": "c\na\n"}),
    },
)
OWN = ", @total"
own_list = replace(
    made_list,
    workflow="""\
rules:
  all:
    input: out/total.txt
  plan:
    input: data/plan.txt
    output: build/plan.csv
    @list plan
  total:
    input: {path: "in/{name}.txt", name: {lines: build/plan.csv}}
    output: out/total.txt
    @join total
""",
    kinds=["argv", "run"],
    first="plan, total+" + OWN,
    edited="plan" + OWN,
    rows={
        **MADE_ROWS,
        "same-size edit": Row("total", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("plan" + OWN, {"data/plan.txt": "a\nb\n# end\n"}),
        "member added": Row("plan, total+" + OWN, {"data/plan.txt": "a\nb\nc\n"}),
        "order of the members": Row("plan, total+" + OWN, {"data/plan.txt": "c\na\nb\n"}),
        "member removed": Row("plan, total+" + OWN, {"data/plan.txt": "c\na\n"}),
        "failed job": Row("plan!" + OWN, {"data/plan.txt": "bad\n"}),
        "put back": Row("", {"data/plan.txt": "c\na\n"}),
    },
)
SHEET = "name,kind\na,one\nb,one\n"
made_table = Feature(
    "wildcards:\n  name, kind: {table: build/plan.csv}\n"
    + MADE.replace("    @join work", '    params: {kind: "{kind}"}\n    @join work'),
    {"data/plan.txt": SHEET, **{f"in/{x}.txt": f"{x} one\n" for x in "abc"}},
    subject="plan",
    first="plan, work a+, work b+, total+" + LATER,
    edited="plan" + LATER,
    rows={
        **MADE_ROWS,
        "same-size edit": Row("plan, work b+" + LATER, {"data/plan.txt": SHEET[:-4] + "two\n"}),
        "same bytes from upstream": Row(
            "plan" + LATER, {"data/plan.txt": SHEET[:-4] + "two\n# end\n"}
        ),
        "member added": Row(
            "plan, work c+, total+" + LATER, {"data/plan.txt": SHEET[:-4] + "two\nc,one\n"}
        ),
        "member removed": Row(
            "plan, total+" + LATER, {"data/plan.txt": "name,kind\nb,two\nc,one\n"}
        ),
        "failed job": Row("plan!" + LATER, {"data/plan.txt": "bad\n"}),
        "put back": Row("", {"data/plan.txt": "name,kind\nb,two\nc,one\n"}),
    },
)
PICK = """\
def files(after):
    return [f"in/{name}.txt" for name in after.read_text().split()]


def count(after):
    return len(after.read_text().split())
"""
calls = Feature(
    """\
rules:
  all:
    input: out/total.txt
  index:
    input: data/index.txt
    output: build/index.txt
    @list index
  work:
    input: {call: "pick:files", after: build/index.txt}
    output: work/all.txt
    @join work
  total:
    input: work/all.txt
    output: out/total.txt
    @join total
""",
    {"data/index.txt": "a\nb\n", "pick.py": PICK, **{f"in/{x}.txt": f"{x} one\n" for x in "abc"}},
    params='n: {call: "pick:count", after: build/index.txt}',
    first="index, work+, total+" + LATER,
    edited="work, total~",
    rows={
        "intermediate deleted": Row("", {"work/all.txt": None}),
        "output deleted": Row("work, total", {"out/total.txt": None}),
        "same-size edit": Row("work, total?", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("index" + LATER, {"data/index.txt": "a\nb\n# end\n"}),
        "member added": Row("index, work+, total+" + LATER, {"data/index.txt": "a\nb\nc\n"}),
        "member removed": Row("index, work+, total+" + LATER, {"data/index.txt": "b\nc\n"}),
        "function with the same answer": Row(
            "", {"pick.py": PICK.replace("[f", "2 * [f").replace("()]", "()][:2]")}
        ),
        "function with another answer": Row(
            "work, total?", {"pick.py": PICK.replace(".split()]", ".split() if name != 'b']")}
        ),
        "function as before": Row("work, total?", {"pick.py": PICK}),
        "intermediate overwritten": Row("work", {"work/all.txt": "mine\n"}),
        "index overwritten": Row("index", {"build/index.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("work!, total-", {"in/b.txt": "bad\n"}),
        "put back": Row("", {"in/b.txt": "b one\n"}),
    },
)

# -- kinds and flags of actions --------------------------------------------------------------------

async_function = replace(plain, kinds=["async"])
script = replace(plain, kinds=["py", "sh"])
# A kernel takes a second to start, so there is only one file at a time.
notebook = Feature(
    PLAIN,
    {"in/a.txt": "a one\n"},
    kinds=["ipynb"],
    first="work a, total",
    edited="work b, total~",
    rows={
        "results in the notebook": Row(""),
        "intermediate deleted": Row("", {"work/a.txt": None}),
        "output deleted": Row("work a, total", {"out/total.txt": None}),
        "same-size edit": Row("work a, total?", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("work a, total~", {"in/a.txt": "A TWO\n"}),
        "member added": Row("work b, total", {"in/b.txt": "b one\n"}),
        "member removed": Row("total", {"in/a.txt": None}),
        "intermediate overwritten": Row("work b", {"work/b.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("work b!, total-", {"in/b.txt": "bad\n"}),
        "put back": Row("", {"in/b.txt": "b one\n"}),
    },
)
MANY = "".join(f"c {number}\n" for number in range(40))
parallel_map = with_rows(
    replace(
        plain,
        # A map is a matter of Python alone; the function that it is given is the helper.
        kinds=["run", "py"],
        workflow=PLAIN.replace("    @join work", "    cores: 2\n    @map work"),
    ),
    {
        "other cores": Row("", edits={"cores: 2": "cores: 1"}),
        "cores as before": Row("", edits={"cores: 1": "cores: 2"}),
        "member added": Row("work c, total", {"in/c.txt": MANY}),
        "failed item": Row("work c!, total-", {"in/c.txt": MANY + "bad\n"}),
        "put back, many items": Row("", {"in/c.txt": MANY}),
        "same bytes of many items": Row("work c, total~", {"in/c.txt": MANY.upper()}),
        "last of many items": Row("work c, total?", {"in/c.txt": MANY + "end\n"}),
        "few items": Row("work c, total?", {"in/c.txt": "c one\n"}),
    },
)
# Five files are enough for a choice; a command needs none.
NAMES = "abdef"
executor_auto = with_rows(
    replace(
        with_rule(plain, "    @join work", "    executor: auto\n    @join work"),
        kinds=["shell", "run"],
        sources={f"in/{name}.txt": f"{name} one\n" for name in NAMES},
        first=", ".join(f"work {name}" for name in NAMES) + ", total",
        edited=", ".join(f"work {name}" for name in NAMES.replace("b", "c")) + ", total~",
    ),
    {
        "executor named": Row("", edits={"executor: auto": "executor: thread"}),
        "edit in threads": Row("work a, total?", {"in/a.txt": "a three\n"}),
        "put back in threads": Row("work a, total?", {"in/a.txt": "A TWO\n"}),
        "choice left again": Row("", edits={"executor: thread": "executor: auto"}),
    },
)
private = with_rule(plain, "    @", "    private: true\n    @")
paired_seeds = Feature(
    """\
seed: 1
wildcards:
  name: [a, b]
  rep: {range: 2}
rules:
  all:
    input: out/total.txt
  work:
    input: in/{name}.txt
    output: work/{name}/{rep}.txt
    seed: {by: [rep]}
    @draw work name rep
  total:
    input: work/{name}/{rep}.txt
    output: out/total.txt
    seed: false
    @join total
""",
    {"in/a.txt": "a one\n", "in/b.txt": "b one\n"},
    first="work a 0, work a 1, work b 0, work b 1, total",
    edited="work a 0, work a 1, work b 0, work b 1, total~",
    rows={
        "intermediate deleted": Row("", {"work/a/0.txt": None}),
        "output deleted": Row("work a 0, total", {"out/total.txt": None}),
        "same-size edit": Row("work a 0, work a 1, total~", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("work b 0, work b 1, total~", {"in/b.txt": "B ONE\n"}),
        "another seed": Row(
            "work a 0, work a 1, work b 0, work b 1, total?", edits={"seed: 1": "seed: 2"}
        ),
        "another key": Row(
            "work a 0, work a 1, work b 0, work b 1, total?",
            edits={"{by: [rep]}": "{by: [rep], key: own}"},
        ),
        "member added": Row("work a 2, work b 2, total", edits={"{range: 2}": "{range: 3}"}),
        "member removed": Row("total", edits={"{range: 3}": "{range: 2}"}),
        "intermediate overwritten": Row("work a 0", {"work/a/0.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("work a 0!, work a 1!, total-", {"in/a.txt": "bad\n"}),
        "put back": Row("", {"in/a.txt": "a two\n"}),
    },
)

# -- flags of inputs and outputs -------------------------------------------------------------------

folders = Feature(
    """\
wildcards:
  name: in/{name}.txt
rules:
  all:
    input: out/total.txt
  work:
    input: in/{name}.txt
    output: work/{name}/
    @tree work name
  part:
    input: work/{name}/deep/a.txt
    output: part/{name}.txt
    @join part name
  total:
    input: ["work/{name}/", "part/{name}.txt"]
    output: out/total.txt
    @join total
""",
    {"in/a.txt": "a one\n", "in/b.txt": "b one\n"},
    first="work a, work b, part a, part b, total",
    edited="work a, work c, part a~, part c~, total~",
    rows={
        "intermediate deleted": Row("", {"work/a": None}),
        "output deleted": Row("work a, total", {"out/total.txt": None}),
        "same-size edit": Row("work a, part a?, total?", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("work a, part a~, total~", {"in/a.txt": "A TWO\n"}),
        "member added": Row("work c, part c, total", {"in/c.txt": "c one\n"}),
        "member removed": Row("total", {"in/b.txt": None}),
        "intermediate overwritten": Row("work a", {"work/a/half.txt": "mine\n"}),
        "file in a folder deleted": Row("work a", {"work/a/deep/a.txt": None}),
        "file in a folder added": Row("work a", {"work/a/more.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("work a!, part a-, total-", {"in/a.txt": "bad\n"}),
        "put back": Row("", {"in/a.txt": "A TWO\n"}),
    },
)
in_place = replace(
    folders,
    workflow=folders.workflow.replace(
        "output: work/{name}/\n", 'output: {path: "work/{name}/", in_place: true}\n'
    ),
    # What the failed attempt has left is not believed, nor what was recorded before it.
    rows={**folders.rows, "put back": Row("work a, part a~, total~", {"in/a.txt": "A TWO\n"})},
)
ensure = with_rows(
    with_rule(
        plain,
        "output: work/{name}.txt\n",
        'output: {path: "work/{name}.txt", ensure: {non_empty: true}}\n',
    ),
    {
        "less to ensure": Row("", edits={", ensure: {non_empty: true}": ""}),
        "more to ensure": Row(
            "",
            edits={
                "out/total.txt\n    @": "{path: out/total.txt, ensure: {non_empty: true}}\n    @"
            },
        ),
        "what does not hold": Row(
            "total!", edits={"ensure: {non_empty: true}": f"ensure: {{sha256: {'0' * 64}}}"}
        ),
        "what holds again": Row(
            "", edits={f"ensure: {{sha256: {'0' * 64}}}": "ensure: {non_empty: true}"}
        ),
    },
)
optional = with_rows(
    replace(
        with_rule(
            with_rule(
                plain,
                "    input: in/{name}.txt\n",
                "    input:\n"
                "      main: in/{name}.txt\n"
                '      more: {path: "more/{name}.txt", optional: true}\n',
            ),
            "  total:\n",
            "  more:\n"
            "    when: {more: true}\n"
            "    input: in/{name}.txt\n"
            "    output: more/{name}.txt\n"
            "    @join more name\n"
            "  total:\n",
        ),
    ),
    {
        "optional file there": Row("work a, total?", {"more/a.txt": "more\n"}),
        "optional file changed": Row("work a, total?", {"more/a.txt": "else\n"}),
        "optional file gone": Row("work a, total?", {"more/a.txt": None}),
        "rule there": Row(
            "more a, more c, work a, work c, total?", edits={"more: false": "more: true"}
        ),
        "source of both": Row("more c, work c, total?", {"in/c.txt": "c two\n"}),
        "rule gone": Row("", edits={"more: true}\nwild": "more: false}\nwild"}),
        "file of the rule gone": Row("work a, total?", {"more/a.txt": None}),
    },
)
optional = replace(optional, workflow="config: {more: false}\n" + optional.workflow)
temp = with_rows(
    with_rule(plain, "output: work/{name}.txt", TEMP.format("work")),
    {
        "output deleted": Row("work a, work b, total", {"out/total.txt": None}),
        "same-size edit": Row("work a, work b?, total?", {"in/a.txt": "a two\n"}),
        "same bytes from upstream": Row("work a, work b~, total~", {"in/a.txt": "A TWO\n"}),
        "member added": Row("work a, work b, work c, total", {"in/c.txt": "c one\n"}),
        "member removed": Row("work a, work c, total", {"in/b.txt": None}),
        "intermediate overwritten": Row("work a", {"work/a.txt": "mine\n"}),
        "output overwritten": Row("work a, work c, total", {"out/total.txt": "mine\n"}),
        "failed job": Row("work a!, work c~, total-", {"in/a.txt": "bad\n"}),
    },
)
temp = replace(temp, without={"intermediate deleted": "it is never there after a run"})
GROUPS = "name,lane,spare\na,1,x\na,2,x\nb,1,x\n"
grouped_columns = Feature(
    PLAIN.replace("name: in/{name}.txt", "name, lane, spare: {table: data/sheet.csv}").replace(
        "@join work", "@say work"
    ),
    {"data/sheet.csv": GROUPS, **{f"in/{x}.txt": f"{x} one\n" for x in "abc"}},
    params='lanes: "{lane:each}"',
    words="{params.lanes}",
    first="work a, work b, total",
    edited="work a, work c, total~",
    rows={
        "intermediate deleted": Row("", {"work/a.txt": None}),
        "output deleted": Row("work a, total", {"out/total.txt": None}),
        "same-size edit": Row("work b, total?", {"data/sheet.csv": GROUPS.replace("b,1", "b,9")}),
        "same bytes from upstream": Row("work a, total~", {"in/a.txt": "a two\n"}),
        "member added": Row(
            "work a, total?", {"data/sheet.csv": GROUPS.replace("b,1", "b,9") + "a,3,x\n"}
        ),
        "member removed": Row("work a, total?", {"data/sheet.csv": GROUPS.replace("b,1", "b,9")}),
        "group added": Row(
            "work c, total", {"data/sheet.csv": GROUPS.replace("b,1", "b,9") + "c,1,x\n"}
        ),
        "group removed": Row(
            "total", {"data/sheet.csv": GROUPS.replace("b,1,x\n", "") + "c,1,x\n"}
        ),
        "column that nothing names": Row(
            "", {"data/sheet.csv": GROUPS.replace("b,1,x\n", "") + "c,1,y\n"}
        ),
        "intermediate overwritten": Row("work a", {"work/a.txt": "mine\n"}),
        "output overwritten": Row("total", {"out/total.txt": "mine\n"}),
        "failed job": Row("work a!, total-", {"in/a.txt": "bad\n"}),
        "put back": Row("", {"in/a.txt": "a two\n"}),
    },
)
deps = with_rows(
    replace(
        plain,
        workflow=PLAIN.replace(
            "    input: in/{name}.txt\n    output: work/{name}.txt\n    @join work name\n",
            "    input:\n"
            "      source: in/{name}.txt\n"
            "      shared: {path: build/shared.txt, order_only: true}\n"
            "    output:\n"
            "      obj: work/{name}.txt\n"
            '      found: {path: "work/{name}.d", deps: true}\n'
            "    @compile work name\n"
            "  shared:\n"
            "    input: data/shared.txt\n"
            "    output: build/shared.txt\n"
            "    @join shared\n",
        ),
        sources={
            "data/shared.txt": "one\n",
            "data/own.txt": "one\n",
            "in/a.txt": "include build/shared.txt\n",
            "in/b.txt": "include build/shared.txt\n",
        },
        first="shared, work a, work b, total",
    ),
    {
        "same-size edit": Row("shared, work a?, work b?, total?", {"data/shared.txt": "two\n"}),
        "same bytes from upstream": Row(
            "shared, work a~, work b~, total~", {"data/shared.txt": "TWO\n"}
        ),
        "member added": Row("work c, total", {"in/c.txt": "include data/own.txt\n"}),
        "failed job": Row("work c!, total-", {"data/own.txt": "bad\n"}),
        "put back": Row("", {"data/own.txt": "one\n"}),
        "file of one unit": Row("work c, total?", {"data/own.txt": "two\n"}),
        "unit that reads it no more": Row("work a, total?", {"in/a.txt": "a one\n"}),
        "what nothing reads any more": Row("shared", {"data/shared.txt": "three\n"}),
        "what one unit reads": Row("work c, total?", {"in/c.txt": "include build/shared.txt\n"}),
        "same-size edit once more": Row("shared, work c?, total?", {"data/shared.txt": "eerht\n"}),
    },
)

FEATURES = {
    "static scatter": static_scatter,
    "scatter": scatter,
    "scatter by value": scatter_by_value,
    "half declared scatter": half_declared_scatter,
    "temp around scatter": temp_around_scatter,
    "scatter in scatter": scatter_in_scatter,
    "joined scatters": joined_scatters,
    "made list": made_list,
    "made table": made_table,
    "own list": own_list,
    "calls": calls,
    "async": async_function,
    "script": script,
    "notebook": notebook,
    "parallel map": parallel_map,
    "executor auto": executor_auto,
    "private": private,
    "paired seeds": paired_seeds,
    "folders": folders,
    "in place": in_place,
    "ensure": ensure,
    "optional and when": optional,
    "temp": temp,
    "grouped columns": grouped_columns,
    "deps": deps,
}
CASES = [
    pytest.param(feature, kind, id=f"{name}-{kind}")
    for name, feature in FEATURES.items()
    for kind in feature.kinds
]


def told(text: str) -> dict[str, Any]:
    """A row as `expect` takes it."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    plain = {word for word in words if word[-1] not in "?~-+!" and word[0] != "@"}

    def marked(mark: str) -> set[str]:
        return {word[:-1] for word in words if word[-1] == mark}

    return {
        "ran": plain | marked("?") | marked("+"),
        "spared": marked("~"),
        "held_back": marked("-"),
        "certain": plain | marked("!"),
        "found": marked("+"),
        "failed": marked("!"),
        "deferred": {word[1:] for word in words if word[0] == "@"},
    }


def put(space: Space, change: str, row: Row) -> None:
    """Makes the change of a row."""
    for name, text in row.files.items():
        if text is None:
            space.delete(name)
        elif change.startswith("same-size edit"):
            space.edit_same_size(name, text)
        else:
            space.write(name, text)
    if change == "touch":
        for name in space.files():
            os.utime(space.path(name))
    if change.startswith("folder moved"):
        space.move("elsewhere")


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_each_change_is_there_or_left_out_for_a_reason(feature: Feature) -> None:
    assert set(ROWS) <= {*feature.rows, *feature.without}


def nothing_to_do(space: Space) -> None:
    """Said by the whole engine, then by what answers before it."""
    for _ in range(2):
        flow = space.flow("-k")
        assert (flow.status, space.ran) == (0, []) and "nothing to do" in flow.text, flow.text


@pytest.mark.parametrize(("feature", "kind"), CASES)
def test_each_change_builds_what_follows_from_it(
    request: pytest.FixtureRequest, feature: Feature, kind: str
) -> None:
    """With words as the action it is done as at a terminal, and as if the project were large."""
    if kind == "ipynb":
        for name in ("nbclient", "nbformat", "ipykernel"):
            pytest.importorskip(name, reason="notebooks need fileflow[notebook]")
    large = kind == "argv"
    space: Space = request.getfixturevalue("large_space" if large else "quick_space")
    look, text = Look(), feature.workflow
    for name, content in feature.sources.items():
        space.write(name, content)
    # The members are the first two, or with a notebook the first.
    last, now = ("work b", "work a") if kind == "ipynb" else ("work c", "work b")
    edited_first = feature.edited.replace(last, now)
    rows = {
        "first run": Row(feature.first),
        **{
            change: Row(edited_first if kind in BYTES.get(change, ()) else "")
            for change in NOTHING
            if kind not in NOT_FOR.get(change, ())
        },
        **{change: row for change, row in feature.rows.items() if change not in feature.without},
        **{change: Row(feature.edited) for change in EDITS},
    }
    for change, row in rows.items():
        print(f"-- {change}")  # seen if it fails
        put(space, change, row)
        for before, after in row.edits.items():
            assert before in text
            text = text.replace(before, after)
        look = changed(look, change)
        write_feature(space, feature, kind, look, text)
        expect(space, "-k", **told(row.told), again="-n", plain=large)
        if change == "nothing":
            nothing_to_do(space)
    assert space.good("--rerun").summary["differ"] == {}
