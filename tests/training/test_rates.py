"""Learning rates, clipping and the rules with needs of their own, through the whole loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars
import pytest
import torch
from torch import Tensor, nn

from descend.data.examples import Examples
from descend.recipe import Recipe
from descend.training.training import Training
from tests.training.scenes import Watching, ends, rows, trained, training_of, tree_of

ROUNDING = 1e-10  # float64, 30 steps of both


def plain_module(training: Training, run: int = 0) -> nn.Sequential:
    """Run `run` as torch modules, with the weights it has now."""
    layers: list[nn.Module] = []
    for views, block in zip(training.stack.views, training.stack.blocks, strict=True):
        linear = nn.Linear(block.fan_in, block.fan_out, dtype=views.w.dtype)
        with torch.no_grad():
            linear.weight.copy_(views.w[run].mT)
            linear.bias.copy_(views.b[run, 0])
        layers.append(linear)
        if block.activation != "identity":
            layers.append({"tanh": nn.Tanh, "relu": nn.ReLU}[block.activation]())
    return nn.Sequential(*layers)


def flat(module: nn.Module) -> Tensor:
    """The module's parameters in the stack's order."""
    linears = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    parts = [part for layer in linears for part in (layer.weight.mT.flatten(), layer.bias)]
    return torch.cat(parts).detach()


class TorchSteps:
    """The steps of a torch loop without shuffling, on the weights that a training starts with."""

    def __init__(self, tree: dict[str, Any], seed: int = 1) -> None:
        training = training_of(tree, [seed])
        self.recipe: Recipe = training.recipe
        self.examples: Examples = training.examples
        self.model = plain_module(training)
        preparation = self.examples.preparation
        size = self.recipe.training.batch_size
        x = preparation.inputs(self.examples.train.x, dtype=torch.float64)
        self.batches = list(
            zip(
                x.split(len(x) if size == "all" else int(size or 0)),
                self.examples.train.y.split(len(x) if size == "all" else int(size or 0)),
                strict=True,
            )
        )

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.model(x), y)

    def epoch(self, step: Callable[[], None], limit: Callable[[], None] = lambda: None) -> float:
        """One pass; `step` updates, `limit` looks at the gradients before; the mean loss."""
        total = 0.0
        for x, y in self.batches:
            self.model.zero_grad()
            loss = self.loss(x, y)
            loss.backward()
            limit()
            step()
            total += loss.item()
        return total / len(self.batches)


def unshuffled(**training: Any) -> dict[str, Any]:
    """An experiment whose order of examples is theirs."""
    return tree_of("multiclass", shuffle=False, **training)


SCHEDULES: dict[str, tuple[Any, Callable[[Any, int, int], Any]]] = {
    "step": (
        {"name": "step", "step_size": 2, "gamma": 0.3},
        lambda o, per_epoch, total: torch.optim.lr_scheduler.StepLR(o, 2 * per_epoch, 0.3),
    ),
    "cosine": (
        "cosine",
        lambda o, per_epoch, total: torch.optim.lr_scheduler.CosineAnnealingLR(o, total),
    ),
    "one_cycle": (
        {"name": "one_cycle", "pct_start": 0.25},
        lambda o, per_epoch, total: torch.optim.lr_scheduler.OneCycleLR(
            o, o.defaults["lr"], total, pct_start=0.25, cycle_momentum=False
        ),
    ),
    "warmup": (
        {"name": "warmup", "steps": 7},
        lambda o, per_epoch, total: torch.optim.lr_scheduler.LinearLR(o, 1 / 3, total_iters=7),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("batch_size", [8, "all"])
def test_schedules_by_step_follow_torch(name: str, batch_size: Any) -> None:
    """Rates change before the same steps as torch's schedulers change them."""
    given, scheduler_of = SCHEDULES[name]
    tree = unshuffled(optimizer="adam", lr=0.05, schedule=given, epochs=6, batch_size=batch_size)
    steps = TorchSteps(tree)
    optimizer = torch.optim.Adam(steps.model.parameters(), lr=0.05)
    per_epoch = len(steps.batches)
    scheduler = scheduler_of(optimizer, per_epoch, 6 * per_epoch)

    def step() -> None:
        optimizer.step()
        scheduler.step()

    losses = [steps.epoch(step) for _ in range(6)]
    training = trained(tree, [1])
    assert training.history.losses[:, 0].tolist() == pytest.approx(losses, abs=ROUNDING)
    torch.testing.assert_close(ends(training)[0][0], flat(steps.model), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("held_out", [0.2, 0])
def test_a_plateau_follows_torch(held_out: float) -> None:
    """It looks at the validation loss of each epoch, or else at the training loss."""
    rule = {"name": "plateau", "factor": 0.3, "patience": 1, "threshold": 0.3, "cooldown": 1}
    tree = unshuffled(optimizer="sgd", lr=0.5, schedule=rule, epochs=14, evaluate_every=5)
    tree["data"]["validation"] = held_out
    steps = TorchSteps(tree)
    optimizer = torch.optim.SGD(steps.model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.3, patience=1, threshold=0.3, cooldown=1
    )
    for _ in range(14):
        loss = steps.epoch(lambda: optimizer.step() and None)
        if held_out:
            validation = steps.examples.split("validation")
            x = steps.examples.preparation.inputs(validation.x, dtype=torch.float64)
            loss = steps.loss(x, validation.y).item()
        scheduler.step(loss)
    assert optimizer.param_groups[0]["lr"] < 0.5 * 0.3
    training = trained(tree, [1])
    assert float(training.executor.optimizer.lr) == pytest.approx(
        optimizer.param_groups[0]["lr"], rel=1e-12
    )
    torch.testing.assert_close(ends(training)[0][0], flat(steps.model), rtol=0, atol=ROUNDING)


def test_a_plateau_never_looks_at_the_test_set() -> None:
    """What is evaluated for the curves does not choose the rate."""
    rule = {"name": "plateau", "factor": 0.3, "patience": 1, "threshold": 0.3}
    tree = unshuffled(optimizer="sgd", lr=0.5, schedule=rule, epochs=14)
    plain = trained(tree, [1])
    tree["training"]["evaluate"] = ["test"]
    assert torch.equal(ends(trained(tree, [1]))[0], ends(plain)[0])


@pytest.mark.parametrize("limit", ["clip_norm", "clip_value"])
def test_clipping_follows_torch(limit: str) -> None:
    """Gradients are limited for each run alone, before the update and after they were measured."""
    tree = unshuffled(optimizer="adam", lr=0.05, epochs=4, measure_every=1, **{limit: 0.05})
    steps = TorchSteps(tree)
    optimizer = torch.optim.Adam(steps.model.parameters(), lr=0.05)
    clip = {"clip_norm": nn.utils.clip_grad_norm_, "clip_value": nn.utils.clip_grad_value_}[limit]
    norms = []

    def clipped() -> None:
        first = next(steps.model.parameters())
        norms.append(float(first.grad.norm()))  # type: ignore[union-attr]
        clip(steps.model.parameters(), 0.05)

    for _ in range(4):
        steps.epoch(lambda: optimizer.step() and None, clipped)
    training = trained(tree, [1, 2])
    torch.testing.assert_close(ends(training)[0][0], flat(steps.model), rtol=0, atol=ROUNDING)
    measured = rows(training.trace.frame(), 0).filter(
        (polars.col("layer") == 1) & (polars.col("quantity") == "gradient_norm")
    )
    assert measured["value"].to_list() == pytest.approx(norms, abs=1e-9)


@pytest.mark.parametrize(
    ("line_search", "of_torch", "steps_taken"),
    [("none", None, 50), ("strong_wolfe", "strong_wolfe", 6), (None, "strong_wolfe", 6)],
)
def test_lbfgs_follows_torch(
    line_search: str | None, of_torch: str | None, steps_taken: int
) -> None:
    """Full-batch L-BFGS with penalties minimises the penalised loss as torch's closure does.

    It searches as torch can, unless a recipe switches that off.
    """
    tree = unshuffled(optimizer="lbfgs", lr=0.5, max_iter=4, batch_size="all", epochs=steps_taken)
    if line_search is not None:
        tree["training"]["line_search"] = line_search
    tree["network"]["l2"] = 0.01
    steps = TorchSteps(tree)
    training = trained(tree, [1, 1])
    optimizer = torch.optim.LBFGS(
        steps.model.parameters(), lr=0.5, max_iter=4, line_search_fn=of_torch
    )
    x, y = steps.batches[0]

    def closure() -> Tensor:
        optimizer.zero_grad()
        weights = [layer.weight for layer in steps.model if isinstance(layer, nn.Linear)]
        loss = steps.loss(x, y) + 0.01 * sum(w.square().sum() for w in weights)
        loss.backward()
        return loss

    losses = []
    for _ in range(steps_taken):
        losses.append(steps.loss(x, y).detach())
        optimizer.step(closure)
    torch.testing.assert_close(
        training.history.losses[:, 0], torch.stack(losses), rtol=0, atol=1e-8
    )
    torch.testing.assert_close(ends(training)[0][0], flat(steps.model), rtol=0, atol=1e-8)
    torch.testing.assert_close(ends(training)[0][0], ends(training)[0][1], rtol=0, atol=1e-12)


def test_sparse_adam_leaves_absent_words_alone() -> None:
    """On a bag of words a row of first weights moves only in steps whose batch has its word."""
    tree: dict[str, Any] = {
        "data": {"source": "bag-of-words", "examples": 60, "validation": 0, "test": 0},
        "network": {"hidden": [4]},
        "training": {
            "optimizer": "sparse_adam",
            "lr": 0.01,
            "dtype": "float64",
            "batch_size": 6,
            "epochs": 2,
            "shuffle": False,
        },
    }
    training = training_of(tree, [1, 2])
    before = training.stack.views[0].w.clone()
    assert training.run(Watching())
    after = training.stack.views[0].w
    is_present = (training.examples.train.x != 0).any(dim=0)
    assert 0 < int(is_present.sum()) < len(is_present)
    assert torch.equal(after[:, ~is_present], before[:, ~is_present])
    has_moved = (after[:, is_present] != before[:, is_present]).any(dim=2)
    assert float(has_moved.double().mean()) > 0.9  # but where all units of a row were silent
    losses = training.history.losses
    assert bool((losses[-1] < losses[0]).all())
