"""The verbs in Python."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import descend
from descend.data.sources import load
from descend.errors import DataError, RecipeError, RunError
from descend.memory import free_bytes
from descend.recipe import Recipe
from descend.training.training import Progress

TREE: dict[str, Any] = {
    "data": {"source": "blobs", "examples": 90},
    "network": {"hidden": [8]},
    "training": {"epochs": 3, "seed": 5},
}

ON_ARRAYS = {name: part for name, part in TREE.items() if name != "data"}


def weights(run: descend.Run) -> torch.Tensor:
    """All weights of all networks."""
    return run.stack.theta


def arrays(seed: int = 0) -> tuple[Any, Any]:
    """Three clouds of points."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 90)
    return (rng.normal(size=(90, 2)) + 3 * y[:, None]).astype(np.float32), y


def test_a_recipe_can_be_given_in_every_form(tmp_path: Path) -> None:
    """A Recipe, its tree, a TOML file and its path train the same network."""
    recipe = Recipe.of(TREE)
    path = tmp_path / "mine.toml"
    path.write_text(recipe.to_toml())
    expected = weights(descend.train(recipe, out=None))
    for given in (TREE, path, str(path)):
        assert torch.equal(weights(descend.train(given, out=None)), expected)


def test_a_source_is_a_recipe_with_all_choices_open() -> None:
    """`descend.train("moons")` is the recipe that names nothing but the source."""
    run = descend.train("moons", epochs=2, out=None)
    assert run.recipe.data.source == "moons"
    other = descend.train({"data": {"source": "moons"}}, epochs=2, out=None)
    assert torch.equal(weights(run), weights(other))


def test_a_lab_is_a_recipe_by_name() -> None:
    """The name of a lab trains its recipe, with edits."""
    run = descend.train("xor-nn", epochs=3, out=None)
    assert run.recipe.data.source == "xor"
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    # published: 0.74340731 is the first loss of seed 777
    assert run.history[0]["train/loss"] == pytest.approx(0.74340731, rel=1e-6)


def test_a_name_that_is_none_is_told_with_the_nearest() -> None:
    """Neither a file, nor a lab, nor a source."""
    with pytest.raises(RecipeError, match="did you mean 'moons'"):
        descend.train("mons", out=None)


@pytest.mark.parametrize("kind", ["numpy", "torch", "lists"])
def test_arrays_can_be_given_in_place_of_a_source(kind: str) -> None:
    """The same numbers in whatever form give the same network; no source has to be named."""
    x, y = arrays()
    given = {"numpy": (x, y), "torch": (torch.tensor(x), torch.tensor(y))}
    data = given.get(kind, (x.tolist(), y.tolist()))
    run = descend.train(ON_ARRAYS, data=data, out=None)
    assert run.recipe.data.source == "arrays"
    assert run.preparation.task == "multiclass"
    assert torch.equal(weights(run), weights(descend.train(ON_ARRAYS, data=(x, y), out=None)))
    assert run.predict(data[0]).values.shape == (90,)


def test_a_pair_of_arrays_is_asked_for() -> None:
    """Anything else is one sentence."""
    with pytest.raises(DataError, match="pair"):
        descend.train(TREE, data=np.zeros((3, 2)), out=None)  # type: ignore[arg-type]


def test_examples_can_be_given() -> None:
    """What was loaded once can be trained on many times."""
    examples = load(Recipe.of(TREE).data)
    run = descend.train(TREE, data=examples, out=None)
    assert torch.equal(weights(run), weights(descend.train(TREE, out=None)))


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [(None, [5]), (3, [5, 6, 7]), ([9, 2], [9, 2]), (np.array([3, 4]), [3, 4]), (range(2), [0, 1])],
)
def test_seeds_are_a_number_or_a_list(seeds: Any, expected: list[int]) -> None:
    """A number counts on from the recipe's seed; each network is the one trained alone."""
    run = descend.train(TREE, seeds=seeds, out=None)
    assert run.seeds == expected
    alone = descend.train(TREE, seed=expected[-1], out=None)
    torch.testing.assert_close(weights(run)[-1], weights(alone)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("seeds", [0, [], [1, 1], [-1], [1.5], ["a"], [2**63]])
def test_impossible_seeds_are_refused(seeds: Any) -> None:
    """No network, the same one twice, or none that a generator takes."""
    with pytest.raises(RecipeError, match="seeds"):
        descend.train(TREE, seeds=seeds, out=None)


def test_edits_and_short_forms() -> None:
    """Dotted names, and seed and epochs by themselves; an edit has the last word."""
    run = descend.train(TREE, edits={"training.lr": 0.5, "training.epochs": 1}, epochs=2, out=None)
    assert run.recipe.training.lr == 0.5
    assert len(run.history) == 1


def test_nothing_is_written_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`out=None` keeps the run in memory; a folder is ./runs unless it is named."""
    monkeypatch.chdir(tmp_path)
    assert descend.train(TREE, out=None).folder is None
    assert list(tmp_path.iterdir()) == []
    run = descend.train(TREE)
    assert run.folder is not None
    assert run.folder.parent == Path("runs")


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_threads_are_restored(threads: int | None, tmp_path: Path) -> None:
    """However a training ends, torch has as many threads as before."""
    before = torch.get_num_threads()
    run = descend.train(TREE, threads=threads, out=tmp_path)
    assert torch.get_num_threads() == before
    assert run.folder is not None

    def tell(progress: Progress) -> None:
        assert torch.get_num_threads() == (threads or 1)
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        descend.train(TREE, threads=threads, out=None, tell=tell)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_too_few(threads: int) -> None:
    """One sentence."""
    with pytest.raises(RunError, match="`--threads` must be 1 or more"):
        descend.train(TREE, threads=threads, out=None)


def test_devices() -> None:
    """auto is the CPU where there is no GPU; an unknown one is refused."""
    with pytest.raises(RunError, match="auto, cpu or cuda"):
        descend.train(TREE, device="tpu", out=None)
    if not torch.cuda.is_available():
        with pytest.raises(RunError, match="cuda"):
            descend.train(TREE, device="cuda", out=None)


def test_numbers_are_predicted_on_their_own_scale() -> None:
    """A regression's inputs and outputs are scaled within; a person sees raw numbers."""
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(300, 2)) * 50 + 1000).astype(np.float32)
    y = (x.sum(axis=1) * 100 - 2e5).astype(np.float32)
    run = descend.train({"training": {"epochs": 60}}, data=(x, y), out=None)
    values = run.predict(x).values
    assert values.shape == (300, 1)
    assert np.corrcoef(values[:, 0], y)[0, 1] > 0.99
    assert run.metrics["test/r2"] > 0.95
    assert run.metrics["test/rmse"] < 0.2 * y.std()
    alone = descend.predict(run, x[7])
    torch.testing.assert_close(alone.values[0], values[7])
    scores = descend.evaluate(run, x, y)
    assert scores["rmse"] == pytest.approx(float(np.sqrt(np.mean((values[:, 0].numpy() - y) ** 2))))


def test_classes_are_predicted_with_their_probabilities() -> None:
    """Texts as labels come back as texts, with probabilities that add up to 1."""
    x, y = arrays()
    names = np.array(["ant", "bee", "cat"])[y]
    run = descend.train({"training": {"epochs": 200}}, data=(x, names), out=None)
    predictions = run.predict(x)
    assert predictions.classes == ("ant", "bee", "cat")
    assert predictions.labels is not None
    assert np.mean(np.array(predictions.labels) == names) > 0.9
    assert predictions.probabilities is not None
    torch.testing.assert_close(predictions.probabilities.sum(1), torch.ones(90))


def test_two_classes_have_two_probabilities() -> None:
    """One output says yes or no; a person reads both."""
    x, y = arrays()
    run = descend.train(
        {"training": {"epochs": 40}}, data=(x[y < 2], y[y < 2].astype(bool)), out=None
    )
    predictions = run.predict(x[y < 2])
    assert predictions.probabilities is not None
    assert predictions.probabilities.shape == (int((y < 2).sum()), 2)
    assert torch.equal(predictions.values, predictions.probabilities.argmax(dim=1))


@pytest.mark.parametrize("source", ["shapes", "multilabel", "digits"])
def test_other_heads_predict_in_the_shape_of_their_targets(source: str) -> None:
    """Pixels, labels and reconstructions."""
    tree: dict[str, Any] = {"data": {"source": source}, "training": {"epochs": 1}}
    if source == "digits":
        tree["data"]["target"] = "inputs"
    run = descend.train(tree, out=None)
    examples = load(run.recipe.data).split("test")
    predictions = run.predict(examples.x)
    assert predictions.values.shape == examples.y.shape
    scores = descend.evaluate(run, examples.x, None if source == "digits" else examples.y)
    for name, value in scores.items():
        assert value == pytest.approx(run.metrics[f"test/{name}"], rel=1e-6)


def test_a_network_that_is_not_there_cannot_predict() -> None:
    """`run` counts from 0."""
    run = descend.train(TREE, seeds=2, epochs=1, out=None)
    with pytest.raises(RunError, match="`run` must be from 0 to 1: 2"):
        run.predict(np.zeros((1, 2)), run=2)


def test_evaluate_a_split_by_name(tmp_path: Path) -> None:
    """A run's own splits score as they did at its end, read back or not."""
    run = descend.train(TREE, out=tmp_path)
    assert run.folder is not None
    for split in ("train", "validation", "test"):
        for given in (run, run.folder, str(run.folder)):
            scores = descend.evaluate(given, split)
            assert scores == {
                name: pytest.approx(run.metrics[f"{split}/{name}"], rel=1e-6) for name in scores
            }
    with pytest.raises(DataError, match="train, validation, test"):
        descend.evaluate(run, "tset")


def test_a_split_of_arrays_has_to_be_given_again(tmp_path: Path) -> None:
    """A name must not be looked up in a source that the run never saw."""
    x, y = arrays()
    run = descend.train(ON_ARRAYS, data=(x, y), out=tmp_path)
    for given in (run, run.folder):
        with pytest.raises(DataError, match="arrays must be given again"):
            descend.evaluate(given, "test")  # type: ignore[arg-type]


def test_a_run_on_arrays_is_resumed_with_them(tmp_path: Path) -> None:
    """The same arrays go on bit for bit; others, or none, are refused."""
    x, y = arrays()
    expected = descend.train(ON_ARRAYS, data=(x, y), out=None)
    folder = interrupted(tmp_path, ON_ARRAYS, data=(x, y))
    with pytest.raises(DataError, match="arrays must be given again"):
        descend.resume(folder)
    with pytest.raises(DataError, match="fingerprint"):
        descend.resume(folder, data=arrays(seed=1))
    run = descend.resume(folder, data=(x, y))
    assert torch.equal(weights(run), weights(expected))
    assert run.history_table.equals(expected.history_table)


def interrupted(out: Path, tree: dict[str, Any], **options: Any) -> Path:
    """The folder of a run that was stopped after its first epoch."""

    def tell(progress: Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    run = descend.train(tree, out=out, tell=tell, **options)
    assert run.status == "interrupted"
    assert run.folder is not None
    return run.folder


def test_data_that_have_changed_are_refused(tmp_path: Path) -> None:
    """Another fingerprint is an error, not another result."""
    folder = interrupted(tmp_path, TREE)
    recipe = Recipe.read(folder / "recipe.toml").edited({"data.seed": 3})
    (folder / "recipe.toml").write_text(recipe.to_toml())
    with pytest.raises(DataError, match="fingerprint"):
        descend.resume(folder)


def test_data_are_found_again_where_they_were(tmp_path: Path, mnist_dir: Path) -> None:
    """`data_dir` is remembered."""
    tree = {
        "data": {"source": "mnist", "limit": 200, "test": 100, "validation": 100},
        "network": {"hidden": [8]},
        "training": {"epochs": 2},
    }
    run = descend.train(tree, out=tmp_path, data_dir=mnist_dir)
    assert run.folder is not None
    scores = descend.evaluate(run.folder, "test")
    assert scores["loss"] == pytest.approx(run.metrics["test/loss"], rel=1e-6)


def test_class_weights_are_written_as_numbers() -> None:
    """ "balanced" is a choice that depends on the data: the recipe of the run says which."""
    x, y = arrays()
    keep = (y != 1) | (np.arange(90) % 3 == 0)
    tree = {"training": {"epochs": 1, "class_weights": "balanced"}}
    run = descend.train(tree, data=(x[keep], y[keep]), out=None)
    given = run.recipe.training.class_weights
    assert isinstance(given, tuple)
    assert given[1] == max(given)
    scores = descend.evaluate(run, x[keep], y[keep])
    assert set(scores) == {"loss", "accuracy"}


def test_progress_is_told_to_the_end() -> None:
    """`tell` hears of epoch, step and loss, the last time of the last step."""
    told: list[Progress] = []
    run = descend.train(TREE, out=None, tell=told.append)
    assert told[-1].step == told[-1].steps == 3 * 2
    assert told[-1].metrics["validation/loss"] == pytest.approx(run.metrics["validation/loss"])
    assert [progress.epoch for progress in told] == sorted(progress.epoch for progress in told)


def test_what_train_prints_as_json(tmp_path: Path) -> None:
    """The document of `train --json`, and `runs` where there are several networks."""
    one = descend.train(TREE, out=tmp_path).to_json()
    assert list(one) == ["run", "status", "metrics", "history", "findings", "seconds"]
    assert one["history"][0].keys() == {
        *("epoch", "train/loss", "validation/loss", "validation/accuracy")
    }
    two = descend.train(TREE, seeds=2, out=None).to_json()
    assert [result["seed"] for result in two["runs"]] == [5, 6]
    assert two["run"] is None


def test_the_evaluated_training_loss_stands_beside_the_mean_of_the_steps() -> None:
    """Both curves are kept: the steps' mean, and the loss of the weights after each epoch."""
    edits = {"training.evaluate": ["train"]}
    run = descend.train("digits", edits=edits, epochs=2, out=None)
    last = run.history[-1]
    assert last["train/evaluated_loss"] == run.metrics["train/loss"]
    assert last["train/loss"] != last["train/evaluated_loss"]


def test_results_print_themselves_in_a_line(tmp_path: Path) -> None:
    """What a notebook shows below a cell: what it is of, how it ended, what came out."""
    run = descend.train("xor", epochs=3, out=tmp_path)
    compared = descend.compare("xor", vary={"training.lr": [0.1, 0.2]}, seeds=2, epochs=2, out=None)
    checked = descend.check("digits", edits={"network.init": "normal"})
    watch = descend.watch(nn.Linear(2, 1), out=None)
    one_batch = descend.preflight("xor")
    shown = [run, compared, checked, checked.examination, checked.findings[0], watch, one_batch]
    shown.append(descend.lab("gates", epochs=2, out=None))
    for result in [*shown, *descend.labs()]:
        assert repr(result).startswith(f"<{type(result).__name__}")
        assert "\n" not in repr(result)
        assert len(repr(result)) < 400
    assert repr(run).startswith("<Run of xor, finished: train/loss ")
    assert repr(run).endswith(f"; {run.folder}>")
    assert "D101 init-too-large" in repr(checked)
    assert "remedy" in str(checked)


@pytest.mark.parametrize("seeds", [0, -1, 2.5, "3", [], [1, 1], [-1]])
def test_seeds_that_are_none_are_refused_in_a_sentence(seeds: Any) -> None:
    with pytest.raises(descend.RecipeError, match="`seeds` must be how many, 1 or more, or which"):
        descend.train("xor", seeds=seeds, out=None)


def test_targets_that_are_a_single_value_are_refused_in_a_sentence() -> None:
    with pytest.raises(descend.DataError, match="`y` must be a list of targets"):
        descend.train({}, data=([[1.0], [2.0]], 4), out=None)


@pytest.mark.skipif(free_bytes() is None, reason="this system does not say what memory is free")
def test_a_network_larger_than_the_memory_is_refused_before_it_is_made() -> None:
    """Linux would promise the memory, and end the process when it is written to."""
    with pytest.raises(MemoryError, match=r"GB of memory are needed: .* GB are free"):
        descend.train("xor", edits={"network.hidden": [10**12]}, out=None)
