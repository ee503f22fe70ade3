"""What a run would build and why, by rule or job by job.

Knows what was planned, not how it was found out; prints nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fileflow.engine.events import Job
from fileflow.lean import dataclass, field
from fileflow.views.json_lines import job_facts, json_line
from fileflow.views.style import NO_COLORS, Paint


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job that would be built.

    Args:
        job: which.
        reason: why, in full; "if NAME changes" where early cut-off may spare it.
        kind: why, in the few words under which the jobs of a rule are counted.
        certain: whether it will be built whatever comes out of others.
        command: the filled command or the function's name, where that is to be shown.
    """

    job: Job
    reason: str
    kind: str
    certain: bool
    command: str | None = None


@dataclass(slots=True)
class PlannedRule:
    """The jobs of a rule that would be built.

    Args:
        certain, possible: how many, by kind of reason; possible ones early cut-off may spare.
        jobs: each of them, where each is to be shown.
    """

    certain: Counter[str] = field(default_factory=Counter)
    possible: Counter[str] = field(default_factory=Counter)
    jobs: list[PlannedJob] = field(default_factory=list)


def dry_run_lines(
    planned: Iterable[PlannedJob],
    wanted: Mapping[str, int],
    *,
    shapes: Mapping[str, str] | None = None,
    verbose: bool = False,
    paint: Paint = NO_COLORS,
) -> Iterator[str]:
    """A dry run as text, rule by rule in the order of the plan.

    Args:
        planned: the jobs that would be built.
        wanted: how many jobs of each rule are wanted.
        shapes: what each rule maps and gathers, in words.
        verbose: whether to show each job with its reason; one with its command always is.
        paint: colours.
    """
    rules: dict[str, PlannedRule] = {}
    for one in planned:
        rule = rules.setdefault(one.job.rule, PlannedRule())
        (rule.certain if one.certain else rule.possible)[one.kind] += 1
        if verbose or one.command is not None:
            rule.jobs.append(one)
    yield from rule_lines(rules, wanted, shapes=shapes, paint=paint)


def rule_lines(
    rules: Mapping[str, PlannedRule],
    wanted: Mapping[str, int],
    *,
    shapes: Mapping[str, str] | None = None,
    paint: Paint = NO_COLORS,
) -> Iterator[str]:
    """The same of jobs that are counted already."""
    for name, rule in rules.items():
        yield f"{paint.bold(name)}: {_rule_text(rule, wanted.get(name))}"
        shape = (shapes or {}).get(name)
        if shape:
            yield f"  {paint.dim(shape)}"
        for one in rule.jobs:
            yield f"    {one.job.label}: {one.reason}"
            for line in (one.command or "").splitlines():
                yield f"      {paint.dim(line)}"


def deferred_lines(
    waits: Mapping[str, Sequence[str]], *, paint: Paint = NO_COLORS
) -> Iterator[str]:
    """For each rule or target that cannot be known yet: after which rules it will be."""
    for name, rules in waits.items():
        yield f"{paint.bold(name)}: cannot be known before {' and '.join(rules)} ran"


def deferred_json(
    waits: Mapping[str, Sequence[str]], targets: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """The same as JSON lines, for rules and for targets."""
    for name, rules in waits.items():
        yield json_line({"event": "rule_deferred", "rule": name, "after": list(rules)})
    for name, rules in targets.items():
        yield json_line({"event": "target_deferred", "target": name, "after": list(rules)})


def _rule_text(rule: PlannedRule, wanted: int | None) -> str:
    certain, possible = rule.certain.total(), rule.possible.total()
    of = "" if wanted is None else f" of {wanted}"
    if not certain:
        return f"{possible}{of} may be built: {_kinds(rule.possible)}"
    text = f"{certain}{of} would be built: {_kinds(rule.certain)}"
    return f"{text}; {possible} more may be: {_kinds(rule.possible)}" if possible else text


def _kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{kind} ({count})" for kind, count in counts.most_common())


def dry_run_json(planned: Iterable[PlannedJob]) -> Iterator[str]:
    """A dry run as JSON lines, one for each job, in the order of the plan."""
    for one in planned:
        yield json_line(
            {
                "event": "job_planned",
                **job_facts(one.job),
                "reason": one.reason,
                "certain": one.certain,
                **({} if one.command is None else {"command": one.command}),
            }
        )
