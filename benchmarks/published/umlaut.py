"""UMLAUT (Schoop et al., CHI 2021): heuristics on model, data and curves of an image classifier.

It tells softmax by the name of the last layer, which for a dense layer with that activation is not
"softmax": `TOOL` reads names as it does, `AS_MEANT` reads the activation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rules import Fired, Symptom, Tool
from .seen import Seen

DROPOUT = 0.5
SCALE = 1.0
RATE = (1e-7, 0.01)
LEAKS, AHEAD, FROM = 0.95, 0.05, 3  # held-out accuracy, beyond the training's, after epochs


def _before(holds: Callable[[Seen], bool]) -> Callable[[Seen], Fired | None]:
    return lambda seen: Fired(0) if holds(seen) else None


def _layer(holds: Callable[[str, bool], bool]) -> Callable[[Seen], Fired | None]:
    """The first layer whose activation it holds of, given whether it is the last one."""

    def rule(seen: Seen) -> Fired | None:
        last = len(seen.activations)
        places = [n for n, name in enumerate(seen.activations, start=1) if holds(name, n == last)]
        return Fired(0, places[0]) if places else None

    return rule


def missing_softmax_by_name(seen: Seen) -> Fired | None:
    """Every dense output whose loss takes no logits."""
    return Fired(0, len(seen.activations)) if seen.loss_on == "probabilities" else None


def missing_softmax(seen: Seen) -> Fired | None:
    """Cross-entropy of probabilities that no softmax gave."""
    is_due = seen.loss == "cross_entropy" and seen.loss_on == "probabilities"
    is_missing = is_due and seen.activations[-1] != "softmax"
    return Fired(0, len(seen.activations)) if is_missing else None


def nan_input(seen: Seen) -> Fired | None:
    """Only looked at once the loss is NaN."""
    return Fired(0) if np.isnan(seen.inputs).any() else None


def overfits(seen: Seen) -> Fired | None:
    """One epoch in which the held-out loss rises while that of training falls."""
    falls = np.diff(seen.curve("train/loss")) < 0
    rises = np.diff(seen.curve("held out/loss")) > 0
    count = min(len(falls), len(rises))
    return _first_epoch(seen, falls[:count] & rises[:count], 2)


def leaks(seen: Seen) -> Fired | None:
    """A held-out accuracy that is too good to be true."""
    held_out, train = seen.curve("held out/accuracy"), seen.curve("train/accuracy")
    count = min(len(held_out), len(train))
    is_high = (held_out[:count] > LEAKS) | (held_out[:count] > train[:count] + AHEAD)
    return _first_epoch(seen, is_high[FROM:], FROM + 1)


def _first_epoch(seen: Seen, holds: np.ndarray, epochs: int) -> Fired | None:
    places = np.flatnonzero(holds)
    return Fired(seen.step(seen.after(int(places[0]) + epochs))) if len(places) else None


HEAD = (
    *("missing_output_activation", "output_activation_wrong", "sigmoid_multiclass"),
    *("relu_on_output", "output_range", "softmax_single_unit"),
)
REST = (
    Symptom(
        "missing activation",
        "a hidden layer is linear",
        ("missing_activation", "underpowered_model"),
        _layer(lambda name, is_last: name == "identity" and not is_last),
    ),
    Symptom(
        "final activation",
        "the last layer has an activation that is not softmax",
        ("output_activation_wrong", "relu_on_output", "output_range", "redundant_activation"),
        _layer(lambda name, is_last: is_last and name not in ("identity", "softmax", "sigmoid")),
    ),
    Symptom(
        "high dropout",
        "a rate above 0.5",
        ("dropout_too_high",),
        _before(lambda seen: max(seen.dropouts) > DROPOUT),
    ),
    Symptom(
        "unnormalised input",
        "an input beyond ±1",
        ("unscaled_input",),
        _before(lambda seen: min(seen.inputs) < -SCALE or max(seen.inputs) > SCALE),
    ),
    Symptom("NaN input", "an input is NaN", ("unscaled_input", "nan_loss"), nan_input),
    Symptom(
        "high learning rate",
        "above 0.01",
        ("lr_too_high",),
        _before(lambda seen: seen.lr > RATE[1]),
    ),
    Symptom(
        "low learning rate",
        "below 1e-7",
        ("lr_too_low",),
        _before(lambda seen: seen.lr < RATE[0]),
    ),
    Symptom(
        "overfitting",
        "one epoch in which the held-out loss rises and the training's falls",
        ("overfitting", "missing_regularization"),
        overfits,
    ),
    Symptom(
        "suspicious accuracy",
        "after epoch 3 a held-out accuracy above 0.95, or 0.05 above the training's",
        ("train_test_distribution_shift",),
        leaks,
    ),
)


def _tool(name: str, missing: Callable[[Seen], Fired | None], says: str) -> Tool:
    return Tool(
        name,
        (Symptom("missing softmax", says, HEAD, missing), *REST),
        is_for=lambda seen: seen.is_classification,
        needs="classification",
    )


TOOL = _tool("UMLAUT", missing_softmax_by_name, "no logits, and a last layer not called softmax")
AS_MEANT = _tool(
    "UMLAUT, as meant", missing_softmax, "cross-entropy of probabilities without softmax"
)
