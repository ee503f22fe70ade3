"""Values that stand in files which rules make: lists and tables, read when made, and kept."""

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
