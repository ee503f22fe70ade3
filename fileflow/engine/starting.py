"""Makes the runners of a run, each when it is first needed, and ends them.

Knows which runner is made of what; not which rule needs which, or what jobs are.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fileflow.engine.lanes import Watched
from fileflow.engine.loop import Settings
from fileflow.engine.runners import ASYNC, PROCESS, SERIAL, THREAD, import_cores, lanes_of
from fileflow.engine.session import Session
from fileflow.engine.stop import Stop
from fileflow.fast import STATE, looked
from fileflow.garbage import no_collection
from fileflow.model.rules import Run
from fileflow.streams import is_daemonic
from fileflow.world.open_files import limit_to, make_room, most_open_files

if TYPE_CHECKING:
    from fileflow.world.functions import Description
    from fileflow.world.seeding import SharedGenerators

# How many files the engine has open at most, for a slot (in a process, and in a thread) and beside.
_FILES_OF_SLOT = 24
_FILES = 128


class Runners:
    """The runners of one run, made when they are first needed."""

    def __init__(
        self, session: Session, settings: Settings, stop: Stop, wakeup: int, lock: int | None
    ) -> None:
        self.session = session
        self.settings = settings
        self.stop = stop
        self.wakeup = wakeup
        self.lock = lock
        self.interrupted: Callable[[], bool] = lambda: bool(stop.signal)
        self.name = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + f"-{os.getpid()}"
        # Pipes and sockets of its slots are the engine's; what jobs may have open is the user's.
        self._open_files = most_open_files()
        make_room(_FILES + _FILES_OF_SLOT * settings.jobs)
        self._made: dict[str, Watched] = {}
        self._generators: SharedGenerators | None = None

    def get(self, name: str) -> Watched:
        """The runner of this name."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def named(self, names: set[str]) -> dict[str, Watched]:
        """The runners of these names."""
        return {name: self.get(name) for name in sorted(names)}

    def foresee(self) -> None:
        """Imports already what slots are made of, while another process looks at files of which
        some are known to differ: most likely jobs are to run."""
        if looked.is_under_way and self.settings.executor in ("", PROCESS):
            with no_collection():
                import fileflow.executors.processes  # noqa: F401

    def _make(self, name: str) -> Watched:
        root, count = self.session.root, self.settings.jobs
        private = [self.lock] if self.lock is not None else []
        # A forked process has the hash seed of this one; only one that is fixed will do.
        fork = None if not sys.flags.hash_randomization else False
        if name == PROCESS:
            with no_collection():
                from fileflow.executors.processes import Processes

            return Processes(
                root,
                self.name,
                count,
                wakeup=self.wakeup,
                private=private,
                fork=fork,
                open_files=self._open_files,
                import_cores=import_cores(self.session.workflow.rules.values(), count),
            )
        if name == ASYNC:
            from fileflow.executors.async_loop import AsyncLoop

            lanes = lanes_of(name, count)
            return AsyncLoop(root, self.name, lanes, wakeup=self.wakeup, private=private, fork=fork)
        if name == THREAD:
            from fileflow.executors.threads import Threads

            generators = self._shared_generators()
            threads = Threads(
                root, self.name, first_slot=count, wakeup=self.wakeup, generators=generators
            )
            self.stop.hooks.append(threads.interrupt)
            return threads
        if name == SERIAL:
            from fileflow.executors.serial import Serial

            generators = self._shared_generators()
            cores = import_cores(self.session.workflow.rules.values(), count)
            serial = Serial(
                root, self.name, slot=2 * count, generators=generators, import_cores=cores
            )
            self.stop.hooks.append(serial.interrupt)
            return serial
        from fileflow.executors.plug_ins import load

        plug_in = load(name, root, self.name, count)
        self.stop.hooks.append(plug_in.interrupt)
        return plug_in

    def _shared_generators(self) -> SharedGenerators:
        """What the runners whose jobs run in this process know of its generators, both of them."""
        from fileflow.world.seeding import SharedGenerators

        if self._generators is None:
            self._generators = SharedGenerators()
        return self._generators

    def describe(self, action: Run, slots: int) -> Description:
        """What a function takes, asked of a slot that imports it; so many `slots` will need it."""
        from fileflow.executors.processes import Processes
        from fileflow.world.functions import undescribed

        if is_daemonic():
            found = self._described_here(action)
        else:
            runner = self.get(PROCESS)
            assert isinstance(runner, Processes)
            found = runner.describe(
                action.module,
                action.function,
                beside=slots - 1,
                interrupted=self.interrupted,
            )
        if found.error:
            raise undescribed(found.error, action.place)
        return found

    def _described_here(self, action: Run) -> Description:
        """The same, where no slot can be started: jobs can only run in this process too."""
        from fileflow.world.functions import describe
        from fileflow.world.modules import borrow, give_back

        borrow(self.session.root)
        try:
            return describe(action.module, action.function)
        finally:
            give_back(self.session.root)

    def close(self) -> None:
        """Ends all slots.

        Raises:
            FileflowError: a plug-in cannot end its own; all others are ended.
        """
        with contextlib.ExitStack() as ending:
            ending.callback(limit_to, self._open_files)
            for runner in reversed(self._made.values()):
                ending.callback(runner.close)
        if self._made:
            from fileflow.world.staging import remove_run

            # A thread that was waited for no longer may write there yet: the next run clears it.
            remove_run(os.path.join(STATE, "stage", self.name))
