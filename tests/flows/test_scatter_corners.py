"""Where what a scatter found meets options and other keys: nothing of it may be passed over."""

import pytest

from .space import Space

CHAIN = """
    rules:
      all: {input: build/total.txt}
      split:
        input: in.txt
        output: "parts/{key}.txt"
        scatter: key
        shell: 'while read k v; do echo $v > {output}/$k.txt; done < {input}'
      sum: {input: "parts/{key}.txt", output: "build/sum/{key}.txt", shell: "cp {input} {output}"}
      total: {input: "build/sum/{key}.txt", output: build/total.txt, shell: "cat {input} >{output}"}
    """


@pytest.fixture
def chain(space: Space) -> Space:
    space.workflow(CHAIN)
    space.write("in.txt", "a 1\nb 2\n")
    return space


def test_a_run_ends_at_a_path_that_is_yet_to_be_found(chain: Space):
    assert chain.good("--until", "build/sum/a.txt").built == {"split", "sum a"}
    chain.good()
    chain.write("in.txt", "a 5\nb 2\n")
    planned = chain.good("-n", "--until", "build/sum/a.txt")
    assert planned.certain == {"split"}
    assert chain.good("--until", "build/sum/a.txt").built == {"split", "sum a"}
    assert chain.read("build/sum/a.txt") == "5\n"
    chain.write("in.txt", "a 6\nb 2\n")
    assert chain.good("--until", "build/sum/{key}.txt").built == {"split", "sum a"}


def test_a_value_that_is_known_not_to_be_there_is_a_mistake(chain: Space):
    flow = chain.run("--where", "key=zz")  # nobody can know before the scatter ran
    assert flow.built == {"split"}
    assert flow.status == 1 and "key has no such value" in flow.text
    flow = chain.flow("--where", "key=zz")
    assert flow.status == 2 and "known here: a, b" in flow.text


def test_a_scatter_is_stale_rather_than_missing_while_its_files_are_there(chain: Space):
    chain.good()
    chain.write("in.txt", "a 5\nb 2\n")
    assert "split  1 stale" in chain.good("status").stdout
    chain.delete("parts/a.txt")
    assert "split  1 missing" in chain.good("status").stdout


def test_a_file_overwritten_beside_one_that_is_gone_comes_back(chain: Space):
    chain.good()
    chain.delete("parts/a.txt")
    chain.delete("build/sum/b.txt")
    chain.write("parts/b.txt", "9\n")
    assert chain.good("-n").planned == {"split"}
    assert chain.good().built == {"split"}
    assert chain.read("parts/b.txt") == "2\n"


def test_what_a_scatter_made_is_removed_by_its_pattern(chain: Space):
    chain.good()
    chain.good("clean", "parts/{key}.txt")
    assert chain.files("parts") == []


def test_a_scatter_replaces_no_protected_file(space: Space):
    space.workflow("""
        rules:
          split:
            input: in.txt
            output: {path: "parts/{key}.txt", protected: true}
            scatter: key
            shell: cp {input} {output}/a.txt
        """)
    space.write("in.txt", "1\n")
    space.good()
    space.write("in.txt", "2\n")
    flow = space.flow()
    assert flow.status == 1 and "--force parts/a.txt" in flow.text
    assert space.read("parts/a.txt") == "1\n"
    assert space.good("--force", "split").built == {"split"}
    assert space.read("parts/a.txt") == "2\n"


def test_values_select_jobs_of_a_scatter_below_another_value(space: Space):
    space.workflow("""
        wildcards: {s: [a, b]}
        rules:
          all: {input: "total/{s}.txt"}
          split:
            output: "parts/{s}/{k}.txt"
            scatter: k
            shell: for k in 1 2; do echo {s}$k > {output}/$k.txt; done
          sum: {input: "parts/{s}/{k}.txt", output: "sum/{s}/{k}.txt", shell: "cp {input} {output}"}
          total: {input: "sum/{s}/{k}.txt", output: "total/{s}.txt", shell: "cat {input} >{output}"}
        """)
    assert space.good("--where", "k=2", "sum").built == {"split a", "split b", "sum a 2", "sum b 2"}
    assert space.good("--where", "k=1", "--where", "s=a", "sum").built == {"sum a 1"}
    assert space.good().built == {"sum b 1", "total a", "total b"}


def test_a_list_that_is_only_wanted_for_its_values_goes_when_it_is_temporary(space: Space):
    space.workflow("""
        wildcards: {s: {table: plan.csv}}
        rules:
          all: {input: "out/{s}.txt"}
          plan:
            input: in.txt
            output: {path: plan.csv, temp: true}
            shell: "(echo s; cat {input}) > {output}"
          out: {output: "out/{s}.txt", shell: "touch {output}"}
        """)
    space.write("in.txt", "a\n")
    assert space.good().built == {"plan", "out a"}
    assert not space.exists("plan.csv")
    assert space.good().built == set()
    space.write("in.txt", "a\nb\n")
    assert space.good().built == {"plan", "out b"}
    assert not space.exists("plan.csv")
    assert space.good("plan").built == {"plan"}
    assert space.exists("plan.csv")
