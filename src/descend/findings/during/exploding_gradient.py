"""D202: a gradient that grows beyond all measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from descend.findings.course import end_loss, gradient_size, scale, start_loss
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

GROWTH = 100.0  # times its first size
A_LAYER = 10.0  # from one layer to the one below
RISEN = 2.0  # times the first loss, or that of chance
TREND = 10.0  # times its first size: of a gradient that is on its way up
FEWEST = 3  # samples that show whether it is


@finding("D202", "error", leads_to=("D203", "D204", "D205", "D210", "D211", "D212", "D303"))
def exploding_gradient(record: Record) -> Finding | Margin | None:
    """The gradient grows from step to step, or from layer to layer, and takes the loss with it.

    What it looks at: each layer's gradient beside its first size, and beside that of the layer
    above it; and whether the loss rose or ceased to be a number.
    Why it matters: one step throws the weights out of all range.
    Remedy: a smaller rate, `training.clip_norm = 1.0`, initial weights of the right spread, scaled
    inputs.
    Not a fault: large gradients under which the loss falls; numbers that ceased to be numbers from
    one sample to the next, after gradients that did not grow.
    Reference: Pascanu, Mikolov & Bengio 2013.
    """
    if not record.layers or not len(record.steps):
        raise NotMeasured
    sizes = np.stack([gradient_size(record, layer.number) for layer in record.layers], axis=1)
    if record.known_loop is not None:  # a step that was no number may follow a sample long before
        sizes = sizes[np.isfinite(sizes).all(axis=1)]
        if not len(sizes):
            raise NotMeasured
    finite = np.where(np.isfinite(sizes), sizes, np.finfo(np.float64).max)
    # of a batch of one example, a layer's gradient may be nothing by chance
    first = finite[(finite > 0).argmax(axis=0), np.arange(finite.shape[1])]
    with np.errstate(over="ignore"):
        growth = finite.max(axis=0) / np.maximum(first, 1e-12)
    backward = float(np.max(first[:-1] / np.maximum(first[1:], 1e-12))) if len(first) > 1 else 1.0
    has_risen = end_loss(record) > RISEN * max(start_loss(record), scale(record))
    layer = record.layers[int(growth.argmax())]
    is_large = backward >= A_LAYER or (growth.max() >= GROWTH and not _is_sudden(sizes))
    if not has_risen or not is_large:
        return Margin("largest gradient beside the first", float(growth.max()), GROWTH)
    since = int(record.steps[int(np.argmax(finite.max(axis=1) > GROWTH * first.max()))])
    if growth.max() < GROWTH:
        layer, since = record.layers[int(np.argmax(first[:-1] / first[1:]))], 0
    return Finding(
        evidence=f"gradient {_number(growth.max())} times its first size, "
        f"{_number(backward)} times from one layer to the next",
        numbers={"growth": float(growth.max()), "backward": backward},
        healthy=f"below {GROWTH:g} times its first size, or a loss that falls",
        cause="each step makes the next one larger",
        place=layer.place,
        since=since,
        remedies=[
            edit("training.clip_norm", 1.0, "bounds each step"),
            edit("training.lr", (record.training.lr or 0) / 10, "shorter steps"),
        ],
    )


def _is_sudden(sizes: NDArray[np.float64]) -> bool:
    """Whether gradients (samples, layers) that did not grow were no numbers in the next sample."""
    finite = sizes[np.isfinite(sizes).all(axis=1)]
    if len(finite) == len(sizes) or len(finite) < FEWEST:
        return False
    return bool((finite < TREND * np.maximum(finite[0], 1e-12)).all())


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1e30 else "over 1e30"
