"""Modes: what dropout and batch normalisation do in the mode that they should not be in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from descend.findings.loop import Loop

DOES: Mapping[tuple[str, str], str] = {
    ("dropout", "eval"): "dropout drops nothing",
    ("dropout", "train"): "dropout drops units of what is evaluated",
    ("batch norm", "eval"): "batch normalisation never learns its running statistics",
    ("batch norm", "train"): "batch normalisation uses the statistics of what is evaluated",
}
SHARE = 0.5  # of the passes: more often than that is no accident


def kinds_of(loop: Loop, names: Sequence[str]) -> list[str]:
    """The kinds of these modules, each once."""
    return list(dict.fromkeys(loop.moded[name] for name in names if name in loop.moded))


def mostly(shares: Mapping[str, float]) -> list[str]:
    """The modules that were in this mode in most of the passes."""
    return [name for name, share in shares.items() if share > SHARE]


def most(shares: Mapping[str, float]) -> float:
    """The largest of the shares."""
    return max(shares.values(), default=0.0)
