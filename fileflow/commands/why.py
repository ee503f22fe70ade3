"""`fileflow why`: why jobs are stale, with before and after, or what makes them fresh.

Knows how answers are grouped and worded, not how they are found. Reads only.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterator, Sequence

from fileflow.commands.answers import Answer, AnswerMaker
from fileflow.commands.choosing import plan_of_targets
from fileflow.commands.status import Standing
from fileflow.engine.session import Session
from fileflow.errors import counted, first_dozen, some_of
from fileflow.planning.plan import Target
from fileflow.planning.reasons import Reason
from fileflow.views.dry_run import deferred_lines
from fileflow.world.records import Record

ANSWERS_SHOWN = 5
PATHS_SHOWN = 8
_SHORT = 72


def why(
    session: Session,
    targets: Sequence[Target],
    say: Callable[[str], None],
    *,
    as_json: bool = False,
) -> int:
    """Prints for each job of the targets why it is stale, or what makes it fresh.

    Raises:
        FileflowError: for an unknown target, or a workflow that gives no plan.
    """
    plan = plan_of_targets(session, targets)
    decided = session.decide(plan)
    maker = AnswerMaker(session, decided)
    # Of a path that nobody knows yet to be made, those answer who have to tell.
    telling = set().union(*plan.late.values())
    answers = [
        maker.answer(job)
        for job in plan.jobs()
        if (job in plan.asked or job in telling) and not plan.table_of(job).rule.asks_only
    ]
    waits = {**plan.waits, **plan.late_targets()}
    if as_json:
        facts = {
            "jobs": [_facts(one) for one in answers],
            "sources": plan.source_targets,
            "waits": waits,
            "mistakes": list(map(str, plan.mistakes())),
        }
        say(json.dumps(facts, indent=2))
        return 0
    for path in plan.source_targets:
        say(f"{path} is a source: no rule makes it")
    told = {one.table.rule.name for one in answers}
    for line in deferred_lines({name: waits[name] for name in waits if name not in told}):
        say(line)
    for text in first_dozen(plan.mistakes()):
        say(text)
    groups: dict[object, Answer] = {}
    for one in answers:
        known = groups.setdefault(one.likeness, one)
        if known is not one:
            known.more.append(one.label)
    shown = list(groups.values())
    for one in shown[:ANSWERS_SHOWN]:
        for line in _lines(one):
            say(line)
    if len(shown) > ANSWERS_SHOWN:
        left = sum(1 + len(one.more) for one in shown[ANSWERS_SHOWN:])
        say(f"… and {left} more jobs with other answers: name one of their files")
    return 0


# -- lines -----------------------------------------------------------------------------------


def _lines(answer: Answer) -> Iterator[str]:
    yield f"{answer.label}: {_headline(answer)}"
    for reason in answer.reasons:
        yield from (f"  {line}" for line in _reason_lines(reason, answer.shell))
    if answer.first:
        count = "1 job runs" if len(answer.first) == 1 else f"{len(answer.first)} jobs run"
        yield f"  {count} first: {some_of(answer.first, PATHS_SHOWN)}"
    if answer.failed is not None:
        said = str(answer.failed.get("message", "")).splitlines()
        yield f"  failed {_moment(answer.failed.get('when'))}: {said[0] if said else ''}"
    for line in answer.table.rule.doc.strip().splitlines()[1:]:
        yield f"  {line}"
    if answer.seed is not None:
        yield f"  seed: {answer.seed}"
    if answer.inputs:
        yield f"  inputs ({len(answer.inputs)}): {some_of(answer.inputs, PATHS_SHOWN)}"
    if answer.named:
        yield f"  found to read ({len(answer.named)}): {some_of(answer.named, PATHS_SHOWN)}"
    first, *rest = answer.action.splitlines() or [""]
    yield f"  action: {first}"
    yield from (f"    {line}" for line in rest)
    if answer.chosen is not None:
        yield f"  executor: auto chose {answer.chosen['executor']}: {answer.chosen['why']}"
    if answer.record is not None:
        yield f"  last run: {_last_run(answer.record)}"
    if answer.more:
        yield f"  likewise {len(answer.more)} more: {some_of(answer.more, PATHS_SHOWN)}"


def _headline(answer: Answer) -> str:
    record = answer.record
    if answer.standing is not Standing.FRESH or record is None:
        gone = answer.standing is Standing.MISSING
        said: str = (Standing.STALE if gone else answer.standing).value
        return said
    done = "adopted" if record.head.facts.get("adopted") else "recorded"
    return (
        f"fresh: {done} {_moment(record.started)}, by run {record.head.run}, in "
        f"{record.seconds:.3g} s; {counted(len(answer.inputs), 'input')}, recipe {answer.recipe}"
    )


def _reason_lines(reason: Reason, shell: tuple[str, str] | None) -> Iterator[str]:
    yield str(reason)
    before, after = reason.before, reason.after
    if shell is not None and reason.about == "the shell text":
        before, after = shell
    if before in ("", after) or _is_digest(before) or _is_digest(after):
        return
    if "\n" not in before + after and len(before) + len(after) < _SHORT:
        yield f"  {before} → {after}"
        return
    pieces = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    for line in list(pieces)[2:]:
        if not line.startswith("@@"):
            yield f"  {line}"


def _is_digest(text: str) -> bool:
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _last_run(record: Record) -> str:
    facts = record.head.facts
    pieces = [_moment(record.started), f"{record.seconds:.3g} s", f"cpu {record.cpu:.3g} s"]
    if record.memory:
        pieces.append(f"peak memory {record.memory / 1e6:.0f} MB")
    pieces += [f"{name} {facts[name]}" for name in ("host", "python") if name in facts]
    return ", ".join([*pieces, f"run {record.head.run}"])


def _moment(seconds: object) -> str:
    if not isinstance(seconds, (int, float)):
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _facts(answer: Answer) -> dict[str, object]:
    record = answer.record
    return {
        "rule": answer.table.rule.name,
        "job": answer.label,
        "state": answer.standing.name.lower(),
        "reasons": [
            {"kind": r.why.name.lower(), "text": str(r), "before": r.before, "after": r.after}
            for r in answer.reasons
        ],
        "first": list(answer.first),
        "seed": answer.seed,
        "inputs": list(answer.inputs),
        "found_inputs": list(answer.named),
        "outputs": list(answer.outputs),
        "action": answer.action,
        "recipe": answer.recipe,
        "executor": dict(answer.chosen) if answer.chosen is not None else None,
        "failed": dict(answer.failed) if answer.failed is not None else None,
        "last_run": None
        if record is None
        else {
            "run": record.head.run,
            "started": record.started,
            "seconds": record.seconds,
            "cpu": record.cpu,
            "memory": record.memory,
            **{name: record.head.facts.get(name) for name in ("host", "python", "adopted")},
        },
    }
