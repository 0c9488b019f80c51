"""Initialisers: those of Keras and torch by the names that a recipe has for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .reasons import Inexpressible

XAVIER_OR_HE = {
    **{
        f"{old}_{kind}": f"xavier_{kind}"
        for old in ("glorot", "xavier")
        for kind in ("normal", "uniform")
    },
    **{
        f"{old}_{kind}": f"he_{kind}" for old in ("kaiming", "he") for kind in ("normal", "uniform")
    },
    **{f"lecun_{kind}": f"lecun_{kind}" for kind in ("normal", "uniform")},
}
NORMAL = ("normal", "random_normal", "truncated_normal")
UNIFORM = ("uniform", "random_uniform")
CUT_AT_TWO = 0.8796  # the standard deviation of N(0, 1) between -2 and 2, where Keras cuts
KERAS_WIDTH = 0.05  # of Keras' own random_normal and random_uniform


def initialiser(
    given: Mapping[str, Any] | None,
    units: int,
    is_torch: bool,
    notes: list[str],
    *,
    is_bias: bool = False,
) -> Any:
    """The same in a recipe's words, or None where the recipe's own default is as good.

    units: of the layer, for Keras draws biases by rules for weights with a fan of its width.
    """
    if given is None:
        given = {"name": "torch_default" if is_torch else "zeros" if is_bias else "glorot_uniform"}
    name, options = given["name"], {key: v for key, v in given.items() if key != "name"}
    if name == "torch_default":
        return "torch"
    if name in ("zeros", "ones"):
        return name
    if name == "constant":
        return {"name": "constant", "value": float(options["value"])}
    if name in NORMAL:
        std = float(options.get("std", options.get("stddev", KERAS_WIDTH)))
        if name == "truncated_normal":
            notes.append("a normal that is cut at two deviations is a narrower normal here")
            std *= CUT_AT_TWO
        return {"name": "normal", "mean": float(options.get("mean", 0.0)), "std": std}
    if name in UNIFORM:
        low = float(options.get("low", options.get("minval", -KERAS_WIDTH)))
        high = float(options.get("high", options.get("maxval", KERAS_WIDTH)))
        return {"name": "uniform", "low": low, "high": high}
    if name in XAVIER_OR_HE:
        if is_bias:
            return _bias(XAVIER_OR_HE[name], units)
        kept = {key: value for key, value in options.items() if key in ("gain", "mode")}
        return {"name": XAVIER_OR_HE[name], **kept}
    if name == "orthogonal" and not is_bias:
        return {"name": name, "gain": float(options.get("gain", 1.0))}
    raise Inexpressible(f"the initialiser {name}{' of a bias' if is_bias else ''}")


def _bias(name: str, units: int) -> Any:
    """What Keras makes of a rule for weights where it draws a bias: both fans are its width."""
    gain = 2.0 if name.startswith("he") else 1.0
    std = math.sqrt(gain / units)
    if name.endswith("normal"):
        return {"name": "normal", "std": std}
    return {"name": "uniform", "low": -std * math.sqrt(3), "high": std * math.sqrt(3)}
