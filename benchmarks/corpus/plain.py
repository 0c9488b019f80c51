"""Plain: the network, the loss and the optimizer of a case as anybody would write them in torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from descend.network.init_names import Init
from descend.network.initialisers import LayerShape, draw
from descend.network.torch_modules import MODULES

from .reasons import Inexpressible

LEAST = 1e-7  # of a probability, as Keras bounds it
OPTIMIZERS: Mapping[str, tuple[type[torch.optim.Optimizer], tuple[str, ...]]] = {
    "sgd": (torch.optim.SGD, ("momentum", "nesterov", "dampening", "weight_decay")),
    "adam": (torch.optim.Adam, ("betas", "eps", "weight_decay", "amsgrad")),
    "adamw": (torch.optim.AdamW, ("betas", "eps", "weight_decay", "amsgrad")),
    "adamax": (torch.optim.Adamax, ("betas", "eps", "weight_decay")),
    "adagrad": (torch.optim.Adagrad, ("eps", "initial_accumulator_value", "weight_decay")),
    "adadelta": (torch.optim.Adadelta, ("rho", "eps", "weight_decay")),
    "rmsprop": (torch.optim.RMSprop, ("alpha", "eps", "momentum", "centered", "weight_decay")),
    "rprop": (torch.optim.Rprop, ()),
    "asgd": (torch.optim.ASGD, ("weight_decay",)),
}
LOSSES: Mapping[tuple[str, str], type[nn.Module]] = {
    ("mse", "logits"): nn.MSELoss,
    ("l1", "logits"): nn.L1Loss,
    ("huber", "logits"): nn.HuberLoss,
    ("nll", "logits"): nn.NLLLoss,
    ("bce", "logits"): nn.BCEWithLogitsLoss,
    ("cross_entropy", "logits"): nn.CrossEntropyLoss,
    ("poisson", "logits"): nn.PoissonNLLLoss,
}


class OfProbabilities(nn.Module):
    """Cross-entropy of probabilities, which torch has no module for; least: their bound, if any."""

    def __init__(self, reduction: str, least: float | None = LEAST) -> None:
        super().__init__()
        self.reduction, self.least = reduction, least

    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        p = p if self.least is None else p.clamp_min(self.least)
        return nn.functional.nll_loss(p.log(), y, reduction=self.reduction)


class UnboundedBCE(nn.Module):
    """BCE as it stands in textbooks: the logarithm of 0 is infinite, 0 times that NaN."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        losses = -(y * torch.log(p) + (1 - y) * torch.log(1 - p))
        return losses.mean() if self.reduction == "mean" else losses.sum()


class OfClassNumbers(nn.Module):
    """What old Keras makes of cross-entropy for one-hot rows and of class numbers, (n, 1).

    Each is broadcast over all outputs of its example.
    """

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        p = (p / p.sum(dim=-1, keepdim=True)).clamp(LEAST, 1 - LEAST)
        losses = -(y * p.log()).sum(dim=-1)
        return losses.mean() if self.reduction == "mean" else losses.sum()


class BoundedBCE(nn.BCELoss):
    """BCE that takes numbers beyond 0 and 1 for the bound, as Keras does."""

    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        return super().forward(p.clamp(LEAST, 1 - LEAST), y)


class Network(nn.Module):
    """The layers of a recipe's table one after the other; cut_after: the place of a `detach()`."""

    def __init__(self, blocks: Iterable[nn.Sequential], cut_after: int | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.cut_after = cut_after

    def forward(self, x: Tensor) -> Tensor:
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place == self.cut_after:
                x = x.detach()
        return x


def rows_of(network: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers of a recipe's table, the output last."""
    output = {
        "units": network["outputs"],
        "activation": network["output"],
        "init": network["output_init"],
        "bias_init": network["output_bias_init"],
        "l1": network["l1"],
        "l2": network["l2"],
    }
    return [*network.get("layers", ()), output]


def blocks_of(rows: Sequence[Mapping[str, Any]], features: int, seed: int) -> list[nn.Sequential]:
    """One block of modules for each layer, with the first weights that the seed draws."""
    widths = [features, *(row["units"] for row in rows)]
    shapes = [
        LayerShape(fan_in, fan_out, _init(row["init"]), _init(row["bias_init"]))
        for fan_in, fan_out, row in zip(widths, widths[1:], rows, strict=False)
    ]
    drawn = draw(shapes, torch.Generator().manual_seed(seed))
    return [_block(row, *weights) for row, weights in zip(rows, drawn, strict=True)]


def _block(row: Mapping[str, Any], w: Tensor, b: Tensor) -> nn.Sequential:
    linear = nn.Linear(*w.shape)
    with torch.no_grad():
        linear.weight.copy_(w.T)
        linear.bias.copy_(b)
    modules: list[nn.Module] = [linear]
    if row.get("batch_norm") == "before":
        modules.append(nn.BatchNorm1d(row["units"]))
    if row["activation"] != "identity":
        modules.append(MODULES[row["activation"]]())
    if row.get("batch_norm") == "after":
        modules.append(nn.BatchNorm1d(row["units"]))
    if row.get("dropout"):
        modules.append(nn.Dropout(row["dropout"]))
    return nn.Sequential(*modules)


def _init(given: Any) -> Init:
    if given is None or isinstance(given, str):
        return Init(given or "torch")
    return Init(given["name"], {key: value for key, value in given.items() if key != "name"})


def criterion_of(
    training: Mapping[str, Any],
    output: str,
    *,
    is_unbounded: bool = False,
    spreads_labels: bool = False,
) -> nn.Module:
    """The loss of a recipe's table; output: the last activation.

    is_unbounded: its logarithms have no bound; spreads_labels: it takes class numbers for rows.
    """
    loss, on, reduction = training["loss"], training["loss_on"], training["reduction"]
    if reduction not in ("mean", "sum"):
        raise Inexpressible(f"the reduction {reduction} in a loop")
    if spreads_labels:
        return OfClassNumbers(reduction)
    if is_unbounded and on == "probabilities" and loss in ("bce", "cross_entropy"):
        is_bce = loss == "bce"
        return UnboundedBCE(reduction) if is_bce else OfProbabilities(reduction, least=None)
    if (loss, on) in LOSSES:
        return LOSSES[loss, on](reduction=reduction)
    if loss == "cross_entropy":
        return OfProbabilities(reduction)
    if loss == "bce":
        return (nn.BCELoss if output == "sigmoid" else BoundedBCE)(reduction=reduction)
    return nn.PoissonNLLLoss(log_input=False, reduction=reduction)


def optimizer_of(
    training: Mapping[str, Any], parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer of a recipe's table."""
    if training["optimizer"] not in OPTIMIZERS:
        raise Inexpressible(f"the optimizer {training['optimizer']} in a loop")
    made, names = OPTIMIZERS[training["optimizer"]]
    settings = {name: training[name] for name in ("lr", *names) if name in training}
    return made(list(parameters), **settings)


def penalty_of(network: Network, rows: Sequence[Mapping[str, Any]]) -> Tensor | float:
    """What the weights cost: λ Σ|w| and λ Σw²."""
    cost: Tensor | float = 0.0
    for row, block in zip(rows, network.blocks, strict=True):
        w = block[0].weight  # type: ignore[index]
        if row["l1"]:
            cost = cost + row["l1"] * w.abs().sum()
        if row["l2"]:
            cost = cost + row["l2"] * w.square().sum()
    return cost
