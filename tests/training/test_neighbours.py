"""What a run gives depends on its recipe and its seed, not on the runs beside it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from descend.errors import RecipeError
from descend.recipe import Recipe
from descend.training.training import Training
from tests.training.scenes import (
    Watching,
    completed,
    ends,
    rows,
    same_bits,
    trained,
    training_of,
    tree_of,
)

SEEDS = list(range(100, 117))
ROUNDING = 1e-12  # float64, 200 steps; a product of other shape may sum in another order
ROUNDING_FLOAT32 = 1e-4  # as 1e-12 is to float64's 1e-16, with room for Adam's first steps


def tree_of_200_steps(**training: Any) -> dict[str, Any]:
    """36 examples in batches of 8: 5 steps an epoch."""
    return tree_of("multiclass", epochs=40, **training)


@pytest.mark.parametrize(
    ("network", "training"),
    [
        ({}, {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}),
        ({"dropout": 0.3}, {"optimizer": "adam"}),
        ({"batch_norm": "before"}, {"optimizer": "sgd", "lr": 0.1}),
        ({"l2": 0.01, "l1": 0.001}, {"optimizer": "rmsprop", "clip_norm": 0.5}),
        ({}, {"optimizer": "adam", "schedule": "cosine", "batch_size": "all"}),
    ],
    ids=["momentum", "dropout", "batch norm", "penalties", "full batch"],
)
def test_a_run_alone_is_the_run_among_sixteen_others(
    network: dict[str, Any], training: dict[str, Any]
) -> None:
    """After 200 steps weights, statistics and losses are equal up to rounding in float64."""
    tree = tree_of_200_steps(**training)
    tree["network"] |= network
    together = trained(tree, SEEDS)
    for run in (5, 16):
        alone = trained(tree, [SEEDS[run]])
        for whole, one in zip(ends(together), ends(alone), strict=True):
            torch.testing.assert_close(whole[run], one[0], rtol=0, atol=ROUNDING)
        torch.testing.assert_close(
            together.history.losses[:, run], alone.history.losses[:, 0], rtol=0, atol=ROUNDING
        )


def test_a_run_alone_is_the_run_among_others_in_float32() -> None:
    """The same in float32, to float32's rounding."""
    tree = tree_of_200_steps(dtype="float32", optimizer="adam")
    together, alone = trained(tree, SEEDS), trained(tree, SEEDS[7:8])
    torch.testing.assert_close(
        ends(together)[0][7], ends(alone)[0][0], rtol=0, atol=ROUNDING_FLOAT32
    )


def test_the_order_of_the_stack_changes_nothing() -> None:
    """Runs that are placed otherwise give the same weights, curves and measurements."""
    tree = tree_of_200_steps(optimizer="adam", evaluate=["test"])
    tree["network"]["dropout"] = 0.2
    places = torch.randperm(len(SEEDS), generator=torch.Generator().manual_seed(1)).tolist()
    plain, mixed = trained(tree, SEEDS), trained(tree, [SEEDS[place] for place in places])
    for where, place in enumerate(places):
        torch.testing.assert_close(
            ends(mixed)[0][where], ends(plain)[0][place], rtol=0, atol=ROUNDING
        )
        assert rows(mixed.history.frame(), where)["epoch"].to_list() == list(range(1, 41))
    torch.testing.assert_close(
        mixed.history.losses, plain.history.losses[:, places], rtol=0, atol=ROUNDING
    )
    torch.testing.assert_close(
        mixed.trace.values, plain.trace.values[:, places], rtol=0, atol=1e-9, equal_nan=True
    )


def test_the_same_seed_twice_gives_the_same_bits() -> None:
    """Nothing else than the seed is random, nor does a draw by anybody else change anything."""
    tree = tree_of("multiclass", optimizer="adam", epochs=3)
    tree["network"]["dropout"] = 0.5
    one = trained(tree, [4])
    torch.rand(17)
    torch.manual_seed(5)
    other = trained(tree, [4])
    assert same_bits(ends(one)[0], ends(other)[0])
    assert not same_bits(ends(one)[0], ends(trained(tree, [6]))[0])


def test_training_leaves_the_global_generator_alone() -> None:
    """A person's own random numbers are the same with and without a training between them."""
    before = torch.get_rng_state()
    trained(tree_of("multiclass", epochs=1), [4])
    assert torch.equal(torch.get_rng_state(), before)


def test_runs_of_one_stack_may_differ_in_their_numbers() -> None:
    """Rates, schedules, limits, dropout and penalties of a run are its own, as if it were alone."""
    edits: list[dict[str, Any]] = [
        {"training.lr": 0.01},
        {"training.lr": 0.1, "training.clip_norm": 0.1},
        {"training.schedule": {"name": "step", "step_size": 2, "gamma": 0.5}},
        {"training.schedule": "cosine", "network.dropout": 0.4},
        {"network.l2": 0.1, "training.clip_value": 0.01},
        {"training.weight_decay": 0.1, "network.init": "he_normal"},
    ]
    tree = tree_of("multiclass", optimizer="adam", epochs=6)
    seeds = [9] * len(edits)
    together = trained(tree, seeds, edits=edits)
    for run, edit in enumerate(edits):
        alone = trained(tree, [9], edits=[edit])
        torch.testing.assert_close(ends(together)[0][run], ends(alone)[0][0], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 4),
        ("epochs", 3),
        ("optimizer", "sgd"),
        ("dtype", "float32"),
        ("loss", "mse"),
        ("evaluate", ["test"]),
        ("early_stopping", {"patience": 2}),
    ],
)
def test_runs_that_cannot_share_a_stack_are_refused(field: str, value: Any) -> None:
    """A difference that a stack would silently ignore is one sentence instead."""
    recipe, examples = completed(tree_of("multiclass", optimizer="adam"))
    tree = recipe.tree()
    if field == "optimizer":
        for setting in ("betas", "eps", "amsgrad"):
            del tree["training"][setting]
    tree["training"][field] = value
    with pytest.raises(RecipeError, match=f"training.{field}"):
        Training([recipe, Recipe.of(tree)], examples)


def test_a_plateau_is_for_all_runs_or_none() -> None:
    """A schedule by results beside one by steps is refused, not ignored."""
    with pytest.raises(RecipeError, match="plateau"):
        training_of(tree_of("multiclass"), [1, 2], edits=[{}, {"training.schedule": "plateau"}])


def test_a_watcher_hears_of_every_advance() -> None:
    """Progress counts steps and epochs up to the last one."""
    training = training_of(tree_of("multiclass", epochs=3), [1, 2])
    watching = Watching()
    assert training.run(watching)
    assert [progress.step for progress in watching.told][-1] == training.total == 15
    last = watching.told[-1]
    assert (last.epoch, last.epochs, last.steps, last.active) == (3, 3, 15, 2)
