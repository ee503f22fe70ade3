"""10,000 Python jobs of about 0.1 ms and a gather, into a fresh folder."""

from __future__ import annotations

from benchmarks.workload import Goal, ratio
from benchmarks.workloads.a1_short_jobs import ShortJobs


class ManyJobs(ShortJobs):
    name = "S4"
    title = "{count} Python jobs of about 0.1 ms + gather, -j 2, fresh folder"
    lines = 140
    peers = ("fileflow", "loop", "joblib", "ninja", "make", "doit", "snakemake")

    def goals(self) -> list[Goal]:
        return [
            ratio("fileflow", "loop", 1.1),
            ratio("fileflow", "ninja", 0.02),
            ratio("fileflow", "make", 0.02),
            ratio("fileflow", "snakemake", 0.005),
        ]
