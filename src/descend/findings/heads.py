"""Heads: the last activation, the loss and the task, and which of them fit each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from descend.findings.finding import Remedy
from descend.findings.measured import known
from descend.findings.profile import Numbers, Profile
from descend.findings.record import Record
from descend.recipe.checks import outputs_for
from descend.recipe.names import CLASS_COUNTING, LOSSES

# What an activation can give, (least, most).
REACH = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "log_softmax": (-math.inf, 0.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "exp": (0.0, math.inf),
    "elu": (-1.0, math.inf),
    "selu": (-1.7581, math.inf),
    "gelu": (-0.17, math.inf),
    "silu": (-0.2785, math.inf),
}
OF_CLASSES = ("binary", "multiclass", "multilabel", "pixels")
EXCLUSIVE = ("multiclass", "pixels")
OF_NUMBERS = ("regression", "autoencoder")
LOSS_FOR = {
    "regression": "mse",
    "autoencoder": "mse",
    "binary": "bce",
    "multilabel": "bce",
    "multiclass": "cross_entropy",
    "pixels": "cross_entropy",
}
ROUNDING = 1e-4  # beside the targets' size


def usual_head(profile: Profile, why: str = "") -> Remedy:
    """The task's usual last layer and loss, all of it said."""
    loss = LOSS_FOR[profile.task]
    edits: dict[str, Any] = {
        "network.output": "identity",
        "network.outputs": outputs_for(profile.task, loss, profile.outputs),
        "training.loss": loss,
        "training.loss_on": "logits",
    }
    return Remedy(edits, why or f"the usual last layer and loss of the task {profile.task}")


def needed_outputs(record: Record) -> int:
    """How many outputs the task needs under this loss."""
    return outputs_for(record.profile.task, record.training.loss, record.profile.outputs)


def counts_classes(record: Record) -> bool:
    """Whether the loss takes class numbers, of which one is right."""
    return record.training.loss in CLASS_COUNTING


def lost_loss(record: Record) -> str | None:
    """The loss that was asked for and that the task cannot have."""
    asked = _asked(record, "training", "loss")
    return asked if asked in LOSSES else None


def unreachable_share(record: Record, activation: str) -> float:
    """The share of the targets that an output activation can never give."""
    least, most = REACH.get(activation, (-math.inf, math.inf))
    targets: Numbers = known(record.profile.first_targets)
    room = ROUNDING * float(np.abs(targets).max() or 1.0)
    return float(((targets < least - room) | (targets > most + room)).mean())


def asked_outputs(record: Record) -> int:
    """How many outputs were asked for, be it as many as the data need or not."""
    asked = _asked(record, "network", "outputs")
    return asked if isinstance(asked, int) and asked > 0 else record.output.fan_out


def _asked(record: Record, table: str, field: str) -> Any:
    """What was asked for in a field that is impossible as it is; None elsewhere."""
    if record.asked is None or f"{table}.{field}" not in record.problems:
        return None
    return record.asked[table].get(field)
