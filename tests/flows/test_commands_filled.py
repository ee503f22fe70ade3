"""How the text of `shell` and the words of `argv` are filled in, and what bash makes of them."""

import os

import pytest

from .space import Space

HOSTILE = ["a b", "it's", '"q"', "$HOME", "`id`", "$(id)", "x;y", "*", "-n", "a\\b", "{n}", "#c"]


def out(space: Space, action: str, params: str = "{}") -> str:
    space.write("in/x.tar.gz", "")
    space.write("in/y z.txt", "")
    space.source(
        "Workflowfile",
        f"""
        config: {{word: "two words", number: 3}}
        rules:
          make:
            input: {{one: in/x.tar.gz, two: "in/y z.txt"}}
            output: d/out.txt
            params: {params}
            {action}
        """,
    )
    flow = space.flow()
    assert flow.status == 0, flow.text
    return space.read("d/out.txt")


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("{input}", "[in/x.tar.gz][in/y z.txt]"),
        ("{input.two}", "[in/y z.txt]"),
        ("{input[0]}", "[in/x.tar.gz]"),
        ("{config.word}", "[two words]"),
        ("\"say {config.word}\" '{config.word}'", "[say two words][two words]"),
        ('"$(printf %s {config.word})"', "[two words]"),
        ("{config.word:raw}", "[two][words]"),
        ('{config.word:q} "{input.two:name}"', "[two words][y z.txt]"),
        ("{input.one:dir} {input.one:name} {input.one:cut.tar.gz}", "[in][x.tar.gz][in/x]"),
        ("{input:name}", "[x.tar.gz][y z.txt]"),
        ("{rule} {config.number}", "[make][3]"),
        ("{params.t} {params.f} {params.text}", "[true][1.5][]"),
        ("x {params.none} y {params.nothing} z", "[x][y][z]"),
        ("{params.many}", "[1][b c]"),
        ("{params.deep}", '[{"a": 1, "b": [2]}]'),
        ("'{{input}}' ${PATH:+home} '{print $1}'", "[{input}][home][{print $1}]"),
        ('\'{"a": {"b": 1}}\'', '[{"a": {"b": 1}}]'),
    ],
)
def test_a_shell_text_is_filled_with_quoting(space, words, result):
    params = '{t: true, f: 1.5, text: "", none: null, nothing: [], many: [1, b c],'
    params += " deep: {b: [2], a: 1}}"
    action = f"shell: |\n              printf '[%s]' {words} > {{output}}"
    found = out(space, action, params)
    assert found.replace(" ", "") == result.replace(" ", "") if "deep" in words else found == result


LISTS = "[[10, 0x1F, true, null, [1.50]], {a: 1}, null, 0x1F, []]"


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("{params.z}", '[[10, 31, true, null, [1.5]]][{"a": 1}][0x1F][[]]'),
        ("{config.z}", '[[10, 31, true, null, [1.5]]][{"a": 1}][0x1F][[]]'),
        ("{params.z[0]}", "[10][0x1F][true][[1.5]]"),
        ("{params.z[0][1]} {params.z[0][4][0]} {config.z[0][4][0]}", "[0x1F][1.50][1.50]"),
        ("{params.each} {params.called}", '[["u", "v"]][[1, true, null]][b]'),
    ],
)
@pytest.mark.parametrize("kind", ["shell", "argv"])
def test_a_list_in_a_list_is_written_as_json(space, kind, words, result):
    space.write("given.py", "def made():\n    return [[1, True, None], 'b']\n")
    listed = "".join(f', "{word}"' for word in words.split())
    command = "printf '[%s]' \"$@\" > $0"
    space.workflow(f"""
        config: {{z: {LISTS}}}
        wildcards: {{"a, c": {{rows: [[x, u], [x, v]]}}}}
        rules:
          all: {{input: x.txt}}
          make:
            output: "{{a}}.txt"
            params: {{z: {LISTS}, each: ["{{c:each}}"], called: {{call: "given:made"}}}}
            {
        "shell: printf '[%s]' " + words + " > {output}"
        if kind == "shell"
        else "argv: [bash, -c, '" + command.replace("'", "''") + "', '{output}'" + listed + "]"
    }
        """)
    space.good()
    assert space.read("x.txt") == result


def test_a_list_in_a_list_with_items_of_another_type_is_a_reason_to_build_again(space):
    space.workflow("""
        rules:
          make:
            output: o
            params: {z: [[1, 2]]}
            shell: echo {params.z} > {output}
        """)
    for items, text in (("1, 2", "[1, 2]"), ('"1", 2', '["1", 2]'), ("01, 2", "[1, 2]")):
        space.write("Workflowfile", space.read("Workflowfile").replace("[[1, 2]]", f"[[{items}]]"))
        space.good()
        assert space.read("o") == text + "\n"
        space.write("Workflowfile", space.read("Workflowfile").replace(f"[[{items}]]", "[[1, 2]]"))


def test_a_comment_and_a_here_document_are_left_as_bash_reads_them(space):
    action = "\n              ".join(
        [
            "shell: |",
            "# it's {nothing}",
            "cat > {output} <<END",
            "{config.word} $((1 + 1)) {input.two}",
            "END",
            "cat >> {output} <<'END'",
            "{config.word} $HOME",
            "END",
        ]
    )
    assert out(space, action) == "two words 2 in/y z.txt\ntwo words $HOME\n"


@pytest.mark.parametrize(
    "word", ["{n}", '"{n}"', "'{n}'", '"$(printf %s {n})"', '"$(printf %s "{n}")"']
)
def test_hostile_values_arrive_as_they_are(space, word):
    space.write("n.txt", "".join(value + "\n" for value in HOSTILE))
    space.write(
        "Workflowfile",
        "wildcards:\n  n: {lines: n.txt}\nrules:\n  all:\n    input: out/{n}.txt\n"
        "  make:\n    output: out/{n}.txt\n"
        f"    shell: |\n      printf '%s\\n' {word} > {{output}}\n",
    )
    space.good()
    for value in HOSTILE:
        assert space.read(f"out/{value}.txt") == value + "\n"


@pytest.mark.parametrize("word", ["-n", "-f", "-", "-eq", "=", "!", "]]", "(", "<", "&&", "x", "7"])
@pytest.mark.parametrize(
    "test",
    [
        "[[ {params.word} != y ]]",
        "[[ y != {params.word} ]]",
        "[[ -n {params.word} && ( ! {params.word} == y ) ]]",
        "! [[ -z {params.word} || {params.word} =~ y ]]",
    ],
)
def test_a_value_is_no_operator_of_a_test(space, test, word):
    action = f"shell: |\n              {test} && echo {{params.word}} > {{output}}"
    assert out(space, action, f"{{word: '{word}'}}") == f"{word}\n" * (word != "-n")


def test_bash_stops_at_the_first_failure(space):
    for line in ["false; echo x > {output}", "false | cat > {output}", "echo $nothing > {output}"]:
        space.write("Workflowfile", f"rules:\n  a:\n    output: a\n    shell: {line}\n")
        assert space.flow().status == 1
        assert not space.exists("a")


def test_argv_needs_no_shell_and_lists_become_words(space):
    action = """argv:
              - python3
              - -c
              - "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
              - "{output}"
              - "{input}"
              - "{config.word}; $HOME"
              - "x={input.two}"
              - "{params.none}"
    """
    found = out(space, action.rstrip(), "{none: []}")
    assert found == repr(
        ["in/x.tar.gz", "in/y z.txt", "two words; $HOME", "x=in/y z.txt"],
    )


def test_a_word_with_two_lists_is_one_word_for_each_pair(space):
    space.workflow("""
        wildcards:
          alias: [p, q]
        rules:
          all:
            input: {obs: "raw/{alias}.txt"}
            output: out.txt
            argv: [bash, -c, 'printf "%s " "$@" > "$0"', "{output}", "{alias}={input.obs}"]
        """)
    space.write("raw/p.txt", "")
    space.write("raw/q.txt", "")
    space.good()
    assert space.read("out.txt") == "p=raw/p.txt q=raw/q.txt "


def test_a_file_that_lists_the_values(space):
    assert out(space, "shell: cat {input:file} > {output}") == "in/x.tar.gz\nin/y z.txt\n"


def test_absolute_paths(space):
    assert out(space, "shell: echo {input.one:abs} > {output}") == f"{space.root}/in/x.tar.gz\n"


def test_the_environment_of_the_rule_and_words_before_a_command(space):
    space.write("wrap.sh", 'echo wrapped "$LEVEL"; exec "$@"\n')
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            output: a.txt
            env: {LEVEL: 7}
            prefix: [bash, wrap.sh]
            argv: [bash, -c, 'echo "$LEVEL" > "$0"', "{output}"]
          b:
            output: b.txt
            shell_prefix: "word=before;"
            shell: echo $word > {output}
        """)
    space.good()
    assert (space.read("a.txt"), space.read("b.txt")) == ("7\n", "before\n")
    log = space.flow("log", "a.txt")
    assert "wrapped 7" in log.stdout


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ('"-x{config.l}"', ["-xa", "-xb c"]),
        ('"{config.l}={params.l}"', ["a=1", "b c=2"]),
        ('"{config.l}"', ["a", "b c"]),
        ('"-{config.l}-{config.word}"', ["-a-w", "-b c-w"]),
    ],
)
def test_a_list_within_a_word_of_argv_makes_a_word_for_each_item(space, words, result):
    space.write("show.py", "import sys\nopen(sys.argv[1], 'w').write(repr(sys.argv[2:]))\n")
    space.workflow(f"""
        config: {{l: [a, b c], word: w}}
        rules:
          make:
            output: out
            params: {{l: [1, 2]}}
            argv: [python3, show.py, "{{output}}", {words}]
        """)
    space.good()
    assert space.read("out") == repr(result)


def test_all_params_are_json_with_their_types(space):
    space.workflow("""
        rules:
          make:
            output: out
            params: {i: 1, f: 2.50, t: "01", n: null, l: [1, true], d: {x: [1]}}
            shell: echo {params} > {output}
        """)
    space.good()
    said = '{"d": {"x": [1]}, "f": 2.5, "i": 1, "l": [1, true], "n": null, "t": "01"}\n'
    assert space.read("out") == said
    space.replace("Workflowfile", "i: 1", 'i: "1"')
    assert space.good().built == {"make"}
    assert '"i": "1"' in space.read("out")
    assert space.good().built == set()


@pytest.mark.parametrize(
    "action", ["shell: echo {params} > {output}", "run: act:act"], ids=["shell", "run"]
)
def test_the_type_of_a_looked_up_param_counts(space, action):
    space.write("act.py", "def act(output, u):\n    output.write_text(repr(u))\n")
    space.workflow(f"""
        config: {{u: {{a: 1}}}}
        wildcards: {{s: [a]}}
        rules:
          make:
            output: "{{s}}.out"
            params: {{u: "{{config.u[s]}}"}}
            {action}
        """)
    space.good("make")
    before = space.read("a.out")
    space.replace("Workflowfile", "{a: 1}", '{a: "1"}')
    assert space.good("make").built == {"make a"}
    assert space.read("a.out") != before


def test_a_modifier_holds_where_a_text_is_nothing_but_the_placeholder(space):
    space.write("steps.py", "def ask(a, b):\n    return [a, b]\n")
    space.workflow("""
        config: {f: a/b.txt, l: [x.b, y.b], n: 3}
        wildcards: {t: [u.b, v.b]}
        rules:
          make:
            output: "o/{t}"
            params:
              a: "{t:cut.b}"
              c: "{config.f:name}"
              l: "{config.l:cut.b}"
              n: "{config.n:raw}"
              q: ["{t:dir}", {z: "{t:cut.b}"}]
              w: {call: "steps:ask", with: {a: "{t:cut.b}", b: "{config.f:cut.txt}"}}
            env: {E: "{t:cut.b}", L: "{config.l:cut.b}"}
            shell: echo {params} "$E" "$L" > {output}
        """)
    space.good("o/u.b")
    said = (
        '{"a": "u", "c": "b.txt", "l": ["x", "y"], "n": 3, "q": [".", {"z": "u"}], '
        '"w": ["u", "a/b"]} u x y\n'
    )
    assert space.read("o/u.b") == said
    assert "nothing names" not in space.flow("check").text


@pytest.mark.parametrize(
    "key",
    [
        'params: {d: "{config.f:cut.zzz}"}',
        'params: {d: "{t:cut.zzz}"}',
        'params: {d: {call: "steps:ask", with: {a: "{t:cut.zzz}"}}}',
        'env: {d: "{t:cut.zzz}"}',
    ],
)
def test_an_ending_that_a_lone_value_has_not_is_told_before_the_run(space, key):
    space.write("steps.py", "def ask(a):\n    return a\n")
    space.write(
        "Workflowfile",
        "config: {f: a}\nwildcards: {t: [u.b]}\nrules:\n"
        f'  first: {{output: "f/{{t}}", shell: "touch {{output}}"}}\n'
        f'  make: {{input: "f/{{t}}", output: "o/{{t}}", {key}, '
        'shell: "echo {params} > {output}"}\n',
    )
    flow = space.run("o/u.b")
    assert flow.status == 2 and "does not end in '.zzz'" in flow.text
    assert not space.exists("f/u.b")


def test_what_bash_reads_at_its_start_holds_for_plain_words_too(space: Space):
    space.write("start.sh", "cp() { echo mine > $2; }; cat() { echo mine; }\n")
    space.write("in.txt", "theirs\n")
    space.workflow("""
        defaults: {env: {BASH_ENV: start.sh}}
        rules:
          all: {input: [words.txt, stream.txt]}
          words: {input: in.txt, output: words.txt, shell: "cp {input} {output}"}
          stream: {input: in.txt, output: stream.txt, shell: "cat {input} > {output}"}
        """)
    space.good()
    assert space.read("words.txt") == space.read("stream.txt") == "mine\n"


def test_plain_words_are_looked_for_on_the_path_of_their_job(space: Space):
    space.write("bin/twice", "#!/bin/sh\ncat $1 $1 > $2\n")
    os.chmod(space.path("bin/twice"), 0o755)
    space.write("in.txt", "a\n")
    space.workflow("""
        rules:
          make:
            input: in.txt
            output: out.txt
            env: {PATH: "bin:/usr/bin:/bin"}
            shell: twice {input} {output}
        """)
    space.good()
    assert space.read("out.txt") == "a\na\n"


def test_what_a_file_of_any_name_uses_is_used(space: Space) -> None:
    space.source("base.conf", "shared: {dir: o, size: 3}\nbuild: '{config.shared.dir}/x'\n")
    space.source(
        "more.flow",
        """
        wildcards: {b: [1, 2]}
        rules:
          make: {output: "{config.build}{a}", shell: "echo {config.shared.size} > {output}"}
          pairs: {input: "{config.build}{a}{b}"}
          each: {output: "{config.build}{a}{b}", shell: "touch {output}"}
        """,
    )
    space.workflow("""
        config: base.conf
        include: more.flow
        wildcards: {a: [1, 2]}
        rules: {all: {input: "{config.build}{a}"}}
        """)
    said = space.flow("check").text
    assert "nothing names" not in said and "no rule uses" not in said, said
