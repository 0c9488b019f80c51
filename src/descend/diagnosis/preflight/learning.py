"""Learning: whether every layer gets a gradient and moves by it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from descend.diagnosis.preflight.outcome import Outcome
from descend.diagnosis.preflight.subject import Fit, Subject

CHECK, NAME = "layers-learn", "every layer learns"
LOST = 1e-7  # of the largest gradient of a layer: float32 has no more digits


def learning(subject: Subject, fit: Fit) -> Outcome:
    """The layers that no gradient reaches, or that stay where they are."""
    faults = dict(_faults(subject, fit))
    known = [size for size in fit.gradients if size is not None and math.isfinite(size)]
    numbers = {"layers": float(len(subject.layers)), "at_fault": float(len(faults))}
    if known:
        numbers |= {"least_gradient": min(known), "largest_gradient": max(known)}
    if not faults:
        layers = "layer" if len(subject.layers) == 1 else "layers"
        sentence = f"{len(subject.layers)} {layers} with gradients from {min(known):.2g} to "
        sentence += f"{max(known):.2g}, all of which moved"
        return Outcome(CHECK, NAME, "passed", sentence, numbers)
    sentence = "; ".join(f"{layer} {fault}" for layer, fault in faults.items())
    return Outcome(CHECK, NAME, "failed", sentence, numbers, list(faults))


def _faults(subject: Subject, fit: Fit) -> Iterator[tuple[str, str]]:
    sizes = [size for size in fit.gradients if size is not None and math.isfinite(size)]
    largest = max(sizes, default=0.0)
    for layer, gradient, moved in zip(subject.layers, fit.gradients, fit.moves, strict=True):
        if layer in subject.frozen:
            yield layer, "is frozen: it asks for no gradient"
        elif gradient is None:
            yield layer, "gets no gradient: it is not called, or cut off from the loss"
        elif not math.isfinite(gradient):
            yield layer, "has a gradient that is not finite"
        elif gradient == 0:
            yield layer, "has a gradient of exactly 0 in every step"
        elif gradient < LOST * largest:
            yield layer, f"has a gradient of {gradient:.2g}, others of {largest:.2g}"
        elif moved == 0:
            yield layer, "has a gradient and does not move"
