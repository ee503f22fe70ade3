"""Says in the user's words what a YAML parser could not read, and what to write instead.

Knows the parser's words and the text around the place that it names; reads nothing itself.
"""

from __future__ import annotations

import re
from typing import Any

from yaml.error import MarkedYAMLError

from fileflow.errors import FileflowError, Place, Source, shortened
from fileflow.language.yaml_nodes import Mapping, Node, key_without_value
from fileflow.lean import lazy_regex


def missing_key(place: Place) -> FileflowError:
    """The mistake of a colon with nothing before it."""
    hint = 'write the key before the colon, or "" for an empty one'
    return FileflowError("a key is missing", place=place, hint=hint)


def unquoted(node: Mapping) -> FileflowError:
    """The mistake of a mapping that `looks_like_placeholder`."""
    key = key_without_value(node)
    if key is not None:
        return FileflowError(f"the value is missing after {key.text}:", place=key.place)
    what = "a value that begins with { must be in quotes"
    return FileflowError(what, place=node.place, hint=quotes_hint(node))


def quotes_hint(node: Node) -> str:
    """The cure for a value that `looks_like_placeholder`: the same text in quotes."""
    raw = (node.source.line(node.line) or "")[node.column - 1 :]
    match = _BRACED.match(raw)
    return in_quotes(match[0] if match else raw)


# The numbers bound the work on hostile lines; no name is that long.
_BRACED = lazy_regex(r"(?:\{\{[^{}\s,]{0,200}\}\}|\{[^{}\s,]{0,200}\})")
_PLAIN_END = lazy_regex(r"(?:[^\s,\[\]{}:]|:(?!\s))(?:[^,\[\]{}:]|:(?!\s))*$")
_BRACED_END = lazy_regex(_BRACED.pattern + "$")


def tab(source: Source, line: int) -> FileflowError:
    """The mistake of a tab that indents a line."""
    column = (source.line(line) or "").find("\t") + 1
    place = Place(source, line, column)
    return FileflowError("a tab in the indentation", place=place, hint="indent with spaces")


CURLY = "“”„‟‘’‚‛«»"


def in_quotes(text: str) -> str:
    """The hint to quote a piece of a line (without its comment), shown as it should be written."""
    text = re.sub(r"\s+#.*", "", text[:200]).rstrip()
    cure = "put it in quotes"
    if text[:1] and text[0] in CURLY:
        text = text.strip(CURLY)
        cure = "curly quotes are no quotes: write straight ones"
    if len(text) > 60 or not text:
        return cure
    if '"' in text or "\\" in text:
        doubled = text.replace("'", "''")
        return f"{cure}: '{doubled}'"
    return f'{cure}: "{text}"'


# The start of a line up to its value: dashes, then a key.
_BEFORE_VALUE = lazy_regex(
    r"""\s*(?:[-?]\s+)*(?:(?:"[^"]*"|'[^']*'|[^\s"'\[{\#][^\#]{0,200}?):\s+)?"""
)


_QUOTED = lazy_regex(r"""(?<=[\s,:\[{])(?:"[^"]*"|'[^']*')""")


class _Slip:
    """What the parser stumbled over: its words, the places, and the line with its value."""

    def __init__(self, error: MarkedYAMLError, source: Source) -> None:
        self.source = source
        self.problem: str = error.problem or ""
        self.context: str = error.context or ""
        mark: Any = error.problem_mark or error.context_mark
        begin: Any = error.context_mark or mark
        self.place = Place(source, mark.line + 1, mark.column + 1)
        self.begin = Place(source, begin.line + 1, begin.column + 1)
        self.line = source.line(self.place.line) or ""
        self.at: int = mark.column
        match = _BEFORE_VALUE.match(self.line)
        self.value_at = match.end() if match else 0
        self.value = self.line[self.value_at :]

    def error(self, what: str, hint: str, place: Place | None = None) -> FileflowError:
        return FileflowError(what, place=place or self.place, hint=hint)

    def in_brackets(self) -> bool:
        return self.value[:1] in ("[", "{") and self.at > self.value_at

    def goes_on_after_braces(self) -> bool:
        """Whether the value is text: it begins with `{…}` after which more comes, or is a group of
        commands, `{ …; }`."""
        if not self.in_brackets() or self.value[0] != "{":
            return False
        depth = 0
        text = _QUOTED.sub(lambda quoted: "-" * len(quoted[0]), self.value)
        for at, character in enumerate(text):
            depth += (character == "{") - (character == "}")
            if not depth:
                rest = text[at + 1 :].strip()
                ends_command = text[:at].rstrip().endswith(";")
                return ends_command or rest[:1] not in ("", "#", ",", "]", "}")
        return False

    def begin_line(self) -> str:
        return (self.source.line(self.begin.line) or "")[self.begin.column - 1 :]


def syntax_error(error: MarkedYAMLError, source: Source) -> FileflowError:
    """Says in the user's words what the parser could not read, and what to write instead."""
    slip = _Slip(error, source)
    indent = slip.line[: len(slip.line) - len(slip.line.lstrip())]
    if "\t" in indent and not slip.context.endswith("quoted scalar"):
        return tab(source, slip.place.line)
    if slip.goes_on_after_braces():
        place = Place(source, slip.place.line, slip.value_at + 1)
        what = "a value that begins with { must be in quotes"
        return slip.error(what, in_quotes(slip.value), place)
    for words, explain in _EXPLANATIONS:
        if words in slip.problem or words in slip.context:
            return explain(slip)
    what = f"this is no YAML: {slip.problem}"
    if slip.context:
        what += f" {slip.context}"
    return slip.error(what, "put text with special characters in quotes")


def _item(text: str) -> str:
    """The first item of a piece between brackets."""
    match = re.match(r"(?:\([^()]*\)|\{[^{}]*\}|[^,\]}])*", text[:200])
    return match[0] if match and match[0] else text


def _explain_escape(slip: _Slip) -> FileflowError:
    at = slip.line.rfind("\\", 0, slip.at + 1)
    whole = re.match(r'"((?:[^"\\]|\\.)*)"', slip.begin_line())
    text = whole[1] if whole else ""
    hint = "use single quotes, which leave \\ alone"
    if text and len(text) <= 60 and not re.search(r"\\[ntr0exuU]", text):
        single = re.sub(r'\\(["\\])', r"\1", text).replace("'", "''")
        hint += f": '{single}'"
    what = f"{slip.line[at : at + 2]} is no escape that double quotes know"
    if "unknown" not in slip.problem:
        what = f"the escape {slip.line[at : at + 2]} is not complete, or stands for no character"
    return slip.error(what, hint, Place(slip.source, slip.place.line, at + 1))


def _explain_colon(slip: _Slip) -> FileflowError:
    if 0 < slip.value_at <= slip.at and not slip.line[: slip.value_at].isspace():
        before = slip.line[: slip.value_at].strip()
        if before.endswith(":"):
            hint = f"{in_quotes(slip.value)}; or put it on the next line, below |"
            return slip.error("': ' in plain text: YAML takes it for another key", hint)
    indent = len(slip.line) - len(slip.line.lstrip())
    number = slip.place.line - 1
    above = slip.source.line(number)
    while number > 1 and above is not None and not above.split("#")[0].strip():
        number -= 1
        above = slip.source.line(number)
    above = above or ""
    key = slip.line[: slip.at].strip()
    if ": " in above or above.rstrip().endswith(":"):
        if indent > len(above) - len(above.lstrip()):
            return slip.error(
                f"{shortened(key)!r} is indented below line {number}, which has a value already",
                "line it up with the keys above; text of several lines goes below |",
            )
    elif match := re.match(r"(\s*[\w.-]+):(\S.*)", above):
        return slip.error(
            f"line {number} has no space after its colon, so it is no key",
            f"write {match[1].strip()}: {shortened(match[2])}",
            Place(slip.source, number, match.end(1) + 1),
        )
    return slip.error(
        f"line {number} is plain text that goes on here, and plain text holds no ': '",
        "write key: value in each line, or put the text in quotes",
    )


def _explain_block(slip: _Slip) -> FileflowError:
    """A block mapping or list that goes on with something else."""
    value = slip.value
    character = slip.line[slip.at : slip.at + 1]
    if slip.in_brackets() and character in ("]", "}"):
        hint = f"take it out, or {in_quotes(value)}"
        return slip.error(f"a {character} that nothing opened", hint)
    if slip.in_brackets():
        place = Place(slip.source, slip.place.line, slip.value_at + 1)
        return slip.error(
            f"a value that begins with {value[0]} must be in quotes", in_quotes(value), place
        )
    before = slip.line[: slip.at].rstrip()
    if before.endswith(("'", '"')):
        other = "double it ('') inside single quotes" if before[-1] == "'" else 'write \\" inside'
        hint = (
            f"{other}, or put the whole value in the other kind of quotes; is one above left open?"
        )
        return slip.error(f"text after a closing {before[-1]}", hint)
    if character == ":":
        return missing_key(slip.place)
    if not before and re.match(r"-(\s|$)", slip.line[slip.at :]):
        hint = "put the list below a key of its own, indented deeper than it"
        return slip.error("a list item where a key is due", hint)
    if not before and "'-'" in slip.problem + slip.context + _dash_of(slip):
        hint = "begin it with '- ', or indent it as a part of the item above"
        return slip.error("the list above goes on with a line that is no item", hint)
    if not before:
        hint = "line it up with the line that it belongs to"
        return slip.error("the indentation fits no line above", hint)
    if before.endswith(("}", "]")):
        return slip.error("text after a closing bracket", in_quotes(value))
    return slip.error("this fits neither as a key nor as a value", in_quotes(value))


def _dash_of(slip: _Slip) -> str:
    return "'-'" if "block collection" in slip.context or "sequence" in slip.context else ""


def _explain_flow(slip: _Slip) -> FileflowError:
    """A `[` or `{` that goes on with something else than a comma or its end."""
    opening = slip.begin_line()[:1]
    closing = "]" if opening == "[" else "}"
    begins = slip.begin_line()
    braced = _BRACED_END.search(slip.line[max(0, slip.at - 500) : slip.at])
    if braced:
        begin = slip.at - len(braced[0])
        place = Place(slip.source, slip.place.line, begin + 1)
        hint = in_quotes(_item(slip.line[begin:]))
        return slip.error("text that begins with { must be in quotes", hint, place)
    if re.match(r"\{{1,2}[A-Za-z_][^\s,{}]{0,200}\}", begins):
        return slip.error(
            "a value that begins with { must be in quotes", in_quotes(begins), slip.begin
        )
    if slip.place.line > slip.begin.line and not slip.line[slip.at :].strip().startswith(","):
        return slip.error(f"this {opening} is not closed", f"write the {closing}", slip.begin)
    if slip.line.startswith(":", slip.at):
        key = re.search(r"\S\s+([A-Za-z_]\w*)$", slip.line[max(0, slip.at - 200) : slip.at])
        hint = f"write a comma before {key[1]}, or put" if key else "put"
        hint += " the text in quotes"
        return slip.error("': ' in plain text: YAML takes it for another key", hint)
    if slip.at >= len(slip.line.rstrip()):
        return slip.error(f"this {opening} is not closed", f"write the {closing}", slip.begin)
    if slip.line.startswith("{", slip.at) and slip.line[: slip.at].strip():
        before = _PLAIN_END.search(slip.line[max(0, slip.at - 200) : slip.at])
        begin = slip.at - len(before[0]) if before else slip.at
        place = Place(slip.source, slip.place.line, begin + 1)
        hint = in_quotes(_item(slip.line[begin:]))
        return slip.error("text with { between brackets must be in quotes", hint, place)
    hint = f"write the comma or the {closing}; text with brackets or commas goes in quotes"
    return slip.error(f"a comma or the closing {closing} is missing", hint)


def _explain_open_quote(slip: _Slip) -> FileflowError:
    quote = slip.begin_line()[:1]
    return slip.error(f"this {quote} is not closed", f"write the closing {quote}", slip.begin)


def _explain_lone_line(slip: _Slip) -> FileflowError:
    line = slip.begin_line()
    if len(line) > 1024:
        hint = "write it as a value, below |"
        return slip.error("a key of more than 1024 characters", hint, slip.begin)
    match = re.match(r"([\w.-]+):(\S.*)", line)
    if match:
        hint = f"write a space after the colon: {match[1]}: {shortened(match[2])}"
    else:
        hint = "write key: value, or indent it if the text above goes on"
    return slip.error("this line is no key with a value", hint, slip.begin)


def _explain_dash(slip: _Slip) -> FileflowError:
    hint = "begin the list on the next line, or write [a, b]; text goes in quotes"
    return slip.error("a list item cannot stand here", hint)


def _explain_start(slip: _Slip) -> FileflowError:
    """A character that begins no plain text."""
    character = slip.line[slip.at : slip.at + 1]
    if character == "\t":
        return slip.error("a tab where a value begins", "use spaces")
    if not character:
        number = slip.source.text.rstrip().count("\n") + 1
        end = Place(slip.source, number, max(1, len(slip.source.line(number) or "")))
        hint = "write the value, or close the bracket"
        return slip.error("the file ends where a value is due", hint, end)
    if character in "]}" or (character == "," and slip.at > slip.value_at):
        hint = "take it out, or put text that holds it in quotes"
        return slip.error(f"a {character} that nothing opened or that follows nothing", hint)
    raw = slip.line[slip.at :]
    hint = in_quotes(_item(raw) if slip.in_brackets() else raw)
    return slip.error(f"text that begins with {character} must be in quotes", hint)


def _explain_mark(slip: _Slip) -> FileflowError:
    """A `*`, `&` or `!` that was meant as text."""
    raw = slip.begin_line()
    hint = in_quotes(_item(raw) if slip.in_brackets() else raw)
    names = {"*": "an alias", "&": "an anchor", "!": "a tag"}
    what = f"text that begins with {raw[:1]} is {names.get(raw[:1], 'a name')} to YAML"
    return slip.error(what, hint, slip.begin)


def _explain_header(slip: _Slip) -> FileflowError:
    sign = slip.begin_line()[:1]
    hint = (
        f"begin the text on the line after {sign}; a value that begins with {sign} goes in quotes"
    )
    return slip.error(f"text in the same line as {sign}", hint)


def _explain_document(slip: _Slip) -> FileflowError:
    above = slip.source.text.split("\n")[: slip.place.line]
    if not any(line.startswith(("---", "...")) for line in above):
        section = re.match(r"\[([\w. -]+)\]\s*$", next(filter(str.strip, above), ""))
        what = "the file goes on after what is whole by itself"
        hint = "write key: value in each line"
        if section is not None:
            what = f"sections such as [{section[1]}] are no YAML"
            hint = f"write {section[1]}: and below it, indented, its keys as key: value"
        return slip.error(what, hint)
    hint = "take out the line '---' or '...' above it"
    return slip.error("more than one document in the file", hint)


def _explain_directive(slip: _Slip) -> FileflowError:
    hint = "take it out; text that begins with % goes in quotes"
    return slip.error("a line that begins with % is a directive to YAML", hint, slip.begin)


# Words of the parsers (in C and in Python), the telling ones first.
_EXPLANATIONS = (
    ("unknown escape", _explain_escape),
    ("hexdecimal", _explain_escape),
    ("hexadecimal", _explain_escape),
    ("Unicode character escape", _explain_escape),
    ("quoted scalar", _explain_open_quote),
    ("alias", _explain_mark),
    ("anchor", _explain_mark),
    ("tag", _explain_mark),
    ("directive", _explain_directive),
    ("incompatible YAML", _explain_directive),
    ("block scalar", _explain_header),
    ("mapping values are not allowed", _explain_colon),
    ("sequence entries are not allowed", _explain_dash),
    ("mapping keys are not allowed", _explain_start),
    ("could not find expected ':'", _explain_lone_line),
    ("cannot start any token", _explain_start),
    ("node content", _explain_start),
    ("<document start>", _explain_document),
    ("flow", _explain_flow),
    ("block", _explain_block),
)
