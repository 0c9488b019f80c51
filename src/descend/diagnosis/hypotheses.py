"""Hypotheses: what may be wrong with a network that is poor though no rule has said why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.diagnosis.examination import Examination
from descend.findings.finding import Finding
from descend.findings.rule import rules
from descend.findings.trial import (
    ADAM,
    BENDING_LAYER,
    LARGER_BATCHES,
    NARROWER,
    RELU,
    SHALLOWER,
    WIDER,
)
from descend.recipe import Recipe

SUITED = ("adam", "adamw", "adamax", "lbfgs")
BENDING = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu")
WIDTH, LEAST = 4, 32  # times as many units, and so many at least
BATCH = 32
VERY_DEEP, FEW = 12, 3  # hidden layers

Edits = Mapping[str, Any]


def hypotheses(recipe: Recipe, examination: Examination) -> dict[str, Edits]:
    """What is worth a try, by name; nothing where a cause is known, or nothing is wrong.

    Another optimizer, activation or width where a network is poor and only that is known, a hidden
    layer where it has none; fewer units where it overfits; larger batches where single examples
    make the noise; fewer layers where there is a long chain of them.
    """
    found = {one.code: one for one in _everything(examination.findings)}
    alarms = [one for one in found.values() if one.severity != "note"]
    symptoms = {rule.code for rule in rules() if rule.is_symptom}
    chosen: dict[str, Edits] = {}
    if alarms and all(one.code in symptoms for one in alarms):
        chosen = {ADAM: _adam(recipe), RELU: _relu(recipe), WIDER: _scaled(recipe, WIDTH)}
        chosen[BENDING_LAYER] = _bent(recipe)
    if "D301" in found and all(one.code in {*symptoms, "D301"} for one in alarms):
        chosen[NARROWER] = _scaled(recipe, 1 / WIDTH**2)
    if all(one.code in symptoms for one in alarms):
        chosen[SHALLOWER] = _shallow(recipe)
    if "D213" in found:
        chosen[LARGER_BATCHES] = _larger_batches(recipe)
    return {name: edits for name, edits in chosen.items() if edits}


def _adam(recipe: Recipe) -> Edits:
    if recipe.training.optimizer in SUITED:
        return {}
    return {"training.optimizer": "adam", "training.lr": 0.001}


def _relu(recipe: Recipe) -> Edits:
    network = recipe.network
    own = [layer.activation or network.activation for layer in network.layers or ()]
    own += [network.activation] if network.hidden else []
    if all(activation in BENDING for activation in own):
        return {}
    edits = {"network.activation": "relu", "network.init": "he_normal"}
    for place, layer in enumerate(network.layers or ()):
        edits[f"network.layers.{place}.activation"] = "relu"
        if layer.init is not None:
            edits[f"network.layers.{place}.init"] = "he_normal"
    return edits


def _bent(recipe: Recipe) -> Edits:
    """A hidden layer where there is none."""
    if recipe.network.hidden or recipe.network.layers:
        return {}
    bends = {"network.activation": "relu", "network.init": "he_normal"}
    return {"network.layers": None, "network.hidden": [LEAST], **bends}


def _scaled(recipe: Recipe, factor: float) -> Edits:
    """Hidden layers so many times as wide."""
    network = recipe.network
    if network.layers:
        widths = [layer.units for layer in network.layers]
        return {
            f"network.layers.{place}.units": _width(width, factor)
            for place, width in enumerate(widths)
        }
    if network.hidden:
        return {"network.hidden": [_width(width, factor) for width in network.hidden]}
    return {}


def _shallow(recipe: Recipe) -> Edits:
    """The first few of a long chain of plain layers."""
    network = recipe.network
    layers = list(network.layers or ())
    if max(len(layers), len(network.hidden or ())) < VERY_DEEP or _is_normalised(recipe):
        return {}
    if layers:
        few = [layer.model_dump(exclude_none=True) for layer in layers[:FEW]]
        return {"network.layers": few}
    return {"network.hidden": list(network.hidden or ())[:FEW]}


def _is_normalised(recipe: Recipe) -> bool:
    network = recipe.network
    return bool(network.batch_norm) or any(one.batch_norm for one in network.layers or ())


def _width(width: int, factor: float) -> int:
    return max(LEAST, round(factor * width)) if factor > 1 else max(2, round(factor * width))


def _larger_batches(recipe: Recipe) -> Edits:
    """As many steps with larger batches."""
    size, epochs = recipe.training.batch_size, recipe.training.epochs
    if not isinstance(size, int) or size >= BATCH or epochs is None:
        return {}
    return {"training.batch_size": BATCH, "training.epochs": max(1, epochs * BATCH // size)}


def _everything(findings: Any) -> list[Finding]:
    return [one for finding in findings for one in (finding, *_everything(finding.consequences))]
