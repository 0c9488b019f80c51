"""D152: a model that can draw straight lines only, on data that need more."""

from __future__ import annotations

from collections.abc import Sequence

from descend.findings.finding import Finding, Margin, Remedy, edit
from descend.findings.fits import ENOUGH, Fits, fits_of, no_line_separates
from descend.findings.record import Layer, Record
from descend.findings.rule import finding
from descend.findings.trial import BENDING_LAYER

GAP = 0.1  # of right answers: the neighbours are better by this much where a line is not enough
GAP_OF_NUMBERS = 0.2  # of R²
OF_FEW = 0.25  # of either, where examples are few
MONOTONE = ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "exp")
NEIGHBOURS_KNOW = 0.3  # of what there is to know, at least


@finding("D152", "error", leads_to=("D120", "D206", "D207", "D302"))
def underpowered_model(record: Record) -> Finding | Margin | None:
    """The model can only draw straight lines, and the data need more.

    What it looks at: whether any hidden layer bends; if none does, how a linear model fits the
    examples beside their nearest neighbours, or whether a line separates a few points at all. Where
    a network without a hidden layer is poor in the end, one with such a layer, trained as long.
    Why it matters: no rate and no number of steps makes up for it: the loss stops where the best
    line is, at ln 2 on XOR.
    Remedy: a hidden layer with a nonlinear activation.
    Not a fault: a linear model on data that it describes as well as their neighbours do.
    Reference: Minsky & Papert 1969.
    """
    if not is_linear(record.hidden, record.profile.task):
        return None
    trial = record.trials.get(BENDING_LAYER)
    if trial is not None and trial.helps:
        evidence = f"without a hidden layer {trial}"
        numbers = {"as_it_is": trial.as_it_is, "changed": trial.changed}
    elif record.profile.task == "binary" and len(record.profile.first) < 33:
        if not no_line_separates(record.profile):
            return Margin("points beyond the best line", 0, 1)
        evidence, numbers = f"no line separates {len(record.profile.first)} points", {}
    else:
        fits = fits_of(record.profile)
        limit = gap_limit(fits, record.profile.task)
        if not needs_more_than_lines(fits, record.profile.task):
            return Margin("neighbours above a linear model", fits.gap, limit)
        what = "R²" if record.profile.task == "regression" else "accuracy"
        evidence = (
            f"{what} of a linear model {fits.linear:.3g}, of neighbours {fits.neighbours:.3g}"
        )
        numbers = {"linear": fits.linear, "neighbours": fits.neighbours}
    return Finding(
        evidence=evidence,
        numbers=numbers,
        healthy="a linear model as good as its nearest neighbours",
        cause="without a hidden layer that bends, the network is one linear map",
        place=record.layers[0].place,
        remedies=remedies(record),
    )


def is_linear(hidden: Sequence[Layer], task: str) -> bool:
    """Whether no line that the network draws can bend."""
    if all(layer.activation == "identity" for layer in hidden):
        return True
    is_one_line = any(layer.fan_out == 1 for layer in hidden)  # all that follows sees one number
    return task == "binary" and is_one_line and all(one.activation in MONOTONE for one in hidden)


def needs_more_than_lines(fits: Fits, task: str) -> bool:
    """Whether the neighbours are better than a line by more than chance."""
    knows = (fits.neighbours - fits.chance) / (1 - fits.chance)
    return fits.gap > gap_limit(fits, task) and knows > NEIGHBOURS_KNOW


def gap_limit(fits: Fits, task: str) -> float:
    """By how much the neighbours must be better to be believed."""
    if fits.examples < ENOUGH:
        return OF_FEW
    return GAP_OF_NUMBERS if task == "regression" else GAP


def remedies(record: Record) -> list[Remedy]:
    """A hidden layer that bends, in place of none, or of those that do not."""
    wide = 32 if len(record.profile.first) >= 33 else 8
    edits = {
        "network.layers": None,
        "network.hidden": [wide],
        "network.activation": "tanh",
        "network.init": "xavier_uniform",
    }
    if all(layer.activation == "identity" for layer in record.hidden) and record.network.hidden:
        return [edit("network.activation", "relu", "the layers that are there bend")]
    return [Remedy(edits, "a hidden layer that bends")]
