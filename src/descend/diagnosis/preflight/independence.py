"""Independence: whether examples of a batch influence each other where they must not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from descend.diagnosis.preflight.outcome import Outcome
from descend.diagnosis.preflight.subject import Answers, Subject

CHECK, NAME = "examples-apart", "examples of a batch do not influence each other"
TRIES = 3  # examples that are changed, one after the other
ROUNDING = 1e-5  # of the size of what is compared


def independence(subject: Subject) -> Outcome:
    """What becomes of the other examples where one is changed.

    Neither their outputs may change, nor the gradient of the loss by these. A loss that divides by
    the sum of its classes' weights changes all gradients alike, which is no influence.
    """
    x, y = subject.x, subject.y
    pairs = list(islice(_pairs(x, y), TRIES))
    if not pairs:
        why = "no two examples differ" if len(x) > 1 else "there is one example only"
        return Outcome(CHECK, NAME, "not applicable", f"{why} in the batch")
    before = subject.answers(x, y)
    if not bool(torch.isfinite(before.outputs).all()):
        return Outcome(CHECK, NAME, "not applicable", "the outputs are not finite")
    if len(before.outputs) != len(x):
        shape = tuple(before.outputs.shape)
        why = f"{len(x)} examples give outputs of shape {shape}: no row belongs to an example"
        return Outcome(CHECK, NAME, "failed", why)
    is_of_classes = not y.is_floating_point()
    in_network = in_loss = 0.0
    for place, other in pairs:
        x_changed, y_changed = x.clone(), y.clone()
        x_changed[place], y_changed[place] = x[other], y[other]
        after = subject.answers(x_changed, y_changed)
        rest = torch.arange(len(x), device=before.outputs.device) != place
        in_network = max(in_network, _change(before.outputs[rest], after.outputs[rest]))
        slopes = Answers(before.slopes[rest], after.slopes[rest])
        in_loss = max(in_loss, _change(slopes.outputs, slopes.slopes, is_of_classes))
    return _told(subject, before, in_network, in_loss, len(pairs))


def _told(
    subject: Subject, before: Answers, in_network: float, in_loss: float, tries: int
) -> Outcome:
    numbers = {"change_of_outputs": in_network, "change_of_gradients": in_loss}
    changed = "where one example is changed,"
    if in_network > ROUNDING:
        why = f"{changed} the outputs of others change by {in_network:.2g} of their size: the "
        why += "network mixes the examples of a batch"
        return Outcome(CHECK, NAME, "failed", why, numbers)
    if in_loss > ROUNDING:
        why = f"{changed} the gradients of others change by {in_loss:.2g} of their size: "
        shapes = tuple(before.outputs.shape), tuple(subject.y.shape)
        is_broadcast = subject.y.is_floating_point() and shapes[0] != shapes[1]
        why += (
            f"outputs of shape {shapes[0]} are broadcast against targets of shape {shapes[1]}"
            if is_broadcast
            else "the loss mixes the examples of a batch"
        )
        return Outcome(CHECK, NAME, "failed", why, numbers)
    sentence = f"{tries} of {len(subject.x)} were changed, and no other noticed"
    if subject.normalised:
        sentence += "; batch normalisation joins them in training, as it is meant to: "
        sentence += ", ".join(subject.normalised)
    return Outcome(CHECK, NAME, "passed", sentence, numbers)


def _pairs(x: Tensor, y: Tensor) -> Iterator[tuple[int, int]]:
    """An example, and another one that differs from it, in its target too where one does."""
    for place in range(len(x)):
        differ = (x != x[place]).flatten(1).any(dim=1)
        both = differ & (y != y[place]).reshape(len(y), -1).any(dim=1)
        others = (both if bool(both.any()) else differ).nonzero().flatten().tolist()
        if others:
            yield place, others[0]


def _change(before: Tensor, after: Tensor, is_up_to_scale: bool = False) -> float:
    """The largest difference, beside the largest size; is_up_to_scale: of all of it."""
    before, after = before.cpu().double(), after.cpu().double()
    size = float(before.abs().max()) if before.numel() else 0.0
    if size == 0:
        return float(after.abs().max()) if after.numel() else 0.0
    if is_up_to_scale:
        before = before * ((after * before).sum() / before.square().sum())
    return float((after - before).abs().max()) / size
