"""DeepLocalize (Wardat et al., ICSE 2021): where numbers break or stand still, batch by batch.

It names layers and no causes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rules import Fired, Symptom, Tool
from .seen import Seen, first, stays

TIMES = 5  # batches for which something must stand still
HALF = 0.5  # of the batches, where a mean of 0 counts
BY_LAYER = ("output_mean", "weight_mean", "gradient_mean")


def _broken(name: str) -> Callable[[Seen], Fired | None]:
    """NaN or infinite in any batch, or 0 in half of them."""

    def rule(seen: Seen) -> Fired | None:
        values = seen.layers[name]
        if (place := first(~np.isfinite(values))) is not None:
            return Fired(seen.step(place[0]), place[1])
        counts = (values == 0).cumsum(axis=0)
        is_half = (counts[-1] >= HALF * len(values)) & (counts >= TIMES)
        return _at(seen, first(is_half))

    return rule


def _unchanged(name: str) -> Callable[[Seen], Fired | None]:
    return lambda seen: _at(seen, first(stays(seen.layers[name], TIMES)))


def _at(seen: Seen, place: tuple[int, int] | None) -> Fired | None:
    return None if place is None else Fired(seen.step(place[0]), place[1])


def does_not_learn(seen: Seen) -> Fired | None:
    """The loss stands still for some batches, or the accuracy for as many epochs."""
    still = np.flatnonzero(stays(seen.network["loss"], TIMES))
    accuracy = np.flatnonzero(stays(seen.curve("train/accuracy"), TIMES))
    steps = [seen.step(int(still[0]))] if len(still) else []
    steps += [seen.step(seen.after(int(accuracy[0]) + 1))] if len(accuracy) else []
    return Fired(min(steps)) if steps else None


TOOL = Tool(
    "DeepLocalize",
    (
        *(
            Symptom(
                f"broken {name.partition('_')[0]}",
                f"the mean of a layer's {name.partition('_')[0]}s is not finite, or 0 in half of "
                "the batches",
                (),
                _broken(name),
            )
            for name in BY_LAYER
        ),
        *(
            Symptom(
                f"unchanged {name.partition('_')[0]}",
                f"the mean of a layer's {name.partition('_')[0]}s is the same in 5 batches",
                (),
                _unchanged(name),
            )
            for name in BY_LAYER
        ),
        Symptom("does not learn", "the same loss or accuracy 5 times", (), does_not_learn),
    ),
    names_causes=False,
)
