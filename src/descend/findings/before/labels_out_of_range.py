"""D138: targets that the loss cannot take."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Remedy, write
from descend.findings.heads import lost_loss
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

IGNORED = -100  # the label that torch's losses leave out
OF_PROBABILITIES = ("bce", "cross_entropy", "nll")
HALF = 0.5


@finding(
    "D138",
    "error",
    leads_to=("D100", "D106", "D116", "D118", "D132", "D203", "D206", "D207", "D212"),
)
def labels_out_of_range(record: Record) -> Finding | None:
    """The loss takes the targets for probabilities or classes, and they are other numbers.

    What it looks at: the smallest and the largest target, and the loss; under a binary
    cross-entropy, whether the targets are two numbers that both mean "no", as masks of 0 and 255
    that were divided by 255 twice; in a watched loop, the labels beside the outputs, or the targets
    of a binary cross-entropy.
    Why it matters: cross-entropy with a target of 5 or of -1 has no lower end: the loss falls below
    0 and runs away. Where even "yes" is a small number, "no" is the best answer to everything.
    Remedy: `data.scale = "unit"` for an autoencoder under this loss; `training.loss = "mse"` for
    quantities; labels counted from 0 for classes.
    Not a fault: probabilities between 0 and 1 as targets; smoothed labels, as 0.1 and 0.9.
    """
    if record.known_loop is not None:
        return _seen(record)
    profile = record.profile
    loss = lost_loss(record) or record.training.loss
    targets = profile.targets if profile.task == "autoencoder" else profile.raw_targets
    if loss not in OF_PROBABILITIES or targets is None:
        return None
    least, most = float(targets.least.min()), float(targets.most.max())
    if least >= 0 and most <= 1:
        return _shrunk(record) if loss == "bce" and profile.task == "regression" else None
    if profile.task == "autoencoder":
        remedy = Remedy({"data.scale": "unit"}, "inputs between 0 and 1")
    else:
        edits = {"training.loss": "mse", "training.loss_on": "logits", "network.output": "identity"}
        remedy = Remedy(edits, "a loss of quantities")
    return Finding(
        evidence=f"targets from {least:.4g} to {most:.4g} under {loss}",
        numbers={"least": least, "most": most},
        healthy="targets from 0 to 1",
        cause=f"{loss} takes the targets for probabilities",
        place=record.output.place if record.layers else None,
        remedies=[remedy],
    )


def _shrunk(record: Record) -> Finding | None:
    """Two labels, 0 and another one that is nearer to 0 than to 1."""
    values = np.unique(known(record.profile.first_targets))
    if len(values) != 2 or values[0] != 0 or values[-1] >= HALF:
        return None
    no, yes = (f"{value:.3g}" for value in values)
    return Finding(
        about="training.loss" if "training.loss" in record.problems else None,
        evidence=f"targets are {no} or {yes}, and nothing else",
        numbers={"least": float(values[0]), "most": float(values[-1])},
        healthy="labels of 0 and 1",
        cause=f"bce takes {yes} for the probability of yes: the labels were scaled",
        place=record.output.place if record.layers else None,
        remedies=[write("labels of 0 and 1: y = (y > 0).float()")],
    )


def _seen(record: Record) -> Finding | None:
    """Targets of a watched loop that its loss cannot take."""
    if record.loop.label_range is None:
        return _seen_numbers(*known(record.loop.target_range))
    (least, most), outputs = known(record.loop.label_range), known(record.loop.outputs)
    largest = max(outputs, 2) - 1  # one output stands for no and yes
    if (least >= 0 or least == IGNORED) and most <= largest:
        return None
    remedies = [write("labels counted from 0")] if least else []
    if most > largest:
        remedies.append(write(f"{most + 1} units in the last layer"))
    return Finding(
        evidence=f"labels from {least} to {most}, outputs for 0 to {largest}",
        numbers={"least": float(least), "most": float(most), "outputs": float(outputs)},
        healthy=f"labels from 0 to {largest}",
        cause="labels that no output stands for",
        remedies=remedies,
    )


def _seen_numbers(least: float, most: float) -> Finding | None:
    """Targets of a binary cross-entropy that are no probabilities."""
    if not (least < 0 or most > 1):
        return None
    return Finding(
        evidence=f"targets from {least:.4g} to {most:.4g} under binary cross-entropy",
        numbers={"least": least, "most": most},
        healthy="targets from 0 to 1",
        cause="binary cross-entropy takes the targets for probabilities",
        remedies=[write("targets of 0 and 1"), write("torch.nn.MSELoss() for quantities")],
    )
