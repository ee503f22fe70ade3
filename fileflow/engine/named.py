"""What the jobs of a run were found to read: handed out before they start, taken in after.

Knows plans and what the world holds; nothing of deps files, which slots read.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

from fileflow.engine.facts import World
from fileflow.errors import FileflowError
from fileflow.model.work import Outcome
from fileflow.planning.links import ABSENT, ROW, SHIFT, SOURCE, Link
from fileflow.planning.named import learns, named_link, new_link
from fileflow.planning.plan import Plan
from fileflow.planning.reasons import Why
from fileflow.planning.staleness import Staleness
from fileflow.planning.tables import RuleTable
from fileflow.world.files import Clock

Read = tuple[str, bytes | None, bytes | None]


class NamedFiles:
    """The files that deps files name, in one run.

    `news` are those that a rule makes and of which the plan did not know that a job reads them: it
    has to be planned again, to see whether they were as they should be. Each with its job.
    `learning` are the numbers of the rules whose jobs tell what they read.
    """

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self.clock = clock
        self._doubted: dict[tuple[str, ...], Sequence[Read]] = {}
        self._stored: dict[str, bytes] = {}

    def take_plan(self, plan: Plan, staleness: Staleness) -> None:
        """From now on this plan is run; it was made with all that was taken in before."""
        self.plan = plan
        self.staleness = staleness
        self.learning = {number for number, table in plan.tables.items() if learns(table)}
        self.news: set[tuple[str, ...]] = set()
        self._new: dict[int, list[str]] = {}
        self._order_only: dict[int, frozenset[str]] = {}

    # -- before a job -------------------------------------------------------------------------

    def looks(self, table: RuleTable, job: int) -> list[Read]:
        """The files that a job may be found to read, with what is known of them."""
        found: dict[str, Read] = {}
        for link in table.links:
            if link.named or link.entry.order_only:
                for path in link.paths_of(job & ROW):
                    found[path] = (path, *self.world.proof(path))
        for one in self._doubted.get(table.identity(job & ROW), ()):
            found[one[0]] = one
        return list(found.values())

    def looks_first(self, table: RuleTable, outcome: Outcome) -> bool:
        """Whether a job may run once more: then it is known before what it left in doubt."""
        job = table.identity(outcome.index & ROW)
        if outcome.named is None or job in self._doubted:
            return False
        self._doubted[job] = outcome.named
        for path, _, _ in outcome.named:
            self.world.has_moved(path)
            self.world.forget(path)
        return True

    # -- after a job --------------------------------------------------------------------------

    def take(
        self, table: RuleTable, row: int, read: Sequence[Read], since: int
    ) -> Iterator[tuple[str, bytes, bytes]]:
        """Takes in what a job was found to read; gives what is new about files, to be recorded."""
        link = named_link(table) or new_link(table, self.plan.joins)
        before = dict(zip(link.paths_of(row), link.makers_of(row), strict=True))
        makers = array("q")
        for path, sign, content in read:
            if sign is None or content is None:
                self.world.gone(path)
                makers.append(ABSENT)
                continue
            makers.append(before.get(path, SOURCE))
            if self.world.learned(path, sign, content):
                self.staleness.forget_groups()
            if self._stored.get(path) != sign:
                self._stored[path] = sign
                if self.world.records.files.get(path) != (sign, content):
                    yield path, self.clock.proven(path, sign, since), content
        paths = [path for path, _, _ in read]
        key = ("now", tuple(paths), makers.tobytes())
        if not link.has(row, key):
            group = self.plan.joins.new_group(paths, None)
            group.makers = makers
            link.put(row, group, key)
        self._new[table.base | row] = [path for path in paths if path not in before]

    def finish(self) -> None:
        """Looks, when all jobs are settled, which of the new files rules make."""
        made = {path for paths in self._new.values() for path in paths}
        made = {path for path in made if self._is_made(path)}
        if not made:
            return
        for job, paths in self._new.items():
            table = self.plan.table_of(job)
            for path in paths:
                if path in made and not self._is_waited_for(table, job & ROW, path):
                    self.news.add((*table.identity(job & ROW), path))

    def _is_made(self, path: str) -> bool:
        unknowns = self.plan.unknowns
        try:
            if unknowns is not None and unknowns.of_path(path, named=False):
                return True  # perhaps: the next plan waits for those who have to tell
            makers = self.plan.finder.makers(path, first=True)
        except FileflowError:  # the next plan says what is wrong with that rule
            return True
        if self.world.has_record(path) or self.world.signatures((path,))[0] is None:
            return bool(makers)
        # What is there without a record is a source if only rules with a free wildcard fit it.
        return any(not self.plan.table_of(maker).shape.free for maker in makers)

    def _is_waited_for(self, table: RuleTable, row: int, path: str) -> bool:
        """Whether the job waits for this file anyway."""
        return any(path in self._paths(link, row) for link in table.links if link.entry.order_only)

    def _paths(self, link: Link, row: int) -> frozenset[str] | list[str]:
        group = link.group(row)
        if group is None:
            return link.paths_of(row)
        if group.number not in self._order_only:
            self._order_only[group.number] = frozenset(group.paths)
        return self._order_only[group.number]

    def rings(self, is_done: Callable[[int], bool]) -> Iterator[str]:
        """What is to be said of files that changed after a job read them from which they come."""
        if self.plan.loose:
            self.staleness.forget_groups()
        for job, paths in self.plan.loose.items():
            if job >> SHIFT not in self.plan.tables or not is_done(job):
                continue
            table = self.plan.table_of(job)
            reason = self.staleness.reason_now(table, job & ROW)
            if reason is None or reason.about not in paths:
                continue
            if reason.why in (Why.CONTENT, Why.GONE, Why.APPEARED):
                yield (
                    f"{table.label(job & ROW)} reads {reason.about}, which is made from what it "
                    "makes itself, and which changed afterwards: take one of the two away"
                )
