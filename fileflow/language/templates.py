"""Texts with placeholders: finds `{input.x}` in them and fills values in, quoted as is right there.

Knows nothing of rules and jobs: what a name stands for, and whether it is a list, is asked of the
caller. Touches no disk.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from fileflow.errors import FileflowError, Place, did_you_mean
from fileflow.language import bash
from fileflow.language.bash import Backquotes, HereDocument, Quoting
from fileflow.lean import NamedTuple, dataclass, field, lazy_regex


class PathText(str):
    """A value that is a path: a folder's comes without its last `/`."""

    __slots__ = ()


def path_values(paths: Sequence[str]) -> list[Value]:
    """Values that are paths; for one that does not end in `/` a plain text does."""
    if "/\n" not in "\n".join((*paths, "")):
        return [*paths]
    return [PathText(path) if path[-1:] == "/" else path for path in paths]


Value: TypeAlias = "str | int | float | Mapping[str, object] | Sequence[Value] | None"
"""What a placeholder stands for: a text as it was written, a path, a mapping, a list, nothing."""

PlaceAt: TypeAlias = Callable[[int], Place]
Resolve: TypeAlias = "Callable[[Placeholder], Value]"


@dataclass(frozen=True, slots=True)
class Lookup:
    """`[word]` in `{config.rate[word]}`: the key is the value that this wildcard has."""

    word: str


class Placeholder(NamedTuple):
    """One `{name.step[0]:modifier}` of a text."""

    root: str
    steps: tuple[str | int | Lookup, ...]
    modifiers: tuple[str, ...]
    offset: int
    """Where in the text it begins."""
    text: str
    """As it was written, braces included."""
    quoting: Quoting = Quoting.PLAIN
    alone: bool = False
    """Nothing but this stands between its quotes."""
    backquotes: Backquotes = ()
    """The pairs of backquotes around it."""
    heredocs: tuple[HereDocument, ...] = ()
    """The here-documents whose text it is part of, the innermost last."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """Braces that stay as they are, unless their name is one: `{x:>10}`, `{x!r}`, `{x,[0-9]+}`."""

    root: str
    rest: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text cut at its placeholders; what is between them stands as it will be filled in."""

    segments: tuple[str | Placeholder, ...]
    placeholders: tuple[Placeholder, ...]
    """Those of the segments that are one, in their order."""
    suspects: tuple[Suspect, ...] = field(repr=False)
    text: str
    place_at: PlaceAt = field(compare=False, repr=False)
    """Where an offset of the text was written, for errors."""

    @property
    def only(self) -> Placeholder | None:
        """The placeholder that is all of the text, if there is one."""
        if len(self.segments) == 1 and isinstance(self.segments[0], Placeholder):
            return self.segments[0]
        return None


@dataclass(frozen=True, slots=True)
class FillOptions:
    """What filling in needs of the world."""

    root: str
    """The folder that `:abs` starts from, itself absolute."""
    write_list: Callable[[Sequence[str]], str]
    """Writes these texts into a file, a line each, and returns its path (`:file`)."""


# ---- parsing ----------------------------------------------------------------------------------

MODIFIERS = ("raw", "q", "abs", "dir", "name", "file", "each", "cut")

_NAME = r"[^\W\d]\w*"
_STEP = rf"\.[\w-]+|\[-?\d+\]|\[(?:wildcards\.)?{_NAME}\]"
_MODIFIER = r":(?:raw|q|abs|dir|name|file|each|cut\.[^\s:{}\"'`$\\()<>|;&]+)"
_PATH = rf"{_NAME}(?:{_STEP})*"
_PLACEHOLDER = rf"{_PATH}(?:{_MODIFIER})*"
_FORMAT = rf"{_PATH}(?:{_MODIFIER})*(?:![rsa](?::[^\s{{}}'\"]+)?|:[^\s{{}}'\"]+)"
_CONSTRAINT = rf"{_NAME},(?:[^{{}}\n'\"]|\{{[\d,]*\}})+"
_BRACES = lazy_regex(
    rf"\{{\{{(?P<three>\{{{_PLACEHOLDER}\}})\}}\}}"
    rf"|\{{(?P<two>\{{(?:{_PLACEHOLDER}|{_FORMAT})\}})\}}"
    rf"|(?<!\$)(?P<one>\{{{_PLACEHOLDER}\}})"
    rf"|(?<!\$)(?P<suspect>\{{(?:{_FORMAT}|{_CONSTRAINT})\}})"
)
_PARTS = lazy_regex(rf"\{{({_NAME})((?:{_STEP})*)((?:{_MODIFIER})*)\}}")
_STEPS = lazy_regex(rf"\.([\w-]+)|\[(-?\d+)\]|\[(?:wildcards\.)?({_NAME})\]")
_SUSPECT_PATH = lazy_regex(rf"\{{(?P<root>{_NAME})(?:{_STEP})*(?:{_MODIFIER})*")
_REGEX_SIGNS = lazy_regex(r"\\|\.[+*]|\][+*{]|[|^(]")


def parse_shell(text: str, place_at: PlaceAt) -> Template:
    """The template of a command for bash: each placeholder with how the text around it quotes."""
    return Template(*_shell_parts(text), text, place_at)


def parse_plain(text: str, place_at: PlaceAt) -> Template:
    """The template of a text that no shell reads: a word of `argv`, a value in `params`."""
    return Template(*_plain_parts(text), text, place_at)


_Parts: TypeAlias = (
    "tuple[tuple[str | Placeholder, ...], tuple[Placeholder, ...], tuple[Suspect, ...]]"
)


# Many rules hold the same text, and the text of one is parsed again wherever it is filled in.
@lru_cache(4096)
def _shell_parts(text: str) -> _Parts:
    matches = list(_BRACES.finditer(text))
    return _parts(text, matches, bash.read(text, [_span(match) for match in matches]))


@lru_cache(4096)
def _plain_parts(text: str) -> _Parts:
    plain = bash.Reading([Quoting.PLAIN] * len(text))
    return _parts(text, list(_BRACES.finditer(text)), plain)


def without_comments(text: str) -> str:
    """A command, filled in or not, without what is no reason to rebuild.

    That is: comments, and blanks that end a line, outside quotes and here-documents.
    """
    return bash.without_comments(text, [_span(match) for match in _BRACES.finditer(text)])


def _span(match: re.Match[str]) -> tuple[int, int]:
    return match.span("three") if match["three"] else match.span()


def _parts(text: str, matches: Iterable[re.Match[str]], reading: bash.Reading) -> _Parts:
    segments: list[str | Placeholder] = []
    suspects: list[Suspect] = []
    literal = ""
    at = 0
    for match in matches:
        start, end = _span(match)
        unfilled = reading.kinds[start] in bash.UNFILLED_QUOTINGS
        # Of three braces, two are the text of one.
        outer = 1 if match["three"] and not unfilled else 0
        literal += _with_insertions(text, at, start - outer, reading.insertions)
        at = end + outer
        if unfilled:
            literal += text[start:end]
        elif match["two"]:
            literal += match["two"]
        elif match["suspect"]:
            literal += match["suspect"]
            suspects.append(_suspect(match))
        else:
            segments += [literal] if literal else []
            literal = ""
            segments.append(_placeholder(text, start, end, reading))
    literal += text[at:]
    segments += [literal] if literal else []
    placeholders = tuple(part for part in segments if isinstance(part, Placeholder))
    return tuple(segments), placeholders, tuple(suspects)


def _with_insertions(text: str, start: int, stop: int, insertions: Mapping[int, str]) -> str:
    pieces = []
    for position in sorted(position for position in insertions if start < position <= stop):
        pieces += [text[start:position], insertions[position]]
        start = position
    return "".join([*pieces, text[start:stop]])


def _placeholder(text: str, start: int, end: int, reading: bash.Reading) -> Placeholder:
    root, steps, modifiers = _named(text[start:end])
    quotes = reading.kinds[max(0, start - 1) : end + 1 : end - start + 1]
    return Placeholder(
        root=root,
        steps=steps,
        modifiers=modifiers,
        offset=start,
        text=text[start:end],
        quoting=reading.kinds[start],
        alone=quotes == [Quoting.MARK, Quoting.MARK] and reading.kinds[start] in bash.QUOTES,
        backquotes=reading.backquotes.get(start, ()),
        heredocs=reading.heredocs.get(start, ()),
    )


@lru_cache(4096)
def _named(text: str) -> tuple[str, tuple[str | int | Lookup, ...], tuple[str, ...]]:
    """What stands between the braces of a placeholder: a name, its steps, modifiers."""
    parts = _PARTS.fullmatch(text)
    assert parts is not None, "bug: this pattern is part of the one that found it"
    root, said, modifiers = parts.groups()
    steps = tuple(
        name or (Lookup(word) if word else int(number))
        for name, number, word in _STEPS.findall(said)
    )
    return root, steps, tuple(modifiers.split(":")[1:])


def _suspect(match: re.Match[str]) -> Suspect:
    path = _SUSPECT_PATH.match(match["suspect"])
    assert path is not None, "bug: this pattern is part of the one that found it"
    rest = match["suspect"][path.end() : -1]
    return Suspect(path["root"], rest, match.start(), match["suspect"])


# ---- checking ---------------------------------------------------------------------------------

_MEANT = {
    "threads": "{cores} is the number of cores that a job has",
    "ncores": "{cores} is the number of cores that a job has",
    "snakemake": "names stand by themselves: {input}, {output}, {params.x}, {cores}",
}


def check_names(
    template: Template,
    wildcards: Iterable[str],
    builtin: frozenset[str],
    cure: Callable[[str], str | None],
) -> list[FileflowError]:
    """An error for each placeholder whose name is none of these, and for slips that look like one.

    A placeholder may begin with one of the `wildcards` (columns too), which alone may follow
    `wildcards.` or stand in brackets, or with one of the names that are `builtin`. Whether what
    follows another first name exists is for the caller to say, and what may cure a name that is
    not known (`cure`).
    """
    values = frozenset(wildcards)
    errors = [
        error
        for placeholder in template.placeholders
        if (error := _unknown_name(template, placeholder, values, builtin, cure)) is not None
    ]
    for suspect in template.suspects:
        if (suspect.root in values or suspect.root in builtin) and not (
            suspect.rest.startswith(",") and not _REGEX_SIGNS.search(suspect.rest)
        ):
            errors.append(_slip(template, suspect))
    return errors


def check_list_in_quotes(
    template: Template, is_list: Callable[[Placeholder], bool]
) -> list[FileflowError]:
    """An error for each list that stands alone between quotes, where it would be one word."""
    return [
        _list_in_quotes(template, placeholder)
        for placeholder in template.placeholders
        if placeholder.alone
        and not _JOINED.intersection(placeholder.modifiers)
        and is_list(placeholder)
    ]


_JOINED = frozenset({"raw", "q", "file"})


def _unknown_name(
    template: Template,
    placeholder: Placeholder,
    values: frozenset[str],
    builtin: frozenset[str],
    cure: Callable[[str], str | None],
) -> FileflowError | None:
    root, steps = placeholder.root, placeholder.steps
    alone = root == "wildcards" and not steps
    if not steps and not alone and (root in builtin or root in values):
        return None
    known = values | builtin
    place = template.place_at(placeholder.offset)
    if alone:
        return FileflowError(
            f"{placeholder.text} is no value by itself",
            place=place,
            hint="write {wildcards.NAME}, which is {NAME}, for each of them; for the text "
            f"{placeholder.text} itself write {{{placeholder.text}}}",
        )
    if root in known or root == "wildcards":
        lookups = [step.word for step in steps if isinstance(step, Lookup)]
        first = [step for step in steps[:1] if isinstance(step, str) and root == "wildcards"]
        for word in (*first, *lookups):
            if word not in values:
                what = f"{placeholder.text}: there is no wildcard {word!r}"
                hint = did_you_mean(word, values)
                if word in known and word not in lookups:
                    rest = placeholder.text.removeprefix("{wildcards.")
                    hint = f"{word} is no wildcard: write {{{rest}"
                if word in lookups:
                    plain = placeholder.text.replace(f"[{word}]", f".{word}")
                    hint = f"{hint + '; ' if hint else ''}for the key {word!r} itself write {plain}"
                return FileflowError(what, place=place, hint=hint)
        return None
    what = f"{placeholder.text}: there is nothing called {root!r} here"
    text_itself = f"for the text {placeholder.text} itself write {{{placeholder.text}}}"
    meant = cure(root) or _MEANT.get(root) or did_you_mean(root, known)
    if root == "snakemake" and steps and isinstance(steps[0], str):
        name = "cores" if steps[0] == "threads" else steps[0]
        meant = f"write {{{name}{placeholder.text[len('{snakemake.') + len(steps[0]) :]}"
    hint = f"{meant}; {text_itself}" if meant else text_itself
    return FileflowError(what, place=place, hint=hint)


def _slip(template: Template, suspect: Suspect) -> FileflowError:
    place = template.place_at(suspect.offset)
    if suspect.rest.startswith(","):
        return FileflowError(
            f"{suspect.text}: a constraint cannot stand inside the braces",
            place=place,
            hint=f"write {{{suspect.root}}}, and `constraints: {{{suspect.root}: "
            f"'{suspect.rest[1:].strip()}'}}` in the rule",
        )
    if suspect.rest.startswith("!"):
        return FileflowError(
            f"{suspect.text}: conversions such as !r are not known here",
            place=place,
            hint="values are filled in as they are written, quoted for the shell; "
            f"for the text itself write {{{suspect.text}}}",
        )
    word = suspect.rest[1:]
    near = did_you_mean(word, MODIFIERS) if word.isalpha() else None
    return FileflowError(
        f"{suspect.text}: there is no modifier :{word}",
        place=place,
        hint=(f"{near} " if near and near.startswith("did") else "")
        + "there are :raw, :q, :abs, :dir, :name, :file, :each and :cut.SUFFIX; formats such as "
        f":>10 are not known; for the text itself write {{{suspect.text}}}",
    )


def _list_in_quotes(template: Template, placeholder: Placeholder) -> FileflowError:
    return FileflowError(
        f"{placeholder.text} is a list: between quotes it would be one word",
        place=template.place_at(placeholder.offset),
        hint=f"drop the quotes around {placeholder.text}: each item is quoted by itself",
    )


# ---- filling in -------------------------------------------------------------------------------


def resolved(template: Template, placeholder: Placeholder, resolve: Resolve) -> Value:
    """What a placeholder of the template stands for; what is wrong with it is told where it stands.

    Raises:
        FileflowError: if there is no such value.
    """
    try:
        return resolve(placeholder)
    except FileflowError as error:
        raise error.at(template.place_at(placeholder.offset)) from None


def fill_shell(template: Template, resolve: Resolve, options: FillOptions) -> str:
    """The command with its values in place, each quoted as the text around it asks for."""
    pieces: list[str] = []
    documents: list[int] = []
    for segment in template.segments:
        if isinstance(segment, str):
            pieces.append(segment)
            continue
        value = resolved(template, segment, resolve)
        if segment.modifiers:
            value = _modified(template, segment, value, options)
        if segment.heredocs and "raw" not in segment.modifiers:
            documents.append(len(pieces))
        pieces.append(_in_shell(template, segment, value))
    for index in documents:
        _guard_document(template, index, pieces)
    command = "".join(pieces)
    _refuse_nul(template, command)
    return command


def fill_plain(template: Template, resolve: Resolve, options: FillOptions) -> str:
    """The text with its values in place, nothing quoted; a list is its items between spaces."""
    return "".join(
        segment
        if isinstance(segment, str)
        else _joined(_plain_items(template, segment, resolve, options))
        for segment in template.segments
    )


def fill_words(template: Template, resolve: Resolve, options: FillOptions) -> list[str]:
    """The words that one word of `argv` becomes: one for each item if it holds lists."""
    filled: list[str | list[str]] = []
    lists: dict[str, int] = {}
    for segment in template.segments:
        if isinstance(segment, str):
            filled.append(segment)
            continue
        items = _plain_items(template, segment, resolve, options)
        if items is None and template.only is not None:
            return []
        if isinstance(items, list):
            lists[segment.text] = len(items)
        filled.append(items or "" if not isinstance(items, list) else items)
    if len(set(lists.values())) > 1:
        counts = ", ".join(f"{text} has {count}" for text, count in lists.items())
        raise FileflowError(
            f"the lists in one word differ in length: {counts}",
            place=template.place_at(template.placeholders[0].offset),
            hint="each item of one goes with an item of the other",
        )
    words = [
        "".join(part if isinstance(part, str) else part[index] for part in filled)
        for index in range(next(iter(lists.values()), 1))
    ]
    _refuse_nul(template, "".join(words))
    return words


def modified(
    template: Template, placeholder: Placeholder, resolve: Resolve, options: FillOptions
) -> Value:
    """What a placeholder of a plain text stands for, after its modifiers; without any, and of a
    list each item, it keeps its type."""
    value = resolved(template, placeholder, resolve)
    if placeholder.modifiers:
        value = _modified(template, placeholder, value, options)
    items = _items(value) if "q" in placeholder.modifiers else None
    if items is None:
        return value
    if isinstance(items, str):
        return bash.quoted_word(items)
    return [bash.quoted_word(item) for item in items]


def _plain_items(
    template: Template, placeholder: Placeholder, resolve: Resolve, options: FillOptions
) -> str | list[str] | None:
    return _items(modified(template, placeholder, resolve, options))


def _joined(items: str | list[str] | None) -> str:
    if items is None:
        return ""
    return items if isinstance(items, str) else " ".join(items)


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value.rstrip("/") or value if type(value) is PathText else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def _items(value: Value) -> str | list[str] | None:
    """One text, or the texts of a list, without what is nothing."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        if isinstance(value, list) and set(map(type, value)) == {str}:
            return value
        return [item if type(item) is str else _text(item) for item in value if item is not None]
    return _text(value)


def _in_shell(template: Template, placeholder: Placeholder, value: Value) -> str:
    items = _items(value)
    if items is None:
        return ""
    modifiers = placeholder.modifiers
    quoting = placeholder.quoting
    raw = "raw" in modifiers
    if quoting in bash.BARE_QUOTINGS and not raw:
        if isinstance(items, str):
            text = bash.written(items, quoting)
        else:
            text = " ".join([bash.written(item, quoting) for item in items])
        return bash.within_backquotes(text, placeholder.backquotes)
    if "q" in modifiers:
        words = [items] if isinstance(items, str) else items
        items = " ".join(map(bash.quoted_word, words))
    elif placeholder.alone and not raw and not isinstance(items, str):
        raise _list_in_quotes(template, placeholder)
    text = _joined(items)
    if raw:
        return text
    if not bash.can_stand(text, quoting):
        raise FileflowError(
            f"{placeholder.text} cannot be quoted here, and {text!r} needs it",
            place=template.place_at(placeholder.offset),
            hint=f"put it into a variable first, value={placeholder.text}, and use $value",
        )
    return bash.within_backquotes(bash.written(text, quoting), placeholder.backquotes)


def _guard_document(template: Template, index: int, pieces: list[str]) -> None:
    """Keeps a value from ending a here-document that it stands in, maybe within another."""
    placeholder = template.segments[index]
    assert isinstance(placeholder, Placeholder), "bug: only values are guarded"
    heredocs = placeholder.heredocs
    before = "".join(pieces[:index]).rpartition("\n")[2]
    after = "".join(pieces[index + 1 :]).partition("\n")[0]
    swallowing = [one for one in heredocs if one.swallows(before, pieces[index], after)]
    if swallowing and placeholder.quoting is Quoting.HEREDOC:
        pieces[index] = bash.shielded(pieces[index])
        return
    unescaped = placeholder.quoting in _UNESCAPED or (
        placeholder.quoting is Quoting.HEREDOC_LITERAL and len(heredocs) > 1
    )
    joined = unescaped and "\\\n" in pieces[index] + "\n"
    if not swallowing and not joined:
        return
    heredoc = (*swallowing, heredocs[-1])[0]
    raise FileflowError(
        f"the value of {placeholder.text} would end the here-document or lose a part in it",
        place=template.place_at(placeholder.offset),
        hint=f"choose another delimiter than {heredoc.delimiter} and << instead of <<-, or put the "
        f"value into a variable first, value={placeholder.text}, and use $value",
    )


_UNESCAPED = frozenset({Quoting.BARE, Quoting.TIGHT, Quoting.SINGLE})


def _refuse_nul(template: Template, text: str) -> None:
    if "\0" in text:
        raise FileflowError(
            "a value holds the character NUL, which no command can be given",
            place=template.place_at(0),
        )


def _modified(
    template: Template, placeholder: Placeholder, value: Value, options: FillOptions
) -> Value:
    """The value after its modifiers, from left to right, item by item."""
    for modifier in placeholder.modifiers:
        if modifier in ("raw", "q", "each") or value is None:
            continue
        if isinstance(value, Mapping):
            raise FileflowError(
                f"{placeholder.text}: a mapping has no :{modifier}",
                place=template.place_at(placeholder.offset),
                hint="name one of its values, or :raw or :q",
            )
        items = _items(value)
        if modifier == "file":
            value = _listed(template, placeholder, items or [], options)
        elif isinstance(items, list):
            value = [_changed(template, placeholder, modifier, item, options) for item in items]
        elif items is not None:
            value = _changed(template, placeholder, modifier, items, options)
    return value


def _listed(
    template: Template, placeholder: Placeholder, items: str | list[str], options: FillOptions
) -> str:
    lines = [items] if isinstance(items, str) else items
    if "\n" in "".join(lines):
        raise FileflowError(
            f"{placeholder.text}: a value holds a line break, so it cannot be a line of a file",
            place=template.place_at(placeholder.offset),
        )
    return options.write_list(lines)


def _changed(
    template: Template, placeholder: Placeholder, modifier: str, text: str, options: FillOptions
) -> str:
    path = text.rstrip("/") or text
    if modifier == "abs":
        return os.path.normpath(os.path.join(options.root, path))
    if modifier == "dir":
        return os.path.dirname(path) or "."
    if modifier == "name":
        return os.path.basename(path) or path
    suffix = modifier.removeprefix("cut")
    if not path.endswith(suffix):
        raise FileflowError(
            f"{placeholder.text}: {text!r} does not end in {suffix!r}",
            place=template.place_at(placeholder.offset),
            hint="cut an ending that it has; :name is the last part of a path, :dir its folder",
        )
    return path.removesuffix(suffix)
