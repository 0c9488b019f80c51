"""Memory: what is free of it, and a refusal in time of what would not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 1e9


@dataclass(frozen=True)
class Layout:
    """Where a version of Linux's control groups says what a group may use and what it uses.

    reclaimable: of what is used, the files that the kernel drops where memory is short, with those
    of the groups within; of several spellings the first that is there.
    """

    folder: str
    limit: str
    usage: str
    reclaimable: tuple[str, ...]


FIRST = Layout(
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "inactive_file"),
)
SECOND = Layout("sys/fs/cgroup", "memory.max", "memory.current", ("inactive_file",))


def free_bytes(root: Path = Path("/")) -> int | None:
    """The memory that is free now; None where the system does not say.

    It is what the system has left, or less where the process runs in a container: a control group
    has a limit of its own, and each group that it is part of. root: of the file system.
    """
    known = [free for free in (_of_system(root), *_of_groups(root)) if free is not None]
    return min(known, default=None)


def require(needed: int) -> None:
    """Raise MemoryError where so many bytes are more than is free.

    A system that promises memory and has none left ends the process when that is written to.
    """
    free = free_bytes()
    if free is not None and needed > free:
        raise MemoryError(
            f"{needed / GIGABYTE:.1f} GB of memory are needed: {free / GIGABYTE:.1f} GB are free"
        )


def _of_system(root: Path) -> int | None:
    try:
        text = (root / "proc/meminfo").read_text(encoding="ascii")
        kilobytes = next(line for line in text.splitlines() if line.startswith("MemAvailable"))
        return int(kilobytes.split()[1]) * 1024
    except (OSError, ValueError, StopIteration):
        return None


def _of_groups(root: Path) -> Iterator[int | None]:
    """What is left of each limit that the process's groups have; the lines are as in cgroups(7)."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for number, controllers, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if number == "0" and not controllers:
            yield from _of_group(root, SECOND, path)
        elif "memory" in controllers.split(","):
            yield from _of_group(root, FIRST, path)


def _of_group(root: Path, layout: Layout, path: str) -> Iterator[int | None]:
    """Of a group and of those around it; a container may see its own group as the outermost."""
    top = root / layout.folder
    folder = top.joinpath(*(part for part in path.split("/") if part not in ("", "..")))
    for group in (folder, *folder.parents):
        yield _left(group, layout)
        if group == top:
            return


def _left(group: Path, layout: Layout) -> int | None:
    """None of a group without a limit, such as the word `max`, or without these files."""
    try:
        limit, used = (int((group / name).read_text()) for name in (layout.limit, layout.usage))
        pairs = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        stat = {name: int(number) for name, number in pairs}
    except (OSError, ValueError):
        return None
    reclaimable = next((stat[name] for name in layout.reclaimable if name in stat), 0)
    return max(0, limit - used + reclaimable)
