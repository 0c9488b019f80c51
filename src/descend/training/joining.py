"""Joining: some runs of several stacks, with all that they remember, as one stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

State = Mapping[str, Tensor]

# The axis of the runs is the first one, but for these, which have one row a sample or an epoch.
SECOND = ("trace/values", "trace/losses", "trace/present", "history/losses", "history/judged")
# These have a place for every run, all others only for those that are still in training.
OF_ALL = ("status", "trace/", "history/", "pretraining/")
COMMON = ("step", "trace/steps", "history/evaluated", "optimizer/steps")


def can_join(states: Sequence[State]) -> bool:
    """Whether stacks of one kind are at the same step and were measured at the same ones.

    They were not where a run has diverged: its last step is measured besides.
    """
    first = states[0]
    return all(
        _names(state) == _names(first)
        and all(torch.equal(state[name], first[name]) for name in COMMON if name in first)
        for state in states[1:]
    )


def join(parts: Sequence[tuple[State, Sequence[int]]]) -> dict[str, Tensor]:
    """The state of a stack of these runs of each part, in this order; see `Training.state`.

    Every state must be of stacks with the same structure that `can_join`. A run that has left its
    stack stays as it left it.
    """
    first = parts[0][0]
    joined = {name: first[name] for name in COMMON if name in first}
    if "seconds" in first:
        joined["seconds"] = torch.zeros_like(first["seconds"])  # a stack counts its own time
    rows = [_rows(state, runs) for state, runs in parts]
    for name in sorted(_names(first) - {*joined, "active"}):
        is_of_all = name.startswith(OF_ALL)
        axis = 1 if name in SECOND or name.startswith("history/metrics/") else 0
        chosen = [
            state[name].index_select(axis, torch.tensor(runs if is_of_all else own))
            for (state, runs), own in zip(parts, rows, strict=True)
        ]
        # machines may have had different numbers of epochs; L-BFGS pads its memory with zeros
        filling = torch.nan if name.startswith("pretraining/") else 0.0
        joined[name] = torch.cat(_of_one_length(chosen, axis, filling), dim=axis)
    places = [(state, run) for state, runs in parts for run in runs]
    active = [place for place, (state, run) in enumerate(places) if run in state["active"]]
    joined["active"] = torch.tensor(active, dtype=torch.int64)
    for place, (state, run) in enumerate(places):
        for kind in ("theta", "statistics"):
            if (name := f"departed/{run}/{kind}") in state:
                joined[f"departed/{place}/{kind}"] = state[name]
    return joined


def _names(state: State) -> set[str]:
    return {name for name in state if not name.startswith("departed/")}


def _rows(state: State, runs: Sequence[int]) -> list[int]:
    """Where those of the runs that are still in training are among all that are."""
    active = state["active"].tolist()
    return [active.index(run) for run in runs if run in active]


def _of_one_length(parts: list[Tensor], axis: int, filling: float) -> list[Tensor]:
    """Tensors of one size but along `axis`, the shorter ones filled up."""
    shape = [max(sizes) for sizes in zip(*(part.shape for part in parts), strict=True)]
    filled = []
    for part in parts:
        shape[axis] = part.shape[axis]
        full = part.new_full(shape, filling) if list(part.shape) != shape else part
        full[tuple(slice(size) for size in part.shape)] = part
        filled.append(full)
    return filled
