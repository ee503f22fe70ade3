"""How long jobs take: of each rule on average, of each job as recorded, and of chains of jobs.

Knows records and plans; what is done with the figures is the schedule's.
"""

from __future__ import annotations

from array import array

from fileflow.engine.session import Session
from fileflow.planning.chains import chains_of
from fileflow.planning.plan import Plan
from fileflow.planning.schedule import Schedule
from fileflow.planning.tables import RuleTable

UNKNOWN = 1e-3


class Durations:
    """How long a rule's jobs take: from the records, then a moving average of this run."""

    WEIGHT = 0.2

    def __init__(self, session: Session) -> None:
        self.session = session
        self._average: dict[str, float | None] = {}
        self._cpu: dict[str, float] = {}
        self._measured: dict[str, int] = {}

    def expected(self, table: RuleTable) -> float | None:
        """Seconds that a job of the rule takes at a guess; None if nothing is known."""
        name = table.rule.name
        if name not in self._average:
            note = self.session.records.notes.get(("seconds", name))
            self._average[name] = float(note) if isinstance(note, (int, float)) else None
        return self._average[name]

    def of_job(self, table: RuleTable, row: int) -> float:
        """Seconds that one job takes at a guess: as recorded, else as its rule's others."""
        recorded = None
        if table.shape.outputs:
            recorded = self.session.records.seconds(table.output_paths(0)[row])
        return recorded if recorded is not None else self.expected(table) or UNKNOWN

    def rule_chains(self, plan: Plan) -> dict[str, float]:
        """How long, at a guess, the longest chain of jobs is that starts with each rule."""
        consumers: dict[int, set[int]] = {number: set() for number in plan.tables}
        for number, table in plan.tables.items():
            for link in table.links:
                for maker in link.tables:
                    if maker in consumers and maker != number:
                        consumers[maker].add(number)
        length: dict[int, float] = {}
        for table, _ in reversed(plan.order):
            after = [length.get(number, 0.0) for number in consumers[table.number]]
            own = 0.0 if table.rule.asks_only else self.expected(table) or UNKNOWN
            length[table.number] = own + max(after, default=0.0)
        return {table.rule.name: length[number] for number, table in plan.tables.items()}

    def job_chains(self, plan: Plan, schedule: Schedule) -> dict[int, array[float]]:
        """The same for single jobs; nothing where no job that may run was ever measured."""
        seconds: dict[int, array[float]] = {}
        recorded = self.session.records.jobs
        for number, table in plan.tables.items():
            rows = schedule.open_rows(table)
            if rows:
                seconds[number] = array("d", [-1.0]) * table.count
                for row in rows:
                    seconds[number][row] = self.of_job(table, row)
        if not recorded or not seconds:
            return {}
        return chains_of(plan, seconds)

    def measured(self, table: RuleTable) -> tuple[float, float, int] | None:
        """Seconds and CPU seconds of a job, and how many jobs of this run say so (0: records)."""
        seconds = self.expected(table)
        name = table.rule.name
        cpu = self._cpu.get(name)
        if cpu is None:
            note = self.session.records.notes.get(("cpu", name))
            cpu = float(note) if isinstance(note, (int, float)) else None
        if seconds is None or cpu is None:
            return None
        return seconds, cpu, self._measured.get(name, 0)

    def add(self, table: RuleTable, seconds: float, cpu: float) -> None:
        """One more job was measured."""
        before = self.expected(table)
        name = table.rule.name
        if before is None or name not in self._measured:
            self._average[name] = seconds
            self._cpu[name] = cpu
        else:
            self._average[name] = before + self.WEIGHT * (seconds - before)
            self._cpu[name] += self.WEIGHT * (cpu - self._cpu[name])
        self._measured[name] = self._measured.get(name, 0) + 1

    def store(self) -> None:
        """Notes the averages for the next run."""
        for name in self._measured:
            self.session.records.note("seconds", name, round(self._average[name] or 0.0, 6))
            self.session.records.note("cpu", name, round(self._cpu[name], 6))
