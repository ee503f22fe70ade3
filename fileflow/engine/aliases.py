"""Finds sources that are other names of what a run makes: links, whose targets planning knows not.

Knows plans and what the world holds; not how it is planned again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

from fileflow.engine.facts import MANY
from fileflow.engine.session import Session
from fileflow.planning.links import ABSENT, SOURCE
from fileflow.planning.plan import Plan
from fileflow.planning.tables import RuleTable
from fileflow.world.files import Folders, by_folder, folder_has_links


class Aliases:
    """The sources of one run that were found to have changed with what its jobs made.

    `again`: whether there were such, so that it is to be planned again. Of sources each of which is
    made from the one before, by jobs between, each can change the next one once; else there is no
    end to it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.world = session.world
        self.again = False
        self._found: set[str] = set()
        self._times = 0
        self._taken_back: set[tuple[tuple[str, ...], str]] = set()

    def may_go_again(self, table: RuleTable, row: int) -> bool:
        """Whether a job of which an input changed while it ran may run once more: the input is
        another name of what another job of this run makes, and is looked at anew."""
        paths = [path for link in table.links for path in link.paths_of(row)]
        job, own = table.identity(row), table.outputs_of(row)
        found = {(job, path) for path, of in self.world.outgrew(paths).items() if of not in own}
        new = found - self._taken_back  # else there might be no end to it
        self._taken_back |= new
        return bool(new)

    def look(self, plan: Plan) -> Iterator[str]:
        """Looks when all jobs of a plan are settled; gives what to say where planning again does
        not help."""
        if not self.world.replaces:
            return
        for path, output in self.world.named_among(self.session.disk.seen).items():
            if self.session.reads_otherwise(path):
                yield f"{path} {_named(output)}, which changed after it was read to plan this run"
        world = self.world
        linked = (
            *_linked_folders(plan),
            *_linked_files(plan, world.made_folders, world.folders),
        )
        found = world.other_names(linked)
        self._found.update(found)
        self._times += bool(found)
        self.again = bool(found) and self._times <= len(self._found)
        if found and not self.again:
            for path, output in found.items():
                yield f"{path} {_named(output)}, and changes each time a job has taken it"


def _named(output: str) -> str:
    if not output:
        return "leads to something that this run makes"
    return f"is another name of {output} (write that name, so that who takes it waits for it)"


def _linked_folders(plan: Plan) -> Iterator[str]:
    """The sources that are folders, in which there are links or to which one leads."""
    for path in _sources(plan, folders=True):
        if os.path.realpath(path) != os.path.abspath(path) or folder_has_links(path):
            yield path


def _linked_files(plan: Plan, made: Collection[str], folders: Folders) -> Iterator[str]:
    """The sources that are links, or to which one leads that leads into a folder that was made.

    What lies below such a folder has no signature on record by which it could be found.
    """
    if not made:
        return
    known = {"": os.getcwd(), "/": "/"}
    tops = {_real(path, known) for path in made}
    for folder, names in by_folder(_sources(plan, folders=False)):
        paths = [folder + name for name in names]
        real = _real(folder.rstrip("/") or folder, known)
        if not tops.isdisjoint(accumulate(real.split("/"), "{}/{}".format)):
            yield from paths
        else:
            unsure = folders.not_plain(paths) if len(paths) >= MANY else paths
            yield from filter(os.path.islink, unsure)


def _real(path: str, known: dict[str, str]) -> str:
    """Where a path leads; `known` is where those above it do, and those asked for before."""
    if path not in known:
        above, name = os.path.split(path)
        real = os.path.join(_real(above, known), name)
        known[path] = os.path.realpath(real) if os.path.islink(real) or name == ".." else real
    return known[path]


def _sources(plan: Plan, *, folders: bool) -> Sequence[str]:
    """The inputs that no job makes, be they there or not: those that are folders, or the others."""
    found: dict[str, None] = {}
    for table in plan.tables.values():
        for link in table.links:
            if folders != (link.pattern is not None and link.pattern.directory):
                continue
            lists = [(group.paths, group.makers) for group in link.groups]
            for paths, makers in (
                lists if link.group_of is not None else [(link.paths, link.makers)]
            ):
                if makers is not None and not isinstance(makers, range):
                    pairs = zip(paths, makers, strict=False)
                    found.update((path, None) for path, maker in pairs if maker in (SOURCE, ABSENT))
    return list(found)
