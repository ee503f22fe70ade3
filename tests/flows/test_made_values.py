"""Values that stand in files which rules make: lists and tables, read when made, and kept."""

import pytest

from .space import Space

LIST = """\
wildcards:
  item: {lines: build/items.txt}
rules:
  all:
    input: build/all.txt
  items:
    input: data/items.txt
    output: build/items.txt
    shell: |
      echo items >> "$RAN_LOG"
      grep -v '^#' {input} > {output}
  work:
    output: build/work/{item}.txt
    shell: |
      echo work {item} >> "$RAN_LOG"
      echo {item} > {output}
  gather:
    input: build/work/{item}.txt
    output: build/all.txt
    shell: |
      echo gather >> "$RAN_LOG"
      cat {input} > {output}
"""


def ran(space: Space, *jobs: str, args: tuple[str, ...] = ()) -> None:
    """Exactly these jobs run, and then nothing is left to do."""
    flow = space.good(*args)
    assert space.ran == sorted(jobs), flow.text
    assert flow.summary["built"] == len(jobs)
    assert (flow.summary["failed"], flow.summary["skipped"]) == (0, 0)
    again = space.good(*args)
    assert space.ran == []
    assert again.summary["built"] == 0


def build(space: Space, data: str = "b\na\n#c\n") -> None:
    space.write("Workflowfile", LIST)
    space.write("data/items.txt", data)


def test_a_list_is_read_when_it_is_made_in_its_order(space: Space) -> None:
    build(space)
    dry = space.good("-n")
    assert dry.planned == {"items"}
    ran(space, "items", "work b", "work a", "gather")
    assert space.read("build/all.txt") == "b\na\n"
    space.write("data/items.txt", "#c\nb\na\n")
    ran(space, "items")
    space.write("data/items.txt", "b\na\nd\n")
    dry = space.good("-n")
    assert dry.planned == {"items"}
    ran(space, "items", "work d", "gather")
    space.write("data/items.txt", "d\na\n")
    ran(space, "items", "gather")
    assert space.read("build/all.txt") == "d\na\n"
    cleaned = space.flow("clean", "--orphans")
    assert "build/work/b.txt" in cleaned.stdout and "build/work/a.txt" not in cleaned.stdout


def test_a_list_that_is_gone_is_still_known(space: Space) -> None:
    build(space)
    space.good()
    space.delete("build/items.txt")
    ran(space)
    space.delete("build/all.txt")
    ran(space, "gather")
    assert not space.exists("build/items.txt")
    space.write("build/items.txt", "mine\n")
    ran(space, "items")
    assert space.read("build/items.txt") == "b\na\n"


def test_a_list_that_is_temp(space: Space) -> None:
    build(space)
    space.replace(
        "Workflowfile",
        "    output: build/items.txt",
        "    output: {path: build/items.txt, temp: true}",
    )
    ran(space, "items", "work b", "work a", "gather")
    ran(space)


def test_an_empty_list(space: Space) -> None:
    build(space, "#\n")
    space.replace("Workflowfile", "grep -v", "! grep -v")
    flow = space.run()
    assert flow.status == 1 and "gives no path" in flow.text
    assert space.ran == ["items"]


def test_a_table_per_value_of_other_wildcards(space: Space) -> None:
    space.workflow(
        """
        wildcards:
          site: [north, south]
          day, kind: {table: "build/{site}.csv", columns: {kind: Type}}
        rules:
          all:
            input: build/all.txt
          plan:
            input: data/{site}.txt
            output: build/{site}.csv
            shell: |
              echo plan {site} >> "$RAN_LOG"
              echo day,Type > {output}
              cat {input} >> {output}
          work:
            output: build/work/{site}/{day}.txt
            params: {kind: "{kind}"}
            shell: |
              echo work {site} {day} >> "$RAN_LOG"
              echo {site} {day} {params.kind} > {output}
          gather:
            input: build/work/{site}/{day}.txt
            output: build/{site}.txt
            shell: |
              echo gather {site} >> "$RAN_LOG"
              cat {input} > {output}
          all_of:
            input: build/{site}.txt
            output: build/all.txt
            shell: |
              echo all_of >> "$RAN_LOG"
              cat {input} > {output}
        """
    )
    space.write("data/north.txt", "mo,wet\ntu,dry\n")
    space.write("data/south.txt", "tu,hot\n")
    works = ("work north mo", "work north tu", "work south tu")
    ran(space, "plan north", "plan south", *works, "gather north", "gather south", "all_of")
    assert space.read("build/all.txt") == "north mo wet\nnorth tu dry\nsouth tu hot\n"
    space.write("data/south.txt", "tu,cold\nwe,hot\n")
    ran(space, "plan south", "work south tu", "work south we", "gather south", "all_of")


def test_a_list_that_needs_what_its_values_make_is_an_error(space: Space) -> None:
    build(space)
    space.replace("Workflowfile", "    input: data/items.txt", "    input: build/work/{item}.txt")
    flow = space.run()
    assert flow.status in (1, 2)
    assert space.ran == []


JOINED = """
wildcards:
  s, cond: [[a, x], [b, y]]
  s, score: {table: "plan.csv"}
rules:
  tot: {input: "i/{s}", output: tot, shell: "cat {input} > {output}"}
  plan: {input: src, output: plan.csv, shell: "cp {input} {output}"}
  i: {output: "i/{s}", shell: "echo {s} {cond} {score} > {output}"}
"""


def test_a_made_sheet_and_another_key_of_its_name_have_the_same_values(space: Space) -> None:
    space.workflow(JOINED)
    space.write("src", "s,score\nb,2\nz,1\n")
    for counts in ((1, 0, 0, 2), None):  # as it is made, and once it is there
        flow = space.run()
        assert flow.status == 1
        assert not space.exists("tot") and not space.exists("i/b")
        assert "'s, cond' and 's, score', whose values differ" in flow.text
        assert "only the rows (Workflowfile:2) has a" in flow.text
        assert "only the sheet plan.csv (Workflowfile:3) has z" in flow.text
        assert counts is None or flow.counts() == counts
    space.good("plan")  # which needs neither
    space.write("src", "s,score\nb,2\na,1\n")
    space.good()
    assert space.read("tot") == "a x 1\nb y 2\n"
    space.replace("Workflowfile", "[a, x], ", "")
    flow = space.run("-n")
    assert flow.status == 1 and "only the sheet plan.csv (Workflowfile:3) has a" in flow.text


def test_values_are_compared_before_where_and_except(space: Space) -> None:
    space.workflow(
        """
        wildcards:
          s, cond: [[a, x], [b, y]]
          s, score: {table: plan.csv, except: {s: [z]}}
        rules:
          tot: {input: "i/{s}", output: tot, shell: "cat {input} > {output}"}
          plan: {input: src, output: plan.csv, shell: "cp {input} {output}"}
          i: {output: "i/{s}", shell: "echo {s} {cond} {score} > {output}"}
        """
    )
    space.write("src", "s,score\nb,2\nz,1\na,3\n")
    flow = space.run()
    assert flow.status == 1 and "only the sheet plan.csv (Workflowfile:3) has z" in flow.text
    more = "{rows: [[a, x], [b, y], [z, z]], except: {s: [z]}}"
    space.replace("Workflowfile", "[[a, x], [b, y]]", more)
    space.good()
    assert space.read("tot") == "a x 3\nb y 2\n"
    space.delete("plan.csv")  # what it held is still known, and known whole
    space.replace("Workflowfile", more, "[[a, x], [b, y]]")
    flow = space.run()
    assert flow.status == 1 and "only the sheet plan.csv (Workflowfile:3) has z" in flow.text
    assert "has a" not in flow.text


def test_two_made_lists_of_one_name_have_the_same_values(space: Space) -> None:
    space.workflow(
        """
        wildcards:
          group: [g, h]
          s: {lines: "of/{group}"}
          s, score: {table: scores.csv}
        rules:
          tot: {input: "i/{group}/{s}", output: tot, shell: "cat {input} > {output}"}
          scores: {input: src/scores, output: scores.csv, shell: "cp {input} {output}"}
          of: {input: "src/{group}", output: "of/{group}", shell: "cp {input} {output}"}
          i: {output: "i/{group}/{s}", shell: "echo {s} {score} > {output}"}
        """
    )
    space.write("src/g", "a\n")
    space.write("src/h", "b\n")
    space.write("src/scores", "s,score\na,1\nb,2\nc,3\n")
    flow = space.run()
    assert flow.status == 1 and "only the sheet scores.csv (Workflowfile:4) has c" in flow.text
    assert not space.exists("tot")
    # What the other group has is not known: a score without partner may be one of its.
    space.good("i/g/a")
    space.write("src/h", "b\nc\n")
    space.good()
    assert space.read("tot") == "a 1\nb 2\nc 3\n"


@pytest.mark.parametrize(
    ("source", "wildcards", "rules"),
    [
        ("lists/1", 'k: [1, 2], i: {lines: "lists/{k}"}', ""),  # a list for each value
        ("lists/1", "i: {lines: lists/1}, k: [x, y]", 'z: {output: "lists/{k}", shell: "false"}'),
        ("data/s.csv", "i: {table: data/s.csv}", 's: {output: "data/{i}.csv", shell: "touch @"}'),
    ],
)
def test_a_list_that_no_rule_makes_is_looked_at_in_each_run(
    space: Space, source: str, wildcards: str, rules: str
) -> None:
    """Though its path holds wildcards, or reads as if a rule made it."""
    space.write("lists/1", "i\na\nb\n")
    space.write("lists/2", "z\n")
    space.write("data/s.csv", "i\na\nb\n")
    gathers, output = ("{k}/", "g{k}") if wildcards.startswith("k:") else ("", "g")
    space.workflow(f"""
        wildcards: {{{wildcards}}}
        rules:
          g: {{input: "o/{gathers}{{i}}", output: "{output}", shell: "cat {{input}} > {{output}}"}}
          o: {{output: "o/{gathers}{{i}}", shell: "echo {{i}} > {{output}}"}}
          {rules.replace("@", "{output}")}
        """)
    space.good()
    assert space.flow().text.startswith("nothing to do")
    space.write(source, "i\nb\nc\n")
    space.flow()  # without JSON lines: this is what the quick answer may be given to
    made = "g1" if gathers else "g"
    assert space.read(made).split()[-2:] == ["b", "c"]
    assert "nothing to do" in space.flow().text
    space.delete(source)
    for _ in range(2):
        flow = space.flow()
        assert flow.status == 2 and f"{source} is not there" in flow.text
    space.write(source, "i\nd\n")
    space.flow()
    assert space.read(made).split()[-1] == "d"


def test_a_list_that_only_a_rule_with_a_free_wildcard_could_make_is_a_source(space: Space) -> None:
    space.workflow("""
        wildcards: {sample: {table: samples.csv}}
        rules:
          g: {input: "o/{sample}", output: g, shell: "cat {input} > {output}"}
          t: {output: "o/{sample}", shell: "echo {sample} > {output}"}
          conv: {input: "{name}.tsv", output: "{name}.csv", shell: "cp {input} {output}"}
        """)
    assert "samples.tsv is not there" in space.run().text
    space.write("samples.csv", "sample\na\nb\n")
    assert space.flow("check").status == 0
    assert space.good("-n").status == 0
    assert space.good().built == {"g", "t a", "t b"}
    assert space.good().counts() == (0, 3, 0, 0)
    space.write("samples.csv", "sample\nb\nc\n")
    assert space.good().built == {"g", "t c"}
    space.write("samples.tsv", "sample\na\n")  # now the rule can make it
    assert space.good().built == {"conv samples", "g"}
    space.delete("samples.tsv")  # and it has a record: what is there is the rule's
    assert "samples.tsv is not there" in space.run().text


PAIRED = """\
wildcards:
  s: [p, q]
  item, size: {table: "build/{s}.csv", except: {size: "0"}}
  one, two: {pairs: item}
  other: {same: item, where: {other: [a, b]}}
rules:
  all:
    input: ["build/{s}/{one}-{two}.txt", "build/{s}/{other}.txt"]
  sheet:
    input: data/{s}.csv
    output: build/{s}.csv
    shell: |
      echo sheet {s} >> "$RAN_LOG"
      cp {input} {output}
  pair:
    output: build/{s}/{one}-{two}.txt
    shell: |
      echo pair {s} {one} {two} >> "$RAN_LOG"
      echo {one} {two} > {output}
  alone:
    output: build/{s}/{other}.txt
    shell: |
      echo alone {s} {other} >> "$RAN_LOG"
      echo {other} > {output}
"""


def test_the_rows_of_a_made_sheet_make_pairs_and_other_names(space: Space) -> None:
    space.write("Workflowfile", PAIRED)
    space.write("data/p.csv", "item,size\nb,1\na,1\nc,2\nx,0\n")
    space.write("data/q.csv", "item,size\nc,1\na,3\n")
    ran(
        space,
        *("sheet p", "sheet q", "pair p b a", "pair p b c", "pair p a c", "pair q c a"),
        *("alone p b", "alone p a", "alone q a"),
    )
    space.write("data/q.csv", "item,size\nc,1\na,3\nx,0\n")
    ran(space, "sheet q")
    space.write("data/q.csv", "item,size\nc,1\na,3\nb,1\n")
    ran(space, "sheet q", "pair q c b", "pair q a b", "alone q b")
    space.write("Workflowfile", PAIRED.replace('{size: "0"}', '{size: "1"}'))
    ran(space, "pair p c x")
    space.write("data/q.csv", "item,size\nc,1\na,3\n")
    ran(space, "sheet q")


@pytest.mark.parametrize("how", ["{a:each}", "{e:each} {a:each}", "run"])
def test_a_job_that_is_told_a_found_column_waits_for_all_its_rows(space: Space, how: str) -> None:
    action = 'params: {v: "{a:each}"}, run: "steps:tell"'
    if how != "run":
        action = f'shell: "echo one {{g}} >> $RAN_LOG; echo {how} > {{output}}"'
    space.workflow(f"""
        wildcards:
          g, a: {{table: "made/{{e}}.csv"}}
          e: [p, q]
        rules:
          all: {{input: "o/{{g}}"}}
          one: {{output: "o/{{g}}", {action}}}
          sheet:
            input: "src/{{e}}.csv"
            output: "made/{{e}}.csv"
            shell: "test {{e}} = q || sleep 0.3; cp {{input}} {{output}}"
        """)
    space.write("steps.py", "def tell(v, output):\n    output.write_text(' '.join(v) + '\\n')\n")
    space.write("src/p.csv", "g,a\ny,1\n")
    space.write("src/q.csv", "g,a\ny,2\nz,3\n")
    both = how == "{e:each} {a:each}"
    flow = space.good("-j", "2")
    assert flow.summary["built"] == 4
    assert space.read("o/y") == ("p q 1 2\n" if both else "1 2\n")
    space.write("src/p.csv", "g,a\ny,7\n")
    flow = space.good("-j", "2")
    assert space.read("o/y") == ("p q 7 2\n" if both else "7 2\n")
    assert flow.built == {"sheet p", "one y"}
    assert space.good().summary["built"] == 0
