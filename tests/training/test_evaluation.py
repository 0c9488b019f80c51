"""Every task trains and is evaluated; an evaluation is the plain computation over all examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import Tensor

from descend.data.arrays import from_arrays
from descend.data.examples import Split
from descend.recipe import Data
from descend.recipe.names import METRICS_FOR
from descend.training import evaluation
from descend.training.evaluation import score_split
from descend.training.training import Training
from tests.training.scenes import SOURCES, ends, same_bits, trained, training_of, tree_of

CLOSE = {"rtol": 0, "atol": 1e-12}  # float64 sums over fewer than 2,000 numbers


def outputs_of(training: Training, split: Split, run: int) -> Tensor:
    """The outputs of one run for all examples at once."""
    stack = training.whole_stack()
    x = training.examples.preparation.inputs(split.x, dtype=torch.float64)
    for views, block in zip(stack.views, stack.blocks, strict=True):
        x = x @ views.w[run] + views.b[run]
        x = {"tanh": torch.tanh, "identity": lambda z: z}[block.activation](x)
    return x.flatten(0, -2)


@pytest.mark.parametrize("task", SOURCES)
def test_every_task_trains_and_scores_as_scikit_learn_does(task: str) -> None:
    """The loss falls, and each split's metrics are those of scikit-learn on the raw scale."""
    tree = tree_of(task, optimizer="adam", lr=0.01, epochs=12, evaluate=["train", "test"])
    training = trained(tree, [1, 2])
    losses = training.history.losses
    assert bool((losses[-1] < losses[0]).all())
    scores = training.score()
    preparation = training.examples.preparation
    for name, split in training.examples.splits.items():
        for run in range(2):
            found = {
                metric.removeprefix(f"{name}/"): float(values[run])
                for metric, values in scores.items()
                if metric.startswith(f"{name}/")
            }
            outputs = outputs_of(training, split, run)
            y = split.y.flatten(0, -2) if task in ("autoencoder",) else split.y
            if task in ("regression", "autoencoder"):
                scaled = preparation.targets(y, torch.float64)
                values = preparation.targets_back(outputs).numpy()
                truth = y.double().numpy()
                mean = truth.mean(axis=0)
                expected = {
                    "loss": float((outputs - scaled).square().mean()),
                    "rmse": sk.mean_squared_error(truth, values) ** 0.5,
                    "mae": sk.mean_absolute_error(truth, values),
                    "r2": 1 - np.square(truth - values).sum() / np.square(truth - mean).sum(),
                }
            elif task in ("binary", "multilabel"):
                bce = torch.nn.functional.binary_cross_entropy_with_logits
                right = (outputs > 0) == (y > 0.5)
                expected = {
                    "loss": float(bce(outputs, y.double())),
                    "accuracy": float(right.double().mean()),
                }
            else:
                classes = y.flatten()
                cross_entropy = torch.nn.functional.cross_entropy
                expected = {
                    "loss": float(cross_entropy(outputs, classes)),
                    "accuracy": sk.accuracy_score(classes, outputs.argmax(1)),
                }
            assert found == pytest.approx(expected, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_every_example_is_scored_exactly_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the chunks are, no example is left out and none counts twice."""
    training = trained(tree_of("multiclass", epochs=1), [1])
    seen: list[Tensor] = []
    evaluator = training.evaluator
    monkeypatch.setattr(evaluator.forward, "rows", rows)
    prepare = evaluator.forward.prepare
    monkeypatch.setattr(
        evaluator.forward, "prepare", lambda raw: (seen.append(raw), prepare(raw))[1]
    )
    for split in training.examples.splits.values():
        seen.clear()
        score = evaluator.score(split)
        assert torch.equal(torch.cat(seen), split.x)
        whole = training._new_evaluator(training.stack).score(split)
        torch.testing.assert_close(score["loss"], whole["loss"], **CLOSE)
        assert same_bits(score["accuracy"], whole["accuracy"])


@pytest.mark.parametrize("task", ["multiclass", "pixels", "regression"])
def test_looking_changes_nothing(task: str) -> None:
    """Evaluations and measurements leave every bit of the weights as it would have been."""
    tree = tree_of(task, optimizer="adam", evaluate=[], measure_every=0, measure_first=0)
    tree["network"] |= {"dropout": 0.2, "batch_norm": "before"}
    blind = trained(tree, [1, 2])
    for looks in (
        {"evaluate": ["train", "validation", "test"], "evaluate_every": 1},
        {"evaluate": ["test"], "evaluate_every": 3, "measure_every": 1},
        {"measure_every": 7, "measure_first": 3},
    ):
        tree["training"] |= looks
        seeing = trained(tree, [1, 2])
        assert same_bits(ends(seeing), ends(blind))
        assert same_bits(seeing.history.losses, blind.history.losses)


def test_curves_have_what_was_asked_for() -> None:
    """A row for each epoch, metrics where an evaluation was due, nothing elsewhere."""
    tree = tree_of("multiclass", epochs=7, evaluate=["test", "validation"], evaluate_every=3)
    training = trained(tree, [1, 2])
    frame = training.history.frame()
    assert frame.columns == [
        *("run", "epoch", "train/loss"),
        *("test/loss", "test/accuracy", "validation/loss", "validation/accuracy"),
    ]
    assert frame["run"].to_list() == [0] * 7 + [1] * 7
    assert frame["epoch"].to_list() == [*range(1, 8)] * 2
    taken = [value is not None for value in frame["test/loss"]]
    assert taken == [epoch % 3 == 0 for epoch in frame["epoch"]]
    assert frame["train/loss"].null_count() == 0


def test_a_training_by_steps_ends_in_the_middle_of_an_epoch() -> None:
    """`steps` counts updates; the short epoch has its mean of the steps that it had."""
    tree = tree_of("multiclass", steps=8, epochs=10, measure_every=1)  # 5 steps an epoch
    training = trained(tree, [1])
    assert training.step == 8
    steps = training.trace.losses[:, 0]
    assert training.history.losses[:, 0].tolist() == pytest.approx(
        [float(steps[:5].mean()), float(steps[5:].mean())], rel=1e-12
    )


def weighted(task: str, weights: Tensor | None, **data: Any) -> dict[str, Any]:
    """An experiment on given arrays with example weights."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 3) if task != "pixels" else (40, 5, 3)).astype(np.float32)
    y = (x.sum(axis=-1) > 0).astype(np.int64)
    if task == "regression":
        y = x.sum(axis=1, keepdims=True)
    fields = {"validation": 0.25, "test": 0, "task": task, **data}
    examples = from_arrays(x, y, Data(source="arrays", **fields), weight=weights)
    return {"data": {"source": "arrays", **fields}}, examples  # type: ignore[return-value]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "pixels"])
def test_example_weights_weigh_training_and_evaluation(task: str) -> None:
    """The loss of a batch and of a split is Σ w·loss / Σ w; pixels weigh as their image."""
    weights = torch.rand(40, generator=torch.Generator().manual_seed(1)) + 0.1
    data, examples = weighted(task, weights)
    tree = tree_of("multiclass", batch_size="all", epochs=2, measure_every=1) | data
    training = trained(tree, [1], data=examples)
    first = training_of(tree, [1], data=examples)
    split = examples.train
    assert split.weight is not None
    outputs = outputs_of(first, split, 0)
    if task in ("multiclass", "pixels"):
        each = torch.nn.functional.cross_entropy(outputs, split.y.flatten(), reduction="none")
        weight = split.weight.double().repeat_interleave(len(each) // len(split))
    else:
        y = examples.preparation.targets(split.y, torch.float64)
        bce = torch.nn.functional.binary_cross_entropy_with_logits
        loss = {"binary": bce, "regression": torch.nn.functional.mse_loss}[task]
        each, weight = loss(outputs, y, reduction="none").mean(dim=1), split.weight.double()
    expected = float((each * weight).sum() / weight.sum())
    assert float(first.score()["train/loss"][0]) == pytest.approx(expected, rel=1e-7)
    # float32 weights are summed as they are: 6e-8
    assert float(training.history.losses[0, 0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("given", ["balanced", [0.3, 1.7]])
def test_class_weights_weigh_as_torch_and_scikit_learn_do(task: str, given: Any) -> None:
    """The loss is torch's weighted cross-entropy; "balanced" is scikit-learn's."""
    data, examples = weighted(task, None)
    tree = tree_of("multiclass", batch_size="all", class_weights=given) | data
    tree["training"]["loss"] = "cross_entropy"
    training = training_of(tree, [1], data=examples)
    split = examples.train
    classes = split.y.flatten().long()
    if given == "balanced":
        given = len(classes) / (2 * np.bincount(classes))
    weight = torch.tensor(given, dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(
        outputs_of(training, split, 0), classes, weight=weight
    )
    assert float(training.score()["train/loss"][0]) == pytest.approx(float(expected), rel=1e-6)
    assert training.recipe.training.class_weights == pytest.approx(tuple(given))
    other = score_split(
        training.stack, training.recipe, examples.preparation, examples.split("validation")
    )
    assert float(other["loss"]) == pytest.approx(float(training.score()["validation/loss"]))


def test_outputs_that_are_no_numbers_are_no_answers() -> None:
    """A network of NaN has no accuracy, though NaN > 0 is false as every second answer is."""
    training = training_of(tree_of("binary"), [1, 2])
    training.stack.theta[0] = torch.nan
    accuracy = training.score()["test/accuracy"]
    assert accuracy.isnan().tolist() == [True, False]


def test_r2_is_exact_far_from_zero() -> None:
    """Targets of a million plus or minus one do not cancel in their variance."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2)).astype(np.float32)
    y = (1e6 + x[:, :1] * 2).astype(np.float32)
    fields: dict[str, Any] = {"source": "arrays", "validation": 0, "test": 0}
    examples = from_arrays(x, y, Data(target_scale="none", **fields))
    tree = tree_of("regression") | {"data": {**fields, "target_scale": "none"}}
    training = training_of(tree, [1], data=examples)
    training.stack.theta.zero_()
    training.stack.views[-1].b.fill_(1e6)
    truth = examples.train.y.double().numpy()
    expected = sk.r2_score(truth, np.full_like(truth, 1e6))
    assert float(training.score()["train/r2"][0]) == pytest.approx(expected, rel=1e-9)


def test_the_names_of_the_metrics_are_those_that_recipes_know() -> None:
    """What early stopping may watch is what an evaluation gives."""
    assert {task: sums.names for task, sums in evaluation.METRICS.items()} == dict(METRICS_FOR)
