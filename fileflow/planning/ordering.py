"""An order of jobs in which each comes after what it needs; rings are errors.

Whole rules at a time where no rule needs itself; it knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from fileflow.errors import FileflowError
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Plan, chain_shown
from fileflow.planning.tables import RuleTable, makers_of, wanted_rows


def in_order(plan: Plan) -> list[tuple[RuleTable, Sequence[int] | None]]:
    """The wanted jobs as (table, rows) steps; rows None: all wanted rows. Rings raise."""
    needs = {
        number: {
            other for link in table.all_links() for other in link.tables if other in plan.tables
        }
        for number, table in plan.tables.items()
    }
    order: list[tuple[RuleTable, Sequence[int] | None]] = []
    for component in components(needs):
        if len(component) == 1 and component[0] not in needs[component[0]]:
            order.append((plan.tables[component[0]], None))
        else:
            order += _order_jobs(component, plan)
    return order


def _order_jobs(
    component: Sequence[int], plan: Plan
) -> list[tuple[RuleTable, Sequence[int] | None]]:
    """Rules that need each other by turns: their jobs one by one."""
    jobs = [
        plan.tables[number].base | row
        for number in component
        for row in wanted_rows(plan.tables[number])
    ]
    freed, stuck = _freed(plan.tables, jobs)
    stuck = [job for job in stuck if job not in plan.blocked]
    if stuck:
        raise ring_error(plan.tables, stuck)
    return [(plan.tables[job >> SHIFT], [job & ROW]) for job in freed]


def check_waiting(tables: Mapping[int, RuleTable], jobs: Collection[int]) -> None:
    """Of jobs that wait for others none may be needed by what it waits for. Rings raise."""
    _, stuck = _freed(tables, jobs)
    if stuck:
        raise ring_error(tables, sorted(stuck))


def _freed(tables: Mapping[int, RuleTable], jobs: Collection[int]) -> tuple[list[int], list[int]]:
    """These jobs, each after those of them that it needs; and those that cannot be put so."""
    inside = set(jobs)
    waits: dict[int, int] = {}
    takers: dict[int, list[int]] = {}
    for job in jobs:
        makers = {maker for maker in makers_of(tables, job) if maker in inside}
        waits[job] = len(makers)
        for maker in makers:
            takers.setdefault(maker, []).append(job)
    freed = [job for job in jobs if not waits[job]]
    for job in freed:
        for taker in takers.get(job, ()):
            waits[taker] -= 1
            if not waits[taker]:
                freed.append(taker)
    return freed, [job for job in jobs if waits[job]]


def needed_by(tables: Mapping[int, RuleTable], jobs: Iterable[int]) -> dict[int, list[int]]:
    """For each job that others take from, these: of all rules that may need one of the jobs."""
    reached = {job >> SHIFT for job in jobs}
    behind: dict[int, RuleTable] = {}
    more = bool(reached)
    while more:
        new = {
            number: table
            for number, table in tables.items()
            if number not in behind
            and any(not reached.isdisjoint(link.tables) for link in table.all_links())
        }
        behind |= new
        reached |= new.keys()
        more = bool(new)
    found: dict[int, list[int]] = {}
    for table in behind.values():
        for row in wanted_rows(table) if 1 in table.wanted else ():
            for maker in dict.fromkeys(makers_of(tables, table.base | row)):
                if maker >> SHIFT in reached:
                    found.setdefault(maker, []).append(table.base | row)
    return found


def all_behind(tables: Mapping[int, RuleTable], jobs: Iterable[int]) -> set[int]:
    """The wanted jobs that need one of these, directly or not."""
    todo = list(jobs)
    found: set[int] = set()
    consumers = needed_by(tables, todo)
    while todo:
        new = [one for one in consumers.get(todo.pop(), ()) if one not in found]
        found.update(new)
        todo += new
    return found


def components(needs: dict[int, set[int]]) -> list[list[int]]:
    """Strongly connected components, each after those that it needs (Tarjan 1972, iterative)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    out: list[list[int]] = []
    for start in needs:
        if start in index:
            continue
        work = [(start, iter(sorted(needs[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, others = work[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(needs[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = []
                    while True:
                        other = stack.pop()
                        on_stack.discard(other)
                        component.append(other)
                        if other == node:
                            break
                    out.append(component)
    return out


def ring_error(tables: Mapping[int, RuleTable], stuck: Sequence[int]) -> FileflowError:
    """Names the jobs of a cycle in order: a -> b -> c -> a."""
    inside = set(stuck)
    job = stuck[0]
    walked: list[int] = []
    position: dict[int, int] = {}
    while job not in position:
        position[job] = len(walked)
        walked.append(job)
        following = next((m for m in makers_of(tables, job) if m in inside), None)
        if following is None:
            break
        job = following
    ring = walked[position.get(job, 0) :]
    asking = _asking(tables, ring)
    if asking:
        first = ring.index(asking.pop(0))
        ring = [*ring[first:], *ring[:first]]
    ring.append(ring[0])

    def label(job: int) -> str:
        return tables[job >> SHIFT].label(job & ROW)

    labels = list(map(label, ring))
    shown = labels if len(labels) <= 8 else [*labels[:4], "…", *labels[-3:]]
    table = tables[ring[0] >> SHIFT]
    return FileflowError(
        f"these jobs need each other in a ring: {' → '.join(shown)}",
        place=table.rule.place,
        hint="each arrow reads `needs`; take one of these inputs away"
        + (f"; needed by {chain_shown(asking, label)}" if asking else ""),
    )


def _asking(tables: Mapping[int, RuleTable], ring: Sequence[int]) -> list[int]:
    """A job of a ring that others ask for, who does, who asks for that, and so on; or nothing."""
    takers: dict[int, int] = {}
    inside = set(ring)
    for table in tables.values():
        for row in wanted_rows(table):
            for maker in makers_of(tables, table.base | row):
                if table.base | row not in inside:
                    takers.setdefault(maker, table.base | row)
    chain = [job for job in ring if job in takers][:1]
    while chain and chain[-1] in takers and takers[chain[-1]] not in chain:
        chain.append(takers[chain[-1]])
    return chain
