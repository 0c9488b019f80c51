"""What memory is said to be free, on a made-up file system and on this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from descend.memory import free_bytes

MEGABYTE = 1 << 20
MEMINFO = f"MemTotal: 99999999 kB\nMemFree: 5 kB\nMemAvailable: {1000 * 1024} kB\n"


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def second(group: str, limit: int | str, current: int, inactive: int = 0) -> dict[str, str]:
    """A group of version 2, in megabytes."""
    folder = f"sys/fs/cgroup{group}"
    return {
        f"{folder}/memory.max": f"{limit if isinstance(limit, str) else limit * MEGABYTE}\n",
        f"{folder}/memory.current": f"{current * MEGABYTE}\n",
        f"{folder}/memory.stat": f"anon 1\ninactive_file {inactive * MEGABYTE}\nslab 7\n",
    }


def first(group: str, limit: int, usage: int, inactive: int = 0) -> dict[str, str]:
    """A group of version 1, in megabytes."""
    folder = f"sys/fs/cgroup/memory{group}"
    stat = f"inactive_file 0\ntotal_inactive_file {inactive * MEGABYTE}\n"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit * MEGABYTE}\n",
        f"{folder}/memory.usage_in_bytes": f"{usage * MEGABYTE}\n",
        f"{folder}/memory.stat": stat,
    }


OWN = {"proc/self/cgroup": "0::/box/inner\n"}
OLD = {"proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/box\n0::/\n"}
UNLIMITED = (1 << 63) // MEGABYTE - 1  # as version 1 writes that there is no limit

CASES = {
    "no group": ({}, 1000),
    "of the container": ({"proc/self/cgroup": "0::/\n", **second("", 300, 100)}, 200),
    "what can be dropped is free": (
        {"proc/self/cgroup": "0::/\n", **second("", 300, 100, 50)},
        250,
    ),
    "the process's own": (OWN | second("/box/inner", 300, 100) | second("/box", "max", 5), 200),
    "that around it": (OWN | second("/box/inner", "max", 100) | second("/box", 300, 150), 150),
    "the least of both": (OWN | second("/box/inner", 400, 100) | second("/box", 300, 250), 50),
    "the system's": (OWN | second("/box/inner", 9000, 100), 1000),
    "none is left": (OWN | second("/box/inner", 100, 120), 0),
    "its folder is not seen": (OWN | second("", 300, 100), 200),
    "outside what is seen": ({"proc/self/cgroup": "0::/../other\n", **second("", 300, 100)}, 200),
    "version 1": (OLD | first("/box", 300, 100, 50), 250),
    "version 1 without a limit": (OLD | first("/box", UNLIMITED, 100), 1000),
    "version 1, seen from within": (OLD | first("", 300, 100), 200),
    "no numbers": (OWN | second("/box/inner", "much", 100), 1000),
    "no lines": ({"proc/self/cgroup": "nothing\n\n"}, 1000),
}


@pytest.mark.parametrize(("files", "megabytes"), CASES.values(), ids=CASES)
def test_the_least_of_all_limits_is_free(
    files: dict[str, str], megabytes: int, tmp_path: Path
) -> None:
    """Of the system's and of those of every control group that the process is part of."""
    assert free_bytes(system(tmp_path, files)) == megabytes * MEGABYTE


def test_a_group_may_say_what_the_system_does_not(tmp_path: Path) -> None:
    """And where nobody says anything, nothing is known."""
    assert free_bytes(tmp_path) is None
    root = system(tmp_path, {"proc/self/cgroup": "0::/\n", **second("", 300, 100)})
    (root / "proc/meminfo").write_text("MemFree: 5 kB\n")
    assert free_bytes(root) == 200 * MEGABYTE


def test_free_memory_is_at_most_what_the_system_has() -> None:
    """Here, whatever group the tests run in."""
    free, meminfo = free_bytes(), Path("/proc/meminfo")
    if free is None or not meminfo.is_file():
        pytest.skip("this system does not say what memory is free")
    total = int(meminfo.read_text().split()[1]) * 1024
    assert 0 <= free <= total
