"""A line search for a step that lowers the loss and flattens the slope."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Evaluated = tuple[float, Float[Tensor, "parameters"]]
"""The loss at a trial point, and its gradient."""

LOWER = 1e-4
FLATTER = 0.9


class Point(NamedTuple):
    """A point x + t·d on the line: its loss, its gradient, and its slope g·d."""

    t: float
    loss: float
    gradient: Float[Tensor, "parameters"]
    slope: float


def strong_wolfe(
    x: Float[Tensor, "parameters"],
    direction: Float[Tensor, "parameters"],
    start: Point,
    t: float,
    tolerance_change: float,
    most: int,
) -> Generator[Tensor, Evaluated, tuple[Point, int]]:
    """Finds t with f(t) ≤ f(0) + c₁·t·f'(0) and |f'(t)| ≤ -c₂·f'(0), where f(t) = loss(x + t·d).

    A generator: it yields each trial point, is sent (loss, gradient) there, and returns the best
    point with the number of evaluations, about `most` of them. c₁ = 1e-4, c₂ = 0.9.
    First it walks outwards until an interval must contain such a t, then it halves it cubically.

    Nocedal & Wright 2006, algorithms 3.5 and 3.6, in the variant of minFunc and `torch.optim`.
    """

    def at(t: float) -> Generator[Tensor, Evaluated, Point]:
        loss, gradient = yield x.add(direction, alpha=factor(t, x))
        return Point(t, loss, gradient, float(gradient.dot(direction)))

    def is_too_high(point: Point) -> bool:
        return point.loss > start.loss + LOWER * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= -FLATTER * start.slope

    trials = 0
    previous, point = start, (yield from at(t))
    while trials < most:
        if is_too_high(point) or (trials > 1 and point.loss >= previous.loss):
            bracket = [previous, point]
            break
        if is_flat(point):
            return point, trials + 1
        if point.slope >= 0:
            bracket = [previous, point]
            break
        nearest = point.t + 0.01 * (point.t - previous.t)
        t = _lowest_of_cubic(previous, point, nearest, point.t * 10)
        previous, point = point, (yield from at(t))
        trials += 1
    else:
        bracket = [start, point]

    low, high = _by_loss(bracket)
    longest = float(direction.abs().max())
    is_stuck = False
    while trials < most:
        left, right = sorted(end.t for end in bracket)
        if (right - left) * longest < tolerance_change:
            break
        t = _lowest_of_cubic(bracket[0], bracket[1], left, right)
        t, is_stuck = _inside(t, left, right, is_stuck)
        point = yield from at(t)
        trials += 1
        if is_too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = _by_loss(bracket)
            continue
        flat = is_flat(point)
        if not flat and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if flat:
            break
    return bracket[low], trials + 1


def factor(t: float, like: Tensor) -> float:
    """t, or infinity where t is beyond the range of the tensor's type and torch would raise."""
    return math.copysign(math.inf, t) if abs(t) > torch.finfo(like.dtype).max else t


def _by_loss(bracket: list[Point]) -> tuple[int, int]:
    """The positions of the lower and of the higher end."""
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)


def _inside(t: float, left: float, right: float, was_stuck: bool) -> tuple[float, bool]:
    """Keeps t a tenth of the interval away from its ends, if it stays near them twice."""
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if was_stuck or t >= right or t <= left:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True


def _lowest_of_cubic(one: Point, other: Point, least: float, most: float) -> float:
    """The t in [least, most] where the cubic through both losses and slopes is lowest."""
    left, right = (one, other) if one.t <= other.t else (other, one)
    chord = _ratio(3 * (left.loss - right.loss), left.t - right.t)
    d1 = left.slope + right.slope - chord
    d2_square = d1 * d1 - left.slope * right.slope
    if not d2_square >= 0:
        return (least + most) / 2
    d2 = math.sqrt(d2_square)
    share = _ratio(right.slope + d2 - d1, right.slope - left.slope + 2 * d2)
    return min(max(right.t - (right.t - left.t) * share, least), most)


def _ratio(a: float, b: float) -> float:
    """The quotient as IEEE has it: a run that diverges stops no other by an exception."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)
