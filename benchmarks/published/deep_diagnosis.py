"""DeepDiagnosis (Wardat et al., ICSE 2022): eight symptoms, and a tree that advises what to change.

It stops a training at its first symptom.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rules import Fired, Symptom, Tool
from .seen import Numbers, Range, Seen, first, stays

SPREAD = 10.0  # of linear outputs, in spreads of the targets
DEAD, SATURATED, VANISHED = 0.7, 0.5, 1e-7
EVERY = 5  # epochs between looks at saturation
TIMES, LONG = 5, 20  # epochs for which a loss or tensor, and an accuracy, must stand still
VARIANCE = (1e-5, 10.0)  # of weights
RATE = (1e-5, 0.1)  # of lr ‖g‖ / ‖w‖
ENDS = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0)}
BOUNDED_BELOW = ("relu", "softplus", "exp")
ACTIVATION = ("activation_choice", "unbounded_activation", "saturated_activation", "dying_relu")
HEAD = (
    *("output_activation_wrong", "output_range", "relu_on_output", "softmax_single_unit"),
    *("softmax_on_regression", "sigmoid_multiclass", "missing_output_activation"),
)


def _advice(seen: Seen, look: int, layer: int, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The causes that the tree's advice means: weights, data, rate, or else what is given."""
    low, high = VARIANCE
    variance = seen.layers["weight_variance"][look, layer - 1]
    if variance < low or variance > high:
        return ("init_scale_too_small", "init_scale_too_large", "symmetry_init", "init_scale_wrong")
    if seen.inputs[0] < -1 or seen.inputs[1] > 1:
        return ("unscaled_input",)
    norms = (seen.layers[f"{name}_norm"][look, layer - 1] for name in ("gradient", "weight"))
    rate = seen.lr * np.divide(*norms)
    if not RATE[0] <= rate <= RATE[1]:
        return ("lr_too_high", "lr_too_low")
    return otherwise


def _where(
    holds: Callable[[Seen], Numbers | np.ndarray], otherwise: tuple[str, ...]
) -> Callable[[Seen], Fired | None]:
    """At the first epoch and layer where it holds, (epochs, layers)."""

    def rule(seen: Seen) -> Fired | None:
        if (place := first(holds(seen))) is None:
            return None
        look, layer = int(seen.each_epoch[place[0]]), place[1]
        return Fired(seen.step(look), layer, _advice(seen, look, layer, otherwise))

    return rule


def _by_epoch(seen: Seen, name: str) -> Numbers:
    return seen.layers[name][seen.each_epoch]


def _broken(name: str) -> Callable[[Seen], np.ndarray]:
    def holds(seen: Seen) -> np.ndarray:
        values = _by_epoch(seen, f"{name}_mean")
        broken: np.ndarray = ~np.isfinite(values) | (values == 0)
        return broken

    return holds


def out_of_range(seen: Seen) -> Fired | None:
    """At the first look, of the last layer."""
    low, high = _ends(seen.activations[-1])
    least, most = seen.targets
    is_linear = seen.activations[-1] == "identity" and seen.target_spread > 0
    is_wide = seen.network["output_spread"][0] > SPREAD * seen.target_spread
    if least < low or most > high or (is_linear and is_wide):
        return Fired(0, len(seen.activations))
    return None


def _ends(activation: str) -> Range:
    if activation in BOUNDED_BELOW:
        return 0.0, np.inf
    return ENDS.get(activation, (-np.inf, np.inf))


def dead_node(seen: Seen) -> Fired | None:
    """Of ReLU layers, in the last epoch."""
    look = int(seen.epochs[-1])
    is_relu = np.array([name == "relu" for name in seen.activations])
    shares = np.where(is_relu, seen.layers["low_share"][look], 0)
    shares[-1] = 0
    if not (shares >= DEAD).any():
        return None
    layer = int(np.argmax(shares >= DEAD)) + 1
    return Fired(seen.step(look), layer, _advice(seen, look, layer, ACTIVATION))


def _saturates(seen: Seen) -> np.ndarray:
    holds: np.ndarray = _by_epoch(seen, "saturated_share") > SATURATED
    holds[:, -1] = False  # an output that is sure of its answer is what one wants
    holds[np.arange(len(holds)) % EVERY != 0] = False
    return holds


def _unchanged(seen: Seen) -> np.ndarray:
    names = ("output_mean", "weight_mean", "gradient_mean")
    still: np.ndarray = np.any([stays(_by_epoch(seen, name), TIMES) for name in names], axis=0)
    return still


def _stands_still(name: str, times: int) -> Callable[[Seen], Fired | None]:
    def rule(seen: Seen) -> Fired | None:
        still = np.flatnonzero(stays(seen.curve(name), times))
        if not len(still):
            return None
        look = seen.after(int(still[0]) + 1)
        learning = ("optimizer_choice", "loss_task_mismatch", "activation_choice")
        return Fired(seen.step(look), None, _advice(seen, look, 1, learning))

    return rule


def invalid_accuracy(seen: Seen) -> Fired | None:
    """An accuracy of exactly 0 after an epoch."""
    zero = np.flatnonzero(seen.curve("train/accuracy") == 0)
    return Fired(seen.step(seen.after(int(zero[0]) + 1))) if len(zero) else None


TOOL = Tool(
    "DeepDiagnosis",
    (
        *(
            Symptom(
                f"numerical error in {name}s",
                f"a layer's mean {name} is NaN, infinite or exactly 0",
                ("exploding_gradient", "nan_loss"),
                _where(_broken(name), causes),
            )
            for name, causes in (
                ("output", ACTIVATION),
                ("weight", ACTIVATION),
                ("gradient", ("vanishing_gradient", *ACTIVATION)),
            )
        ),
        Symptom(
            "out of range",
            "a target that the last activation cannot reach, or linear outputs with 10 times "
            "the spread of the targets",
            HEAD,
            out_of_range,
        ),
        Symptom(
            "dead node",
            "≥ 70 % of a ReLU layer's outputs are ≤ 0 in the last epoch",
            ("dying_relu", "relu_bottleneck"),
            dead_node,
        ),
        Symptom(
            "saturated activation",
            "> 50 % of a hidden sigmoid's or tanh's inputs are beyond ±5",
            ("saturated_activation",),
            _where(_saturates, ACTIVATION),
        ),
        Symptom(
            "vanishing gradient",
            "a layer's mean |g| < 1e-7",
            ("vanishing_gradient", "excess_depth", "saturated_activation"),
            _where(lambda seen: _by_epoch(seen, "gradient_size") < VANISHED, ACTIVATION),
        ),
        Symptom(
            "unchanged tensor",
            "a layer's mean output, weight or gradient is the same for 5 epochs",
            ("frozen_layers", "vanishing_gradient"),
            _where(_unchanged, ACTIVATION),
        ),
        Symptom(
            "loss not decreasing",
            "5 equal losses",
            ("lr_too_low", "optimizer_choice"),
            _stands_still("train/loss", TIMES),
        ),
        Symptom(
            "accuracy not increasing",
            "20 equal accuracies",
            ("lr_too_low", "optimizer_choice"),
            _stands_still("train/accuracy", LONG),
        ),
        Symptom(
            "invalid accuracy",
            "an accuracy of 0",
            ("loss_task_mismatch", "label_encoding", "label_range", *HEAD),
            invalid_accuracy,
        ),
    ),
)
