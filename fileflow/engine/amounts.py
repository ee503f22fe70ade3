"""How much of cores and of named pools a job takes: as its rule, a call or config says.

Knows rules, pools and who asks functions; not what is free, or who runs jobs.
"""

from __future__ import annotations

from collections.abc import Mapping

from fileflow.engine.asking import Answering
from fileflow.engine.pools import share
from fileflow.engine.runners import cores_of
from fileflow.engine.session import Decided
from fileflow.lean import dataclass
from fileflow.model.rules import Kind, Pool
from fileflow.planning.calling import after_paths
from fileflow.planning.fillable import picked_amounts, picked_numbers, picked_timeout
from fileflow.planning.tables import RuleTable


@dataclass(frozen=True, slots=True)
class Needs:
    """What one job takes: cores, amounts of pools by name, and seconds at most, if that is said."""

    cores: int
    amounts: Mapping[str, float]
    timeout: float | None = None


class Amounts:
    """Says what jobs take; more than there is of a pool is cut to all there is.

    Args:
        answers: asks the functions of calls.
        decided: the plan, with how its calls are asked.
        pools: how much there is.
        jobs: how many cores there are.
    """

    def __init__(
        self, answers: Answering, decided: Decided, pools: Mapping[str, Pool], jobs: int
    ) -> None:
        self._answers = answers
        self._decided = decided
        self._pools = pools
        self._jobs = jobs
        self._of_rule: dict[int, Needs | None] = {}

    def of_rule(self, table: RuleTable) -> Needs | None:
        """What each job of a rule takes; None where it differs from job to job."""
        if table.number not in self._of_rule:
            by_job = (
                any(site.is_amount for site in table.sites)
                or any(picked_amounts(table.rule))
                or "timeout" in table.rule.picked_limits
            )
            self._of_rule[table.number] = None if by_job else self._needs(table, {})
        return self._of_rule[table.number]

    def may_be_coreless(self, table: RuleTable) -> bool:
        """Whether there may be jobs of a rule that take no core."""
        needs = self.of_rule(table)
        return needs is None or not needs.cores

    def of_job(self, table: RuleTable, row: int, attempt: int) -> Needs:
        """What a job takes on this attempt.

        Raises:
            FileflowError: for a function that fails, or an answer that is no number.
        """
        found = picked_numbers(table, row)
        for number, asking in self._decided.askings.get(table.rule.name, {}).items():
            site = table.sites[number]
            if not site.is_amount:
                continue
            measured: dict[str, object] = {}
            if "input_mb" in asking.measured:
                measured["input_mb"] = self._answers.input_mb(table, row)
            if "attempt" in asking.measured:
                measured["attempt"] = attempt
            question = asking.question(table, row, after_paths(table, site, row), measured=measured)
            found[site.kind, site.name] = self._answers.amount(question, attempt)
        return self._needs(table, found, picked_timeout(table, row))

    def _needs(
        self,
        table: RuleTable,
        found: Mapping[tuple[Kind, str | None], float],
        timeout: float | None = None,
    ) -> Needs:
        rule = table.rule
        cores = cores_of(
            rule,
            rule.name in self._decided.asyncs,
            self._jobs,
            found.get((Kind.CORES, None), rule.cores.number),
        )
        amounts = {
            name: share(self._pools, name, found.get((Kind.RESOURCES, name), amount.number))
            for name, amount in rule.resources.items()
        }
        return Needs(cores, amounts, rule.timeout if timeout is None else timeout)
