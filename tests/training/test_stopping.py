"""Early stopping: each run ends alone, with the best weights that it had."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from descend.errors import DataError, RecipeError
from descend.recipe import EarlyStopping, Recipe
from descend.training.training import Training
from tests.training.scenes import Watching, completed, ends, rows, trained, training_of, tree_of


def by_hand(
    tree: dict[str, Any], seed: int, metric: str, patience: int, min_delta: float, every: int
) -> tuple[int, Tensor, list[float]]:
    """A lone run, looked at from outside: epochs, best weights, the metric by evaluation."""
    tree = {**tree, "training": {**tree["training"], "early_stopping": None}}
    training = training_of(tree, [seed])
    sign = -1.0 if metric.endswith("accuracy") or metric.endswith("r2") else 1.0
    best, waited, weights = float("inf"), 0, training.stack.theta[0].clone()
    seen = []
    for epoch in range(1, tree["training"]["epochs"] + 1):
        training.batches.start_epoch()
        for at in range(training.steps_per_epoch):
            batch = training.batches.take(at, 1)
            training.executor.advance(training.step, batch, training.active)
            training.step += 1
        if epoch % every:
            continue
        value = sign * float(training.score()[metric][0])
        seen.append(sign * value)
        if value < best - min_delta:
            best, waited, weights = value, 0, training.stack.theta[0].clone()
        else:
            waited += 1
        if waited >= patience:
            break
    return epoch, weights, seen


@pytest.mark.parametrize(
    ("metric", "patience", "min_delta", "every"),
    [
        ("validation/loss", 3, 0.0, 1),
        ("validation/accuracy", 2, 0.02, 1),
        ("test/loss", 2, 0.01, 2),
        ("train/loss", 1, 0.05, 1),
    ],
)
def test_runs_stop_where_a_hand_written_rule_stops(
    metric: str, patience: int, min_delta: float, every: int
) -> None:
    """Epochs, weights and curves of every run are those of the rule applied to the run alone."""
    rule = {"metric": metric, "patience": patience, "min_delta": min_delta}
    tree = tree_of(
        "binary", optimizer="adam", lr=0.05, epochs=30, evaluate_every=every, early_stopping=rule
    )
    seeds = [1, 2, 3, 4]
    training = trained(tree, seeds)
    stopped = [status == "stopped early" for status in training.status]
    assert any(stopped)
    for run, seed in enumerate(seeds):
        epochs, weights, seen = by_hand(tree, seed, metric, patience, min_delta, every)
        assert int(training.history.lengths[run]) == epochs
        assert stopped[run] == (epochs < 30)
        torch.testing.assert_close(ends(training)[0][run], weights, rtol=0, atol=1e-12)
        if not metric.startswith("train"):  # train/loss in the curve is the mean of the steps
            curve = rows(training.history.frame(), run)[metric].drop_nulls().to_list()
            assert curve == pytest.approx(seen, abs=1e-12)


def test_running_statistics_are_restored_with_the_weights() -> None:
    """With batch norm the best weights bring the statistics of their epoch along."""
    rule = {"metric": "validation/loss", "patience": 2}
    tree = tree_of("binary", optimizer="adam", lr=0.1, epochs=30, early_stopping=rule)
    tree["network"]["batch_norm"] = "before"
    training = trained(tree, [1, 2])
    best = [
        rows(training.history.frame(), run)["validation/loss"].min() for run in range(training.runs)
    ]
    assert "stopped early" in training.status
    assert training.score()["validation/loss"].tolist() == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("ending", [{"steps": 3}, {"epochs": 2, "evaluate_every": 5}])
def test_a_training_that_was_never_evaluated_keeps_its_weights(ending: dict[str, Any]) -> None:
    """Restoring the best weights must not restore the first ones where nothing was compared."""
    rule = {"metric": "validation/loss", "patience": 2}
    tree = tree_of("binary", optimizer="adam", **ending)
    plain = trained(tree, [1])
    tree["training"]["early_stopping"] = rule
    assert torch.equal(ends(trained(tree, [1]))[0], ends(plain)[0])


def test_a_metric_that_is_no_number_is_no_improvement() -> None:
    """A run whose metric is never a number stops with the weights that it has."""
    rule = {"metric": "validation/loss", "patience": 2}
    tree = tree_of("regression", optimizer="sgd", lr=0.01, epochs=9, early_stopping=rule)
    tree["network"]["batch_norm"] = "before"
    training = training_of(tree, [1])
    training.stack.statistics.fill_(torch.nan)  # evaluation passes give NaN, training passes do not
    assert training.run(Watching())
    assert training.status == ["stopped early"]
    assert int(training.history.lengths[0]) == 2
    assert not torch.equal(training.departed[0][0], training_of(tree, [1]).stack.theta[0])


def test_a_metric_that_cannot_be_taken_is_refused_before_training() -> None:
    """A split or a metric that these data do not have is an error at once, not after an epoch."""
    tree = tree_of("binary")
    recipe, examples = completed(tree)
    with pytest.raises(RecipeError, match="early_stopping"):
        Training([with_rule(recipe, "validation/rmse")], examples)
    tree["data"]["validation"] = 0
    recipe, examples = completed(tree)
    with pytest.raises(DataError, match="validation"):
        Training([with_rule(recipe, "validation/loss")], examples)


def with_rule(recipe: Recipe, metric: str) -> Recipe:
    """A recipe whose rule has not been compared with the data."""
    rule = EarlyStopping(metric=metric)
    training = recipe.training.model_copy(update={"early_stopping": rule})
    return recipe.model_copy(update={"training": training})
