"""Reads a command as bash would: what is quoted where, and how a value is written there.

Pure text: runs nothing, and knows nothing of rules, placeholders' meaning, or files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from typing import TypeAlias

from fileflow.lean import dataclass, field, lazy_regex


class Quoting(Enum):
    """What bash makes of the text at one place of a command."""

    BARE = auto()
    """No quotes: a value needs its own."""
    TIGHT = auto()
    """Bare, where a plain word may be misread: a command's name, `2>`, brace expansion, `[[`."""
    DOUBLE = auto()
    """Between double quotes."""
    BRACE_WORD = auto()
    """The word of `${x:-word}` between double quotes or in a here-document."""
    NESTED = auto()
    """Between quotes in `"${x:-…}"` or "`…`": bash takes them for the end of the outer ones."""
    SINGLE = auto()
    """Between single quotes."""
    DOLLAR_SINGLE = auto()
    """Between `$'` and `'`."""
    HEREDOC = auto()
    """In a here-document that expands `$`."""
    HEREDOC_LITERAL = auto()
    """In a here-document whose delimiter is quoted."""
    ARITHMETIC = auto()
    """In `$(( ))`, `(( ))`, a subscript or a parameter's name: nothing can be quoted here."""
    COMMENT = auto()
    """From `#` to the end of the line."""
    VERBATIM = auto()
    """Never filled in: after a backslash, or the delimiter of a here-document."""
    MARK = auto()
    """A quote that opens or closes."""
    PLAIN = auto()
    """No shell reads this text."""


Backquotes: TypeAlias = tuple[bool, ...]
"""Pairs of backquotes around something, the innermost first: whether they are in double quotes."""

BARE_QUOTINGS = frozenset({Quoting.BARE, Quoting.TIGHT})
QUOTES = frozenset({Quoting.SINGLE, Quoting.DOUBLE, Quoting.DOLLAR_SINGLE, Quoting.NESTED})
UNFILLED_QUOTINGS = frozenset({Quoting.COMMENT, Quoting.VERBATIM})


@dataclass(frozen=True, slots=True)
class HereDocument:
    """How a here-document ends, and whether `<<-` takes the tabs before its lines away."""

    delimiter: str
    strips_tabs: bool

    def swallows(self, before: str, value: str, after: str) -> bool:
        """Whether `value` between two texts of its document would end it or lose a part."""
        lines = (before + value + after).split("\n")
        if any(self.end_in(line, substituted=True) is not None for line in lines):
            return True
        at_start = value if not before.strip("\t") else ""
        return self.strips_tabs and (at_start.startswith("\t") or "\n\t" in value)

    def end_in(self, line: str, *, substituted: bool) -> int | None:
        """How much of a line is its end (None: it is text); in `$( )` a `)` may follow on it."""
        bare = line.lstrip("\t") if self.strips_tabs else line
        rest = bare.removeprefix(self.delimiter)
        ends = bare == self.delimiter or (substituted and rest != bare and ")" in rest)
        return len(line) - len(rest) if ends else None


@dataclass(slots=True)
class Reading:
    """What a reading of a command found, all by offsets in its text."""

    kinds: list[Quoting]
    backquotes: dict[int, Backquotes] = field(default_factory=dict)
    """The pairs of backquotes around an opaque span."""
    heredocs: dict[int, tuple[HereDocument, ...]] = field(default_factory=dict)
    """The here-documents that an opaque span stands in, the innermost last."""
    insertions: dict[int, str] = field(default_factory=dict)
    """What keeps the text before a span from running into it: `$a{x}` is `${a}{x}`."""


def read(text: str, spans: Iterable[tuple[int, int]] = ()) -> Reading:
    """The quoting of every character; spans (start, end) are words to be filled in later."""
    found = Reading([Quoting.VERBATIM] * len(text))
    starts = dict(spans)
    _Reader(text, range(len(text) + 1), starts, found, ()).commands([], closing=False)
    opens = [match.start() for match in _BRACE_EXPANSION.finditer(text)]
    if any(
        found.kinds[at] is Quoting.BARE
        and not any(start <= at < end for start, end in starts.items())
        for at in opens
    ):
        for start in starts:
            if found.kinds[start] is Quoting.BARE:
                found.kinds[start] = Quoting.TIGHT
    return found


# ---- writing values ---------------------------------------------------------------------------

_SAFE = lazy_regex(r"[A-Za-z0-9_@%+=:,./-]+")
_SAFE_ANYWHERE = lazy_regex(r"(?![0-9]+\Z|%|-[A-Za-z]{0,2}\Z)[A-Za-z0-9_@%+:./-]+")
_ARITHMETIC = lazy_regex(r"(?:[\w\s+\-*/%()=!&|^~?:,.#]|[<>](?!\())*")
_NESTED = lazy_regex(r"[^\\'\"$`{}<>()*?\[\]]*")

_KEYWORDS = """
! [[ ]] { } case coproc do done elif else esac fi for function if in select then time until while
"""
_BUILTINS = """
. : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs
disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local
logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend
test times trap true type typeset ulimit umask unalias unset wait
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Words that are part of bash's grammar where a command's name may stand."""
BUILTINS = frozenset(_BUILTINS.split())
"""Commands that bash itself runs."""


def quoted_word(text: str) -> str:
    """The text as one word of a command: as it is if it is plain, else in single quotes."""
    if _SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _tight_word(text: str) -> str:
    if _SAFE_ANYWHERE.fullmatch(text) and text not in KEYWORDS:
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _escaper(characters: str) -> Callable[[str], str]:
    table = str.maketrans({character: "\\" + character for character in characters})
    return lambda text: text.translate(table)


def _as_it_is(text: str) -> str:
    return text


_IN_DOUBLE = _escaper('\\"$`')
_ODD_IN_BRACES = lazy_regex("['<>]")
_IN_BRACES = _escaper('\\"$`}')
_WRITERS: dict[Quoting, Callable[[str], str]] = {
    Quoting.BARE: quoted_word,
    Quoting.TIGHT: _tight_word,
    Quoting.DOUBLE: _IN_DOUBLE,
    # `'` and `<(` open something even here, and a backslash before them would stay.
    Quoting.BRACE_WORD: lambda text: _ODD_IN_BRACES.sub(r"$(echo \\\g<0>)", _IN_BRACES(text)),
    Quoting.NESTED: _as_it_is,
    Quoting.SINGLE: lambda text: text.replace("'", "'\\''"),
    Quoting.DOLLAR_SINGLE: _escaper("\\'"),
    Quoting.HEREDOC: _escaper("\\$`"),
    Quoting.HEREDOC_LITERAL: _as_it_is,
    Quoting.ARITHMETIC: _as_it_is,
    Quoting.PLAIN: _as_it_is,
}
_IN_BACKQUOTES = _escaper("\\`$")
_IN_QUOTED_BACKQUOTES = _escaper('\\`$"')


def written(text: str, quoting: Quoting) -> str:
    """The text as it must stand in a command so that the program gets it whole."""
    return _WRITERS[quoting](text)


def within_backquotes(text: str, backquotes: Backquotes) -> str:
    """A piece of a command as it must stand inside these pairs of backquotes."""
    for quoted in backquotes:
        text = _IN_QUOTED_BACKQUOTES(text) if quoted else _IN_BACKQUOTES(text)
    return text


def can_stand(text: str, quoting: Quoting) -> bool:
    """Whether a text may be written there: in `$(( ))` bash would run what hides in a subscript."""
    if quoting is Quoting.ARITHMETIC:
        return _ARITHMETIC.fullmatch(text) is not None
    return quoting is not Quoting.NESTED or _NESTED.fullmatch(text) is not None


def shielded(text: str) -> str:
    """A text for an expanding here-document, no line of which can end it or lose its tabs."""
    return "${_+}" + text.replace("\n", "\n${_+}")


# ---- reading commands -------------------------------------------------------------------------


class _Case(Enum):
    """How far a `case` has come; only its patterns may hold a `)` without a `(`."""

    SUBJECT = auto()
    IN = auto()
    PATTERN = auto()
    BODY = auto()


_LEADING = KEYWORDS - {"[[", "]]", "}", "done", "fi", "for", "function", "in", "select"}
_BRACE_EXPANSION = lazy_regex(r"(?<!\$)\{(?!\s)")
_NAME = lazy_regex(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_REST = lazy_regex(r"[A-Za-z0-9_]*")
_PARAMETER = lazy_regex(r"[#!]?(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])?")
_LITERAL_WORD = lazy_regex(r"[^\s;|&()<>'\"\\$`]+(?=[\s;|&()<>]|\Z)")
_OPERATOR = lazy_regex(r"&>>?|;;&|;;|;&|&&|\|\||\|&|[;|&]")
_REDIRECTION = lazy_regex(r"<<<|<<-?|<>|<&|>>|>&|>\||[<>]")
_DELIMITER = lazy_regex(
    r"[ \t]*((?:`(?:[^`\\]|\\.)*`|[^\s;|&()<>'\"\\]|\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\")*)", re.S
)
_DELIMITER_QUOTES = lazy_regex(r"\\(.)|'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.S)
_CONTINUED = lazy_regex(r"(?:^|[^\\])(?:\\\\)*\\\Z")
_IN_QUOTES = frozenset({Quoting.DOUBLE, Quoting.BRACE_WORD, Quoting.NESTED})
_WORD_ENDS = frozenset(" \t\n;|&)<>")

_Pending = list[tuple[HereDocument, bool]]


class _Reader:
    """A walk over one text; what stands in backquotes is a text of its own, mapped back."""

    def __init__(
        self,
        text: str,
        where: Sequence[int],
        spans: dict[int, int],
        found: Reading,
        backquotes: Backquotes,
        documents: tuple[HereDocument, ...] = (),
    ) -> None:
        self.text = text
        self.where = where
        self.spans = spans
        self.found = found
        self.backquotes = backquotes
        self.at = 0
        self.end = len(text)
        self.documents = documents
        self.substitutions = 0

    def more(self) -> bool:
        return self.at < self.end

    def step(self, kind: Quoting, count: int = 1) -> None:
        stop = min(self.at + count, self.end)
        for index in self.where[self.at : stop]:
            self.found.kinds[index] = kind
        self.at = stop

    def span(self, kind: Quoting) -> bool:
        """Passes over the span that begins here, if one does."""
        if self.at not in self.spans:
            return False
        start = self.where[self.at]
        if self.backquotes:
            self.found.backquotes[start] = self.backquotes
        if self.documents:
            self.found.heredocs[start] = self.documents
        self.step(kind, self.spans[self.at] - self.at)
        return True

    # ---- commands and their words

    def commands(
        self, pending: _Pending, *, closing: bool, keywords: bool = True, tests: bool = False
    ) -> None:
        """Reads to the `)` that closes (or to the end): commands, or the words of an array.

        `tests` says that it begins inside `[[ … ]]`, where a word like `-n` is an operator.
        """
        cases: list[_Case] = []
        first = keywords
        after_for = False
        while self.more():
            character = self.text[self.at]
            if self.text.startswith("\\\n", self.at):
                self.step(Quoting.VERBATIM, 2)
            elif self.at in self.spans or character not in " \t\n#()<>;|&":
                word = self.literal_word()
                self.word(pending, tight=first or tests)
                tests = word != "]]" if tests else first and word == "[["
                after_for = first and word == "for"
                first = _after_word(word, cases, first) or (keywords and self.after("()"))
            elif character == "\n":
                self.step(Quoting.BARE)
                self.heredocs(pending)
                first = keywords
            elif character == "#":
                newline = self.text.find("\n", self.at, self.end)
                stop = self.end if newline < 0 else newline
                self.step(Quoting.COMMENT, stop - self.at)
            elif character in "()" and cases and cases[-1] is _Case.PATTERN:
                self.step(Quoting.BARE)
                if character == ")":
                    cases[-1] = _Case.BODY
                    first = True
            elif character == ")":
                self.step(Quoting.BARE)
                if closing:
                    return
            elif character == "(":
                may_count = self.text.startswith("((", self.at) and (first or after_for)
                if not (may_count and self.arithmetic(2, "))")):
                    self.step(Quoting.BARE)
                    self.commands(pending, closing=True, keywords=keywords, tests=tests)
                first = keywords and self.after("()")
            elif character in " \t":
                self.step(Quoting.BARE)
            elif character in "<>":
                self.redirection(pending)
            else:
                operator = self.match(_OPERATOR)
                if operator.startswith(";") and len(operator) > 1 and cases:
                    cases[-1] = _Case.PATTERN
                first = keywords and not operator.startswith("&>")
                self.step(Quoting.BARE, len(operator))

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at, self.end)
        return found[0] if found else ""

    def after(self, text: str) -> bool:
        return self.text.endswith(text, 0, self.at)

    def literal_word(self) -> str:
        return "" if self.at in self.spans else self.match(_LITERAL_WORD)

    def word(self, pending: _Pending, *, tight: bool) -> None:
        start = self.at
        while self.more():
            if self.at in self.spans:
                after = self.text[self.spans[self.at] : self.spans[self.at] + 1]
                leads = tight and start == self.at
                self.span(Quoting.TIGHT if leads or after in ("<", ">") else Quoting.BARE)
                continue
            character = self.text[self.at]
            if character in _WORD_ENDS:
                return
            if character == "(":
                # `name=(…)`, `@(…)` and `name()`: no keyword counts within.
                self.step(Quoting.BARE)
                self.commands(pending, closing=True, keywords=False)
            else:
                self.bare(Quoting.BARE)

    def bare(self, literal: Quoting) -> None:
        """Reads one character outside quotes, or all that it opens."""
        character = self.text[self.at]
        if character == "\\":
            self.step(Quoting.VERBATIM)
            if not self.span(Quoting.VERBATIM):
                self.step(Quoting.VERBATIM)
        elif character == "'":
            self.quotes(Quoting.SINGLE)
        elif character == '"':
            self.double()
        elif character == "$":
            self.dollar(Quoting.BARE)
        elif character == "`":
            self.backquote(Quoting.BARE)
        else:
            self.step(literal)

    def redirection(self, pending: _Pending) -> None:
        if self.text[self.at + 1 : self.at + 2] == "(":
            self.step(Quoting.BARE, 2)
            self.commands([], closing=True)
            return
        operator = self.match(_REDIRECTION)
        self.step(Quoting.BARE, len(operator))
        if operator not in ("<<", "<<-"):
            return
        found = _DELIMITER.match(self.text, self.at, self.end)
        assert found is not None, "bug: this pattern matches everywhere"
        self.step(Quoting.VERBATIM, found.end() - self.at)
        raw = found[1]
        delimiter = _DELIMITER_QUOTES.sub(lambda quote: "".join(quote.groups("")), raw)
        literal = _DELIMITER_QUOTES.search(raw) is not None
        pending.append((HereDocument(delimiter, operator == "<<-"), literal))

    def heredocs(self, pending: _Pending) -> None:
        """Reads the here-documents that were announced on the line that has just ended."""
        for heredoc, literal in pending:
            body_end, after = self.extent(heredoc, literal=literal)
            outer = self.end, self.documents
            self.end, self.documents = body_end, (*self.documents, heredoc)
            if literal:
                while self.more():
                    if not self.span(Quoting.HEREDOC_LITERAL):
                        self.step(Quoting.HEREDOC_LITERAL)
            else:
                self.expanding(Quoting.HEREDOC, "")
            self.end, self.documents = outer
            self.step(Quoting.VERBATIM, after - self.at)
        pending.clear()

    def extent(self, heredoc: HereDocument, *, literal: bool) -> tuple[int, int]:
        """Where the body that begins here ends, and where its delimiter's line does."""
        start, continued = self.at, False
        while start < self.end:
            newline = self.text.find("\n", start, self.end)
            stop = self.end if newline < 0 else newline
            line = self.text[start:stop]
            end = heredoc.end_in(line, substituted=self.substitutions > 0)
            if end is not None and not continued:
                return start, start + end
            continued = not literal and _CONTINUED.search(line) is not None
            start = stop + 1
        return self.end, self.end

    # ---- quotes and expansions

    def quotes(self, kind: Quoting) -> None:
        """Reads `'…'` or, after its `$`, `$'…'`."""
        self.step(Quoting.MARK)
        while self.more() and self.text[self.at] != "'":
            if self.span(kind):
                continue
            if kind is Quoting.DOLLAR_SINGLE and self.text[self.at] == "\\":
                self.backslash(kind)
            else:
                self.step(kind)
        self.step(Quoting.MARK)

    def double(self) -> None:
        escaped = self.where[self.at + 1] - self.where[self.at] > 1
        nested = any(self.backquotes) and not escaped
        self.quoted(Quoting.NESTED if nested else Quoting.DOUBLE)

    def quoted(self, kind: Quoting) -> None:
        self.step(Quoting.MARK)
        self.expanding(kind, '"')
        self.step(Quoting.MARK)

    def expanding(self, kind: Quoting, stop: str) -> None:
        """Reads text in which only `$`, backquotes and backslashes are special."""
        while self.more():
            if self.span(kind):
                continue
            character = self.text[self.at]
            if character == stop:
                return
            if character == "\\":
                self.backslash(kind)
            elif character == "$":
                self.dollar(kind)
            elif character == "`":
                self.backquote(kind)
            elif character == '"' and kind is Quoting.BRACE_WORD:
                self.quoted(Quoting.NESTED)
            else:
                self.step(kind)

    def backslash(self, kind: Quoting) -> None:
        """A backslash in quotes; before a span it stands for itself and must go on doing so."""
        slash = self.at
        self.step(kind)
        if self.at in self.spans:
            wanted = within_backquotes(written("\\", kind), self.backquotes)
            before = self.where[self.at] - self.where[slash]
            self.found.insertions[self.where[self.at]] = wanted[before:]
        else:
            self.step(kind)

    def dollar(self, kind: Quoting) -> None:
        after = self.text[self.at + 1 : self.at + 2]
        if self.at + 1 in self.spans:
            self.step(kind)
        elif after == "(":
            if not (self.text.startswith("$((", self.at) and self.arithmetic(3, "))")):
                self.step(kind, 2)
                self.substitutions += 1
                self.commands([], closing=True)
                self.substitutions -= 1
        elif after == "[":
            self.arithmetic(2, "]")
        elif after == "{":
            self.parameter(kind)
        elif after == "'" and kind is Quoting.BARE:
            self.step(Quoting.MARK)
            self.quotes(Quoting.DOLLAR_SINGLE)
        elif after == '"' and kind is Quoting.BARE:
            self.step(kind)
            self.double()
        else:
            self.variable(kind)

    def variable(self, kind: Quoting) -> None:
        self.step(kind)
        start = self.at
        name = self.match(_NAME)
        self.step(kind, len(name))
        if name and self.at in self.spans:
            self.found.insertions[self.where[start]] = "{"
            self.found.insertions[self.where[self.at]] = "}"
        elif not name and self.more() and self.text[self.at] in "#?$!@*-0123456789":
            self.step(kind)

    def parameter(self, kind: Quoting) -> None:
        """Reads `${…}`; its word is quoted as what is around it, its pattern anew."""
        self.step(kind, 2)
        self.step(kind, len(self.match(_PARAMETER)))
        while self.span(Quoting.ARITHMETIC):
            self.step(kind, len(self.match(_NAME_REST)))
        if self.text.startswith("[", self.at):
            self.arithmetic(1, "]")
        operator = self.text[self.at : self.at + 2]
        if operator[:1] == ":" and operator[1:] not in ("-", "=", "+", "?"):
            self.arithmetic(1, "}")
            return
        if operator[:1] == "}":
            self.step(kind)
            return
        self.step(kind, 2 if operator[:1] == ":" else 1)
        if kind is Quoting.BARE or operator[:1] not in (":", "-", "=", "+", "?"):
            while self.more() and (self.at in self.spans or self.text[self.at] != "}"):
                if not self.span(Quoting.TIGHT):
                    self.bare(Quoting.VERBATIM)
        else:
            inside = Quoting.ARITHMETIC if kind is Quoting.ARITHMETIC else Quoting.BRACE_WORD
            self.expanding(inside, "}")
        self.step(kind)

    def arithmetic(self, opening: int, stop: str) -> bool:
        """Reads an expression to its end; False, and nothing read, if it ends as none does."""
        start, insertions = self.at, dict(self.found.insertions)
        kind = Quoting.ARITHMETIC
        self.step(kind, opening)
        depth = 0
        while self.more():
            if self.span(kind):
                continue
            character = self.text[self.at]
            if not depth and self.text.startswith(stop, self.at):
                self.step(kind, len(stop))
                return True
            if character == ")" and not depth:
                break
            depth += (character in "([") - (character in ")]" and depth > 0)
            if character == "\\":
                self.step(kind, 2)
            elif character == "$":
                self.dollar(kind)
            elif character == "`":
                self.backquote(kind)
            else:
                self.step(kind)
        if stop != "))":
            return True
        self.at, self.found.insertions = start, insertions
        return False

    def backquote(self, kind: Quoting) -> None:
        """Reads a command between backquotes: a text of its own once backslashes are gone."""
        self.step(Quoting.MARK)
        quoted = kind in _IN_QUOTES
        freed = ("$", "`", "\\", '"') if quoted else ("$", "`", "\\")
        characters: list[str] = []
        where: list[int] = []
        spans: dict[int, int] = {}
        while self.more() and (self.at in self.spans or self.text[self.at] != "`"):
            stop = self.at + 1
            if self.at in self.spans:
                stop = self.spans[self.at]
                spans[len(characters)] = len(characters) + stop - self.at
            elif self.text[self.at] == "\\" and self.text[stop : stop + 1] in freed:
                where.append(self.where[self.at])
                characters.append(self.text[stop])
                self.at = stop + 1
                continue
            where += [self.where[index] for index in range(self.at, stop)]
            characters += self.text[self.at : stop]
            self.at = stop
        where.append(self.where[self.at])
        around = (quoted, *self.backquotes)
        inner = _Reader("".join(characters), where, spans, self.found, around, self.documents)
        inner.commands([], closing=False)
        self.step(Quoting.MARK)


def _after_word(word: str, cases: list[_Case], first: bool) -> bool:
    """Moves the innermost `case` on; whether a command's first word may follow."""
    state = cases[-1] if cases else None
    if state is _Case.SUBJECT:
        cases[-1] = _Case.IN
    elif state is _Case.IN and word == "in":
        cases[-1] = _Case.PATTERN
    elif word == "esac" and (state is _Case.PATTERN or (first and cases)):
        cases.pop()
    elif first and word == "case":
        cases.append(_Case.SUBJECT)
    elif first:
        return word in _LEADING
    return False


# ---- whole commands ---------------------------------------------------------------------------


def without_comments(text: str, spans: Iterable[tuple[int, int]] = ()) -> str:
    """A command without comments, trailing blanks and empty lines outside quotes.

    Two texts for which this is the same do the same; nothing in quotes, in here-documents or after
    a backslash is touched.
    """
    kinds = read(text, spans).kinds
    kept: list[str] = []
    line_start = 0  # in `kept`: nothing before it may go
    fresh = True  # the line began after a newline that ends a command
    blanks_from = 0  # in `kept`: the blanks that end the line so far

    def end_line(newline: str) -> None:
        del kept[blanks_from:]
        if newline and not (fresh and len(kept) == line_start):
            kept.append(newline)

    for character, kind in zip(text, kinds, strict=True):
        if kind is Quoting.COMMENT:
            continue
        bare = kind is Quoting.BARE
        if bare and character == "\n":
            end_line(character)
            line_start = blanks_from = len(kept)
            fresh = True
        else:
            kept.append(character)
            if not (bare and character in " \t"):
                blanks_from = len(kept)
            if character == "\n":
                line_start = len(kept)
                fresh = False
    end_line("")
    return "".join(kept).removesuffix("\n") if fresh else "".join(kept)


def words(text: str, spans: Iterable[tuple[int, int]] = ()) -> list[str]:
    """The words of a command, without their quotes; not those to which it writes by `>` or `tee`.

    Spans stay as they are. Words of nested commands and of here-documents are among them.
    """
    kinds = [*read(text, spans).kinds, Quoting.BARE]
    found: list[str] = []
    word: str | None = None
    written = tees = False
    before = ""  # the character before, unless a backslash has taken it as it is
    for character, kind in zip(text + "\n", kinds, strict=True):
        if before == "\\" and (kind is Quoting.VERBATIM or character in _ESCAPED.get(kind, "")):
            word = (word or "")[:-1] + character * (character != "\n")
            before = ""
            continue
        if kind is Quoting.COMMENT or (kind in _CUT_IN and character in _CUTS):
            if word is not None:
                tees = tees or word == "tee"
                descriptor = word.isdecimal() and character in "<>"
                if word and not (written or tees or descriptor):
                    found.append(word)
                word, written = None, False
            if character not in " \t`":
                tees = False
                written = character == ">" or (before == ">" and character in "|&")
        elif kind is Quoting.MARK:
            word = word or ""
        else:
            word = (word or "") + character
        before = character
    return found


_ESCAPED = {Quoting.DOUBLE: '$`"\\\n', Quoting.NESTED: '$`"\\\n'}
_CUTS = " \t\n;|&()<>`"
_CUT_IN = BARE_QUOTINGS | {Quoting.HEREDOC, Quoting.HEREDOC_LITERAL}

_PLAIN_WORD = lazy_regex(
    r"(?:[A-Za-z0-9_@%+=:,./^!-]|[^\x00-\xa0\s]|\\[^\n\x00]|'[^'\x00]*'|\"[^\"\\$`\x00]*\")+"
)
_PLAIN_PIECE = lazy_regex(r"\\(.)|'([^']*)'|\"([^\"]*)\"|([^\\'\"]+)", re.S)
_ASSIGNMENT = lazy_regex(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


_PLAIN_REDIRECTION = lazy_regex(r"([012]?)(>>|>|<)[ \t]*")
_BOTH_STREAMS = lazy_regex(r"2>&1(?=[ \t])")

Redirection: TypeAlias = tuple[int, str, str]
"""A descriptor, `<`, `>`, `>>` or `>&`, and the path (or descriptor) that it leads to or from."""


def plain_command(text: str) -> tuple[list[str], list[Redirection]] | None:
    """The words that bash would run and where it would send their streams: `sort a > b 2> log`.

    None unless the command is nothing but plain words and `<`, `>` and `>>` with a plain path, of
    the descriptors 0 to 2, and `2>&1`. A builtin, a keyword, an assignment, an expansion, any other
    operator: these need the shell. The redirections are in their order.
    """
    text = text.strip(" \t\n") + " "
    words: list[str] = []
    redirections: list[Redirection] = []
    at = 0
    while at < len(text):
        both = _BOTH_STREAMS.match(text, at)
        operator = None if both else _PLAIN_REDIRECTION.match(text, at)
        if both:
            redirections.append((2, ">&", "1"))
            at = both.end()
        else:
            if operator:
                at = operator.end()
            found = _PLAIN_WORD.match(text, at)
            if found is None or text[found.end() : found.end() + 1] not in (" ", "\t"):
                return None
            raw = found[0]
            word = _PLAIN_PIECE.sub(lambda piece: "".join(piece.groups("")), raw)
            at = found.end()
            if operator:
                descriptor, sign = operator.groups()
                redirections.append((int(descriptor or (sign != "<")), sign, word))
            elif not words and _ASSIGNMENT.match(raw):
                return None
            else:
                words.append(word)
        while at < len(text) and text[at] in " \t":
            at += 1
    if not words or not words[0] or words[0].startswith("%"):
        return None
    return None if words[0] in BUILTINS or words[0] in KEYWORDS else (words, redirections)
