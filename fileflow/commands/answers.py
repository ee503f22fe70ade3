"""What is known of one job: why it is stale or fresh, and all that made it so.

Decides nothing: the reasons are those that a run goes by. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fileflow.commands.choosing import upstream_of
from fileflow.commands.last_run import failure_of
from fileflow.commands.status import Standing, standing_of
from fileflow.engine.orders import Orders
from fileflow.engine.session import Decided, Session
from fileflow.errors import FileflowError
from fileflow.lean import dataclass, field
from fileflow.model.rules import Executor
from fileflow.planning.filling import JobValues
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.named import named_link
from fileflow.planning.reasons import Reason, State, Why
from fileflow.planning.seeds import small
from fileflow.planning.tables import RuleTable
from fileflow.world.records import Record

_SHARED = (Why.ACTION, Why.UPSTREAM)  # reasons about something that all jobs of a rule have
_DIGESTS = (Why.CONTENT, Why.OVERWRITTEN, Why.GONE, Why.APPEARED)  # before and after of a file


@dataclass(slots=True)
class Answer:
    """What is known of one job.

    `named` are the files that it was found to read beside its inputs, in its last run. `first` are
    the stale jobs that it needs, by their labels; `chosen` is the last choice of `executor: auto`
    for its rule.
    """

    label: str
    table: RuleTable
    standing: Standing
    reasons: Sequence[Reason]
    recipe: str
    seed: int | None
    inputs: Sequence[str]
    named: Sequence[str]
    outputs: Sequence[str]
    action: str
    record: Record | None
    failed: Mapping[str, object] | None
    first: Sequence[str] = ()
    shell: tuple[str, str] | None = None
    chosen: Mapping[str, object] | None = None
    more: list[str] = field(default_factory=list)

    @property
    def likeness(self) -> object:
        """Equal for answers of one rule that differ in nothing but the job's own paths."""
        kinds = tuple(
            (
                r.why,
                ("", "") if r.why in _DIGESTS else (r.before, r.after),
                r.about if r.why in _SHARED else "",
            )
            for r in self.reasons
        )
        return self.table.number, self.standing, kinds, bool(self.first), bool(self.failed)


class AnswerMaker:
    """Works out answers for the jobs of one plan."""

    def __init__(self, session: Session, decided: Decided) -> None:
        self.session = session
        self.decided = decided
        self._orders: dict[int, Orders] = {}
        self._position = {job: k for k, job in enumerate(decided.plan.jobs())}

    def answer(self, job: int) -> Answer:
        """What is known of a job."""
        plan = self.decided.plan
        table, row = plan.tables[job >> SHIFT], job & ROW
        key = table.key(row)
        record = self.session.records.jobs.get(key)
        orders = self._orders_of(table)
        draws = orders.seeded or (orders.binding is not None and orders.binding.takes_seed)
        recipe = self.decided.recipes[table.rule.name]
        link = named_link(table)
        return Answer(
            label=table.label(row),
            table=table,
            standing=standing_of(self.session, self.decided, job),
            reasons=self._reasons(job, key),
            recipe=recipe.digest(row, record.recipe if record else None).hex()[:12],
            seed=small(orders.seed(row)) if draws else None,
            inputs=JobValues(table, row).input_paths(),
            named=link.paths_of(row) if link is not None else (),
            outputs=table.outputs_of(row),
            action=_shown(orders, row),
            record=record,
            failed=failure_of(self.session.records, key),
            first=self._first(job),
            shell=_shell_texts(record, recipe.parts),
            chosen=self._chosen(table),
        )

    def action(self, job: int) -> str:
        """The filled command of a job, or the name of its function."""
        table = self.decided.plan.tables[job >> SHIFT]
        return _shown(self._orders_of(table), job & ROW)

    def _chosen(self, table: RuleTable) -> Mapping[str, object] | None:
        """What `executor: auto` chose for a rule that leaves the choice, and why."""
        note = self.session.records.notes.get(("auto", table.rule.name))
        if table.rule.executor not in (None, Executor.AUTO.value) or not isinstance(note, dict):
            return None
        return note

    def _first(self, job: int) -> list[str]:
        """The jobs that a job needs and that surely run, in the plan's order."""
        plan, staleness = self.decided.plan, self.decided.staleness
        stale = [one for one in upstream_of(plan, job) if staleness.state(one) is State.STALE]
        return [plan.label(one) for one in sorted(stale, key=self._position.__getitem__)]

    def _reasons(self, job: int, key: str) -> list[Reason]:
        plan, staleness = self.decided.plan, self.decided.staleness
        state = staleness.state(job)
        if state in (State.FRESH, State.ABSENT):
            return []
        if job in plan.blocked:
            return [Reason(Why.MISSING, m.path) for m in plan.missing if job in m.jobs()]
        found = staleness.all_reasons(plan.tables[job >> SHIFT], job & ROW)
        first = staleness.reason(job)
        if first is not None and (state is not State.STALE or not found):
            found = [first]
        # That of an output which was never made names none.
        return [Reason(Why.MISSING, key) if r == Reason(Why.MISSING) else r for r in found]

    def _orders_of(self, table: RuleTable) -> Orders:
        found = self._orders.get(table.number)
        if found is None:
            found = self._orders[table.number] = Orders(
                table,
                self.decided.bindings.get(table.rule.name),
                root=self.session.root,
                root_seed=self.session.workflow.seed,
                cores=int(table.rule.cores.number),
            )
        return found


def _shown(orders: Orders, row: int) -> str:
    try:
        return orders.shown(row)
    except FileflowError as error:
        return error.what


def _shell_texts(record: Record | None, parts: Mapping[str, object]) -> tuple[str, str] | None:
    """The text of a shell command as it was and as it is, where both are known."""
    before = record.head.facts.get("recipe") if record is not None else None
    if isinstance(before, Mapping) and "shell" in before and "shell" in parts:
        return str(before["shell"]), str(parts["shell"])
    return None
