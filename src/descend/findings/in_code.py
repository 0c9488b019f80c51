"""In code: what the edits of a recipe mean for a network and a loop of somebody's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from descend.findings.finding import Finding, Remedy

INIT = {
    "he_normal": "torch.nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
    "he_uniform": "torch.nn.init.kaiming_uniform_(layer.weight, nonlinearity='relu')",
    "xavier_uniform": "torch.nn.init.xavier_uniform_(layer.weight)",
    "xavier_normal": "torch.nn.init.xavier_normal_(layer.weight)",
    "lecun_normal": "torch.nn.init.kaiming_normal_(layer.weight, nonlinearity='linear')",
}
MODULES = {
    "relu": "torch.nn.ReLU()",
    "leaky_relu": "torch.nn.LeakyReLU()",
    "tanh": "torch.nn.Tanh()",
    "sigmoid": "torch.nn.Sigmoid()",
    "softmax": "torch.nn.Softmax(dim=-1)",
    "log_softmax": "torch.nn.LogSoftmax(dim=-1)",
}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}
LOSSES = {
    ("mse", None): "torch.nn.MSELoss()",
    ("l1", None): "torch.nn.L1Loss()",
    ("cross_entropy", None): "torch.nn.CrossEntropyLoss()",
    ("bce", "logits"): "torch.nn.BCEWithLogitsLoss()",
    ("bce", "probabilities"): "torch.nn.BCELoss()",
}

SAID: Mapping[str, Callable[[Any], str]] = {
    "data.scale": lambda value: (
        "inputs between 0 and 1" if value == "unit" else "inputs of mean 0 and standard deviation 1"
    ),
    "data.target_scale": lambda value: "targets of mean 0 and standard deviation 1",
    "network.activation": lambda value: f"{MODULES.get(value, value)} between the layers",
    "network.batch_norm": lambda value: (
        "torch.nn.BatchNorm1d before each activation" if value else "no batch normalisation"
    ),
    "network.bias_init": lambda value: f"biases that begin as {value}",
    "network.dropout": lambda value: (
        f"torch.nn.Dropout({value}) behind the hidden layers" if value else "no dropout"
    ),
    "network.hidden": lambda value: f"hidden layers of {', '.join(map(str, value))} units",
    "network.init": lambda value: INIT.get(value, f"first weights {value}"),
    "network.output": lambda value: (
        "no activation behind the last layer"
        if value == "identity"
        else f"{MODULES.get(value, value)} behind the last layer"
    ),
    "network.outputs": lambda value: f"{value} units in the last layer",
    "training.batch_size": lambda value: f"DataLoader(…, batch_size={value})",
    "training.class_weights": lambda value: "a weight for each class in the loss",
    "training.clip_norm": lambda value: (
        f"torch.nn.utils.clip_grad_norm_(model.parameters(), {value}) before optimizer.step()"
    ),
    "training.early_stopping": lambda value: "keep the weights of the least validation loss",
    "training.epochs": lambda value: f"{value:,} epochs",
    "training.eps": lambda value: f"eps={value:g} of the optimizer",
    "training.lr": lambda value: f"lr={value:.3g} of the optimizer",
    "training.optimizer": lambda value: (
        f"torch.optim.{OPTIMIZERS.get(value, value)}(model.parameters(), …)"
    ),
    "training.reduction": lambda value: f"reduction='{value}' of the loss",
    "training.weight_decay": lambda value: f"weight_decay={value:g} of the optimizer",
    "network.l1": lambda value: f"an l1 penalty of {value:g}",
    "network.l2": lambda value: f"an l2 penalty of {value:g}",
}


def in_code(finding: Finding) -> Finding:
    """The finding with remedies that say what to write, for there is no recipe to edit.

    Those that only a recipe has words for are left out.
    """
    said = [_said(remedy) for remedy in finding.remedies]
    return replace(finding, remedies=[remedy for remedy in said if remedy.write])


def _said(remedy: Remedy) -> Remedy:
    if remedy.write:
        return remedy
    edits = dict(remedy.edits)
    words = [
        SAID[field](edits[field]) for field in edits if field in SAID and _is_given(edits, field)
    ]
    if (loss := edits.get("training.loss")) is not None:
        on = edits.get("training.loss_on")
        words.append(LOSSES.get((loss, None)) or LOSSES.get((loss, on)) or f"the loss {loss}")
    return Remedy(why=remedy.why, write=", ".join(words))


def _is_given(edits: Mapping[str, Any], field: str) -> bool:
    """Whether an edit sets a value; l1 and l2 that are set to nothing are not worth a word."""
    return edits[field] is not None and not (
        field in ("network.l1", "network.l2") and not edits[field]
    )
