"""AutoTrainer (Zhang et al., ICSE 2021): symptoms of classifiers, looked for every few epochs.

But for what is not finite, a symptom counts only while the accuracy is poor or does not rise. What
is read from the curve of the accuracy is read from all of it, at the end. The five symptoms of 2021
got three more in 2024 (Zhang et al., IEEE TDSC), which are graver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .rules import Fired, Symptom, Tool
from .seen import Seen

EVERY = 5  # epochs from check to check
POOR = 0.6  # accuracy
GAIN = 0.01  # the largest gain of an epoch that is none
VANISHED, TINY, EXPLODED = 1e-3, 1e-4, 70.0  # gradient of the first layer by the last, its norm
DIVERGED = 1e3  # loss
ZEROS = 0.7  # share of the gradient
PEAK, PEAKS = 0.03, 0.2  # from top to bottom of the accuracy, and such pairs for each epoch
ROW_SUM = 1.1
LARGE = 10.0  # mean size of a layer's outputs
EXPLOSION = (
    *("exploding_gradient", "unbounded_activation", "init_scale_too_large", "lr_too_high"),
    *("unscaled_target", "nan_loss"),
)
BEGUN_BADLY = ("init_scale_too_small", "init_gain_mismatch", "symmetry_init")  # draw them again
HEADS = {"bce": "sigmoid", "cross_entropy": "softmax"}


def _best(seen: Seen, epochs: int) -> float:
    """The best accuracy so far, of training or held-out examples."""
    curves = [seen.curve(f"{of}/accuracy", epochs) for of in ("train", "held out")]
    return max([0.0, *(float(value) for curve in curves for value in np.nan_to_num(curve))])


def _gain(seen: Seen, epochs: int) -> float:
    """The largest gain in accuracy from one epoch to the next."""
    gains = np.diff(seen.curve("train/accuracy", epochs))
    return float(gains.max()) if len(gains) else np.inf


def _is_poor(seen: Seen, epochs: int) -> bool:
    return _best(seen, epochs) < POOR or _gain(seen, epochs) < GAIN


def _checked(holds: Callable[[Seen, int, int], Any]) -> Callable[[Seen], Fired | None]:
    """At the first check with a poor accuracy at which it holds, given epochs and look."""

    def rule(seen: Seen) -> Fired | None:
        for epochs in seen.checks(EVERY):
            look = seen.after(epochs)
            if _is_poor(seen, epochs) and holds(seen, epochs, look):
                return Fired(seen.step(look))
        return None

    return rule


def _at_end(holds: Callable[[Seen, int, int], Any]) -> Callable[[Seen], Fired | None]:
    """At the last check, if it holds there."""

    def rule(seen: Seen) -> Fired | None:
        epochs = seen.checks(EVERY)[-1]
        look = seen.after(epochs)
        is_there = _is_poor(seen, epochs) and holds(seen, epochs, look)
        return Fired(seen.step(look)) if is_there else None

    return rule


def _ratio(seen: Seen, look: int) -> float:
    first, last = seen.layers["gradient_norm"][look][[0, -1]]
    return float(first / last) if last and np.isfinite(last) else np.nan


def _vanishes(seen: Seen, epochs: int, look: int) -> bool:
    first = seen.layers["gradient_norm"][look, 0]
    return _ratio(seen, look) < VANISHED and bool(first < TINY)


def not_finite(seen: Seen) -> Fired | None:
    """Numbers that are none, or a huge loss beside them, whether the accuracy is poor or not."""
    for look in (seen.after(epochs) for epochs in seen.checks(EVERY)):
        loss = seen.network["loss"][look]
        norms = [*seen.layers["gradient_norm"][look], *seen.layers["weight_norm"][look]]
        if not (loss < DIVERGED) and not np.isfinite(norms).all():
            return Fired(seen.step(look))
    return None


def _oscillates(seen: Seen, epochs: int, look: int) -> bool:
    accuracy = seen.curve("train/accuracy", epochs)
    turns = accuracy[_turns(accuracy)]
    return bool((np.abs(np.diff(turns)) >= PEAK).sum() >= PEAKS * epochs)


def _turns(curve: Any) -> Any:
    """Where a curve has its local tops and bottoms."""
    ways = np.sign(np.diff(curve))
    return np.flatnonzero(ways[1:] * ways[:-1] < 0) + 1


def _is_slow(seen: Seen, epochs: int, look: int) -> bool:
    return _gain(seen, epochs) < GAIN and _best(seen, epochs) < POOR


def _head_fights(seen: Seen, epochs: int, look: int) -> bool:
    is_other = seen.takes_probabilities and HEADS[seen.loss] != seen.activations[-1]
    return is_other or bool(seen.takes_probabilities and seen.network["row_sum"][look] > ROW_SUM)


def _loss_fights(seen: Seen, epochs: int, look: int) -> bool:
    is_one = seen.task == "binary"
    return seen.loss != ("bce" if is_one else "cross_entropy") and seen.loss != "nll"


def _is_large(seen: Seen, epochs: int, look: int) -> bool:
    sizes = seen.layers["output_size"][look, :-1]
    return bool((np.isfinite(sizes) & (sizes >= LARGE)).any())  # else it is an explosion


NOT_FINITE = Symptom(
    "not finite",
    "a loss that is NaN or ≥ 1000, with NaN or infinity among weights or gradients",
    EXPLOSION,
    not_finite,
)
FIVE = (
    Symptom(
        "vanishing gradient",
        "‖g first‖ / ‖g last‖ < 1e-3 and ‖g first‖ < 1e-4",
        (
            *("vanishing_gradient", "saturated_activation", "activation_choice"),
            *("excess_depth", "init_scale_too_small", "init_gain_mismatch"),
        ),
        _checked(_vanishes),
    ),
    Symptom(
        "exploding gradient",
        "‖g first‖ / ‖g last‖ > 70",
        EXPLOSION,
        _checked(lambda seen, epochs, look: _ratio(seen, look) > EXPLODED),
    ),
    Symptom(
        "dying ReLU",
        "≥ 70 % of the gradient's numbers are exactly 0",
        (
            *("dying_relu", "relu_bottleneck", "relu_on_output", "activation_choice"),
            *BEGUN_BADLY,
        ),
        _checked(lambda seen, epochs, look: seen.network["zero_gradients"][look] >= ZEROS),
    ),
    Symptom(
        "unstable",
        "tops and bottoms of the accuracy ≥ 0.03 apart, one pair for every 5 epochs",
        ("oscillating_loss", "lr_too_high", "batch_too_small", "optimizer_choice"),
        _at_end(_oscillates),
    ),
    Symptom(
        "slow convergence",
        "no epoch gains 0.01 of accuracy, and this is below 0.6",
        (
            *("slow_convergence", "lr_too_low", "too_few_epochs", "optimizer_choice"),
            *BEGUN_BADLY,
        ),
        _at_end(_is_slow),
    ),
)
STATIC = (
    Symptom(
        "abnormal data",
        "a hidden layer's mean |output| ≥ 10",
        ("unscaled_input",),
        _checked(_is_large),
    ),
    Symptom(
        "improper activation",
        "the last activation is not the loss's own, or an output row sums to more than 1.1",
        (
            *("output_activation_wrong", "missing_output_activation", "softmax_single_unit"),
            *("sigmoid_multiclass", "relu_on_output", "output_range"),
        ),
        _checked(_head_fights),
    ),
    Symptom(
        "improper loss",
        "neither BCE for two classes nor cross-entropy for more",
        ("loss_task_mismatch",),
        _checked(_loss_fights),
    ),
)


def _tool(name: str, symptoms: tuple[Symptom, ...]) -> Tool:
    return Tool(
        name,
        symptoms,
        is_for=lambda seen: seen.is_classification,
        needs="classification",
        names_layers=False,
    )


TOOL = _tool("AutoTrainer", (NOT_FINITE, *FIVE))
EXTENDED = _tool("AutoTrainer, 2024", (NOT_FINITE, *STATIC, *FIVE))
