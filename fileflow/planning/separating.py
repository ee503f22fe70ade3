"""A constraint that keeps two jobs from making one path, tried out before it is shown.

Pure: asks who would make what under a simple regular expression; knows nothing of inputs, and
nothing of how rules are chosen otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fileflow.errors import FileflowError
from fileflow.lean import NamedTuple
from fileflow.planning.finding import Finder
from fileflow.planning.links import ROW
from fileflow.planning.tables import RuleTable

# What people write, and a value that it allows; those that allow more come first.
_SIMPLE = (
    ("[^_]+", "x"),
    (r"[^.]+", "x"),
    ("[^-]+", "x"),
    ("[A-Za-z0-9]+", "x"),
    (r"\d+", "1"),
    ("[A-Za-z]+", "x"),
)

_TRIED = 16


class Constraint(NamedTuple):
    """A regular expression for a wildcard of a rule; `sample` is a value that it allows."""

    table: RuleTable
    name: str
    regex: str
    sample: str

    def allows(self, job: int) -> bool:
        """Whether the job is still there under this constraint."""
        if job & ~ROW != self.table.base:
            return True
        return re.fullmatch(self.regex, self.table.columns[self.name][job & ROW]) is not None


def separating(finder: Finder, makers: Mapping[int, RuleTable]) -> Constraint | None:
    """A constraint under which one of these jobs is left to make their path.

    It must also leave one maker to every other path that its rule makes, and something to make to
    the rule. None if nothing simple does.
    """
    for table in dict.fromkeys(makers.values()):
        for name in table.names:
            if name in table.rule.constraints:
                continue
            for regex, sample in _SIMPLE:
                constraint = Constraint(table, name, regex, sample)
                if sum(map(constraint.allows, makers)) == 1 and _holds(finder, makers, constraint):
                    return constraint
    return None


def _holds(finder: Finder, makers: Mapping[int, RuleTable], constraint: Constraint) -> bool:
    """Whether each path of the rule has one maker under the constraint, and some the rule."""
    table = constraint.table
    some = [maker & ROW for maker, of in makers.items() if of is table][:_TRIED]
    kept = False
    for output in finder.outputs:
        if output.rule is not table.rule:
            continue
        paths = [*dict.fromkeys(output.paths())]
        if output.free:  # any other value may come: one that it allows stands for these
            values = [table.values_of(row) for row in some]
            paths += [
                output.pattern.fill({**v, constraint.name: constraint.sample}) for v in values
            ]
        try:
            could = finder.many(paths, output.pattern)
        except FileflowError:  # one fits in too many ways
            return False
        for found in could:
            jobs = found if isinstance(found, tuple) else () if found is None else (found,)
            left = [job for job in jobs if constraint.allows(job)]
            if len(left) != 1:
                return False
            kept = kept or left[0] & ~ROW == table.base
    return kept
