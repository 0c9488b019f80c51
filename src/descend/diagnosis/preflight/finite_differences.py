"""Finite differences: whether gradients agree with what the loss does at random places."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from descend.diagnosis.preflight.outcome import Outcome
from descend.diagnosis.preflight.subject import Subject, Twin

CHECK, NAME = "gradients-agree", "gradients agree with finite differences"
PLACES = 8  # of each parameter
STEP = 1e-5  # times the size of the number that is moved, or 1
FINER = (1.0, 0.1, 0.01)
TOLERANCE = 1e-4  # of the larger of both
ROUNDING = 1e-14  # of the loss: what its sum of many numbers may be off by
FAINT = 0.01  # of the slope: where rounding takes more of it, nothing is seen
MOST = 60  # parameters


@dataclass(frozen=True)
class Slope:
    """The slope of the loss at a place, to the left, to the right, and as the gradient says it."""

    left: float
    right: float
    claimed: float
    noise: float

    @property
    def central(self) -> float:
        return (self.left + self.right) / 2

    @property
    def error(self) -> float:
        """How far the claim is from what was found, beside their size; 0 for any between.

        Where the slopes to both sides differ, as at the kink of a ReLU, any between them is right.
        """
        low, high = sorted((self.left, self.right))
        away = max(low - self.claimed, self.claimed - high) - self.noise
        return max(away, 0.0) / max(self.size, 1e-30)

    @property
    def size(self) -> float:
        return max(abs(self.claimed), abs(self.central))


def finite_differences(subject: Subject) -> Outcome:
    """The largest disagreement over random places of every parameter that gets a gradient."""
    twin = subject.twin()
    if twin is None:
        why = "it does not compute in float64, and float32 has too few digits for a difference"
        return Outcome(CHECK, NAME, "not applicable", why)
    base, gradients = twin.loss(), twin.gradients()
    if not math.isfinite(base):
        return Outcome(CHECK, NAME, "not applicable", f"the loss is {base}")
    if twin.loss() != base:
        why = "the loss is another one each time, with the same weights and random numbers"
        return Outcome(CHECK, NAME, "not applicable", why)
    generator = torch.Generator().manual_seed(0)
    known = [name for name in twin.parameters if name in gradients and len(gradients[name])]
    chosen = torch.randperm(len(known), generator=generator)[:MOST].sort().values.tolist()
    errors = {
        known[one]: _error(twin, known[one], base, gradients[known[one]], generator)
        for one in chosen
    }
    if not errors:
        return Outcome(CHECK, NAME, "not applicable", "no parameter gets a gradient")
    worst = max(errors, key=lambda name: errors[name])
    numbers = {"error": errors[worst], "parameters": float(len(errors))}
    wrong = [name for name, error in errors.items() if error > TOLERANCE]
    if wrong:
        sentence = f"off by {errors[worst]:.2g} of their size in {worst}"
        if others := len(wrong) - 1:
            sentence += f", and in {others} other{'s' if others > 1 else ''}"
        return Outcome(CHECK, NAME, "failed", sentence, numbers, wrong)
    of = f"{len(errors)} of {len(known)}" if len(errors) < len(known) else str(len(known))
    sentence = f"within {max(errors[worst], 1e-12):.1g} of their size at up to {PLACES} random "
    sentence += f"places of each of {of} parameters, in float64"
    return Outcome(CHECK, NAME, "passed", sentence, numbers)


def _error(
    twin: Twin, name: str, base: float, gradient: Tensor, generator: torch.Generator
) -> float:
    """The largest disagreement at some places of a parameter."""
    values = twin.parameters[name]
    places = _places(gradient, generator)
    return max(_slope(twin, values, place, base, gradient).error for place in places)


def _places(gradient: Tensor, generator: torch.Generator) -> list[int]:
    """Random places, half of them among those where the gradient is not 0."""
    drawn = torch.randperm(len(gradient), generator=generator)
    live = drawn[gradient.cpu()[drawn] != 0][: PLACES // 2]
    rest = drawn[~torch.isin(drawn, live)][: PLACES - len(live)]
    return [*live.tolist(), *rest.tolist()]


def _slope(twin: Twin, values: Tensor, place: int, base: float, gradient: Tensor) -> Slope:
    """The slopes at a place; with a finer step where a coarse one meets a kink or a bend."""
    return min(_slopes(twin, values, place, base, gradient), key=lambda slope: slope.error)


def _slopes(
    twin: Twin, values: Tensor, place: int, base: float, gradient: Tensor
) -> Iterator[Slope]:
    middle, claimed = float(values[place]), float(gradient[place])
    for finer in FINER:
        step = STEP * finer * max(1.0, abs(middle))
        values[place] = middle + step
        above = twin.loss()
        values[place] = middle - step
        below = twin.loss()
        values[place] = middle
        noise = ROUNDING * max(abs(base), 1.0) / step
        slope = Slope((base - below) / step, (above - base) / step, claimed, noise)
        is_faint = noise > FAINT * slope.size
        if finer == FINER[0] or not is_faint:
            yield slope
        if is_faint or slope.error <= TOLERANCE:
            return
