"""Workflowfiles with one mistake each, and what is said of it: place, cause, cure.

Causes and cures are the beginnings of what is said; a cure is empty where there is none to name.
"""

from __future__ import annotations

Said = tuple[str, str, str]

MISTAKES: dict[str, tuple[str, Said]] = {
    "an unknown top key": (
        """
        rulez: {}
        rules: {a: {input: x}}
        """,
        ("1:1", "a Workflowfile has no key 'rulez'", "did you mean 'rules'?"),
    ),
    "a foreign top key": (
        """
        configfile: c.yaml
        rules: {a: {input: x}}
        """,
        ("1:1", "a Workflowfile has no key 'configfile'", "write config: FILE"),
    ),
    "a call in a path": (
        """
        rules:
          a:
            output: temp("x.txt")
            shell: touch {output}
        """,
        (
            "3:13",
            'temp("x.txt"): a path stands as it is; temp(…) is of another language',
            "write {path: x.txt, temp: true}",
        ),
    ),
    "a call that gathers": (
        """
        rules:
          a:
            input: expand("{x}.out", x=[1, 2])
            output: o
            shell: touch {output}
        """,
        (
            "3:12",
            'expand("{x}.out", x=[1, 2]): a path stands as it is',
            "write {x}.out: a wildcard",
        ),
    ),
    "an output in the state folder": (
        """
        rules:
          a:
            output: [o, ./.fileflow/x.txt]
            shell: touch {output}
        """,
        (
            "3:17",
            "./.fileflow/x.txt: .fileflow is the folder of fileflow itself",
            "write another",
        ),
    ),
    "no rules": (
        """
        config: {a: 1}
        """,
        ("1:1", "there are no rules in Workflowfile", ""),
    ),
    "the keys of a rule in its own column": (
        """
        rules:
          a:
          output: x
          shell: touch {output}
          b:
            output: y
            shell: touch {output}
        """,
        ("3:3", "the keys of the rule 'a' stand beside it, not below it", "indent output, shell"),
    ),
    "rules at the left edge": (
        """
        rules:
        a:
          output: x
          shell: touch {output}
        b:
          input: x
        """,
        ("2:1", "the rule 'a' stands at the left edge, not below `rules`", "indent a, b below"),
    ),
    "a rule at the left edge after others": (
        """
        rules: {a: {input: x}}
        b:
          input: y
        """,
        ("2:1", "the rule 'b' stands at the left edge, not below `rules`", "indent b below"),
    ),
    "the same key below a key without anything": (
        """
        rules:
          a:
          output: x
          b:
          output: y
        """,
        ("5:3", "the key 'output' is there already", "indent it if it belongs to 'b'; else rename"),
    ),
    "an unknown rule key": (
        """
        rules:
          a:
            inptu: x
        """,
        ("3:5", "the rule 'a' has no key 'inptu'", "did you mean 'input'?"),
    ),
    "a key of another system": (
        """
        rules:
          a:
            threads: 4
            shell: 'true'
        """,
        ("3:5", "the rule 'a' has no key 'threads'", "write cores"),
    ),
    "a word of another system for values": (
        """
        wildcards:
          x: {sheet: s.tsv}
        rules: {}
        """,
        ("2:7", "x has no key 'sheet'", "write table: and its path"),
    ),
    "a pattern of files to include": (
        "include: '*.yaml'",
        ("1:10", "there is no file *.yaml", "write each file: include: [a.yaml, b.yaml]"),
    ),
    "a prefix of a function": (
        """
        rules:
          a: {output: x, prefix: [env], run: "steps:a"}
        """,
        (
            "2:18",
            "prefix is for a command, and the rule 'a' has none",
            "a function runs in the Python of fileflow; a script can have a prefix",
        ),
    ),
    "a shell's prefix of words": (
        """
        rules:
          a: {output: x, shell_prefix: "cd /;", argv: [touch, "{output}"]}
        """,
        (
            "2:18",
            "shell_prefix is for the text of shell, and the rule 'a' has none",
            "words stand before a command with prefix",
        ),
    ),
    "a checkpoint": (
        """
        rules:
          a:
            checkpoint: true
            shell: 'true'
        """,
        (
            "3:5",
            "the rule 'a' has no key 'checkpoint'",
            "write scatter: NAME, the wildcard whose values the rule finds",
        ),
    ),
    "a doubled key": (
        """
        rules:
          a:
            input: x
            input: y
        """,
        (
            "4:5",
            "the key 'input' is there already, at Workflowfile:3:5",
            "rename one of them, or take one out",
        ),
    ),
    "a rule that is a text": (
        """
        rules:
          a: build.txt
        """,
        (
            "2:6",
            "the rule 'a' is a mapping with keys such as input and output, not 'build.txt'",
            "",
        ),
    ),
    "a rule without a body": (
        """
        rules:
          a:
        """,
        ("2:5", "the rule 'a' is a mapping with keys such as input and output, not nothing", ""),
    ),
    "a rule name with a slash": (
        """
        rules:
          a/b: {input: x}
        """,
        (
            "2:3",
            "'a/b' cannot be the name of a rule",
            "a name has no / and no braces, and does not begin with -",
        ),
    ),
    "outputs without an action": (
        """
        rules:
          a:
            output: x
        """,
        (
            "3:5",
            "the rule 'a' has outputs and no action",
            "say how they are made: run, shell, argv or script",
        ),
    ),
    "two actions": (
        """
        rules:
          a:
            output: x
            run: m:f
            shell: touch x
        """,
        (
            "5:5",
            "a rule has one action, not run and shell",
            "take one out, or make two rules of it",
        ),
    ),
    "one pattern as input and output": (
        """
        rules:
          a:
            input: ./x/{s}.txt
            output: x/{s}.txt
            shell: touch {output}
        """,
        (
            "3:12",
            "x/{s}.txt is an input and an output of the same rule",
            "give the output another path, or take the input out",
        ),
    ),
    "an output twice": (
        """
        rules:
          a:
            output: [x, ./x]
            shell: touch {output}
        """,
        ("3:17", "the output x stands there twice", ""),
    ),
    "an output that is a log": (
        """
        rules:
          a:
            output: x
            log: x
            shell: touch {output}
        """,
        ("4:10", "x is an output and a log of the same rule", ""),
    ),
    "a builtin name as a wildcard": (
        """
        rules:
          a:
            output: x/{rule}.txt
            shell: touch {output}
        """,
        (
            "3:13",
            "{rule} in a path: 'rule' is a built-in name, no wildcard",
            "give the wildcard another name",
        ),
    ),
    "outputs with other wildcards": (
        """
        rules:
          a:
            output: ['x/{s}.txt', y.txt]
            shell: touch {output}
        """,
        (
            "3:27",
            "the output y.txt lacks {s}, which x/{s}.txt holds",
            "all outputs of a rule hold the same wildcards: one job would make it for each value",
        ),
    ),
    "an empty path": (
        """
        rules:
          a:
            input: ''
        """,
        ("3:12", "a path is empty", "write a path, such as out/a.txt"),
    ),
    "a constraint in a path": (
        """
        rules:
          a:
            input: 'x/{s,[a-z]+}.txt'
        """,
        (
            "3:12",
            "a constraint does not stand inside the braces: {s,[a-z]+}",
            "write {s} and, in the rule, constraints: {s: '[a-z]+'}",
        ),
    ),
    "a scatter that no output holds": (
        """
        rules:
          a:
            output: x/{chunk}.txt
            scatter: [chunk, chunks]
            shell: split {output}
        """,
        ("4:22", "scatter: no output holds {chunks}", "did you mean 'chunk'?"),
    ),
    "a scattered name in the action": (
        """
        rules:
          a:
            output: x/{chunk}.txt
            scatter: chunk
            shell: split {chunk} {output}
        """,
        (
            "5:18",
            "{chunk} is scattered: this job decides on its values as it runs",
            "{output} is the folder in which it leaves the files",
        ),
    ),
    "a log without a mapped wildcard": (
        """
        rules:
          a:
            output: x/{s}.txt
            log: a.log
            shell: touch {output}
        """,
        (
            "4:10",
            "the log lacks {s}, so that several jobs would write to it",
            "a log holds the wildcards of the outputs",
        ),
    ),
    "a log with a gathered wildcard": (
        """
        rules:
          a:
            input: y/{s}
            output: x.txt
            log: '{s}.log'
            shell: touch {output}
        """,
        ("5:10", "the log holds {s}, which no output holds", ""),
    ),
    "a constraint for no wildcard": (
        """
        rules:
          a:
            output: x/{sample}.txt
            constraints: {sampel: '[a-z]'}
            shell: touch {output}
        """,
        ("4:19", "constraints: no path of the rule holds {sampel}", "did you mean 'sample'?"),
    ),
    "a wrong regular expression": (
        """
        rules:
          a:
            output: x/{s}.txt
            constraints: {s: '[a-z'}
            shell: touch {output}
        """,
        ("4:23", "the constraint of s is no regular expression: unterminated character set", ""),
    ),
    "a flag without an entry": (
        """
        rules:
          a:
            input: {order_only: true}
        """,
        (
            "3:13",
            "the flag order_only needs the entry that it belongs to: path, call or rule",
            "write {path: …, order_only: …}",
        ),
    ),
    "a flag without an entry under a name": (
        """
        rules:
          a:
            input:
              x: {order_only: true}
        """,
        (
            "4:11",
            "the flag order_only needs the entry that it belongs to: path, call or rule",
            "write {path: …, order_only: …}",
        ),
    ),
    "a flag in a list without an entry": (
        """
        rules:
          a:
            input:
              - {optional: true}
        """,
        (
            "4:10",
            "the flag optional needs the entry that it belongs to: path, call or rule",
            "write {path: …, optional: …}",
        ),
    ),
    "an input flag of an output": (
        """
        rules:
          a:
            output: {path: x, order_only: true}
            shell: touch x
        """,
        ("3:23", "order_only is a flag of an input, not of an output", ""),
    ),
    "an output flag of an input": (
        """
        rules:
          a:
            input: {path: x, temp: true}
        """,
        ("3:22", "temp is a flag of an output, not of an input", ""),
    ),
    "a flag of a log": (
        """
        rules:
          a:
            output: y
            log: {path: x, temp: true}
            shell: touch y
        """,
        ("4:20", "temp is a flag of an output, not of a log", ""),
    ),
    "a call as output": (
        """
        rules:
          a:
            output: {call: m:f}
            shell: touch y
        """,
        ("3:14", "call stands in inputs only", "write path"),
    ),
    "a flag that is misspelt": (
        """
        rules:
          a:
            input: {path: x, optinal: true}
        """,
        (
            "3:22",
            "'optinal' is neither a flag nor a wildcard of this path",
            "did you mean 'optional'?",
        ),
    ),
    "a flag that is no boolean": (
        """
        rules:
          a:
            input: {path: x, optional: yes}
        """,
        ("3:32", "optional is true or false, not 'yes'", ""),
    ),
    "a mapping that is no entry": (
        """
        rules:
          a:
            input: {x: {y: z}}
        """,
        (
            "3:17",
            "an input is a path, a list, or a mapping with path, call or rule",
            "a path goes in one text: a/b.txt",
        ),
    ),
    "keep without in_place": (
        """
        rules:
          a:
            output: {path: x, keep: true}
            shell: touch x
        """,
        ("3:23", "keep: true needs in_place: true", "write {path: …, in_place: true, keep: true}"),
    ),
    "temp and protected": (
        """
        rules:
          a:
            output: {path: x, temp: true, protected: true}
            shell: touch x
        """,
        ("3:35", "an output is temp or protected, not both", ""),
    ),
    "a wrong sha256": (
        """
        rules:
          a:
            output: {path: x, ensure: {sha256: abc}}
            shell: touch x
        """,
        ("3:40", "sha256 is 64 hexadecimal digits, not 'abc'", ""),
    ),
    "an unknown key of ensure": (
        """
        rules:
          a:
            output: {path: x, ensure: {nonempty: true}}
            shell: touch x
        """,
        ("3:32", "ensure has no key 'nonempty'", "did you mean 'non_empty'?"),
    ),
    "a rule that is not there": (
        """
        rules:
          all:
            input: {rule: bulid}
          build:
            output: x
            shell: touch x
        """,
        ("3:19", "there is no rule 'bulid'", "did you mean 'build'?"),
    ),
    "a rule that is absent": (
        """
        config: {mode: fast}
        rules:
          all:
            input: {rule: build}
          build:
            when: {mode: exact}
            output: x
            shell: touch x
        """,
        (
            "4:19",
            "there is no rule 'build'",
            "it is there only when config.mode is exact (it is fast)",
        ),
    ),
    "a rule that asks for itself": (
        """
        rules:
          all:
            input: {rule: all}
        """,
        ("3:19", "a rule cannot ask for itself", ""),
    ),
    "an output of a rule that is not there": (
        """
        rules:
          a:
            input: '{rules.b.output.y}'
          b:
            output: {x: x.txt}
            shell: touch x.txt
        """,
        ("3:13", "{rules.b.output.y}: the rule 'b' has no output y", "known here: x"),
    ),
    "outputs in a ring": (
        """
        rules:
          a:
            output: '{rules.b.output}1'
            shell: touch {output}
          b:
            output: '{rules.a.output}2'
            shell: touch {output}
        """,
        (
            "3:13",
            "the outputs of rules name each other in a ring, back to 'a'",
            "write one of the paths out",
        ),
    ),
    "no output of a rule": (
        """
        rules:
          a:
            input: '{rules.b.input}'
          b:
            output: {x: x.txt}
            shell: touch x.txt
        """,
        (
            "3:13",
            "{rules.b.input} is no output of a rule",
            "write {rules.NAME.output}, or {rules.NAME.output.x} for the one called x",
        ),
    ),
    "a list of outputs in a path": (
        """
        rules:
          a:
            input: '{rules.b.output}.gz'
          b:
            output: [x, y]
            shell: touch x.txt
        """,
        (
            "3:13",
            "{rules.b.output} is a list, which cannot stand within a path",
            "name one of its items",
        ),
    ),
    "a param in a path that is not there": (
        """
        rules:
          a:
            params: {dir: out}
            output: '{params.dri}/x'
            shell: touch {output}
        """,
        ("4:14", "{params.dri}: the rule 'a' has no such param", "did you mean 'dir'?"),
    ),
    "a config look-up in an output": (
        """
        config: {r: {a: 1}}
        rules:
          a:
            output: '{config.r[s]}/{s}'
            shell: touch {output}
        """,
        (
            "4:13",
            "{config.r[s]}: an output cannot look up config by a wildcard",
            "name the wildcard itself in the output",
        ),
    ),
    "an unknown config name in a path": (
        """
        config: {model: {lr: 1}}
        rules:
          a:
            input: data/{config.model.rl}.txt
        """,
        ("4:17", "there is no config.model.rl", "known here: lr"),
    ),
    "an unknown config name in a command": (
        """
        config: {model: {lr: 1}}
        rules:
          a:
            output: x
            shell: fit {config.modle.lr} > {output}
        """,
        ("5:16", "there is no config.modle", "did you mean {config.model}?"),
    ),
    "an unknown config name in params": (
        """
        config: {model: {lr: 1}}
        rules:
          a:
            output: x
            params: {a: '{config.mode}'}
            shell: touch {output}
        """,
        ("5:18", "there is no config.mode", "did you mean {config.model}?"),
    ),
    "an index beyond a config list": (
        """
        config: {l: [1, 2]}
        rules:
          a:
            input: 'x/{config.l[2]}'
        """,
        ("4:15", "there is no config.l[2]: config.l is a list of 2", "items are counted from 0"),
    ),
    "a step into a config text": (
        """
        config: {l: 5}
        rules:
          a:
            input: 'x/{config.l.a}'
        """,
        ("4:15", "there is no config.l.a: config.l is '5'", ""),
    ),
    "a config mapping within a text": (
        """
        config: {m: {a: 1}}
        rules:
          a:
            input: 'x/{config.m}'
        """,
        (
            "4:15",
            "config.m is a mapping, which cannot stand within a text",
            "name one of its values",
        ),
    ),
    "config in a ring": (
        """
        config:
          a: '{config.b.c}'
          b: {c: 'x{config.d}'}
          d: '{config.a}'
        rules:
          a: {input: x}
        """,
        (
            "2:6",
            "config values name each other in a ring: config.a → config.b.c → config.d → config.a",
            "give one of them a value of its own",
        ),
    ),
    "an unknown name in a command": (
        """
        rules:
          a:
            input: x
            output: y
            shell: |
              cat x
              cp {inptu} {output}
        """,
        (
            "7:10",
            "{inptu}: there is nothing called 'inptu' here",
            "did you mean 'input'?; for the text {inptu} itself write {{inptu}}",
        ),
    ),
    "threads in a command": (
        """
        rules:
          a:
            output: y
            shell: sort --parallel {threads} > {output}
        """,
        (
            "4:28",
            "{threads}: there is nothing called 'threads' here",
            "{cores} is the number of cores that a job has; for the text {threads} itself write",
        ),
    ),
    "an unknown wildcard": (
        """
        rules:
          a:
            input: x/{sample}
            output: y/{sample}
            shell: cp {wildcards.smaple} {output}
        """,
        ("5:15", "{wildcards.smaple}: there is no wildcard 'smaple'", "did you mean 'sample'?"),
    ),
    "a name that is no wildcard's": (
        """
        rules:
          a:
            output: y/{sample}
            shell: echo {wildcards.seed:raw} > {output}
        """,
        (
            "4:17",
            "{wildcards.seed:raw}: there is no wildcard 'seed'",
            "seed is no wildcard: write {seed:raw}",
        ),
    ),
    "an unknown name of an input": (
        """
        rules:
          a:
            input: {table: x}
            output: y
            shell: cp {input.tabel} {output}
        """,
        ("5:15", "{input.tabel}: there is no input called 'tabel'", "did you mean 'table'?"),
    ),
    "an unknown name of an output": (
        """
        rules:
          a:
            output: y
            shell: cp x {output.y}
        """,
        (
            "4:17",
            "{output.y}: there is no output called 'y'",
            "the outputs of this rule have no names",
        ),
    ),
    "an input number that is not there": (
        """
        rules:
          a:
            input: [x, z]
            output: y
            shell: cp {input[2]} {output}
        """,
        ("5:15", "{input[2]}: the rule has 2 inputs", "they are counted from 0"),
    ),
    "a number behind a name that is not there": (
        """
        rules:
          a:
            input: {x: [u, v], z: w}
            output: {y: [s, t]}
            shell: cat {input.x[1]} {input.x[2]} > {output.y[-2]}
        """,
        ("5:29", "{input.x[2]}: input.x has 2 paths", "they are counted from 0"),
    ),
    "a number from the end behind a name that is not there": (
        """
        rules:
          a:
            output: {y: [s, t]}
            shell: touch {output.y} {output.y[-3]}
        """,
        ("4:29", "{output.y[-3]}: output.y has 2 paths", "they are counted from 0"),
    ),
    "an unknown param": (
        """
        rules:
          a:
            output: y
            params: {depth: 3}
            shell: fit {params.dept} {output}
        """,
        ("5:16", "{params.dept}: there is no params.dept", "did you mean 'depth'?"),
    ),
    "a param of none": (
        """
        rules:
          a:
            output: y
            shell: fit {params.dept} {output}
        """,
        ("4:16", "{params.dept}: there is no params.dept", "the rule has no such params"),
    ),
    "a deep unknown param": (
        """
        rules:
          a:
            output: y
            params: {m: {depth: 3}}
            shell: fit {params.m.dept} {output}
        """,
        ("5:16", "{params.m.dept}: there is no params.m.dept", "did you mean 'depth'?"),
    ),
    "an unknown resource": (
        """
        rules:
          a:
            output: y
            resources: {gpu: 1}
            shell: fit {resources.gup} {output}
        """,
        ("5:16", "{resources.gup}: the rule takes no resource 'gup'", "did you mean 'gpu'?"),
    ),
    "a part of a wildcard": (
        """
        rules:
          a:
            output: y/{s}
            shell: fit {s.name} {output}
        """,
        (
            "4:16",
            "{s.name}: s.name goes one step too far",
            "this is a single value, which has no parts",
        ),
    ),
    "a list in quotes": (
        """
        rules:
          a:
            input: x/{s}.txt
            output: y
            shell: cat "{input}" > {output}
        """,
        (
            "5:17",
            "{input} is a list: between quotes it would be one word",
            "drop the quotes around {input}: each item is quoted by itself",
        ),
    ),
    "a named gather in quotes": (
        """
        rules:
          a:
            input: {b: 'x/{s}.txt'}
            output: y
            shell: cat '{input.b}' > {output}
        """,
        (
            "5:17",
            "{input.b} is a list: between quotes it would be one word",
            "drop the quotes around {input.b}: each item is quoted by itself",
        ),
    ),
    "a list of one in quotes": (
        """
        rules:
          a:
            input: [x]
            output: y
            shell: cat '{input}' > {output}
        """,
        (
            "5:17",
            "{input} is a list: between quotes it would be one word",
            "drop the quotes around {input}: each item is quoted by itself",
        ),
    ),
    "a gathered wildcard in quotes": (
        """
        rules:
          a:
            input: x/{s}.txt
            output: y
            shell: cat '{s}' > {output}
        """,
        (
            "5:17",
            "{s} is a list: between quotes it would be one word",
            "drop the quotes around {s}: each item is quoted by itself",
        ),
    ),
    "a list param in quotes": (
        """
        rules:
          a:
            output: y
            params: {l: [1, 2]}
            shell: cat '{params.l}' > {output}
        """,
        (
            "5:17",
            "{params.l} is a list: between quotes it would be one word",
            "drop the quotes around {params.l}: each item is quoted by itself",
        ),
    ),
    "a config list in quotes": (
        """
        config: {l: [1]}
        rules:
          a:
            output: y
            shell: cat '{config.l}' > {output}
        """,
        (
            "5:17",
            "{config.l} is a list: between quotes it would be one word",
            "drop the quotes around {config.l}: each item is quoted by itself",
        ),
    ),
    "an unknown name in params": (
        """
        rules:
          a:
            input: x/{sample}
            output: y/{sample}
            params: {t: 'of {sampel}'}
            shell: cp {input} {output}
        """,
        (
            "5:21",
            "{sampel}: there is nothing called 'sampel' here",
            "did you mean 'sample'?; for the text {sampel} itself write {{sampel}}",
        ),
    ),
    "an input in params": (
        """
        rules:
          a:
            input: x/{sample}
            output: y/{sample}
            params: {t: 'of {input}'}
            shell: cp {input} {output}
        """,
        (
            "5:21",
            "{input} cannot stand here: only wildcards, columns and config can",
            "it can stand in the action; for the text itself {{input}}",
        ),
    ),
    "a priority that a wildcard would pick": (
        """
        config: {first: {x: 5}}
        rules:
          a:
            output: y/{sample}
            priority: '{config.first[sample]}'
            shell: touch {output}
        """,
        (
            "5:15",
            "{config.first[sample]}: priority is the same for all jobs of a rule, so no wildcard "
            "can pick it",
            "write one value, or a rule for each",
        ),
    ),
    "more than a timeout that a wildcard picks": (
        """
        config: {limit: {x: 5}}
        rules:
          a:
            output: y/{sample}
            timeout: '{config.limit[sample]} m'
            shell: touch {output}
        """,
        (
            "5:14",
            "{config.limit[sample]} m: what a wildcard picks for timeout is all of its value",
            "write the unit in config too, as in 5m",
        ),
    ),
    "a file of a list in params": (
        """
        rules:
          a:
            output: y/{sample}
            params: {t: 'of {sample:file}'}
            shell: cp {params.t} {output}
        """,
        (
            "4:21",
            "{sample:file} cannot stand here: only an action gets files with lists",
            "write it in the action, or take :file out",
        ),
    ),
    "the name of an input by itself": (
        """
        rules:
          a:
            input: {reads: 'x/{sample}'}
            output: y/{sample}
            shell: cp {reads} {output}
        """,
        (
            "5:15",
            "{reads}: there is nothing called 'reads' here",
            "write {input.reads}; for the text {reads} itself write {{reads}}",
        ),
    ),
    "an unknown name beside a call": (
        """
        rules:
          a:
            input: {call: m:f, with: {x: '{smaple}'}}
            output: y/{sample}
            shell: cp {input} {output}
        """,
        (
            "3:35",
            "{smaple}: there is nothing called 'smaple' here",
            "did you mean 'sample'?; for the text {smaple} itself write {{smaple}}",
        ),
    ),
    "a column that no used relation has": (
        """
        wildcards:
          s: [a]
          t, col: [[a, b]]
        rules:
          a:
            output: y/{s}
            shell: cp {col} {output}
        """,
        (
            "7:15",
            "{col}: there is nothing called 'col' here",
            "known here: attempt, config, cores, input, log, output, params, resources, rule, s,",
        ),
    ),
    "a command that a comment cuts": (
        """
        rules:
          a:
            output: y
            shell: grep "a # b" x > {output}
        """,
        (
            "4:12",
            '# b" x > {output} is cut off: to YAML it is a comment',
            "put the command on the next line, below |",
        ),
    ),
    "a command whose output is cut": (
        """
        rules:
          a:
            output: y
            shell: sed s/ #// x > {output}
        """,
        (
            "4:12",
            "#// x > {output} is cut off: to YAML it is a comment",
            "put the command on the next line, below |",
        ),
    ),
    "an unquoted placeholder": (
        """
        rules:
          a:
            input: {sample}.txt
        """,
        (
            "3:12",
            "a value that begins with { must be in quotes",
            'put it in quotes: "{sample}.txt"',
        ),
    ),
    "a lone unquoted placeholder": (
        """
        rules:
          a:
            input: {sample}
            output: y
            shell: touch y
        """,
        ("3:12", "a value that begins with { must be in quotes", 'put it in quotes: "{sample}"'),
    ),
    "a lone unquoted placeholder between braces": (
        """
        rules:
          a:
            input: {path: {sample}}
            output: y
            shell: touch y
        """,
        ("3:19", "a value that begins with { must be in quotes", 'put it in quotes: "{sample}"'),
    ),
    "a flag whose value config gives": (
        """
        config: {few: some}
        rules:
          a:
            input: {path: x, optional: "{config.few}"}
            output: y
            shell: touch y
        """,
        (
            "4:32",
            "optional is true or false, not 'some'",
            "{config.few} is from Workflowfile:1:15",
        ),
    ),
    "a number that config gives": (
        """
        config: {few: some}
        rules:
          a:
            output: y
            cores: "{config.few}"
            shell: touch y
        """,
        (
            "5:12",
            "cores is a number from 0 on, not 'some'",
            "{config.few} is from Workflowfile:1:15",
        ),
    ),
    "a scattered output that is in place": (
        """
        rules:
          a:
            output: {path: "y/{s}", in_place: true}
            scatter: s
            shell: touch {output}/1
        """,
        (
            "3:20",
            "the scattered output y/{s} cannot be in_place: what an action leaves is looked at "
            "before it gets its name",
            "take in_place out, or make one folder of the output: a path that ends with /",
        ),
    ),
    "a scatter that takes what it is to find": (
        """
        rules:
          a:
            input: x/{s}
            output: y/{s}
            scatter: s
            shell: touch {output}/1
        """,
        (
            "3:12",
            "the input x/{s} holds {s}, whose values this job is to find itself",
            "give the wildcard of the input another name, or declare the values of s in "
            "`wildcards`",
        ),
    ),
    "a scattered name in params": (
        """
        rules:
          a:
            output: y/{s}
            params: {p: '{s}'}
            scatter: s
            shell: touch {output}/1
        """,
        (
            "4:18",
            "{s} is scattered: this job decides on its values as it runs",
            "{output} is the folder in which it leaves the files",
        ),
    ),
    "a scattered name in the log": (
        """
        rules:
          a:
            output: y/{s}
            log: l/{s}
            scatter: s
            shell: touch {output}/1
        """,
        ("4:10", "the log holds {s}, which no output holds", ""),
    ),
    "a seed by a scattered name": (
        """
        rules:
          a:
            output: y/{s}
            seed: {by: [s]}
            scatter: s
            shell: touch {output}/1
        """,
        ("4:16", "seed: by names 's', which is no wildcard and no column of this rule", ""),
    ),
    "a deps file for each scattered value": (
        """
        rules:
          a:
            output: {path: 'y/{s}', deps: true}
            scatter: s
            shell: touch {output}/1
        """,
        (
            "3:20",
            "y/{s} is scattered: `deps: true` is for one file of each job",
            "name it without the scattered wildcards",
        ),
    ),
    "after without a call": (
        """
        rules:
          a:
            input: {path: x, after: y}
            output: z
            shell: touch {output}
        """,
        ("3:22", "after stands beside call only", ""),
    ),
    "values from a list of a rule that its when leaves out": (
        """
        config: {mode: fast}
        wildcards: {x: {lines: a.txt}}
        rules:
          all: {input: '{x}'}
          a: {when: {mode: slow}, output: a.txt, shell: 'touch {output}'}
        """,
        (
            "2:24",
            "there is no file a.txt, and no rule makes it",
            "rule a would make it, but is there only when config.mode is slow",
        ),
    ),
    "words in the path of a script": (
        """
        rules:
          a:
            input: x
            output: y
            script: a.py {input} -o {output}
        """,
        (
            "5:13",
            "script is the path of a file, and a.py {input} -o {output} is more",
            'the words of a script are args: write script: a.py and args: ["{input}", "-o", "{outp',
        ),
    ),
    "words of a notebook": (
        """
        rules:
          a:
            output: y
            script: a.ipynb
            args: [x]
        """,
        (
            "5:5",
            "a.ipynb is a notebook, which takes no words",
            "it has the facts of the job: write params, and job.params in the notebook",
        ),
    ),
    "a shell without words": (
        """
        rules:
          a:
            output: y
            shell_words: []
            shell: touch {output}
        """,
        (
            "4:18",
            "shell_words names no program",
            "write its words before the text: shell_words: [sh, -c]",
        ),
    ),
    "a shell_prefix that is a list": (
        """
        rules:
          a:
            output: y
            shell_prefix: [module, load]
            shell: touch {output}
        """,
        ("4:19", "shell_prefix is a command, not a list", "write several lines as one text: |"),
    ),
    "a sha256 of a folder": (
        """
        rules:
          a:
            output: {path: y/, ensure: {sha256: '%s'}}
            shell: touch {output}/x
        """
        % ("0" * 64),
        (
            "3:20",
            "y/ is a folder: only of a file a sha256 can be ensured",
            "name the file whose bytes are known as an output, or write ensure: {non_empty: true}",
        ),
    ),
    "a log with a wildcard of its own": (
        """
        rules:
          a:
            output: y
            log: {path: "l/{n}", n: [1, 2]}
            shell: touch y
        """,
        (
            "4:26",
            "n: a log has no flags and no wildcards of its own",
            "write a path for each log, under names: {a: logs/a.txt, b: logs/b.txt}",
        ),
    ),
    "an unquoted placeholder as shell": (
        """
        rules:
          a:
            output: y/{s}
            shell: {config.cmd}
        """,
        (
            "4:12",
            "a value that begins with { must be in quotes",
            'put it in quotes: "{config.cmd}"',
        ),
    ),
    "a colon in plain text": (
        """
        rules:
          a:
            output: y
            shell: echo a: b > {output}
        """,
        (
            "4:18",
            "': ' in plain text: YAML takes it for another key",
            'put it in quotes: "echo a: b > {output}"; or put it on the next line, below |',
        ),
    ),
    "no comma between two keys in braces": (
        """
        rules:
          a:
            input: {path: a.txt optional: true}
            output: y
            shell: touch {output}
        """,
        (
            "3:33",
            "': ' in plain text: YAML takes it for another key",
            "write a comma before optional, or put the text in quotes",
        ),
    ),
    "a backslash in double quotes": (
        """
        rules:
          a:
            output: 'y/{s}'
            constraints: {s: "\\d+"}
            shell: touch {output}
        """,
        (
            "4:23",
            "\\d is no escape that double quotes know",
            "use single quotes, which leave \\ alone: '\\d+'",
        ),
    ),
    "a tab": (
        """
        rules:
        \ta:
        """,
        ("2:1", "a tab in the indentation", "indent with spaces"),
    ),
    "argv as text": (
        """
        rules:
          a:
            output: y
            argv: cp x y
        """,
        ("4:11", "argv is a list of words, not 'cp x y'", "a command in one text is shell"),
    ),
    "an empty argv": (
        """
        rules:
          a:
            output: y
            argv: []
        """,
        ("4:11", "argv has no words", ""),
    ),
    "args without a script": (
        """
        rules:
          a:
            output: y
            args: [x]
            shell: touch y
        """,
        ("4:5", "args are the words of a script", ""),
    ),
    "a run that is no function": (
        """
        rules:
          a:
            output: y
            run: rules/flights.py:tidy
        """,
        (
            "4:10",
            "run is a function, module:function, not 'rules/flights.py:tidy'",
            "write rules.flights:tidy",
        ),
    ),
    "a run without a module": (
        """
        rules:
          a:
            output: y
            run: tidy
        """,
        (
            "4:10",
            "run is a function, module:function, not 'tidy'",
            "such as rules.flights:tidy for the function tidy in rules/flights.py",
        ),
    ),
    "a call that is no function": (
        """
        rules:
          a:
            input: {call: tidy}
        """,
        (
            "3:19",
            "call is a function, module:function, not 'tidy'",
            "such as rules.flights:tidy for the function tidy in rules/flights.py",
        ),
    ),
    "an unknown executor": (
        """
        rules:
          a:
            output: y
            run: m:f
            executor: threads
        """,
        ("5:15", "there is no executor 'threads'", "did you mean 'thread'?"),
    ),
    "a number that is a text": (
        """
        rules:
          a:
            output: y
            shell: touch y
            cores: '4'
        """,
        ("5:12", "cores is a number from 0 on, not '4'", "drop the quotes: 4"),
    ),
    "negative cores": (
        """
        rules:
          a:
            output: y
            shell: touch y
            cores: -1
        """,
        ("5:12", "cores is a number from 0 on, not '-1'", ""),
    ),
    "retries with a point": (
        """
        rules:
          a:
            output: y
            shell: touch y
            retries: 1.5
        """,
        ("5:14", "retries is a whole number from 0 on, not '1.5'", ""),
    ),
    "a wrong timeout": (
        """
        rules:
          a:
            output: y
            shell: touch y
            timeout: 5min
        """,
        ("5:14", "timeout is a time such as 30, 10s, 5m, 1h or 2d, not '5min'", ""),
    ),
    "a priority that is no number": (
        """
        rules:
          a:
            output: y
            shell: touch y
            priority: high
        """,
        ("5:15", "priority is a number, not 'high'", ""),
    ),
    "private that is no boolean": (
        """
        rules:
          a:
            output: y
            shell: touch y
            private: yes
        """,
        ("5:14", "private is true or false, not 'yes'", ""),
    ),
    "a seed by an unknown name": (
        """
        rules:
          a:
            output: y/{rep}
            shell: touch y
            seed: {by: [reps]}
        """,
        (
            "5:16",
            "seed: by names 'reps', which is no wildcard and no column of this rule",
            "did you mean 'rep'?",
        ),
    ),
    "an unknown key of seed": (
        """
        rules:
          a:
            output: y/{rep}
            shell: touch y
            seed: {bye: [rep]}
        """,
        ("5:12", "seed has no key 'bye'", "did you mean 'by'?"),
    ),
    "cores as a resource": (
        """
        rules:
          a:
            output: y
            shell: touch y
            resources: {cores: 2}
        """,
        ("5:17", "cores is no resource", "a rule's key: cores"),
    ),
    "a resource that is no number": (
        """
        rules:
          a:
            output: y
            shell: touch y
            resources: {mem_mb: 4G}
        """,
        ("5:25", "mem_mb is a number from 0 on, not '4G'", ""),
    ),
    "params that are a list": (
        """
        rules:
          a:
            output: y
            shell: touch y
            params: [1]
        """,
        ("5:13", "params is a mapping of names to values, not a list", ""),
    ),
    "an env value that is a list": (
        """
        rules:
          a:
            output: y
            shell: touch y
            env: {X: [1]}
        """,
        ("5:14", "env: X is a text, not a list", ""),
    ),
    "envvars that are no names": (
        """
        rules:
          a:
            output: y
            shell: touch y
            envvars: [A=1]
        """,
        ("5:15", "envvars: 'A=1' is no name of a variable", "a name is letters"),
    ),
    "a top seed that is a text": (
        """
        seed: abc
        rules: {a: {input: x}}
        """,
        ("1:7", "seed is a whole number, not 'abc'", ""),
    ),
    "a pool that is no number": (
        """
        resources: {api: many}
        rules: {a: {input: x}}
        """,
        ("1:18", "api is a number from 0 on, not 'many'", ""),
    ),
    "when that is no mapping": (
        """
        rules:
          a:
            when: fast
            input: x
        """,
        ("3:11", "when is a mapping such as {mode: fast}, not 'fast'", ""),
    ),
    "an own name that is no hole": (
        """
        rules:
          a:
            input: {path: 'raw/{n}.txt', m: [1]}
        """,
        (
            "3:34",
            "'m' is neither a flag nor a wildcard of this path",
            "known here: after, call, n, one, optional, order_only, path, rule, when, with",
        ),
    ),
    "an own name that stands elsewhere": (
        """
        rules:
          a:
            input: {path: 'raw/{n}.txt', n: [1]}
            output: y/{n}
            shell: touch y
        """,
        (
            "3:19",
            "{n} has values of its own here, and stands in another path too",
            "give it another name here, or put its values into `wildcards`",
        ),
    ),
    "values of an own name from no key": (
        """
        wildcards: {month: [1]}
        rules:
          a:
            input: {path: 'raw/{n}.txt', n: {same: months}}
            output: y
            shell: touch {output}
        """,
        (
            "4:44",
            "same: no key of wildcards gives values to months",
            "did you mean 'month'?",
        ),
    ),
    "an output whose list is another for each job": (
        """
        wildcards: {s: [1, 2]}
        rules:
          a:
            output: {path: 'y/{s}/{n}', n: {lines: 'lists/{s}.txt'}}
            shell: touch {output}
          lists:
            output: lists/{s}.txt
            shell: touch {output}
        """,
        (
            "4:33",
            "the output y/{s}/{n}: there is a lists/{s}.txt for each value of s, and which files a "
            "rule makes cannot differ from job to job",
            "put these values into `wildcards` and write scatter: n, so that a job makes those "
            "that its list says",
        ),
    ),
    "an output with two lists of its own": (
        """
        rules:
          a:
            output: {path: 'y/{m}/{n}', n: {lines: list.txt}, m: [1, 2]}
            shell: touch {output}
          list:
            output: list.txt
            shell: touch {output}
        """,
        (
            "3:33",
            "the output y/{m}/{n}: values in a list that a rule makes stand alone",
            "let the rule write a table with all of them: n, m: {table: …}",
        ),
    ),
    "an own name that has values": (
        """
        wildcards: {n: [1]}
        rules:
          a:
            input: {path: 'raw/{n}.txt', n: [1]}
        """,
        (
            "4:34",
            "n has values in `wildcards` already",
            "give the entry's own wildcard another name",
        ),
    ),
    "no default": (
        """
        defaults: {output: x}
        rules: {a: {input: x}}
        """,
        ("1:12", "output makes no sense for all rules, so it is no default", ""),
    ),
    "an unknown default": (
        """
        defaults: {paramss: {}}
        rules: {a: {input: x}}
        """,
        ("1:12", "defaults has no key 'paramss'", "did you mean 'params'?"),
    ),
    "an include of nothing": (
        """
        include: ""
        rules: {a: {input: x}}
        """,
        ("1:10", "the path of an include is empty", "write the path of a file, or leave it out"),
    ),
    "a missing include": (
        """
        include: rulez.yaml
        rules: {a: {input: x}}
        """,
        ("1:10", "there is no file rulez.yaml", "did you mean 'rules.yaml'?"),
    ),
    "a missing config file": (
        """
        config: conf.yaml
        rules: {a: {input: x}}
        """,
        (
            "1:9",
            "there is no config file conf.yaml",
            "write {path: …, optional: true} if it may be missing",
        ),
    ),
    "two of path, call and rule": (
        """
        rules:
          a:
            input: {path: x, call: m:f}
        """,
        ("3:22", "an entry has one of path, call and rule, not path and call", ""),
    ),
    "a value that is a rule's own seed": (
        """
        rules:
          a:
            output: y
            shell: touch y
            seed: 5
        """,
        (
            "5:11",
            "seed is true, false or {by: [names], key: word}, not '5'",
            "the number itself stands at the top of the Workflowfile: seed: 2013",
        ),
    ),
    "rules that are a list": (
        """
        rules: [a]
        """,
        ("1:8", "rules is a mapping, not a list", "write each name as a key, without the dash"),
    ),
    "rules that are indented with no-break spaces": (
        """
        rules:
          a: {output: y, shell: "touch {output}"}
        \u00a0\u00a0b: {output: z, shell: "touch {output}"}
        """,
        ("3:1", "a Workflowfile has no key", "the line is indented with no-break spaces (U+00A0)"),
    ),
    "a value that is a shell's pattern": (
        """
        wildcards:
          s: in/*.txt
        """,
        ("2:6", "in/*.txt holds no {s}", "the name in braces stands for what differs: in/{s}.txt"),
    ),
    "a value that is a range as Python has it": (
        """
        wildcards:
          n: range(1, 9)
        """,
        ("2:6", "range(1, 9) holds no {n}", "numbers are written as {range: [1, 9]}"),
    ),
    "braces without quotes in params": (
        """
        rules:
          a:
            output: 'y/{s}'
            params:
              a: {s}
            shell: touch y
        """,
        ("5:10", "a value that begins with { must be in quotes", 'put it in quotes: "{s}"'),
    ),
    "a part of a single input": (
        """
        rules:
          a:
            input: {x: y}
            output: z
            shell: cp {input.x[0]} {output}
        """,
        ("5:15", "{input.x[0]}: input.x has no parts", "write {input.x}"),
    ),
    "a wildcard in the top seed": (
        """
        seed: '{config.seed}'
        rules: {a: {input: x}}
        """,
        ("1:8", "there is no config.seed", "config has no keys"),
    ),
    "a constraint with the flags of another dialect": (
        """
        rules:
          a:
            output: 'x/{s}'
            constraints: {s: '(?<n>a)'}
            shell: touch {output}
        """,
        ("4:24", "the constraint of s is no regular expression: unknown extension ?<n", ""),
    ),
    "cores in the pools": (
        """
        resources: {cores: 4}
        rules: {a: {input: x}}
        """,
        ("1:13", "cores is no resource", "how many there are: -j"),
    ),
    "an item of a pool twice": (
        """
        resources: {gpu: [0, 0]}
        rules: {a: {input: x}}
        """,
        ("1:18", "gpu: an item stands there twice", ""),
    ),
    "a scattered name twice": (
        """
        rules:
          a:
            output: 'x/{s}'
            scatter: [s, s]
            shell: touch {output}
        """,
        ("4:18", "scatter: s stands there twice", ""),
    ),
    "with without a call": (
        """
        rules:
          a:
            input: {path: x, with: {a: 1}}
        """,
        ("3:22", "with stands beside call only", ""),
    ),
    "a prefix with an open quote": (
        """
        rules:
          a:
            output: x
            prefix: nice 'a
            shell: touch {output}
        """,
        ("4:13", "prefix: a quote is not closed", ""),
    ),
    "an unquoted placeholder in config": (
        """
        config:
          root: data
          ref: {config.root}
        rules: {a: {input: x}}
        """,
        (
            "3:8",
            "a value that begins with { must be in quotes",
            'put it in quotes: "{config.root}"',
        ),
    ),
    "a value that is missing in braces": (
        """
        rules:
          a: {output: x, env: {A: }, shell: "touch {output}"}
        """,
        ("2:24", "the value is missing after A:", ""),
    ),
    "a value that is missing in the braces of a filter": (
        """
        wildcards:
          n: {values: [a, b], except: {n: }}
        rules: {a: {input: x}}
        """,
        ("2:32", "the value is missing after n:", ""),
    ),
    "a number that is missing in the braces of a range": (
        """
        wildcards:
          n: {range: }
        rules: {a: {input: x}}
        """,
        ("2:7", "the value is missing after range:", ""),
    ),
    "a made sheet whose path holds a name without values": (
        """
        wildcards:
          id: {table: "data/{sampel}.csv"}
          sample: [a]
        rules:
          one: {input: "in/{sample}", output: "out/{id}", shell: "touch {output}"}
        """,
        (
            "2:15",
            "data/{sampel}.csv: {sampel} has no values, so that no path is known",
            "did you mean 'sample'?",
        ),
    ),
    "a made list whose path holds a name without values": (
        """
        wildcards:
          id: {lines: "data/{x}.txt"}
        rules:
          one: {input: "in/{id}"}
        """,
        ("2:15", "data/{x}.txt: {x} has no values, so that no path is known", ""),
    ),
    "a range of numbers that no name can hold": (
        """
        wildcards:
          n: {range: 3, width: 99999999999999999999}
        rules: {a: {input: x}}
        """,
        ("2:24", "a width of more than 200 digits", ""),
    ),
    "a number in quotes that would be no truth without them": (
        """
        rules:
          a: {output: x, always: "1", shell: "touch {output}"}
        """,
        ("2:26", "always is true or false, not '1'", ""),
    ),
    "a truth in quotes": (
        """
        rules:
          a: {output: x, always: "true", shell: "touch {output}"}
        """,
        ("2:26", "always is true or false, not 'true'", "drop the quotes: true"),
    ),
    "a number in quotes for a mapping": (
        """
        rules:
          a: {output: x, params: "7", shell: "touch {output}"}
        """,
        ("2:26", "params is a mapping of names to values, not '7'", ""),
    ),
    "a script without a path": (
        """
        rules:
          a: {output: x, script: ""}
        """,
        ("2:26", "script is the path of a file, not ''", ""),
    ),
    "a name that no shell gives to a variable": (
        """
        rules:
          a: {output: x, envvars: [API-KEY], shell: "touch {output}"}
        """,
        ("2:28", "envvars: 'API-KEY' is no name of a variable", "a name is letters, digits and _"),
    ),
    "nothing in the place of a variable": (
        """
        rules:
          a: {output: x, envvars: [null], shell: "touch {output}"}
        """,
        ("2:28", "envvars: 'null' is no name of a variable", "a name is letters, digits and _"),
    ),
    "an output that names the input": (
        """
        rules:
          a: {input: x, output: "{input}.out", shell: "touch {output}"}
        """,
        (
            "2:25",
            "{input} in a path: 'input' is a built-in name, no wildcard",
            "a path names no other path of its rule: write it out",
        ),
    ),
    "curly quotes between braces": (
        """
        rules:
          a: {output: x, shell: “touch {output}”}
        """,
        (
            "2:25",
            "text with { between brackets must be in quotes",
            'curly quotes are no quotes: write straight ones: "touch {output}"',
        ),
    ),
    "curly quotes": (
        """
        rules:
          a:
            output: x
            shell: “touch {output}”
        """,
        (
            "4:12",
            "the command begins with a curly quote, which is none",
            'curly quotes are no quotes: write straight ones: "touch {output}"',
        ),
    ),
    "the key needs in a rule": (
        """
        rules:
          a: {needs: b, input: x}
        """,
        ("2:7", "the rule 'a' has no key 'needs'", "write input: a path, or {rule: NAME}"),
    ),
    "the key wildcards in a rule": (
        """
        rules:
          a: {wildcards: b, input: x}
        """,
        (
            "2:7",
            "the rule 'a' has no key 'wildcards'",
            "values stand at the top of the Workflowfile",
        ),
    ),
    "the key order_only in a rule": (
        """
        rules:
          a: {order_only: b, input: x}
        """,
        (
            "2:7",
            "the rule 'a' has no key 'order_only'",
            "it is a flag of one input: input: {path: PATH, order_only: true}",
        ),
    ),
    "the key targets in a rule": (
        """
        rules:
          a: {targets: b, input: x}
        """,
        ("2:7", "the rule 'a' has no key 'targets'", "write output"),
    ),
    "the key runtime in a rule": (
        """
        rules:
          a: {runtime: b, input: x}
        """,
        ("2:7", "the rule 'a' has no key 'runtime'", "write timeout"),
    ),
    "a key of rules at the top": (
        """
        retries: 3
        rules: {a: {input: x}}
        """,
        (
            "1:1",
            "a Workflowfile has no key 'retries'",
            "it is a key of a rule; for all of them write defaults: {retries: …}",
        ),
    ),
    "the call ancient('x') in a path": (
        """
        rules:
          a:
            input: ancient('x')
        """,
        ("3:12", "ancient('x'): a path stands as it is", "write {path: x, order_only: true}"),
    ),
    "the call multiext('in/a', '.txt', '.csv') in a path": (
        """
        rules:
          a:
            input: multiext('in/a', '.txt', '.csv')
        """,
        (
            "3:12",
            "multiext('in/a', '.txt', '.csv'): a path stands as it is",
            "write [in/a.txt, in/a.csv]",
        ),
    ),
    "the call pipe('x') in a path": (
        """
        rules:
          a:
            input: pipe('x')
        """,
        ("3:12", "pipe('x'): a path stands as it is", "there are no pipes between jobs"),
    ),
    "the call ensure('c', non_empty=True) in a path": (
        """
        rules:
          a:
            input: ensure('c', non_empty=True)
        """,
        (
            "3:12",
            "ensure('c', non_empty=True): a path stands as it is",
            "write {path: c, ensure: {non_empty: true}}",
        ),
    ),
    "the call temp(x.txt) in a path": (
        """
        rules:
          a:
            input: temp(x.txt)
        """,
        ("3:12", "temp(x.txt): a path stands as it is", "write {path: x.txt, temp: true}"),
    ),
    "a long value of the wrong kind": (
        """
        rules:
          a: {input: x, cores: "%s"}
        """
        % ("x" * 5000),
        ("2:24", f"cores is a number from 0 on, not '{'x' * 57}…'", ""),
    ),
    "null as output": (
        """
        rules:
          a: {output: ~, shell: "touch {output}"}
        """,
        (
            "2:15",
            "an output is a path, not ~",
            'write [] for none; a text is written in quotes: "~"',
        ),
    ),
    "null as prefix": (
        """
        rules:
          a: {output: x, prefix: null, shell: "touch {output}"}
        """,
        (
            "2:26",
            "prefix is words, not null",
            'write [] for none; a text is written in quotes: "null"',
        ),
    ),
    "null as shell": (
        """
        rules:
          a: {output: x, shell: null}
        """,
        (
            "2:25",
            "shell is a command, not null",
            'leave it out; a text is written in quotes: "null"',
        ),
    ),
    "null as log": (
        """
        rules:
          a: {output: x, log: null, shell: "touch {output}"}
        """,
        (
            "2:23",
            "a log is a path, not null",
            'write [] for none; a text is written in quotes: "null"',
        ),
    ),
    "null from config as a path": (
        """
        config: {out: null}
        rules:
          a: {output: "{config.out}", shell: "touch {output}"}
        """,
        ("1:15", "an output is a path, not null", "write [] for none"),
    ),
    "a brace that stands alone in an output": (
        """
        rules:
          a: {output: "o/{n", shell: "touch {output}"}
        """,
        ("2:15", "o/{n: a brace stands alone", "a wildcard is written {name}, with both"),
    ),
    "a param without a space after its colon": (
        """
        rules:
          a: {output: o, params: {a:1, b: 2}, shell: "touch {output}"}
        """,
        ("2:27", "'a:1' has no space after its colon, so it is all key", "write a: 1"),
    ),
    "a command as a function": (
        """
        rules:
          a: {output: o, run: echo hi}
        """,
        ("2:23", "run is a function, module:function, not 'echo hi'", "a command is written as"),
    ),
}
