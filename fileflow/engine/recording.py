"""Makes the records of jobs: what each was made from, as the next run will ask for it.

Knows plans, recipes and what is stored; not whether a job ran just now or was taken as it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from fileflow.engine.facts import WROTE, World
from fileflow.engine.orders import kind_of
from fileflow.engine.session import Decided
from fileflow.errors import FileflowError
from fileflow.lean import replace
from fileflow.model.digests import NO_DIGEST
from fileflow.model.tokens import listed
from fileflow.planning.links import Link
from fileflow.planning.staleness import input_names, output_names
from fileflow.planning.tables import RuleTable
from fileflow.planning.taken_logs import may_be_taken
from fileflow.world.files import hashing
from fileflow.world.records import Record, RecordHead, Records

# The kind of a note on a job that makes outputs under their own names, while it is not done.
BEGUN = "begun"


class Recording:
    """Makes the records of one run.

    Args:
        records: where lists that records refer to are stored.
        world: tells what the inputs hold.
        decided: the plan, its recipes and what stands for its inputs.
        run: the run's name.
        workflowfile: the file that the rules stand in, relative to the project.
        adopted: whether the outputs are taken as they are rather than made.
    """

    def __init__(
        self,
        records: Records,
        world: World,
        decided: Decided,
        *,
        run: str,
        workflowfile: str,
        adopted: bool = False,
    ) -> None:
        self.records = records
        self.world = world
        self.staleness = decided.staleness
        self.recipes = decided.recipes
        self.run = run
        self.workflowfile = workflowfile
        self.adopted = adopted
        self._heads: dict[tuple[int, str], RecordHead] = {}
        self._taken: dict[str, bool] = {}

    def head(self, table: RuleTable, log: str = "") -> RecordHead:
        """What the records of one rule share, as far as one log file keeps their output."""
        key = (table.number, log)
        head = self._heads.get(key)
        if head is None:
            facts: dict[str, object] = {
                "recipe": self.recipes[table.rule.name].parts,
                "python": sys.version.split()[0],
                "host": os.uname().nodename,
                "workflowfile": self.workflowfile,
            }
            if self.adopted:
                facts["adopted"] = True
            head = RecordHead(
                rule=table.rule.name,
                kind=kind_of(table),
                input_names=input_names(table),
                output_names=output_names(table),
                run=self.run,
                log=log,
                facts=facts,
                algorithm=hashing.algorithm,
            )
            self._heads[key] = head
        return head

    def record(
        self,
        table: RuleTable,
        row: int,
        made: bytes,
        *,
        started: float,
        seconds: float = 0.0,
        cpu: float = 0.0,
        memory: int = 0,
        log: tuple[str, int, int] = ("", 0, 0),
        outputs: tuple[str, ...] | None = None,
        doubted: AbstractSet[str] = frozenset(),
        action_doubted: bool = False,
    ) -> Record:
        """The record of one job whose outputs have these signatures and digests.

        What it refers to is stored by this; the record itself is the caller's to add, with others
        of the same head.

        Args:
            table, row: the job.
            made: 48 bytes for each output: signature, digest.
            started, seconds, cpu, memory: of its run.
            log: (file, offset, length) of what it printed.
            outputs: its outputs and then, of scattered ones, their files; None: as planned.
            doubted: inputs that may have held something else when the job took them; they are
                recorded as unknown, which no content equals.
            action_doubted: the same of the action.
        """
        outputs = table.outputs_of(row) if outputs is None else outputs
        recipe = self.recipes[table.rule.name]
        if action_doubted:
            made_by = NO_DIGEST
        else:
            before = self.records.jobs.get(outputs[0]) if recipe.named is not None else None
            made_by = recipe.digest(row, before.recipe if before is not None else None)
        tokens = self.staleness.tokens(table, row)
        return Record(
            self.head(table, log[0]),
            made_by,
            tokens,
            self._used(table, row, tokens, doubted),
            outputs,
            made,
            started,
            seconds,
            cpu,
            memory,
            log[1],
            log[2],
        )

    def log_notes(self, table: RuleTable, row: int) -> list[tuple[str, str, str | None]]:
        """Notes on what is in the logs of a job that rules may take, whether this run asks for
        these or not: what a failure, a kill or somebody else writes over one is not to be taken."""
        name = table.rule.name
        if name not in self._taken:
            self._taken[name] = may_be_taken(self.staleness.plan.finder, table.rule)
        notes: list[tuple[str, str, str | None]] = []
        for entry in table.rule.logs:
            path, content = table.log_path(entry, row), None
            with contextlib.suppress(FileflowError):  # whoever takes it will say so
                content = self.world.content(path) if self._taken[name] else None
            if content is not None or (WROTE, path) in self.records.notes:
                notes.append((WROTE, path, None if content is None else content.hex()))
        return notes

    def orphans(self, before: Record, positions: Sequence[int]) -> list[Record]:
        """Records of their own for files that a scatter made and does not find any more."""
        head = replace(before.head, input_names=(), output_names=("",))
        made = before.made
        return [
            before._replace(
                head=head,
                inputs=(),
                digests=b"",
                outputs=(before.outputs[k],),
                made=made[48 * k : 48 * k + 48],
                log_offset=0,
                log_length=0,
            )
            for k in positions
        ]

    def _used(
        self, table: RuleTable, row: int, tokens: Sequence[str], doubted: AbstractSet[str]
    ) -> bytes:
        """16 bytes for each input entry: of its content, of a list the id of its contents."""
        out = []
        for token, link in zip(tokens, table.links, strict=True):
            is_doubted = bool(doubted) and not doubted.isdisjoint(link.paths_of(row))
            if link.entry.order_only or is_doubted:
                self._store_paths(token, link, row)
                out.append(NO_DIGEST)
            elif link.group_of is None or link.is_one(row):
                paths = link.paths_of(row)
                out.append((self.world.content(paths[0]) or NO_DIGEST) if paths else NO_DIGEST)
            else:
                self._store_paths(token, link, row)
                out.append(self._store_contents(link, row))
        return b"".join(out)

    def _store_paths(self, token: str, link: Link, row: int) -> None:
        ident = listed(token)
        if ident is not None and ident not in self.records.lists:
            self.records.add_list(link.paths_of(row))

    def _store_contents(self, link: Link, row: int) -> bytes:
        ident = self.staleness.list_contents(link, row)
        if ident not in self.records.contents:
            ident = self.records.add_contents(self.staleness.contents(link, row))
        return ident
