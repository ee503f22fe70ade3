"""How many CPUs may be used, by this process or by the job that runs here.

Knows affinity and cgroups, not what runs on them.
"""

from __future__ import annotations

import math
import os
from contextvars import ContextVar

# The cores of the job that runs here, in threads and on event loops; where a job has a process of
# its own, and in its commands, the environment variable tells.
cores_of_job: ContextVar[int | None] = ContextVar("cores_of_job", default=None)
CORES_VARIABLE = "FILEFLOW_CORES"


def usable_cpus(root: str = "/") -> int:
    """How many CPUs this process may use, by affinity and by the quotas of its cgroups.

    Args:
        root: the folder that holds `proc` and `sys`.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:  # macOS
        count = os.cpu_count() or 1
    quota = _quota(root)
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def _quota(root: str) -> float | None:
    """The smallest CPU quota of the process's cgroups and those above them."""
    found: list[float] = []
    for line in _read(f"{root}/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            mounts, read = ("unified", ""), _quota_v2
        elif "cpu" in controllers.split(","):
            mounts, read = ("cpu", "cpu,cpuacct"), _quota_v1
        else:
            continue
        for mount in mounts:
            folder = path.rstrip("/")
            while True:
                quota = read(f"{root}/sys/fs/cgroup/{mount}{folder}")
                if quota is not None:
                    found.append(quota)
                if not folder:
                    break
                folder = folder.rpartition("/")[0]
    return min(found, default=None)


def _quota_v2(folder: str) -> float | None:
    words = _read(f"{folder}/cpu.max").split()
    if len(words) != 2 or not words[0].isdigit() or not words[1].isdigit():
        return None
    return int(words[0]) / max(1, int(words[1]))


def _quota_v1(folder: str) -> float | None:
    quota = _read(f"{folder}/cpu.cfs_quota_us").strip()
    period = _read(f"{folder}/cpu.cfs_period_us").strip()
    if not quota.isdigit() or not period.isdigit():
        return None
    return int(quota) / max(1, int(period))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def usable_memory_mb(root: str = "/") -> int | None:
    """How much memory there is, in whole 10⁶ bytes: the machine's, or less if a cgroup says so."""
    found: list[int] = []
    for line in _read(f"{root}/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            found.append(int(rest.split()[0]) * 1024 // 1_000_000)
    for line in _read(f"{root}/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            folder, name = f"{root}/sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = f"{root}/sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        below = path.rstrip("/")
        while True:
            limit = _read(f"{folder}{below}/{name}").strip()
            if limit.isdigit():
                found.append(int(limit) // 1_000_000)
            if not below:
                break
            below = below.rpartition("/")[0]
    return min(found, default=None)
