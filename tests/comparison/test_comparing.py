"""Networks of a comparison are those that each recipe trains alone, and all of them are judged."""

from __future__ import annotations

import math
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch

import descend
from descend.comparison.comparing import Prepared
from descend.comparison.comparison import Comparison
from descend.runs.folder import RunFolder

TREE: dict[str, Any] = {
    "data": {"source": "moons", "examples": 80, "validation": 0.1, "test": 0.2},
    "network": {"hidden": [5]},
    "training": {"epochs": 6, "batch_size": 16, "dtype": "float64", "optimizer": "adam"},
}
VARY: dict[str, list[Any]] = {
    "training.lr": [0.1, 0.01],
    "network.activation": ["relu", "tanh"],
}
# a batch that leaves no step
TOO_LARGE: dict[str, Any] = {"training.batch_size": 1000, "training.drop_last": True}


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even small work is worth a process of its own."""
    monkeypatch.setattr("descend.comparison.plan.WORTH_SPLITTING", 0.0)


def compare(out: Path | None = None, **options: Any) -> Comparison:
    given: dict[str, Any] = {"vary": VARY, "seeds": 3, "processes": 1, **options}
    return descend.compare(given.pop("tree", TREE), out=out, **given)


def weights(comparison: Comparison) -> dict[tuple[str, int], torch.Tensor]:
    """The final weights of every network, by variant and seed."""
    assert comparison.folder is not None
    found = {}
    runs = {}
    for one in comparison.results:
        if one.stack not in runs:
            runs[one.stack] = descend.load_run(comparison.folder / "stacks" / one.stack)
        name = comparison.variants[one.variant].name
        found[name, one.seed] = runs[one.stack].stack.theta[one.run]
    return found


def test_each_network_is_the_one_that_its_recipe_trains_alone(tmp_path: Path) -> None:
    """Weights and metrics of four variants × three seeds, in float64 to rounding."""
    comparison = compare(tmp_path)
    assert comparison.status == "finished"
    trained = weights(comparison)
    assert len(trained) == len(comparison.results) == 12
    for one in comparison.results:
        variant = comparison.variants[one.variant]
        alone = descend.train(TREE, edits=variant.edits, seed=one.seed, out=None)
        torch.testing.assert_close(
            trained[variant.name, one.seed], alone.stack.theta[0], rtol=1e-9, atol=1e-9
        )
        for name, value in alone.metrics.items():
            assert one.metrics[name] == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert (one.status, one.epochs) == ("finished", 6)


def test_a_stack_of_one_variant_has_the_bits_of_its_seeds_trained_together(tmp_path: Path) -> None:
    """The comparison adds nothing to `train(seeds=…)` but the evaluations."""
    comparison = compare(tmp_path, vary={"network.activation": ["relu"]})
    run = descend.train(TREE, edits={"network.activation": "relu"}, seeds=3, out=None, threads=1)
    for place, theta in enumerate(weights(comparison).values()):
        assert torch.equal(theta, run.stack.theta[place])


def test_variants_of_one_seed_start_from_the_same_draws_and_see_the_same_batches(
    tmp_path: Path,
) -> None:
    """Two copies of one variant differ in nothing; other seeds do."""
    twins = {"one": {"training.lr": 0.1}, "other": {"training.lr": 0.1}}
    comparison = compare(tmp_path, vary=None, variants=twins)
    trained = weights(comparison)
    for seed in (0, 1, 2):
        torch.testing.assert_close(
            trained["one", seed], trained["other", seed], rtol=1e-12, atol=1e-12
        )
    assert not torch.allclose(trained["one", 0], trained["one", 1])
    start = compare(tmp_path, vary={"training.lr": [1e-300, 1e-290], "network.dropout": [0, 0.5]})
    first = weights(start)
    names = [variant.name for variant in start.variants]
    for name in names[1:]:  # rates so small that nothing moved: all start alike
        torch.testing.assert_close(first[name, 1], first[names[0], 1])


@pytest.mark.usefixtures("busy")
def test_processes_give_the_same_bits_as_this_one(tmp_path: Path) -> None:
    """The same stacks, trained here or in two processes that share one copy of the data."""
    plans: list[Prepared] = []
    options: dict[str, Any] = {"processes": 2, "before": plans.append}
    told: list[tuple[str, int, int]] = []

    def tell(number: int, rounds: int, names: Any) -> Callable[[Any], None]:
        return lambda advance: told.append((advance.stack, advance.step, advance.steps))

    there = compare(tmp_path / "out with space", tell=tell, **options)
    assert plans[0].plan.processes == 2
    assert len(plans[0].plan.stacks) > 1
    folder = there.folder
    assert folder is not None
    assert {name for name, *_ in told} <= {one.stack for one in there.results}
    assert not (folder / "data.safetensors").exists()
    # the same plan, carried out here
    here = prepared_here(plans[0], tmp_path)
    one, other = weights(there), weights(here)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert there.table.drop("seconds").equals(here.table.drop("seconds"))


def prepared_here(prepared: Prepared, out: Path) -> Comparison:
    """A comparison of the same plan, trained in this process."""
    from dataclasses import replace

    from descend.comparison.comparing import Means, begin, carry_on

    alone = replace(prepared, facts={**prepared.facts, "processes": 1})
    return carry_on(lambda: begin(alone, out), Means(), None)


@pytest.mark.usefixtures("busy")
def test_a_relative_folder_is_found_by_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies in the present folder, a module named as one of Python's own included."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the present folder')\n")
    comparison = compare(Path("my runs"), processes=2)
    assert comparison.status == "finished"
    assert {one.status for one in comparison.results} == {"finished"}


def test_a_diverging_variant_leaves_the_others_untouched(tmp_path: Path) -> None:
    """Its row says so; its neighbours end with the bits that they have in a stack of as many."""
    tree = {**TREE, "training": {**TREE["training"], "optimizer": "sgd", "dtype": "float32"}}
    tree["network"] = {"hidden": [5], "activation": "relu"}
    comparison = compare(tmp_path, tree=tree, vary={"training.lr": [0.1, 1e30, 0.01]})
    sick, healthy = comparison.rows[1], [comparison.rows[0], comparison.rows[2]]
    assert sick.diverged == 3
    assert sick.verdict == "diverged in all 3 seeds"
    assert sick.summary is not None
    assert (sick.summary.ended, sick.summary.mean, sick.summary.learned) == (0, None, 0)
    assert sick.metrics == {}
    assert {one.status for one in comparison.results if one.variant == 1} == {"diverged"}
    for row in healthy:
        assert row.diverged == 0
    for one in comparison.results:
        if one.variant != 1:
            alone = descend.train(
                tree, edits=comparison.variants[one.variant].edits, seed=one.seed, out=None
            )
            torch.testing.assert_close(
                weights(comparison)[comparison.variants[one.variant].name, one.seed],
                alone.stack.theta[0],
                rtol=1e-4,
                atol=1e-5,
            )


def test_a_run_that_diverged_has_no_number_even_where_its_weights_give_one(
    tmp_path: Path,
) -> None:
    """A loss that overflowed in one batch leaves weights with an accuracy, which is none."""
    x = np.array([[1.0]] * 30 + [[1e30]] + [[1.0]] * 29, dtype=np.float32)
    y = np.array([0, 1] * 30)
    tree = {
        "data": {"source": "arrays", "validation": 0, "test": 0.2, "scale": "none"},
        "network": {"hidden": [2], "activation": "exp"},
        "training": {"epochs": 3, "batch_size": 8, "lr": 0.01},
    }
    comparison = compare(tmp_path, tree=tree, data=(x, y), vary={"network.l2": [0, 0.01]})
    diverged = [one for one in comparison.results if one.status == "diverged"]
    assert diverged
    assert any(math.isfinite(one.metrics["test/accuracy"]) for one in diverged)
    for one in diverged:
        assert math.isnan(one.value("test/accuracy"))
    for row in comparison.rows:
        assert row.summary is not None
        assert row.summary.ended == 3 - row.diverged


def test_a_variant_that_cannot_be_built_is_a_row_with_its_reason(tmp_path: Path) -> None:
    """The others are trained, the summary has a row for each."""
    variants = {
        "good": {},
        "too large": TOO_LARGE,
        "also good": {"network.hidden": [3]},
    }
    comparison = compare(tmp_path, vary=None, variants=variants)
    row = comparison["too large"]
    assert row.summary is None
    assert row.pair is None
    assert row.reason.startswith("`training.batch_size` must be 56 or less")
    assert row.verdict == f"cannot be built: {row.reason}"
    assert comparison.table.height == 6
    assert comparison.summary["variant"].to_list() == list(variants)
    with pytest.raises(KeyError, match="'bad' is none of good, too large, also good"):
        comparison["bad"]


def test_a_stack_that_cannot_be_trained_is_a_row_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is impossible in one stack ends no other one."""
    from descend.comparison import stacks

    carry_out = stacks.carry_out

    def failing(stack: RunFolder, *arguments: Any, **options: Any) -> Any:
        if stack.path.name == "1-001":
            raise descend.RecipeError("these networks must be others")
        return carry_out(stack, *arguments, **options)

    monkeypatch.setattr(stacks, "carry_out", failing)
    comparison = compare(tmp_path)
    assert comparison.status == "finished"
    statuses = {one.stack: one.status for one in comparison.results}
    assert statuses == {"1-001": "failed", "1-002": "finished"}
    failed = [row for row in comparison.rows if row.reason]
    assert len(failed) == 2
    assert failed[0].verdict == "failed: these networks must be others"
    assert sum(row.summary is not None for row in comparison.rows) == 2
    assert comparison.folder is not None
    again = descend.load_comparison(comparison.folder)
    assert [row.verdict for row in again.rows] == [row.verdict for row in comparison.rows]


def test_an_error_of_the_program_is_none_of_the_variants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RuntimeError that speaks of memory, but not of its end, is no failed row."""

    def failing(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("some elements refer to a single memory location")

    monkeypatch.setattr("descend.comparison.stacks.carry_out", failing)
    with pytest.raises(RuntimeError, match="memory location"):
        compare(tmp_path)


def test_the_tables_of_every_comparison_have_the_same_columns(tmp_path: Path) -> None:
    """Whatever their rows lack, in one order and of one type, in memory and in the folder."""
    whole = compare(tmp_path, seeds=4)
    broken = {"broken": TOO_LARGE, "good": {}}
    partly = compare(tmp_path, vary=None, variants=broken, seeds=1)
    assert whole.summary.schema == partly.summary.schema
    assert whole.table.schema == partly.table.schema
    for comparison in (whole, partly):
        assert comparison.folder is not None
        for name in ("results", "summary"):
            kept = polars.read_parquet(comparison.folder / f"{name}.parquet")
            own = comparison.table if name == "results" else comparison.summary
            assert kept.equals(own)
    assert whole.summary["pair_p"].null_count() == 1
    assert whole.summary["mean"].to_list() == [
        row.summary.mean for row in whole.rows if row.summary is not None
    ]


def test_steps_and_time_to_the_mark_are_those_of_the_curves(tmp_path: Path) -> None:
    """The first evaluated epoch whose accuracy is as good, times the steps of an epoch."""
    comparison = compare(tmp_path, metric="test/accuracy", target=0.8, epochs=12)
    assert comparison.folder is not None
    for one in comparison.results:
        variant = comparison.variants[one.variant]
        alone = descend.train(TREE, edits=variant.edits, seed=one.seed, epochs=12, out=None)
        # 80 · 0.7 = 56 examples, 4 batches
        assert variant.steps_per_epoch == 4
        edits = {**variant.edits, "training.evaluate": ["test"]}
        alone = descend.train(TREE, edits=edits, seed=one.seed, epochs=12, out=None)
        reached = [row["epoch"] for row in alone.history if row["test/accuracy"] >= 0.8]
        assert one.target_epoch == (reached[0] if reached else None)
        assert one.target_step == (4 * reached[0] if reached else None)
    row = comparison.rows[0]
    steps = [one.target_step for one in comparison.results if one.variant == 0]
    assert row.target_steps == np.median([step for step in steps if step is not None])
    assert row.target_seconds is not None
    assert row.seconds is not None
    assert 0 < row.target_seconds <= row.seconds


def test_nothing_is_left_behind_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """out=None answers from memory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    comparison = compare(None)
    assert comparison.folder is None
    assert comparison.to_json()["comparison"] is None
    assert comparison.table.height == 12
    assert comparison.summary.height == 4
    assert list(tmp_path.iterdir()) == []


def test_one_seed_and_one_variant_say_that_nothing_follows(tmp_path: Path) -> None:
    """Neither is an error."""
    one_seed = compare(tmp_path, seeds=1)
    assert one_seed.conclusion.startswith("One seed: nothing follows from it")
    one_variant = compare(tmp_path, vary={"training.lr": [0.1]})
    assert "only variant" in one_variant.conclusion
    assert one_variant.rows[0].verdict == "the reference"


def test_a_baseline_is_the_reference_by_its_name(tmp_path: Path) -> None:
    """Every other variant is paired with it; a name that is none is refused with the nearest."""
    comparison = compare(tmp_path, vary={"training.lr": [0.1, 0.01]}, baseline="lr=0.01")
    assert comparison.reference == 1
    assert comparison.is_baseline
    assert comparison["lr=0.01"].pair is None
    assert comparison["lr=0.1"].pair is not None
    with pytest.raises(descend.RecipeError, match="`baseline` must be the name of a variant") as it:
        compare(tmp_path / "none", vary={"training.lr": [0.1, 0.01]}, baseline="lr=0.02")
    assert "did you mean 'lr=0.0" in str(it.value)
    assert not (tmp_path / "none").exists()


def test_a_baseline_that_cannot_be_built_is_said_to_be_missing(tmp_path: Path) -> None:
    """The others keep their statistics."""
    variants = {"good": {}, "broken": TOO_LARGE}
    comparison = compare(tmp_path, vary=None, variants=variants, baseline="broken")
    assert comparison.reference is None
    assert comparison.conclusion == (
        "Nothing can be compared: the baseline broken was not trained to its end."
    )
    assert comparison["good"].summary is not None


def test_more_networks_than_are_meant_are_refused_before_anything_is_built(
    tmp_path: Path,
) -> None:
    """A million of them are counted, not made."""
    million = {"training.lr": [0.1 * i for i in range(1, 1001)], "training.momentum": [0.1, 0.2]}
    with pytest.raises(descend.RecipeError, match="2,000 variants × 500 seeds are 1,000,000"):
        compare(tmp_path, vary=million, seeds=500)
    assert not list(tmp_path.iterdir())
    asked: list[Prepared] = []

    class Enough(Exception):
        pass

    def look(prepared: Prepared) -> None:
        asked.append(prepared)
        raise Enough

    with pytest.raises(Enough):
        compare(tmp_path, seeds=2501, before=look, is_large_allowed=True)
    assert asked[0].plan.runs == 10_004
    assert not list(tmp_path.iterdir())


def test_arrays_and_examples_are_compared_like_sources(tmp_path: Path) -> None:
    """And have to be given again to go on, the same ones."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    tree = {**TREE, "data": {"test": 0.2}}
    comparison = compare(tmp_path, tree=tree, data=(x, y))
    assert comparison.status == "finished"
    assert comparison.folder is not None
    assert descend.resume_comparison(comparison.folder).status == "finished"
    facts_file = comparison.folder / "comparison.json"
    facts_file.write_text(facts_file.read_text().replace('"finished"', '"interrupted"', 1))
    with pytest.raises(descend.RunError, match="arrays must be given again") as caught:
        descend.resume_comparison(comparison.folder)
    assert "resume_comparison(comparison, data=(x, y))" in str(caught.value)
    with pytest.raises(descend.RunError, match="another fingerprint"):
        descend.resume_comparison(comparison.folder, data=(x + 1, y))
    again = descend.resume_comparison(comparison.folder, data=(x, y))
    assert again.table.equals(comparison.table)


def test_stacks_are_runs_that_can_be_read(tmp_path: Path) -> None:
    """The first network of each is evaluated as any other run's."""
    comparison = compare(tmp_path)
    assert comparison.folder is not None
    for stack in sorted((comparison.folder / "stacks").iterdir()):
        run = descend.load_run(stack)
        first = next(one for one in comparison.results if (one.stack, one.run) == (stack.name, 0))
        assert descend.evaluate(run, "test")["accuracy"] == pytest.approx(
            first.metrics["test/accuracy"]
        )
        assert run.history[-1]["epoch"] == 6


def test_a_comparison_trains_in_another_thread_as_well() -> None:
    """Only the main thread hears signals."""
    found: list[Comparison] = []
    thread = threading.Thread(target=lambda: found.append(compare(None)))
    thread.start()
    thread.join()
    assert found[0].status == "finished"


def test_whole_recipes_are_compared_by_their_names(tmp_path: Path) -> None:
    """The first one's seeds are those of all."""
    other = descend.Recipe.of(TREE).edited({"network.hidden": [3, 3], "training.seed": 99})
    comparison = compare(tmp_path, vary=None, recipes={"deep": other}, seed=5)
    assert [row.name for row in comparison.rows] == ["moons", "deep"]
    assert comparison.seeds == [5, 6, 7]
    assert {one.seed for one in comparison.results if one.variant == 1} == {5, 6, 7}
    with pytest.raises(descend.RecipeError, match="RECIPE must be"):
        compare(tmp_path, vary=None, recipes={"deep": "nowhere"})


def test_what_is_loaded_is_what_was_returned(tmp_path: Path) -> None:
    """Rows, verdicts, tables and seconds, read back without the data."""
    comparison = compare(tmp_path, vary={"training.lr": [0.1, 1e300]})
    assert comparison.folder is not None
    loaded = descend.load_comparison(comparison.folder)
    assert loaded.to_json() == comparison.to_json()
    assert loaded.table.equals(comparison.table)
    resumed = descend.resume_comparison(comparison.folder)
    assert resumed.to_json() == comparison.to_json()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """Before anything is trained."""
    tmp_path.chmod(0o500)
    with pytest.raises(descend.RunError, match="`--out` must be a folder that can be written"):
        compare(tmp_path / "out")


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    """Nothing is trained then."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(descend.RunError, match="`--out` must be a folder that can be written"):
        compare(tmp_path / "out")


@pytest.mark.parametrize("means", [{"processes": 0}, {"processes": -1}, {"memory": 0}])
def test_means_that_are_none_are_refused(means: dict[str, Any], tmp_path: Path) -> None:
    """Neither no process nor no memory trains anything."""
    (name,) = means
    with pytest.raises(descend.RunError, match=f"`{name}` must be a whole number, 1 or more"):
        compare(tmp_path, **means)


def test_a_stack_is_no_run_to_be_resumed_by_itself(tmp_path: Path) -> None:
    """Its comparison is; a finished one is read like any other run."""
    comparison = compare(tmp_path)
    assert comparison.folder is not None
    with pytest.raises(descend.RunError, match="is one of a comparison"):
        descend.resume(comparison.folder)
    stack = comparison.folder / "stacks" / "1-001"
    assert descend.resume(stack).status == "finished"
    facts = RunFolder(stack).read_facts()
    RunFolder(stack).write_facts({**facts, "status": "joined"})
    with pytest.raises(descend.RunError, match="is a stack of a comparison") as caught:
        descend.resume(stack)
    assert f"descend resume {comparison.folder}" in str(caught.value)


def test_a_second_ctrl_c_without_a_folder_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And names no folder to go on in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def tell(*_: Any) -> Callable[[Any], None]:
        def twice(advance: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        return twice

    with pytest.raises(KeyboardInterrupt, match="stopped at once; nothing was kept"):
        compare(None, tell=tell)
    assert list(tmp_path.iterdir()) == []


def test_a_wish_to_stop_without_a_folder_returns_what_there_is() -> None:
    """Status and rows say that it is not the end."""

    def tell(*_: Any) -> Callable[[Any], None]:
        return lambda advance: signal.raise_signal(signal.SIGINT) if advance.step == 4 else None

    comparison = compare(None, tell=tell)
    assert comparison.status == "interrupted"
    assert {one.status for one in comparison.results} == {"interrupted", "waiting"}
    assert comparison.table.height == 12
    assert comparison.conclusion == "Nothing can be compared: no variant was trained to its end."
