"""Memory: what is free of it, and a refusal in time of what would not fit."""

from __future__ import annotations

from pathlib import Path

GIGABYTE = 1e9


def free_bytes() -> int | None:
    """The memory that is free now; None where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        kilobytes = next(line for line in text.splitlines() if line.startswith("MemAvailable"))
        return int(kilobytes.split()[1]) * 1024
    except (OSError, StopIteration):
        return None


def require(needed: int) -> None:
    """Raise MemoryError where so many bytes are more than is free.

    A system that promises memory and has none left ends the process when that is written to.
    """
    free = free_bytes()
    if free is not None and needed > free:
        raise MemoryError(
            f"{needed / GIGABYTE:.1f} GB of memory are needed: {free / GIGABYTE:.1f} GB are free"
        )
