"""A run whose loss is no longer finite stops alone, keeps its evidence, and harms nobody."""

from __future__ import annotations

import math
from typing import Any

import polars
import pytest
import torch

from descend.data.arrays import from_arrays
from descend.recipe import Data
from tests.training.scenes import (
    differences,
    ends,
    everything,
    rows,
    trained,
    training_of,
    tree_of,
)

ROUNDING = 1e-12  # float64; a stack of other size may sum in another order


def diverging(**training: Any) -> dict[str, Any]:
    """A regression that a rate of 1e6 blows up within a few steps."""
    settings = {"optimizer": "sgd", "lr": 0.01, "epochs": 12, "evaluate": ["test"]}
    tree = tree_of("regression", **settings | training)
    tree["network"]["activation"] = "relu"
    return tree


def by_hand(tree: dict[str, Any], seed: int, lr: float) -> tuple[int, float, torch.Tensor]:
    """The first step of a lone run with a loss that is not finite, that loss, the weights there."""
    tree = {**tree, "training": {**tree["training"], "measure_every": 1, "lr": lr}}
    training = training_of(tree, [seed])
    while not training.is_over:
        at = training.step % training.steps_per_epoch
        if at == 0:
            training.batches.start_epoch()
        before = training.stack.theta.clone()
        # LBFGS aside, an update needs nothing but the gradient: one step at a time
        loss = training.executor.advance(
            training.step, training.batches.take(at, 1), training.active
        )
        if not math.isfinite(loss.item()):
            return training.step, loss.item(), before[0]
        training.step += 1
    raise AssertionError("it did not diverge")


@pytest.mark.parametrize("batch_size", [8, "all"])
@pytest.mark.parametrize("measure", [{}, {"measure_first": 2, "measure_every": 1000}])
def test_a_run_diverges_alone_at_the_very_step(batch_size: Any, measure: dict[str, Any]) -> None:
    """It leaves at the first loss that is not finite, with weights, curve and trace till then."""
    tree = diverging(batch_size=batch_size, dtype="float32", **measure)
    edits = [{"training.lr": lr} for lr in (0.01, 1e6, 0.02)]
    training = trained(tree, [1, 2, 3], edits=edits)
    assert training.status == ["finished", "diverged", "finished"]
    step, loss, weights = by_hand(tree, 2, 1e6)
    assert torch.equal(ends(training)[0][1], weights)
    assert weights.isfinite().all()

    epochs = step // training.steps_per_epoch + 1
    curve = rows(training.history.frame(), 1)
    assert curve["epoch"].to_list() == list(range(1, epochs + 1))
    assert not math.isfinite(curve["train/loss"][-1])
    assert curve["train/loss"][:-1].is_finite().all()
    assert curve["test/loss"][-1] is None  # the epoch was not ended, so not evaluated

    trace = rows(training.trace.frame(), 1)
    assert trace["step"].max() == step
    last = trace.filter(polars.col("step") == step)
    assert set(last["layer"]) == {0, 1, 2, 3}
    assert str(last.row(by_predicate=polars.col("quantity") == "loss")[-1]) == str(loss)
    steps_of_neighbours = rows(training.trace.frame(), 0)["step"].unique().to_list()
    assert steps_of_neighbours == [s for s in range(training.total) if training.trace.wants(s)]


def test_neighbours_of_a_diverging_run_do_not_notice() -> None:
    """Weights, curves and measurements are those of a stack without it."""
    tree = diverging(dtype="float64")
    edits = [{"training.lr": lr} for lr in (0.01, 1e160, 0.02)]
    beside = trained(tree, [1, 2, 3], edits=edits)
    without = trained(tree, [1, 3], edits=[edits[0], edits[2]])
    assert beside.status[1] == "diverged"
    for run, other in ((0, 0), (2, 1)):
        torch.testing.assert_close(
            ends(beside)[0][run], ends(without)[0][other], rtol=0, atol=ROUNDING
        )
        for table in ("history", "trace"):
            mine = rows(getattr(beside, table).frame(), run)
            theirs = rows(getattr(without, table).frame(), other)
            numbers = [name for name, kind in mine.schema.items() if kind.is_float()]
            assert mine.drop(numbers).equals(theirs.drop(numbers))
            for name in numbers:
                difference = (mine[name] - theirs[name]).abs().max()
                assert difference is not None
                assert difference < 1e-9


def test_infinite_outputs_end_a_run() -> None:
    """`exp` of large numbers is infinite in the forward pass itself."""
    tree = diverging(lr=10.0)
    tree["network"]["activation"] = "exp"
    training = trained(tree, [1, 2])
    assert training.status == ["diverged", "diverged"]
    assert training.step < training.total
    assert ends(training)[0].isfinite().all()


def test_a_training_ends_when_all_runs_have_diverged() -> None:
    """Nothing is left to do; each run's last epoch has its row though it was not ended."""
    training = trained(diverging(lr=1e200), [1, 2])
    assert training.status == ["diverged", "diverged"]
    assert training.step < training.total
    frame = training.history.frame()
    for run in range(2):
        last = rows(frame, run)["train/loss"][-1]
        assert last is not None
        assert not math.isfinite(last)
    assert all(math.isnan(v) or v > 0 for v in training.score()["train/loss"].tolist())


def test_a_loss_may_be_no_number_at_the_first_step() -> None:
    """Weights that overflow at once leave one row of each table and the first weights."""
    tree = diverging()
    tree["network"] |= {"init": {"name": "constant", "value": 1e200}}
    training = trained(tree, [1])
    assert training.status == ["diverged"]
    assert training.step == 1
    assert (ends(training)[0] == 1e200).any()
    assert rows(training.history.frame(), 0).height == 1
    assert training.trace.frame()["step"].unique().to_list() == [0]


def test_without_measurements_a_diverging_run_leaves_none() -> None:
    """`measure_every = 0` and `measure_first = 0` take no sample at all."""
    training = trained(diverging(lr=1e200, measure_every=0, measure_first=0), [1])
    assert training.status == ["diverged"]
    assert training.trace.frame().is_empty()


def test_a_diverged_run_with_batch_norm_and_adam_is_taken_out() -> None:
    """State of the optimizer, statistics and early stopping follow the runs that stay."""
    tree = diverging(optimizer="adam", early_stopping={"patience": 20, "metric": "train/loss"})
    tree["network"] |= {"batch_norm": "before"}
    edits: list[dict[str, Any]] = [{}, {"training.lr": 1e306}, {}]
    training = trained(tree, [1, 2, 3], edits=edits)
    assert training.status == ["finished", "diverged", "finished"]
    alone = trained(tree, [3])
    torch.testing.assert_close(ends(training)[0][2], ends(alone)[0][0], rtol=0, atol=1e-9)


def test_a_mean_of_finite_losses_that_overflows_is_no_divergence() -> None:
    """Only losses count: the sum over many runs may overflow where none of them does."""
    x = torch.ones(2, 1)
    data = from_arrays(
        x, x * 1e19, Data(source="arrays", validation=0, test=0, target_scale="none")
    )
    tree: dict[str, Any] = {
        "data": {"source": "arrays", "target_scale": "none", "scale": "none"},
        "network": {"hidden": [], "init": "zeros", "bias_init": "zeros"},
        "training": {"optimizer": "sgd", "lr": 0.0, "epochs": 3, "batch_size": "all"},
    }
    training = trained(tree, range(5), data=data)
    assert training.history.losses.isfinite().all()
    assert training.status == ["finished"] * 5


def test_a_diverged_run_changes_nothing_for_the_next_one() -> None:
    """Two trainings of the same recipe are equal, diverging runs or not."""
    edits = [{"training.lr": lr} for lr in (0.01, 1e160)]
    first, second = (trained(diverging(), [1, 2], edits=edits) for _ in range(2))
    assert differences(everything(first), everything(second)) == []
