"""Derives a job's seed: from the workflow's seed, a key and the values of its wildcards alone.

Pure. The same on any machine, in any order, with any number of jobs at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from fileflow.model.patterns import NAME, normal_parts
from fileflow.model.rules import Argv, Entry, Rule, Shell

BITS = 128
SMALL_BITS = 31


def masked(text: str) -> str:
    """A pattern as written, but for its one spelling as a path, with wildcards as `{}` and nothing
    else filled in."""
    pieces = re.split(r"(\{+[^{}]*\}+)", text)
    pieces[::2] = normal_parts(pieces[::2])
    if text.endswith("/") and not pieces[-1].endswith("/"):
        pieces.append("/")
    return re.sub(rf"(?<!\{{)\{{{NAME}\}}(?!\}})", "{}", "".join(pieces))


def seed_key(rule: Rule) -> tuple[str, list[str]]:
    """The key of a rule's seeds, and the names whose values enter them, in order.

    The key is the first of the output patterns as written, in the order of their masked text;
    without outputs it is the rule's name.
    """
    made = sorted(
        ((masked(entry.written), _shared_names(entry)) for entry in rule.outputs if entry.pattern),
        key=lambda one: one[0],
    )
    key, names = made[0] if made else (rule.name, [])
    if rule.seed.key is not None:
        key = rule.seed.key
    if rule.seed.by is not None:
        names = list(rule.seed.by)
    return key, names


def _shared_names(entry: Entry) -> list[str]:
    """The wildcards of an output pattern without those of the entry's own."""
    assert entry.pattern is not None
    own = entry.own.names if entry.own is not None else ()
    return [name for name in entry.pattern.wildcards if name not in own]


def seed_counts(rule: Rule) -> bool:
    """Whether the seed is part of what the rule's outputs depend on."""
    if rule.seed.counts is not None:
        return rule.seed.counts
    if rule.seed.by is not None or rule.seed.key is not None:
        return True
    if isinstance(rule.action, (Shell, Argv)):
        return seed_is_named(rule)
    return rule.action is not None


def seed_is_named(rule: Rule) -> bool:
    """Whether a command mentions the seed, which it then gets whether it counts or not."""
    action = rule.action
    words = [*rule.prefix]
    if isinstance(action, Shell):
        words += [action.template, *(rule.shell_words or ())]
        if rule.shell_prefix is not None:
            words.append(rule.shell_prefix)
    elif isinstance(action, Argv):
        words += action.words
    else:
        return False
    return any(_mentions(word.text) for word in words)


def _mentions(text: str) -> bool:
    return re.search(r"(?<!\{)\{seed[}:]", text) is not None or "FILEFLOW_SEED" in text


class Seeds:
    """The seeds of one rule's jobs: what they share is hashed once."""

    def __init__(self, root: int, key: str) -> None:
        self._shared = hashlib.blake2b(
            _pieces((str(root), key)), digest_size=BITS // 8, person=b"fileflow seed"
        )

    def of(self, values: Sequence[str]) -> int:
        """The seed, 128 bits, of the job with these values."""
        made = self._shared.copy()
        made.update(_pieces(values))
        return int.from_bytes(made.digest(), "big")


def _pieces(texts: Iterable[str]) -> bytes:
    """Texts as bytes, each after its length, so that none can pass for another's end."""
    out = b""
    for text in texts:
        data = text.encode("utf-8", "surrogateescape")
        out += len(data).to_bytes(8, "little") + data
    return out


def small(seed: int) -> int:
    """The seed as a whole number below 2³¹: `{seed}`, `$FILEFLOW_SEED`, the parameter `seed`."""
    return seed >> (BITS - SMALL_BITS)
