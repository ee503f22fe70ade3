"""What slots write into the table of a run is read whole, whenever somebody looks."""

import os
import signal
from pathlib import Path

from fileflow.world.survivors import SlotTable


def test_a_job_is_never_seen_half_written(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    table = SlotTable(path, 1)
    table.job(0, 5, 1.5)
    child = os.fork()
    if not child:
        try:
            write = SlotTable(path, 1).job_writer(0)
            while os.getppid() != 1:
                for _ in range(1000):
                    write(6, 2.5)
                    write(5, 1.5)
        finally:
            os._exit(1)
    try:
        found = {(entry.index, entry.started) for entry in (table.read(0) for _ in range(300_000))}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        table.close()
    # One of the two words may be the new one before the other is; none is ever empty or a part.
    assert {(5, 1.5), (6, 2.5)} <= found <= {(5, 1.5), (6, 2.5), (5, 2.5), (6, 1.5)}
