"""Successive halving: who goes on after which epoch, and that it changes nobody's training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import descend
from descend.comparison.comparison import Comparison
from descend.comparison.folder import ComparisonFolder
from descend.comparison.rounds import (
    PlannedStack,
    Round,
    Source,
    rungs,
    sources_of,
    survivors,
)
from descend.comparison.variants import Variant
from descend.recipe import Recipe
from descend.runs import files

NAN = math.nan


def variants(count: int, **training: Any) -> list[Variant]:
    tree: dict[str, Any] = {"data": {"source": "moons"}, "training": {"epochs": 81, **training}}
    recipe = Recipe.of(tree)
    return [Variant(str(place), {}, recipe, 10) for place in range(count)]


@pytest.mark.parametrize(
    ("count", "epochs", "eta", "expected"),
    [
        (27, 81, 3, [3, 9, 27]),  # 27 → 9 → 3 → 1
        (9, 81, 3, [9, 27]),
        (8, 8, 2, [1, 2, 4]),
        (4, 100, 2, [25, 50]),
        (1000, 9, 3, [1, 3]),  # no more rungs than epochs
        (2, 81, 3, []),  # nothing to halve
        (1, 81, 3, []),
        (243, 243, 3, [1, 3, 9, 27, 81]),  # log 243 / log 3 is 4.999…
    ],
)
def test_rungs_are_whole_powers_below_all_epochs(
    count: int, epochs: int, eta: int, expected: list[int]
) -> None:
    """The last survivors have E epochs, those of k rungs before E / eta^k."""
    assert rungs(variants(count, epochs=epochs), eta) == expected


def test_rungs_fall_on_evaluations() -> None:
    """Each is a multiple of `evaluate_every`, so that curves have the metric there."""
    assert rungs(variants(27, epochs=81, evaluate_every=5), 3) == [5, 10, 30]
    assert rungs(variants(27, epochs=81, evaluate_every=100), 3) == []


def test_a_limit_of_steps_counts_as_the_epochs_that_it_leaves() -> None:
    """100 steps of 10 an epoch are 10 epochs, the first rung a third of them."""
    assert rungs(variants(3, epochs=81, steps=100), 3) == [3]


def test_variants_that_cannot_be_built_do_not_count() -> None:
    """27 and two impossible ones have the rungs of 27."""
    impossible = [Variant("x", {}, None, reason="no"), Variant("y", {}, None, reason="no")]
    assert rungs([*impossible, *variants(27)], 3) == [3, 9, 27]


def test_halving_needs_one_number_of_epochs_and_a_share() -> None:
    """One sentence each."""
    with pytest.raises(descend.RecipeError, match="equally many epochs: they have 5, 81"):
        rungs([*variants(2), *variants(2, epochs=5)], 3)
    for eta in (1, 0, -3):
        with pytest.raises(
            descend.RecipeError, match="`halving` must be a whole number, 2 or more"
        ):
            rungs(variants(9), eta)


def test_the_best_third_by_the_mean_goes_on() -> None:
    """Rounded up, in the order given, earlier ones winning ties."""
    accuracy = {0: [0.5, 0.7], 1: [0.9, 0.9], 2: [0.6, 0.6], 5: [0.1, 0.9], 7: [0.8, 0.8]}
    assert survivors(accuracy, "test/accuracy", 3) == [1, 7]
    assert survivors(accuracy, "test/loss", 3) == [0, 5]
    assert survivors({3: [1.0], 1: [1.0], 2: [1.0]}, "test/r2", 3) == [3]
    assert survivors({3: [1.0]}, "test/r2", 3) == [3]


def test_a_seed_that_diverged_is_worse_than_any_number() -> None:
    """However good the others are; variants without any number are last."""
    scores = {0: [NAN, 1.0], 1: [0.1, 0.1], 2: [NAN, NAN], 3: [NAN, 0.9]}
    assert survivors(scores, "test/accuracy", 4) == [1]
    assert survivors(scores, "test/accuracy", 2) == [0, 1]
    assert survivors({0: [NAN], 1: [NAN]}, "test/accuracy", 2) == [0]
    assert survivors({0: [math.inf], 1: [5.0]}, "test/loss", 2) == [1]


def test_sources_follow_the_stacks_of_the_last_round() -> None:
    """The members in the order of their stacks, with their places there."""
    last = Round(
        (
            PlannedStack("1-001", ((0, 1), (0, 2), (1, 1))),
            PlannedStack("1-002", ((1, 2), (2, 1), (2, 2))),
        )
    )
    ordered, sources = sources_of([(2, 2), (0, 2), (1, 2)], last)
    assert ordered == [(0, 2), (1, 2), (2, 2)]
    assert sources == (Source("1-001", (1,)), Source("1-002", (0, 2)))
    assert Round.from_json(last.to_json()) == last
    following = Round((PlannedStack("2-001", tuple(ordered), sources),), 9)
    assert Round.from_json(following.to_json()) == following


TREE: dict[str, Any] = {
    "data": {"source": "moons", "examples": 60, "validation": 0, "test": 0.2},
    "network": {"hidden": [4], "activation": "tanh"},
    "training": {
        "epochs": 9,
        "batch_size": 16,
        "dtype": "float64",
        "optimizer": "adam",
        "schedule": "cosine",
        "measure_every": 3,
    },
}
LR = [0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 1e-5, 1e-7, 1e-9]


def compare(out: Path, **options: Any) -> Comparison:
    given: dict[str, Any] = {"vary": {"training.lr": LR}, "seeds": 2, "processes": 1, **options}
    given = {"metric": "test/loss", **given}
    return descend.compare(given.pop("tree", TREE), out=out, **given)


def final(comparison: Comparison) -> dict[tuple[int, int], torch.Tensor]:
    assert comparison.folder is not None
    return {
        (one.variant, one.seed): descend.load_run(
            comparison.folder / "stacks" / one.stack
        ).stack.theta[one.run]
        for one in comparison.results
        if one.stack
    }


def rounds_of(comparison: Comparison) -> list[Round]:
    assert comparison.folder is not None
    facts = ComparisonFolder.open(comparison.folder).read_facts()
    return [Round.from_json(one) for one in facts["rounds"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Nine variants, all trained to the end."""
    return compare(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The same, 9 → 3 → 1."""
    return compare(tmp_path_factory.mktemp("halved"), halving=3)


def test_survivors_end_as_if_nobody_had_been_dropped(whole: Comparison, halved: Comparison) -> None:
    """Weights, metrics, curves and trace, under a schedule that knows the whole length."""
    (survivor,) = {one.variant for one in halved.results if one.status == "finished"}
    one, other = final(halved), final(whole)
    assert whole.folder is not None
    assert halved.folder is not None
    for seed in (0, 1):
        theta, expected = one[survivor, seed], other[survivor, seed]
        torch.testing.assert_close(theta, expected, rtol=1e-9, atol=1e-9)
    by_member = {(own.variant, own.seed): own for own in whole.results}
    for own in halved.results:
        if own.status != "finished":
            continue
        unhalved = by_member[own.variant, own.seed]
        assert own.epochs == unhalved.epochs == 9
        for name, value in own.metrics.items():
            assert value == pytest.approx(unhalved.metrics[name], rel=1e-9)
        for name in ("metrics", "trace"):
            mine, its = (
                files.read_table(comparison.folder / "stacks" / at.stack / f"{name}.parquet")
                .filter(run=at.run)
                .drop("run")
                for comparison, at in ((halved, own), (whole, unhalved))
                if comparison.folder is not None
            )
            assert mine.columns == its.columns
            assert mine.height == its.height
            for column in mine.columns:
                if mine[column].dtype.is_float():
                    np.testing.assert_allclose(
                        mine[column].to_numpy(), its[column].to_numpy(), rtol=1e-7, atol=1e-12
                    )


def test_the_dropped_keep_their_curves_and_the_metric_at_their_rung(
    whole: Comparison, halved: Comparison
) -> None:
    """As the unhalved comparison had them after that epoch."""
    dropped = [one for one in halved.results if one.status == "dropped"]
    assert sorted({one.epochs for one in dropped}) == [1, 3]
    assert len({one.variant for one in dropped if one.epochs == 1}) == 6
    assert len({one.variant for one in dropped if one.epochs == 3}) == 2
    assert whole.folder is not None
    by_member = {(own.variant, own.seed): own for own in whole.results}
    for one in dropped:
        unhalved = by_member[one.variant, one.seed]
        path = whole.folder / "stacks" / unhalved.stack / "metrics.parquet"
        curve = files.read_table(path).filter(run=unhalved.run, epoch=one.epochs)
        assert one.metrics["test/loss"] == pytest.approx(curve["test/loss"][0], rel=1e-9)
    row = halved.rows[-1]
    assert row.summary is None
    assert row.verdict == f"dropped after epoch 1 at {row.metrics['test/loss']:.4g}"
    assert halved.conclusion.startswith("8 of 9 variants were dropped on the way.")


def test_who_goes_on_is_who_was_best_at_the_rung(whole: Comparison, halved: Comparison) -> None:
    """By the mean of the metric over the seeds after that epoch of the unhalved comparison."""
    assert whole.folder is not None
    losses: dict[int, dict[int, list[float]]] = {1: {}, 3: {}}
    for one in whole.results:
        path = whole.folder / "stacks" / one.stack / "metrics.parquet"
        curve = files.read_table(path).filter(run=one.run)
        for epoch, of in losses.items():
            of.setdefault(one.variant, []).append(curve.filter(epoch=epoch)["test/loss"][0])
    first, second, third = rounds_of(halved)
    assert (first.until, second.until, third.until) == (1, 3, None)
    best = sorted(losses[1], key=lambda place: np.mean(losses[1][place]))[:3]
    assert second.variants == sorted(best)
    assert third.variants == [min(best, key=lambda place: float(np.mean(losses[3][place])))]


def test_the_room_of_the_dropped_is_freed(halved: Comparison) -> None:
    """18, then 6, then 2 rows of weights; no checkpoint is left."""
    assert halved.folder is not None
    sizes = []
    for one in rounds_of(halved):
        runs = [descend.load_run(halved.folder / "stacks" / stack.name) for stack in one.stacks]
        sizes.append(sum(len(run.stack.theta) for run in runs))
    assert sizes == [18, 6, 2]
    assert not list(halved.folder.rglob("checkpoint"))


def test_variants_that_diverge_are_the_first_to_go(tmp_path: Path) -> None:
    """Their stacks go on without them, beside stacks where nothing has diverged."""
    tree = {**TREE, "training": {**TREE["training"], "optimizer": "sgd"}}
    tree["network"] = {"hidden": [4], "activation": "relu"}
    vary = {"training.lr": [0.3, 1e300, 0.1, 0.01], "network.hidden": [[4], [5]]}
    comparison = compare(tmp_path, tree=tree, vary=vary, halving=2)
    assert comparison.status == "finished"
    statuses = {
        one.status
        for one in comparison.results
        if comparison.variants[one.variant].edits["training.lr"] == 1e300
    }
    assert statuses == {"diverged"}
    finished = {one.variant for one in comparison.results if one.status == "finished"}
    assert len(finished) == 1  # 8 → 4 → 2 → 1
    whole = compare(tmp_path, tree=tree, vary=vary)
    one, other = final(comparison), final(whole)
    for place in finished:
        for seed in (0, 1):
            torch.testing.assert_close(one[place, seed], other[place, seed], rtol=1e-9, atol=1e-9)


def test_a_survivor_with_a_seed_that_diverged_goes_on_with_the_others(tmp_path: Path) -> None:
    """Where every variant has such seeds, the rest of the best ones is trained to the end."""
    x = np.linspace(-1, 1, 60, dtype=np.float32).reshape(-1, 1)
    x[7] = 1e30  # in the training or in the test part, as the seed of the data has it
    y = (x[:, 0] > 0).astype(np.int64)
    tree = {
        "data": {"source": "arrays", "validation": 0, "test": 0.2, "scale": "none"},
        "network": {"hidden": [3], "activation": "exp"},
        "training": {"epochs": 8, "batch_size": 8},
    }
    comparison = compare(
        tmp_path, tree=tree, data=(x, y), vary={"training.lr": [0.1, 0.2, 0.3, 0.4]}, halving=2
    )
    assert comparison.status == "finished"
    assert all(one.status in ("diverged", "finished", "dropped") for one in comparison.results)


def test_all_that_stop_early_before_the_rung_are_at_their_end(tmp_path: Path) -> None:
    """A stack that is over has no checkpoint to go on from, and needs none."""
    rule = {"patience": 1, "min_delta": 10.0, "metric": "test/loss"}
    tree = {**TREE, "training": {**TREE["training"], "early_stopping": rule}}
    comparison = compare(tmp_path, tree=tree, halving=3, epochs=27)
    assert comparison.status == "finished"
    assert {one.status for one in comparison.results} == {"stopped early"}
    assert all(row.summary is not None for row in comparison.rows)


def test_the_baseline_is_trained_to_its_end_however_bad(tmp_path: Path) -> None:
    """What the others are compared with cannot be dropped."""
    comparison = compare(tmp_path, halving=3, baseline="lr=1e-09")
    assert comparison.reference == 8
    assert {one.status for one in comparison.results if one.variant == 8} == {"finished"}
    finished = {one.variant for one in comparison.results if one.status == "finished"}
    assert len(finished) == 2


def test_stacks_that_cannot_join_go_on_apart(tmp_path: Path) -> None:
    """A run that diverged was measured at one more step than the others: two stacks, same ends."""
    training = {**TREE["training"], "optimizer": "sgd", "measure_first": 0}
    network = {"hidden": [4], "activation": "relu"}
    tree = {**TREE, "training": training, "network": network}
    # more networks than the cache has room for the weights and gradients of: stacks of four
    parameters = (2 + 1) * 4 + (4 + 1) * 1
    vary = {"training.lr": [0.3, 1e300, 0.1, 0.2]}
    import descend.comparison.plan as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CACHE_BYTES", 4 * 2 * parameters * torch.float64.itemsize)
        comparison = compare(tmp_path, tree=tree, vary=vary, halving=2)
        whole = compare(tmp_path, tree=tree, vary=vary)
    first, second, _ = rounds_of(comparison)
    assert [len(stack.members) for stack in first.stacks] == [4, 4]
    assert [len(stack.members) for stack in second.stacks] == [2, 2]
    assert {len(stack.sources) for stack in second.stacks} == {1}
    one, other = final(comparison), final(whole)
    finished = [own for own in comparison.results if own.status == "finished"]
    assert finished
    for own in finished:
        torch.testing.assert_close(
            one[own.variant, own.seed], other[own.variant, own.seed], rtol=1e-9, atol=1e-9
        )
