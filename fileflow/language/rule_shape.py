"""What the patterns of one rule say together: what is mapped, and what does not fit.

Knows the entries of one rule; not the values of wildcards, nor other rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from fileflow.errors import FileflowError, did_you_mean
from fileflow.language.entries import Own
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.lean import NamedTuple
from fileflow.model.rules import Entry


class RuleShape(NamedTuple):
    """The entries of a rule, the wildcards of what its calls wait for, and where its keys were
    written."""

    node: Tree
    inputs: Sequence[Entry]
    outputs: Sequence[Entry]
    logs: Sequence[Entry]
    scatter: Sequence[str]
    owns: Mapping[int, Own]
    awaited: Sequence[str]

    def wildcards_of(self, entry: Entry) -> tuple[str, ...]:
        """The wildcards of an entry's pattern, but those of its own."""
        if entry.pattern is None:
            return ()
        own = self.owns.get(id(entry))
        if own is None:
            return entry.pattern.wildcards
        return tuple(name for name in entry.pattern.wildcards if name not in own.names)

    @property
    def mapped(self) -> tuple[str, ...]:
        """The wildcards of the outputs that are not scattered, in the order of the outputs."""
        if len(self.outputs) == 1 and not self.scatter:
            return self.wildcards_of(self.outputs[0])
        return tuple(
            dict.fromkeys(
                name
                for entry in self.outputs
                for name in self.wildcards_of(entry)
                if name not in self.scatter
            )
        )

    @property
    def wildcards(self) -> tuple[str, ...]:
        """All wildcards of the rule's paths, but those of single entries' own."""
        entries = (*self.outputs, *self.inputs, *self.logs)
        return tuple(dict.fromkeys([n for entry in entries for n in self.wildcards_of(entry)]))

    def mistakes(
        self, constraints: Mapping[str, str], own_constraints: Set[str]
    ) -> Iterator[FileflowError]:
        """What does not fit together; `own_constraints` are those that are not defaults."""
        if len(self.outputs) > 1:
            yield from self._unlike_outputs()
        yield from self._doubled()
        if self.scatter:
            yield from self._scattered()
        yield from self._unfit_outputs()
        if self.logs:
            yield from self._logs()
        if self.owns:
            yield from self._owns()
        unused = [name for name in constraints if name in own_constraints]
        if unused:
            yield from self._constraints(unused)

    def _unlike_outputs(self) -> Iterator[FileflowError]:
        mapped = self.mapped
        for entry in self.outputs:
            lacks = [name for name in mapped if name not in self.wildcards_of(entry)]
            if lacks:
                other = next(e for e in self.outputs if lacks[0] in self.wildcards_of(e))
                yield FileflowError(
                    f"the output {entry.pattern} lacks {{{lacks[0]}}}, which {other.pattern} holds",
                    place=entry.place,
                    hint="all outputs of a rule hold the same wildcards: "
                    "one job would make it for each value",
                )

    def _doubled(self) -> Iterator[FileflowError]:
        made: dict[str, Entry] = {}
        for entry in self.outputs:
            if entry.pattern is not None:
                text = entry.pattern.text.rstrip("/")
                if text in made:
                    yield FileflowError(
                        f"the output {entry.pattern} stands there twice", place=entry.place
                    )
                made[text] = entry
        for entry in self.inputs:
            if entry.pattern is not None and entry.pattern.text.rstrip("/") in made:
                yield FileflowError(
                    f"{entry.pattern} is an input and an output of the same rule",
                    place=entry.place,
                    hint="give the output another path, or take the input out",
                )
        for entry in self.logs:
            if entry.pattern is not None and entry.pattern.text.rstrip("/") in made:
                yield FileflowError(
                    f"{entry.pattern} is an output and a log of the same rule", place=entry.place
                )

    def _scattered(self) -> Iterator[FileflowError]:
        holes = [name for entry in self.outputs for name in self.wildcards_of(entry)]
        node = self.node.items["scatter"]
        for entry in self.outputs:
            if entry.in_place and set(self.wildcards_of(entry)).intersection(self.scatter):
                yield FileflowError(
                    f"the scattered output {entry.pattern} cannot be in_place: what an action "
                    "leaves is looked at before it gets its name",
                    place=entry.place,
                    hint="take in_place out, or make one folder of the output: a path that ends "
                    "with /",
                )
        for index, name in enumerate(self.scatter):
            if name not in holes:
                items = node.items if isinstance(node, Items) else [node]
                at = items[index] if len(items) == len(self.scatter) else node
                yield FileflowError(
                    f"scatter: no output holds {{{name}}}",
                    place=at.place,
                    hint=did_you_mean(name, holes),
                )

    def _unfit_outputs(self) -> Iterator[FileflowError]:
        """What a job was found to read stands in one file of its own; a folder has no sha256."""
        for entry in self.outputs:
            pattern = entry.pattern
            if pattern is None:
                continue
            if entry.deps and pattern.directory:
                yield FileflowError(
                    f"{pattern} is a folder: `deps: true` is for the file that names what was read",
                    place=entry.place,
                )
            elif entry.deps and set(pattern.wildcards) & set(self.scatter):
                yield FileflowError(
                    f"{pattern} is scattered: `deps: true` is for one file of each job",
                    place=entry.place,
                    hint="name it without the scattered wildcards",
                )
            if pattern.directory and entry.ensure is not None and entry.ensure.sha256 is not None:
                yield FileflowError(
                    f"{pattern} is a folder: only of a file a sha256 can be ensured",
                    place=entry.place,
                    hint="name the file whose bytes are known as an output, or write "
                    "ensure: {non_empty: true}",
                )

    def _logs(self) -> Iterator[FileflowError]:
        mapped = set(self.mapped)
        for entry in self.logs:
            found = set(self.wildcards_of(entry))
            if found == mapped:
                continue
            extra, lacks = sorted(found - mapped), sorted(mapped - found)
            if extra:
                what = f"the log holds {{{extra[0]}}}, which no output holds"
                hint = did_you_mean(extra[0], mapped)
            else:
                what = f"the log lacks {{{lacks[0]}}}, so that several jobs would write to it"
                hint = "a log holds the wildcards of the outputs"
            yield FileflowError(what, place=entry.place, hint=hint)

    def _owns(self) -> Iterator[FileflowError]:
        for entries in (self.inputs, self.outputs):
            for entry in entries:
                own = self.owns.get(id(entry))
                taken = own.names.intersection(self.wildcards) if own is not None else ()
                for name in sorted(taken):
                    yield FileflowError(
                        f"{{{name}}} has values of its own here, and stands in another path too",
                        place=entry.place,
                        hint="give it another name here, or put its values into `wildcards`",
                    )

    def _constraints(self, names: Sequence[str]) -> Iterator[FileflowError]:
        used = {
            *self.wildcards,
            *self.awaited,
            *(name for own in self.owns.values() for name in own.names),
        }
        node = self.node.items["constraints"]
        for name in names:
            if name not in used:
                key = node.keys.get(name) if isinstance(node, Tree) else None
                yield FileflowError(
                    f"constraints: no path of the rule holds {{{name}}}",
                    place=(key or node).place,
                    hint=did_you_mean(name, used),
                )
