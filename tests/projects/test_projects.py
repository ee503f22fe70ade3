"""Projects of several trades: what is built at first, and after the changes that matter there."""

import json
import shutil
from itertools import product

import pytest

from tests.flows.space import Space

from .projects import Change, Project, begin, change, described, golden, jobs, same_as_anew


def write(name: str, text: str):
    return lambda space: space.write(name, text)


def append(name: str, text: str):
    return lambda space: space.write(name, space.read(name) + text)


def replace(name: str, old: str, new: str):
    return lambda space: space.replace(name, old, new)


def delete(name: str):
    return lambda space: space.delete(name)


def nothing(space: Space) -> None:
    """The change is in the options."""


def both(*edits):
    def edit(space: Space) -> None:
        for one in edits:
            one(space)

    return edit


def reads(sample: str, unit: str, bases: str) -> str:
    return f"@{sample}{unit}.1/1\n{bases}\n+\n{'I' * len(bases)}\n"


COHORT = Project(
    "cohort",
    ("results/cohort.tsv", "results/quality.txt", "results/aligned/C.sam"),
    (
        Change(
            "the reads of one unit come again",
            both(
                replace("reads/fc1/B_u1_R1.fq", "CCAAGATCT", "CCATGGTCA"),
                replace("reads/fc1/B_u1_R2.fq", "ACTAGATCT", "ACTGGATTC"),
            ),
            certain="trim B u1 R1|R2",
            maybe="""
                align B u1
                merge B
                count B
                cohort
                quality
            """,
        ),
        Change(
            "one unit more",
            both(
                append("sheets/units.tsv", "B\tu2\tfc1\t3\n"),
                write("reads/fc1/B_u2_R1.fq", reads("B", "u2", "TTGACCGTA")),
                write("reads/fc1/B_u2_R2.fq", reads("B", "u2", "AGCTTACCG")),
            ),
            certain="""
                trim B u2 R1|R2
                align B u2
                merge B
                quality
            """,
            maybe="""
                count B
                cohort
            """,
        ),
        Change(
            "another image, which says the same",
            replace("images/align.sif", "version 1", "version 2"),
            certain="""
                align A u1|u2
                align B u1|u2
                align C u1|u2
            """,
            spared="""
                merge A|B|C
                count A|B|C
                cohort
                quality
            """,
        ),
        Change(
            "a sample is a case after all",
            replace("sheets/samples.tsv", "control", "case"),
            certain="""
                count B
                cohort
            """,
        ),
        Change(
            "without trimming",
            nothing,
            certain="untrimmed A|B|C u1|u2 R1|R2",
            maybe="""
                align A u1|u2
                align B u1
                align C u2
                merge A|B|C
                count A|B|C
                cohort
                quality
            """,
            spared="""
                align B u2
                align C u1
            """,
            args=("--config", "trimming.active=false"),
        ),
    ),
)

TUMOURS = Project(
    "tumours",
    ("results/summary.tsv", "build/calls/T1-N1.vcf", "build/panel.txt"),
    (
        Change(
            "a normal that two tumours share has what was called in them",
            append("data/lib1/N1.txt", "2 T 30\n"),
            certain="align N1",
            maybe="""
                profile N1
                panel
                call T1|T2 N1
                shared T1 T2|T3
                shared T2 T3
                summary
            """,
        ),
        Change(
            "a read more, which is too poor",
            append("data/lib2/T3.txt", "3 G 5\n"),
            certain="align T3",
            spared="""
                call T3 N2
                shared T1|T2 T3
                summary
            """,
        ),
        Change(
            "another normal for one tumour",
            replace("sheets/pairs.tsv", "T3\tN2", "T3\tN1"),
            certain="""
                call T3 N1
                shared T1|T2 T3
                panel
                summary
            """,
        ),
        Change(
            "one tumour more, with a normal that is there",
            both(
                append("sheets/samples.tsv", "T4\tlib2\tdata/lib2/T4.txt\n"),
                append("sheets/pairs.tsv", "T4\tN1\n"),
                write("data/lib2/T4.txt", "library lib2\n4 G 30\n4 G 31\n6 A 30\n6 A 33\n"),
            ),
            certain="""
                align T4
                call T4 N1
                shared T1|T2|T3 T4
                summary
            """,
        ),
        Change(
            "the ploidy of one tumour",
            replace("Workflowfile", "T2: 3", "T2: 4"),
            certain="call T2 N1",
            maybe="""
                shared T1 T2
                shared T2 T3|T4
                summary
            """,
        ),
    ),
)

FOLDS = Project(
    "folds",
    ("results/models.csv", "results/spread.csv", "build/fit/mean/s1-0.json"),
    (
        Change(
            "six replicates for four",
            replace("Workflowfile", "replicates: 4", "replicates: 6"),
            certain="""
                fit mean|median s1|s2|s10 4|5
                draws s1|s2|s10 4|5
                score mean|median s1|s2|s10 4|5
                models
                spread
            """,
        ),
        Change(
            "one model more",
            replace("Workflowfile", "[mean, median]", "[mean, median, last]"),
            certain="""
                fit last s1|s2|s10 0|1|2|3|4|5
                score last s1|s2|s10 0|1|2|3|4|5
                models
            """,
        ),
        Change(
            "other values of one subject",
            write("data/s2.csv", "x,y\n1,1.25\n2,2.75\n3,8.5\n"),
            certain="""
                fit mean|median|last s1|s10 0|1|2|3|4|5
                draws s1|s10 0|1|2|3|4|5
                score mean|median|last s2 0|1|2|3|4|5
            """,
            maybe="""
                score mean|median|last s1 1|2|3|4|5
                score mean|median|last s10 0|1|2|3|4|5
                models
                spread
            """,
            # This bootstrap sample happens to hold no value of that subject, for any model.
            spared="score mean|median|last s1 0",
        ),
    ),
)

WINDOW = Project(
    "window",
    ("results/north.csv", "results/south.csv"),
    (
        Change(
            "a late file",
            write("data/north/2024-02-28.csv", "12:00,3.5\n00:00,1.0\n"),
            certain="""
                tidy north 2024-02-28
                window north 2024-03-03|2024-03-04|2024-03-05
            """,
            maybe="report north",
        ),
        Change(
            "a corrected file",
            replace("data/south/2024-03-07.csv", "12:00", "13:00"),
            certain="tidy south 2024-03-07",
            maybe="window south 2024-03-07|2024-03-08",
            spared="report south",
        ),
        Change(
            "a line twice",
            append("data/south/2024-03-02.csv", "00:00,-50.0\n"),
            certain="tidy south 2024-03-02",
            spared="""
                window south 2024-03-03|2024-03-04|2024-03-05|2024-03-06|2024-03-07|2024-03-08
                report south
            """,
        ),
        Change(
            "a file is withdrawn",
            delete("data/north/2024-03-07.csv"),
            certain="window north 2024-03-07|2024-03-08",
            maybe="report north",
        ),
        Change(
            "a day more",
            both(
                append(
                    "sheets/windows.csv",
                    "".join(f"2024-03-09,2024-03-0{day}\n" for day in range(3, 10)),
                ),
                write("data/north/2024-03-09.csv", "12:00,4.5\n"),
                write("data/south/2024-03-09.csv", "12:00,6.5\n"),
            ),
            certain="""
                tidy north|south 2024-03-09
                window north|south 2024-03-09
                report north|south
            """,
        ),
    ),
)

AFTER_LINK = """
    link
    try good|wrong
    results
"""
PROGRAM = Project(
    "program",
    ("build/results.txt",),
    (
        Change(
            "a header that another one includes",
            replace("include/bounds.h", "MOST 8", "MOST 9"),
            certain="compile parse|stack",
            maybe=AFTER_LINK,
        ),
        Change(
            "a comment in a header",
            replace("include/bounds.h", "How much", "How many numbers"),
            certain="compile parse|stack",
            spared=AFTER_LINK,
        ),
        Change(
            "a header includes a new one",
            both(
                replace("include/parse.h", "#define PLUS '+'\n", '#include "signs.h"\n'),
                write("include/signs.h", "#define PLUS '+'\n"),
            ),
            certain="compile main|parse",
            spared=AFTER_LINK,
        ),
        Change(
            "the new header",
            write("include/signs.h", "#define PLUS '&'\n"),
            certain="compile main|parse",
            maybe=AFTER_LINK,
        ),
        Change(
            "a header is gone that none includes any more",
            both(
                replace("include/stack.h", '#include "bounds.h"', "#define MOST 9"),
                delete("include/bounds.h"),
            ),
            certain="compile parse|stack",
            spared=AFTER_LINK,
        ),
        Change(
            "the version, from which a header is made",
            write("VERSION", "1.1\n"),
            certain="version",
            maybe="compile main" + AFTER_LINK,
        ),
    ),
    made=("build",),
)

DRAFT: tuple[str, ...] = ("--config", "mode=draft")
FINAL: tuple[str, ...] = ("--config", "mode=final")
PAPER = Project(
    "paper",
    ("paper.md", "build/draft/trend.svg", "build/draft/histogram.svg"),
    (
        Change("remarks", replace("rules/svg.py", "The little", "That part")),
        Change(
            "what only one figure reaches",
            replace("rules/figures.py", "counts = [0] * bins", "counts = [1] * bins"),
            certain="histogram",
            maybe="paper",
        ),
        Change(
            "as it is sent",
            nothing,
            certain="""
                all_data
                trend
                histogram
                appendix
                paper
            """,
            args=FINAL,
        ),
        Change("as a draft again", nothing, certain="paper", args=DRAFT),
        Change("and as it is sent again", nothing, certain="paper", args=FINAL),
        Change(
            "a colour of one's own, in a file that was missing",
            write("config/local.yaml", "style: {colour: teal}\n"),
            certain="trend",
            maybe="paper",
            args=FINAL,
        ),
        Change(
            "one sentence",
            replace("sections/2-found.md", "See", "Look at"),
            certain="paper",
            args=FINAL,
        ),
        Change("as a draft, with what was changed", nothing, "trend\npaper", args=DRAFT),
    ),
    made=("build/draft", "paper.md"),
)

ENSEMBLE = Project(
    "ensemble",
    ("results/ensemble.json", "build/runs/0/weights.json"),
    (
        Change(
            "one member more",
            replace("Workflowfile", "members: 3", "members: 4"),
            certain="""
                train 3
                ensemble
            """,
        ),
        Change(
            "more epochs",
            replace("Workflowfile", "epochs: 4", "epochs: 6"),
            certain="train 0|1|2|3",
            maybe="ensemble",
        ),
        Change(
            "other data",
            append("data/points.csv", "4,9.1\n"),
            certain="train 0|1|2|3",
            maybe="ensemble",
        ),
    ),
)

PROJECTS = [COHORT, TUMOURS, FOLDS, WINDOW, PROGRAM, PAPER, ENSEMBLE]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_project(space: Space, project: Project) -> None:
    begin(space, project.name)
    if project is PROGRAM and shutil.which("gcc") is None:
        pytest.skip("there is no gcc here")
    checked = space.flow("check")
    assert checked.status == 0, checked.text
    flow = space.good()
    assert described(space, flow, project.results) == golden(project.name)
    assert flow.counts()[1:] == (0, 0, 0)
    assert space.good().summary["built"] == 0
    for one in project.changes:
        change(space, one)
    args = project.changes[-1].args
    space.move("elsewhere")
    assert space.good(*args).summary["built"] == 0
    same_as_anew(space, project, *args)


def test_models_and_other_rules_share_their_draws(space: Space) -> None:
    begin(space, "folds")
    space.good()
    seen = set()
    for held, rep in product(["s1", "s2", "s10"], range(4)):
        drawn = json.loads(space.read(f"build/draws/{held}-{rep}.json"))
        for model in ["mean", "median"]:
            fitted = json.loads(space.read(f"build/fit/{model}/{held}-{rep}.json"))
            assert fitted["drawn"] == drawn
        seen.add((held, tuple(drawn)))
    assert len(seen) == 12
    other = space.good("--seed", "43")
    assert other.built == jobs(
        """
        fit mean|median s1|s2|s10 0|1|2|3
        draws s1|s2|s10 0|1|2|3
        score mean|median s1|s2|s10 0|1|2|3
        models
        spread
        """
    )


def test_a_window_that_is_withdrawn_is_an_orphan(space: Space) -> None:
    begin(space, "window")
    space.good()
    sheet = [line for line in space.lines("sheets/windows.csv") if "2024-03-08," not in line]
    space.write("sheets/windows.csv", "\n".join(sheet) + "\n")
    assert space.good().built == jobs("report north|south")
    gone = {f"build/window/{station}/2024-03-08.json" for station in ["north", "south"]}
    gone |= {f"build/tidy/{station}/2024-03-08.csv" for station in ["north", "south"]}
    before = set(space.files())
    assert all(name in space.flow("clean", "--orphans", "-n").stdout for name in gone)
    assert set(space.files()) == before
    assert space.flow("clean", "--orphans").status == 0
    assert before - set(space.files()) == gone
    assert space.good().summary["built"] == 0
