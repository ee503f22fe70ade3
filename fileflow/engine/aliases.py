"""Finds sources that are other names of what a run makes: links, whose targets planning knows not.

Knows plans and what the world holds; not how it is planned again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from fileflow.engine.session import Session
from fileflow.planning.links import SOURCE
from fileflow.planning.plan import Plan
from fileflow.world.files import folder_has_links


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

    def look(self, plan: Plan) -> Iterator[str]:
        """Looks when all jobs of a plan are settled; gives what to say where planning again does
        not help."""
        if not self.world.replaces:
            return
        for path, output in self.world.named_among(self.session.disk.seen).items():
            if self.session.reads_otherwise(path):
                yield f"{path} {_named(output)}, which changed after it was read to plan this run"
        found = self.world.other_names(_linked_folders(plan))
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
    folders: dict[str, None] = {}
    for table in plan.tables.values():
        for link in table.links:
            if link.pattern is None or not link.pattern.directory:
                continue
            lists = [(group.paths, group.makers) for group in link.groups]
            for paths, makers in (
                lists if link.group_of is not None else [(link.paths, link.makers)]
            ):
                if makers is not None and not isinstance(makers, range):
                    pairs = zip(paths, makers, strict=False)
                    folders.update((path, None) for path, maker in pairs if maker == SOURCE)
    for path in folders:
        if os.path.realpath(path) != os.path.abspath(path) or folder_has_links(path):
            yield path
