"""Where the values of wildcards come from, and how rules map and gather them."""

import time

import pytest

from .space import Space


def gathered(space: Space, wildcards: str, pattern: str) -> list[str]:
    """The order in which one rule gathers what another maps, by the names of the files."""
    space.write(
        "Workflowfile",
        f"{wildcards}\n"
        "rules:\n"
        "  gather:\n"
        f'    input: "out/{pattern}"\n'
        "    output: order.txt\n"
        "    shell: printf '%s\\n' {input} > {output}\n"
        "  make:\n"
        f'    output: "out/{pattern}"\n'
        "    shell: echo made > {output}\n",
    )
    space.good()
    found = [line.removeprefix("out/") for line in space.lines("order.txt")]
    assert sorted(f"out/{name}" for name in found) == space.files("out")
    return found


def given(space: Space, text: str, pattern: str) -> list[str]:
    return gathered(space, f"wildcards:\n  {text}", pattern)


def test_values_are_the_files_that_exist_in_natural_order(space):
    for name in ["10.csv", "2.csv", "1.csv", "b.csv", ".hidden.csv", "other.tsv", "f.csv/x"]:
        space.write(f"data/{name}", "")
    assert given(space, "month: data/{month}.csv", "{month}") == ["1", "2", "10", "b"]


def test_values_with_equal_numbers_are_ordered_by_their_text(space):
    for name in ["1", "01", "2", "001"]:
        space.write(f"data/{name}.csv", "")
    assert given(space, "n: data/{n}.csv", "{n}") == ["001", "01", "1", "2"]


def test_folders_match_only_with_a_trailing_slash(space):
    for name in ["a/x", "b/x", "c"]:
        space.write(f"data/{name}", "")
    assert given(space, "d: data/{d}/", "{d}") == ["a", "b"]


def test_links_are_followed(space):
    space.write("elsewhere/a.csv", "")
    space.path("data").symlink_to("elsewhere")
    assert given(space, "n: data/{n}.csv", "{n}") == ["a"]


def test_two_names_of_one_pattern_are_the_pairs_that_exist(space):
    for name in ["a/1", "a/2", "b/1"]:
        space.write(f"data/{name}.csv", "")
    assert given(space, "site, day: data/{site}/{day}.csv", "{site}-{day}") == ["a-1", "a-2", "b-1"]


def test_the_same_name_twice_in_a_pattern_matches_the_same_text(space):
    for name in ["a/a", "a/b", "b/b"]:
        space.write(f"data/{name}.csv", "")
    assert given(space, "n: data/{n}/{n}.csv", "{n}") == ["a", "b"]


def test_match_holds_for_the_names_of_the_files(space):
    for name in ["a_R1", "a_R2", "b_x_R1", "a_I1"]:
        space.write(f"x/{name}.fq", "")
    text = 'sample, r: {files: "x/{sample}_{r}.fq", match: {r: "R[12]"}}'
    assert given(space, text, "{sample}-{r}") == ["a-R1", "a-R2", "b_x-R1"]


def test_values_stay_as_they_are_written(space):
    text = "v: [0.10, 01, no, 1:30, 1e3, 0x10, ~x, on]"
    assert given(space, text, "{v}") == ["0.10", "01", "no", "1:30", "1e3", "0x10", "~x", "on"]


def test_values_in_the_long_form_are_the_same(space):
    assert given(space, "v: {values: [b, a]}", "{v}") == ["b", "a"]


def test_rows_go_together(space):
    text = "sample, lane: [[a, 1], [b, 2]]"
    assert given(space, text, "{sample}_{lane}") == ["a_1", "b_2"]
    text = "sample, lane: {rows: [[b, 2], [a, 1]]}"
    space.delete("out")
    assert given(space, text, "{sample}_{lane}") == ["b_2", "a_1"]


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("{range: 3}", ["0", "1", "2"]),
        ("{range: [1, 4]}", ["1", "2", "3"]),
        ("{range: [0, 100, 25], width: 3}", ["000", "025", "050", "075"]),
        ('{range: "{config.n}"}', ["0", "1"]),
    ],
)
def test_ranges_exclude_their_end(space, form, values):
    assert gathered(space, f"config: {{n: 2}}\nwildcards:\n  rep: {form}", "{rep}") == values


def test_a_range_that_grows_builds_exactly_the_new_ones(space):
    text = """\
        wildcards:
          rep: {range: 2}
        rules:
          all:
            input: out/{rep}
          make:
            output: out/{rep}
            shell: echo make {rep} >> "$RAN_LOG"; echo {rep} > {output}
        """
    space.workflow(text)
    space.good()
    space.workflow(text.replace("range: 2", "range: 4"))
    space.good()
    assert space.ran == ["make 2", "make 3"]


@pytest.mark.parametrize(
    ("name", "sheet"),
    [
        ("s.tsv", "sample\tlane\tnote\na\t01\tx\nb\t2\ty\na\t01\tz\n"),
        ("s.csv", 'sample,lane,note\na,01,"x, ""y"""\nb,2,y\n'),
        ("s.csv", "\ufeffsample,lane\r\na,01\r\nb,2\r\n"),
    ],
)
def test_columns_of_a_sheet_are_rows_of_text_and_double_ones_count_once(space, name, sheet):
    space.write(name, sheet)
    text = f"sample, lane: {{table: {name}}}"
    assert given(space, text, "{sample}_{lane}") == ["a_01", "b_2"]


def test_columns_of_a_sheet_are_renamed(space):
    space.write("s.csv", "Sample ID,lane\na,1\n")
    text = 'sample, lane: {table: s.csv, columns: {sample: "Sample ID"}}'
    assert given(space, text, "{sample}_{lane}") == ["a_1"]


def test_columns_of_a_sheet_without_header_are_counted_from_one(space):
    space.write("s.tsv", "a\tx\t1\nb\ty\t2\n")
    text = "sample, lane: {table: s.tsv, columns: {sample: 1, lane: 3}}"
    assert given(space, text, "{sample}_{lane}") == ["a_1", "b_2"]


def test_comment_lines_of_a_sheet_are_skipped(space):
    space.write("s.csv", "# made by hand\nsample\na\n# b\nc\n")
    text = 'sample: {table: s.csv, comment: "#"}'
    assert given(space, text, "{sample}") == ["a", "c"]


def test_lines_of_a_text_file(space):
    space.write("items.txt", "\ufeffb\r\n\r\na\r\nb\r\n")
    assert given(space, "item: {lines: items.txt}", "{item}") == ["b", "a"]


def test_keys_of_nested_mappings_and_the_list_at_the_end(space):
    text = (
        "config:\n  samples: {hg19: [b, a], hg38: [c]}\n"
        "wildcards:\n  build, sample: {keys: config.samples}"
    )
    assert gathered(space, text, "{build}_{sample}") == ["hg19_b", "hg19_a", "hg38_c"]


def test_keys_of_mappings_alone(space):
    text = (
        "config:\n  samples: {s1: {low: 1}, s2: {low: 2, high: 3}}\n"
        "wildcards:\n  sample, level: {keys: config.samples}"
    )
    assert gathered(space, text, "{sample}_{level}") == ["s1_low", "s2_low", "s2_high"]


@pytest.mark.parametrize(
    ("form", "pairs"),
    [
        ("{pairs: x}", ["p-q", "p-r", "q-r"]),
        ("{pairs: x, both: true}", ["p-q", "p-r", "q-p", "q-r", "r-p", "r-q"]),
        ("{pairs: x, self: true}", ["p-p", "p-q", "p-r", "q-q", "q-r", "r-r"]),
    ],
)
def test_pairs_of_the_values_of_another_key(space, form, pairs):
    text = f"wildcards:\n  x: [p, q, r]\n  a, b: {form}"
    assert sorted(gathered(space, text, "{a}-{b}")) == pairs


def test_pairs_of_rows(space):
    text = (
        "wildcards:\n  genre, title: [[jazz, t1], [rock, t2]]\n"
        "  g1, t1, g2, t2: {pairs: [genre, title]}"
    )
    assert gathered(space, text, "{g1}-{t1}-{g2}-{t2}") == ["jazz-t1-rock-t2"]


def test_the_same_values_under_another_name(space):
    text = "wildcards:\n  m: [1, 2]\n  m2: {same: m}"
    assert gathered(space, text, "{m}-{m2}") == ["1-1", "1-2", "2-1", "2-2"]


@pytest.mark.parametrize(
    ("form", "rows"),
    [
        ("where: {site: [a, b]}", ["a_1", "a_2", "b_1"]),
        ("where: {site: [a], day: [2]}", ["a_2"]),
        ("except: {site: [a]}", ["b_1", "c_1"]),
        ("except: {site: [a], day: [1]}", ["a_2", "b_1", "c_1"]),
    ],
)
def test_where_and_except_choose_rows(space, form, rows):
    text = f"site, day: {{rows: [[a, 1], [a, 2], [b, 1], [c, 1]], {form}}}"
    assert given(space, text, "{site}_{day}") == rows


def test_two_keys_with_a_name_in_common_are_joined(space):
    text = (
        "wildcards:\n  sample, lane: [[a, 1], [a, 2], [b, 1]]\n"
        "  sample, group: [[a, x], [b, y], [b, z]]"
    )
    found = gathered(space, text, "{sample}-{lane}-{group}")
    assert sorted(found) == ["a-1-x", "a-2-x", "b-1-y", "b-1-z"]


def test_keys_with_nothing_in_common_are_crossed_and_the_last_is_the_fastest(space):
    text = "wildcards:\n  x: [b, a]\n  y: [2, 1]"
    assert gathered(space, text, "{x}-{y}") == ["b-2", "b-1", "a-2", "a-1"]


def test_the_order_of_the_keys_follows_their_first_name_in_the_pattern(space):
    text = "wildcards:\n  x: [b, a]\n  y: [2, 1]"
    assert gathered(space, text, "{y}-{x}") == ["2-b", "2-a", "1-b", "1-a"]


def test_open_values_come_from_the_path_that_is_asked_for(space):
    space.workflow("""
        wildcards:
          x: {values: [a], open: true}
        rules:
          all:
            input: out/{x}
          make:
            output: out/{x}
            shell: echo {x} > {output}
        """)
    space.good()
    assert space.files("out") == ["out/a"]
    space.good("out/other")
    assert space.files("out") == ["out/a", "out/other"]


def test_values_of_an_entry_of_its_own(space):
    for name in ["1", "2", "3"]:
        space.write(f"raw/{name}.txt", name)
    space.workflow("""
        rules:
          join:
            input: {path: "raw/{n}.txt", n: [2, 1]}
            output: out.txt
            shell: cat {input} > {output}
        """)
    space.good()
    assert space.read("out.txt") == "21"


def test_a_file_that_a_rule_makes_is_no_value(space):
    space.write("d/a.txt", "b\na\n")
    space.workflow("""
        wildcards:
          name: d/{name}.txt
        rules:
          all:
            input: d/{name}.sorted.txt
          sort:
            input: d/{name}.txt
            output: d/{name}.sorted.txt
            shell: sort {input} > {output}
        """)
    space.good()
    assert space.files("d") == ["d/a.sorted.txt", "d/a.txt"]
    assert space.good().counts() == (0, 1, 0, 0)


@pytest.mark.parametrize("output", ["data/up/{x}.txt", "data/up/{y}.txt", "data/up/all.txt"])
def test_what_a_rule_makes_deeper_is_no_value_of_one_that_may_hold_a_slash(space, output):
    space.write("data/1.txt", "1\n")
    space.write("data/a/2.txt", "2\n")
    space.workflow(f"""
        wildcards:
          x: {{files: "data/{{x}}.txt", match: {{x: ".+"}}}}
          y: [u, v]
        rules:
          all: {{input: ["{output}", build/sum]}}
          up: {{output: "{output}", shell: "mkdir -p $(dirname {{output}}); echo x > {{output}}"}}
          sum: {{input: "data/{{x}}.txt", output: build/sum, shell: "cat {{input}} > {{output}}"}}
    """)
    space.good()
    assert space.read("build/sum") == "2\n1\n" or space.read("build/sum") == "1\n2\n"
    assert space.good().built == set()


def answered(space: Space) -> None:
    """Runs until that there is nothing to do is known without a plan."""
    assert space.flow().status == 0
    time.sleep(0.05)
    for _ in range(2):
        assert "nothing to do" in space.flow().stderr


@pytest.mark.parametrize("before", ["nothing", "a folder"])
def test_a_link_is_a_value_from_when_on_it_leads_to_a_file(space, before):
    space.write("data/1.txt", "1\n")
    space.path("data/2.txt").symlink_to("../2")
    if before == "a folder":
        space.path("2").mkdir()
    space.workflow("""
        wildcards: {x: "data/{x}.txt"}
        rules:
          sum: {input: "data/{x}.txt", output: sum, shell: "cat {input} > {output}"}
    """)
    answered(space)
    if before == "a folder":
        space.path("2").rmdir()
    space.write("2", "2\n")
    assert space.flow().status == 0
    assert space.read("sum") == "1\n2\n"


@pytest.mark.parametrize("before", ["nothing", "a file"])
def test_a_link_is_a_value_from_when_on_it_leads_to_a_folder(space, before):
    space.path("data/1").mkdir(parents=True)
    space.path("data/2").symlink_to("../2")
    if before == "a file":
        space.write("2", "")
    space.workflow("""
        wildcards: {d: "data/{d}/"}
        rules:
          list: {input: "data/{d}/", output: list, shell: "echo {d} > {output}"}
    """)
    answered(space)
    if before == "a file":
        space.delete("2")
    space.path("2").mkdir()
    assert space.flow().status == 0
    assert space.read("list") == "1 2\n"


def test_a_gather_takes_what_agrees_with_its_job(space):
    space.workflow("""
        wildcards:
          site, day: [[a, 1], [a, 2], [b, 3]]
        rules:
          all:
            input: out/{site}.txt
          sum:
            input: raw/{site}_{day}.txt
            output: out/{site}.txt
            shell: echo {site} {day} > {output}; cat {input} >> {output}
        """)
    for name in ["a_1", "a_2", "b_3"]:
        space.write(f"raw/{name}.txt", f"{name}\n")
    flow = space.good()
    assert flow.built == {"sum a", "sum b"}
    assert space.lines("out/a.txt") == ["a 1 2", "a_1", "a_2"]
    assert space.lines("out/b.txt") == ["b 3", "b_3"]


def test_a_sheet_that_other_signs_divide_names_them_and_the_place(space):
    space.write("t.csv", "sample;lane\na;1\n")
    space.workflow("""
        wildcards:
          sample, lane: {table: t.csv}
        rules:
          a: {output: "{sample}.{lane}", shell: "touch {output}"}
        """)
    flow = space.flow("a")
    assert flow.status == 2
    assert "Workflowfile:2:3: t.csv has no column 'sample'" in flow.text
    assert "its header has semicolons: commas divide columns, in a .tsv tabs" in flow.text
