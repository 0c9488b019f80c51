"""What a folder asks to be trained is carried out as it says, at once or in pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import descend
from descend.compute import device_named
from descend.data.examples import Examples
from descend.intake import complete_with_examples
from descend.recipe import Recipe
from descend.runs import files
from descend.runs.assignment import carry_out
from descend.runs.edits import edits_of, recipes_of, seeded
from descend.runs.facts import data_facts, first_facts
from descend.runs.folder import RunFolder


@pytest.fixture(scope="module")
def moons() -> tuple[list[Recipe], Examples]:
    """Two variants of one shape, three seeds each."""
    base = Recipe.of({"data": {"source": "moons"}, "training": {"epochs": 6}})
    plain, examples = complete_with_examples(base)
    changed = plain.edited({"training.lr": 0.01, "network.dropout": 0.25, "network.init": "zeros"})
    return [seeded(recipe, seed) for recipe in (plain, changed) for seed in (0, 1, 2)], examples


def folder_for(path: Path, recipes: list[Recipe], examples: Examples, **facts: object) -> RunFolder:
    given = data_facts(examples, is_from_arrays=False, data_dir=None)
    first = first_facts("moons", recipes, device_named("cpu"), 1, given)
    return RunFolder.create_at(path, recipes[0], {**first, **facts}, examples.preparation)


def test_recipes_of_a_stack_are_read_back_from_one_recipe_and_edits(
    moons: tuple[list[Recipe], Examples],
) -> None:
    """Edits against the first recipe, and seeds, say all that tells the runs apart."""
    recipes, _ = moons
    edits = edits_of(recipes)
    assert edits[:3] == [{}, {}, {}]
    assert edits[3] is edits[5]
    facts = {"seeds": [recipe.training.seed for recipe in recipes], "edits": edits}
    assert recipes_of(recipes[0], facts) == recipes


def test_networks_of_several_recipes_are_those_that_train_alone(
    moons: tuple[list[Recipe], Examples], tmp_path: Path
) -> None:
    """A stack of two variants holds the networks that each recipe trains by itself."""
    recipes, examples = moons
    folder = folder_for(tmp_path / "stack", recipes, examples)
    with folder.locked():
        session, status = carry_out(folder, examples)
    assert status == "finished"
    alone = descend.train(recipes[4], data=examples, out=None)
    assert torch.allclose(session.stack.theta[4], alone.stack.theta[0], atol=1e-5)
    assert session.results[4]["seed"] == 1


def test_a_pause_changes_no_bit(moons: tuple[list[Recipe], Examples], tmp_path: Path) -> None:
    """Trained to a pause and then on, weights and curves are those of a run without one."""
    recipes, examples = moons
    whole = folder_for(tmp_path / "whole", recipes, examples)
    with whole.locked():
        carry_out(whole, examples)
    halved = folder_for(tmp_path / "halved", recipes, examples, until=14)
    with halved.locked():
        session, status = carry_out(halved, examples)
        assert (status, session.training.step) == ("paused", 14)
        assert halved.checkpoint.is_file()
        assert {one["status"] for one in halved.read_facts()["runs"]} == {"paused"}
        halved.write_facts({**halved.read_facts(), "until": None})
        assert carry_out(halved, examples)[1] == "finished"
    assert not halved.checkpoint.exists()
    for name in ("weights", "metrics", "trace"):
        read = files.read_tensors if name == "weights" else files.read_table
        one, other = read(getattr(whole, name)), read(getattr(halved, name))
        if name == "weights":
            assert all(torch.equal(one[key], other[key]) for key in one)
        else:
            assert one.equals(other)


def test_thinned_curves_keep_what_was_evaluated(
    moons: tuple[list[Recipe], Examples], tmp_path: Path
) -> None:
    """`curve_every` leaves the first epoch, its multiples and the last one."""
    recipes, examples = moons
    folder = folder_for(tmp_path / "thin", recipes, examples, curve_every=4)
    with folder.locked():
        session, _ = carry_out(folder, examples)
    thin = files.read_table(folder.metrics)
    assert thin.filter(thin["run"] == 3)["epoch"].to_list() == [1, 4, 6]
    full = session.training.history.frame()
    assert thin.equals(full.filter(full["epoch"].is_in([1, 4, 6])))
