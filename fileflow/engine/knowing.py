"""Plans with all that is known: what scatters found, and what stands in lists that rules make.

A producer has told when it is settled: fresh, or gone but for its outputs. Then the plan is made
again with its values, until nothing new is known; what is still unknown stays deferred. A plan that
is being run grows: rules that cannot differ by what is new are taken from it as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from fileflow.engine.session import Decided, Describe, Growth, Session
from fileflow.errors import Exit, FileflowError
from fileflow.language.relations import rows_of_made, unmatched
from fileflow.language.value_forms import kept_rows
from fileflow.lean import replace
from fileflow.model.patterns import natural_key
from fileflow.model.rules import Filter
from fileflow.planning.derivation import why_unmade
from fileflow.planning.filling import canonical
from fileflow.planning.finding import Finder
from fileflow.planning.known import Found, Values, is_found, own_names, with_known
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.ordering import all_behind
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.questions import sites_of
from fileflow.planning.tables import RuleTable
from fileflow.planning.unknowns import calls_wait
from fileflow.world import files

if TYPE_CHECKING:
    from fileflow.model.rules import Made, Relation

Identity = tuple[str, ...]
_MOST_ROUNDS = 2000
"""Each round learns what one more producer behind others has found before this run."""
Settled = Callable[[int], bool]
"""Whether what a job tells is known."""


def plan_known(
    session: Session,
    wishes: Wishes,
    *,
    rerun: bool = False,
    describe: Describe | None = None,
    ready: bool = False,
    built: Collection[Identity] = (),
    failed: Collection[Identity] = (),
    keep: bool = False,
    growth: Growth | None = None,
) -> Decided:
    """The plan for these wishes with all that is known now, and what is fresh in it.

    Args:
        session, wishes: what is planned.
        rerun, describe, ready, built: as for `Session.decide`.
        failed: the identities of jobs that failed earlier in this run: they are not tried again.
        keep: whether what lists hold may be written down, to be known when a list is gone.
        growth: the plan that is being run, which is to grow; `learn_from` was asked before.

    Raises:
        FileflowError: as planning does; what is wrong with what was found, and with nothing else,
            stands in the plan (`Plan.mistakes`).
    """
    rules = session.workflow.rules
    session.answers.again = None if rerun else {str(word) for word in wishes.force} & rules.keys()
    waits = any(map(is_found, session.workflow.relations)) or calls_wait(session.workflow)
    if waits and (wishes.omit or wishes.where) and not session.started:
        # What is left out tells what it has found, if it is fresh: it only does not run.
        whole = replace(wishes, omit=(), where=(), keep_going=True)
        plan_known(session, whole, rerun=rerun, describe=describe, keep=keep)
        session.called.clear()
    if rerun:
        session.world.look_at_no_others()
    for _ in range(_MOST_ROUNDS):
        plan = session.plan(wishes, None if growth is None else growth.decided.plan)
        if growth is not None and not plan.same:
            built, growth = {*built, *growth.built()}, None  # it could not grow
        called = set(session.called)
        plan.ask(_jobs_of(plan, called))
        if failed:
            again = set(_jobs_of(plan, failed))
            plan.blocked.update(again, all_behind(plan.tables, again))
        decided = session.decide(
            plan, rerun=rerun, describe=describe, ready=ready, built=built, before=growth
        )
        if plan.unknowns is None:
            return decided
        news = _learn(session, plan, decided.staleness.settled, keep=keep)
        if not news and called == session.called:
            return decided
        if growth is not None and called != session.called:
            built, growth = {*built, *growth.built()}, None  # what was at rest is asked for
    raise AssertionError("bug: what is known of values goes round in circles")


def learn_from(session: Session, growth: Growth) -> bool:
    """Takes in what the jobs of a plan that is being run have told; whether it may grow by that.

    If not, it is to be made anew as a whole.
    """
    plan = growth.decided.plan
    if plan.unknowns is None or session.called:
        return False
    _learn(session, plan, growth.settled, keep=True)
    return not session.called


def forget_unused(session: Session, plan: Plan) -> None:
    """Forgets answers that no job of the workflow can ask for any more.

    Those of a function count as such only if all jobs of all rules that call it were planned.
    """
    whole: dict[str, bool] = {}
    for name, rule in session.workflow.rules.items():
        table = plan.by_rule.get(name)
        planned = table is not None and not table.grows and all(table.wanted)
        for site in sites_of(rule, rule.inputs):
            if not site.is_amount:
                function = f"{site.call.module}:{site.call.function}"
                whole[function] = whole.get(function, True) and planned
    session.answers.forget_unused([function for function, every in whole.items() if every])


def _jobs_of(plan: Plan, identities: Collection[Identity]) -> Iterator[int]:
    """The wanted jobs with these identities."""
    if not identities:
        return
    for table in plan.tables.values():
        for row in range(table.count):
            if table.wanted[row] and table.identity(row) in identities:
                yield table.base | row


def _learn(session: Session, plan: Plan, settled: Settled, *, keep: bool) -> bool:
    """Takes in what settled producers have to tell; whether that is something new."""
    assert plan.unknowns is not None
    news = _settle(session, plan, settled)
    wrong, session.known.wrong = session.known.wrong, {}
    for number, relation, table in plan.unknowns.producers():
        known = session.known.of(number)
        if relation.scattered_by is not None:
            told = dict(_told_by_scatter(session, plan, settled, table))
        else:
            told = dict(_told_by_lists(session, plan, settled, number, relation, keep=keep))
        wanted = {table.key_of(row): place for place, row in enumerate(table.in_order())}
        now = {key: found for key, found in known.items() if key not in told and key in wanted}
        now |= {key: found for key, found in told.items() if found is not None}
        if table.shape.free:
            order = sorted(now, key=lambda key: [natural_key(value) for value in key])
        else:
            order = sorted(now, key=lambda key: wanted[key])
        if list(known) != order or any(known[key] != now[key] for key in order):
            news = True
        session.known.found[number] = {key: now[key] for key in order}
    refused, session.known.refused = session.known.refused, _unmatched_rules(session, plan)
    return (
        news
        or list(map(str, wrong.values())) != list(map(str, session.known.wrong.values()))
        or refused.keys() != session.known.refused.keys()
    )


def _unmatched_rules(session: Session, plan: Plan) -> dict[str, FileflowError]:
    """The rules for which a list lacks a value that another key of the name has, or has one more.

    An error, as for values that are known from the start; but only for rules that are wanted.
    """
    assert plan.unknowns is not None
    before = plan.unknowns.workflow.relations
    now = with_known(session.workflow, session.known).relations
    complete = [True] * len(now)
    for number, relation, table in plan.unknowns.producers():
        if relation.made is not None:
            known = session.known.of(number)
            complete[number] = not (
                table.shape.free
                or any(table.key_of(row) not in known for row in range(table.count))
                or plan.unknowns.of_rule(table, {})
            )
    waiting = plan.rules_waiting()
    pairs: dict[tuple[int, int], list[str]] = {}
    refused: dict[str, FileflowError] = {}
    for name, rule_table in plan.by_rule.items():
        if name in waiting or 1 in rule_table.wanted:
            used = {id(relation) for relation in rule_table.relations}
            keys = [
                n for n, relation in enumerate(before) if id(relation) in used and _is_key(relation)
            ]
            for pair in itertools.combinations(keys, 2):
                pairs.setdefault(pair, []).append(name)
    for (one, other), rules in pairs.items():
        if now[one].made is None and now[other].made is None:
            continue
        for name in own_names(now[one]):
            if name in own_names(now[other]):
                constraints = session.workflow.constraints.get(name, ())
                both = complete[one], complete[other]
                error = unmatched(name, now[one], now[other], constraints, complete=both)
                if error is not None:
                    refused |= {rule: error for rule in rules if rule not in refused}
    return refused


def _is_key(relation: Relation) -> bool:
    """Whether its values must stand in all keys of their names."""
    return relation.scattered_by is None and not relation.open


def _settle(session: Session, plan: Plan, settled: Settled) -> bool:
    """Notes which jobs are settled whose files calls wait for; whether that is something new."""
    now: set[Identity] = set()
    for job in plan.awaited:
        table = plan.table_of(job)
        wanted = table.number in plan.tables and table.wanted[job & ROW]
        identity = table.identity(job & ROW)
        # What has told, and is wanted no more, is as it was.
        if settled(job) if wanted else identity in session.known.settled:
            now.add(identity)
    news = now != session.known.settled
    session.known.settled = now
    return news


def _told_by_scatter(
    session: Session, plan: Plan, settled: Settled, table: RuleTable
) -> Iterator[tuple[Values, Found | None]]:
    """What each wanted job of a scatter has found, None for one that is not settled."""
    if table.number not in plan.tables:
        return
    table = plan.tables[table.number]
    known = session.known.of(table.relation_number) if table.relation_number is not None else {}
    for row in range(table.count):
        if not table.wanted[row]:
            continue
        found = None
        if settled(table.base | row):
            outputs = table.outputs_of(row)
            record = session.records.jobs.get(outputs[0])
            if record is not None:
                paths = record.outputs[len(outputs) :]
                found = known.get(table.key_of(row))
                if found is None or tuple(found.files) != paths:  # else it told the same before
                    found = table.found_in(row, paths)
        yield table.key_of(row), found


def _told_by_lists(
    session: Session,
    plan: Plan,
    settled: Settled,
    number: int,
    relation: Relation,
    *,
    keep: bool,
) -> Iterator[tuple[Values, Found | None]]:
    """What each list holds whose maker was asked for, None where it is not settled."""
    assert plan.unknowns is not None and relation.made is not None
    table = next(t for n, _, t in plan.unknowns.producers() if n == number)
    for row in range(table.count):
        path = table.output_paths(0)[row]
        maker = plan.unknowns.maker_of(path)
        if maker is None:
            session.disk.see(path)  # it shapes the plan
            yield table.key_of(row), _source(relation, path, plan.unknowns.finder)
            continue
        made_by = plan.tables.get(maker >> SHIFT)
        if made_by is None or not made_by.wanted[maker & ROW]:
            continue
        found = None
        if settled(maker):
            try:
                found = _read(session, relation, path, keep=keep)
            except FileflowError as error:
                session.known.wrong[number, table.key_of(row)] = error
            else:
                if found is None:
                    # Gone, and what it held is not known: its maker has to bring it back.
                    session.called.add(made_by.identity(maker & ROW))
        yield table.key_of(row), found


def _source(relation: Relation, path: str, finder: Finder) -> Found:
    """The rows in a list that no rule makes; what is wrong with it is a mistake of the user's."""
    try:
        return _kept(_rows(relation, path), relation)
    except FileflowError as error:
        raise error.at(relation.place) from None
    except FileNotFoundError:
        what = f"{path} is not there, and no rule makes it"
        hint = why_unmade(finder, path)
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror or error}"
        hint = None
    raise FileflowError(what, place=relation.place, hint=hint)


def _rows(relation: Relation, path: str) -> tuple[Values, ...]:
    """The rows in a list as it is."""
    assert relation.made is not None
    with open(path, "rb") as file:
        data = file.read()
    columns = rows_of_made(relation.made, own_names(relation), data, path)
    return tuple(dict.fromkeys(zip(*columns, strict=True)))


def _read(session: Session, relation: Relation, path: str, *, keep: bool) -> Found | None:
    """The rows in a list, as it is or as it was when it was last read."""
    made = relation.made
    assert made is not None
    own = own_names(relation)
    note_key = canonical([list(own), path])
    recorded = session.records.files.get(path)
    if recorded is not None and not _is_as_recorded(path, recorded):
        note = session.records.notes.get(("list", note_key))
        if not isinstance(note, dict):
            return None
        if note.get("digest") != recorded[1].hex() or note.get("form") != _form(made):
            return None
        return _kept(tuple(tuple(map(str, row)) for row in note["rows"]), relation)
    try:
        rows = _rows(relation, path)
    except OSError as error:
        raise _unread(path, error) from None
    except FileflowError as error:
        raise FileflowError(
            error.what, place=error.place, hint=error.hint, status=Exit.FAILED
        ) from None
    if keep and recorded is not None:
        value = {
            "digest": recorded[1].hex(),
            "form": _form(made),
            "rows": [list(row) for row in rows],
        }
        if session.records.notes.get(("list", note_key)) != value:
            session.records.note("list", note_key, value)
    return _kept(rows, relation)


def _kept(rows: tuple[Values, ...], relation: Relation) -> Found:
    """What a list with these rows gives: those that `where` and `except` leave."""
    names, made = own_names(relation), relation.made
    if made is None or made.keep is None or not rows:
        return Found(rows)
    columns = tuple(map(list, zip(*rows, strict=True)))
    kept = tuple(zip(*kept_rows(names, columns, made.keep), strict=True))
    return Found(kept, whole=rows if len(kept) < len(rows) else None)


def _is_as_recorded(path: str, recorded: tuple[bytes, bytes]) -> bool:
    try:
        sign = files.signature(path)
        return sign is not None and (sign == recorded[0] or files.digest(path) == recorded[1])
    except OSError as error:
        raise _unread(path, error) from None


def _unread(path: str, error: OSError) -> FileflowError:
    what = f"{path} cannot be read: {error.strerror or error}"
    return FileflowError(what, status=Exit.FAILED)


def _form(made: Made) -> str:
    """How a list is read: what was read otherwise is not known."""
    return canonical(_read_as(made))


def _read_as(made: Made) -> list[object]:
    read = [made.kind, dict(made.columns), made.headless, made.comment]
    derived = made.derived
    if derived is None:
        return read
    keep = derived.source.keep or Filter()
    filtered = [
        [[name, sorted(values)] for name, values in rows] for rows in (keep.where, keep.without)
    ]
    pairs = derived.pairs and [derived.pairs.both, derived.pairs.itself]
    whole = [list(derived.names), list(derived.wanted), list(map(list, derived.constraints)), pairs]
    return [*read, _read_as(derived.source), filtered, *whole]
