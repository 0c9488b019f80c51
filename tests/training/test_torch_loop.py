"""The loop gives what the untouched loop of torch gives with the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from descend.data.examples import Examples
from descend.network.architecture import architecture_of
from descend.recipe import Recipe
from tests.training.scenes import completed, ends, trained, tree_of

TOLERANCE = 1e-10  # float64: both round differently, 60 steps amplify that by less than 1e5
TOLERANCE_FLOAT32 = 2e-5  # relative: 6e-8 a number, amplified as much by 60 steps of Adam
# Batch norm leaves some parameters without effect: their gradient is rounding alone, about 1e-17,
# which Adam divides by its size or by ε = 1e-8 and walks along.
TOLERANCE_IDLE = 1e-8
DTYPES = {"float32": torch.float32, "float64": torch.float64}
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid}
REDRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "he_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "normal": nn.init.normal_,
}
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(
        p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2
    ),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam decayed": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=1e-2),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "lr": 0.1},
    "momentum": {
        "optimizer": "sgd",
        "lr": 0.05,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-2,
    },
    "adam": {"optimizer": "adam", "lr": 0.01},
    "adam decayed": {"optimizer": "adam", "lr": 0.01, "weight_decay": 1e-2},
    "adamw": {"optimizer": "adamw", "lr": 0.01, "weight_decay": 1e-2},
    "rmsprop": {"optimizer": "rmsprop", "lr": 0.01, "momentum": 0.5},
}
CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "regression": nn.functional.mse_loss,
    "binary": nn.functional.binary_cross_entropy_with_logits,
    "multiclass": nn.functional.cross_entropy,
    "multilabel": nn.functional.binary_cross_entropy_with_logits,
    "autoencoder": nn.functional.mse_loss,
    "pixels": nn.functional.cross_entropy,
}


def torch_loop(recipe: Recipe, examples: Examples, optimizer: str) -> tuple[list[float], nn.Module]:
    """What a person would write; returns each step's loss and the trained module."""
    given, network = recipe.training, recipe.network
    dtype = DTYPES[given.dtype]
    torch.manual_seed(given.seed)
    layers: list[nn.Module] = []
    for block in architecture_of(recipe, examples.features):
        layers.append(nn.Linear(block.fan_in, block.fan_out, dtype=dtype))
        rest = [ACTIVATIONS[block.activation]()] if block.activation != "identity" else []
        if block.batch_norm:
            norm = nn.BatchNorm1d(block.fan_out, dtype=dtype)
            rest.insert(0 if block.batch_norm == "before" else 1, norm)
        layers += rest
    model = nn.Sequential(*layers)
    for layer in model:
        if isinstance(layer, nn.Linear) and network.init and network.init.name != "torch":
            REDRAWS[network.init.name](layer.weight)

    preparation, train = examples.preparation, examples.train
    x = preparation.inputs(train.x, dtype=dtype)
    y = x if train.y is train.x else preparation.targets(train.y, dtype)
    size = len(x) if given.batch_size == "all" else int(given.batch_size or 0)
    is_shuffled = given.shuffle and size < len(x)  # the order within one batch does not matter
    criterion = CRITERIA[examples.task]
    rule = OPTIMIZERS[optimizer](model.parameters())
    losses = []
    for _ in range(given.epochs or 0):
        order = torch.arange(len(x))
        if is_shuffled:
            torch.empty((), dtype=torch.int64).random_()
            order = torch.randperm(len(x))
        for batch in order.split(size):
            if given.drop_last and len(batch) < min(size, len(x)):
                continue
            rule.zero_grad()
            outputs, targets = model(x[batch]), y[batch]
            if examples.task == "pixels":
                outputs, targets = outputs.flatten(0, 1), targets.flatten()
            loss = criterion(outputs, targets)
            loss.backward()
            rule.step()
            losses.append(loss.item())
    return losses, model


def flat(model: nn.Module) -> Tensor:
    """The parameters in the stack's order: weights (fan_in, fan_out), biases, γ and β."""
    parts = []
    modules = [m for m in model.modules() if isinstance(m, nn.Linear | nn.BatchNorm1d)]
    for module in modules:
        weight = module.weight.mT if isinstance(module, nn.Linear) else module.weight
        parts += [weight.flatten(), module.bias]
    return torch.cat(parts).detach()


def compare(tree: dict[str, Any], optimizer: str, tolerance: float, seed: int = 3) -> None:
    """Per-step losses, losses by epoch and last weights of both loops."""
    tree["training"] |= {**SETTINGS[optimizer], "seed": seed, "measure_every": 1}
    recipe, examples = completed(tree)
    expected, model = torch_loop(recipe, examples, optimizer)
    training = trained(tree, [seed])

    steps = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(
        training.trace.losses[:, 0].double(), steps, rtol=tolerance, atol=tolerance
    )
    by_epoch = steps.view(recipe.training.epochs, -1).mean(dim=1)
    torch.testing.assert_close(
        training.history.losses[:, 0], by_epoch, rtol=tolerance, atol=tolerance
    )
    torch.testing.assert_close(
        ends(training)[0][0], flat(model), rtol=tolerance, atol=10 * tolerance
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_losses_of_every_step_are_those_of_the_torch_loop(optimizer: str) -> None:
    """SGD, momentum, Adam, AdamW, RMSprop and weight decay follow torch's loop in float64."""
    tree = tree_of("multiclass", epochs=10)
    tree["network"]["init"] = "torch"
    compare(tree, optimizer, TOLERANCE)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_batch_norm_follows_the_torch_loop(where: str, optimizer: str) -> None:
    """With batch norm before or after the activation the losses are torch's as well."""
    tree = tree_of("multiclass", epochs=8)
    tree["network"] |= {"init": "torch", "batch_norm": where, "activation": "relu"}
    compare(tree, optimizer, TOLERANCE_IDLE if optimizer == "adam" else TOLERANCE)


@pytest.mark.parametrize("init", REDRAWS)
def test_redrawn_weights_follow_the_torch_loop(init: str) -> None:
    """Initialisers draw after all constructors, layer by layer; the order follows."""
    tree = tree_of("multiclass", epochs=4)
    tree["network"] |= {"init": init, "activation": "relu"}
    compare(tree, "adam", TOLERANCE)


@pytest.mark.parametrize("task", CRITERIA)
def test_every_task_follows_the_torch_loop(task: str) -> None:
    """The usual loss of each task is torch's, averaged over outputs and pixels alike."""
    tree = tree_of(task, epochs=4)
    tree["network"] |= {"init": "torch", "activation": "sigmoid"}
    compare(tree, "adam", TOLERANCE)


@pytest.mark.parametrize(
    "layout",
    [
        {"batch_size": 7},
        {"batch_size": 7, "drop_last": True},
        {"batch_size": 25, "drop_last": True},
        {"batch_size": 7, "shuffle": False},
        {"batch_size": "all"},
        {"batch_size": 1000},
        {"batch_size": 1, "epochs": 2},
    ],
    ids=str,
)
def test_every_layout_of_batches_follows_the_torch_loop(layout: dict[str, Any]) -> None:
    """Partial last batches, dropped ones, full batches, no shuffling: the same steps in order."""
    tree = tree_of("multiclass", **layout)
    tree["network"]["init"] = "torch"
    compare(tree, "momentum", TOLERANCE)


def test_float32_follows_the_torch_loop_to_its_rounding() -> None:
    """In float32 the losses differ by rounding only."""
    tree = tree_of("multiclass", epochs=10, dtype="float32")
    tree["network"]["init"] = "torch"
    compare(tree, "adam", TOLERANCE_FLOAT32)
