"""Cockpit (Schneider et al., NeurIPS 2021): quantities of a training, shown and not judged.

It has no thresholds. Those here follow from what its quantities mean, and are ours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rules import Fired, Symptom, Tool
from .seen import Numbers, Seen

STABLE = 2.0  # the rate times the sharpness, above which plain steps lead away from a minimum
UPHILL = 1.0  # alpha of a step that ends as high as it began
STANDING = -0.99  # alpha of a step that goes a hundredth of its way
KNOWN = 3  # looks that a median needs at least


def not_finite(seen: Seen) -> Fired | None:
    """The loss or the norm of the gradient is not finite."""
    values = np.stack([seen.network["loss"], seen.network["gradient_norm"]])
    lost = np.flatnonzero(~np.isfinite(values).all(axis=0))
    return Fired(seen.step(int(lost[0]))) if len(lost) else None


def _in_most(
    name: str, holds: Callable[[Seen, Numbers], np.ndarray]
) -> Callable[[Seen], Fired | None]:
    """At the first look where it holds, if it does in more than half of them."""

    def rule(seen: Seen) -> Fired | None:
        taken = np.flatnonzero(np.isfinite(seen.network[name]))
        found = holds(seen, seen.network[name][taken])
        if len(taken) < KNOWN or found.sum() * 2 <= len(taken):
            return None
        return Fired(seen.step(int(taken[np.argmax(found)])))

    return rule


TOOL = Tool(
    "Cockpit",
    (
        Symptom(
            "gradient norm not finite",
            "loss or gradient norm not finite",
            ("exploding_gradient", "nan_loss", "lr_too_high", "unbounded_activation"),
            not_finite,
        ),
        Symptom(
            "alpha above 1",
            "most steps end above where they began",
            ("lr_too_high", "oscillating_loss", "exploding_gradient", "unscaled_input"),
            _in_most("alpha", lambda seen, alpha: alpha > UPHILL),
        ),
        Symptom(
            "curvature above 2 / rate",
            "of plain gradient descent: rate × largest eigenvalue of the Hessian > 2",
            ("lr_too_high", "oscillating_loss", "exploding_gradient", "unscaled_input"),
            _in_most("sharpness", lambda seen, value: (seen.lr * value > STABLE) & seen.is_plain),
        ),
        Symptom(
            "alpha below -0.99",
            "most steps go less than a hundredth of their way",
            ("lr_too_low", "slow_convergence", "vanishing_gradient", "too_few_epochs"),
            _in_most("alpha", lambda seen, alpha: alpha < STANDING),
        ),
    ),
    names_layers=False,
)
