"""D164: an epsilon that is no small number, or none."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

HAVE_ONE = ("adam", "adamw", "adamax", "rmsprop", "adagrad", "sparse_adam")
LARGE = 1e-3
TIMES = 1.0  # the gradients' size: from there on a step goes with the gradient, not with lr


@finding("D164", "warning", leads_to=("D203", "D206", "D207", "D209", "D211"), is_forecast=True)
def epsilon_absurd(record: Record) -> Finding | Margin:
    """The optimizer's epsilon is larger than the gradients that it is added to, or 0.

    What it looks at: `training.eps` beside the root mean square of each layer's first gradient.
    Why it matters: Adam divides by |g| + eps: where eps is the larger one, a step is no longer lr
    long, but lr · g / eps. With 0, a weight without gradient is 0 / 0, which is NaN.
    Remedy: `training.eps = 1e-8`.
    Not a fault: epsilons from 1e-16 to 1e-4; Adadelta's, which is what its first steps live on.
    Reference: Kingma & Ba 2015.
    """
    training = record.training
    if training.optimizer not in HAVE_ONE or training.eps is None:
        raise NotMeasured
    eps = float(training.eps)
    sizes = [
        record.first("gradient_norm", one) / math.sqrt(one.fan_in * one.fan_out)
        for one in record.layers
    ]
    size = max(sizes)
    if eps > 0 and (eps < LARGE or eps < TIMES * size or size == 0):
        return Margin("epsilon beside the gradients", eps / size if size else 0.0, TIMES)
    usual = 1e-10 if training.optimizer == "adagrad" else 1e-8
    return Finding(
        evidence=f"eps {eps:g}, gradients of size {size:.2g}",
        numbers={"eps": eps, "gradient": size},
        healthy="far below the gradients, and above 0",
        cause="a weight without gradient is divided by 0"
        if eps == 0
        else f"steps are {eps / size:,.0f} times as short as lr says",
        remedies=[edit("training.eps", usual, "the usual one")],
    )
