"""A recipe's file says with a table [compare] what is compared, and what should come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import descend
from descend.comparison.comparison import Comparison
from descend.comparison.expected import QUANTITIES, ExpectedVerdict
from descend.comparison.file import Compare, ComparisonFile
from descend.errors import RecipeError
from descend.intake import as_comparison
from descend.recipe import Recipe
from descend.trace.measurements import QUANTITIES as MEASURED

RECIPE = """
title = "Two rates"

[data]
source = "moons"
examples = 200
test = 100

[network]
hidden = [4]

[training]
optimizer = "sgd"
epochs = 30
seed = 5
"""
TABLE = """
[compare]
story = "A rate of nothing learns nothing."
seeds = 7
metric = "test/accuracy"
baseline = "lr=0.0"
edits = { data.examples = 150, "training.epochs" = 12 }

[[compare.vary]]
field = "training.lr"
values = [0.0, 1.0]

[[compare.expect]]
variant = "lr=1.0"
verdict = "better"

[[compare.expect]]
variant = "lr=0.0"
than = "lr=1.0"
metric = "test/loss"
verdict = "worse"

[[compare.expect]]
variant = "lr=1.0"
quantity = "update_ratio"
layer = 1
verdict = "higher"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rates.toml"
    path.write_text(RECIPE + TABLE.replace("lr=0.0", "lr=0").replace("lr=1.0", "lr=1"))
    return path


def compare(path: Path, **options: Any) -> Comparison:
    return descend.compare(path, **{"out": None, "processes": 1, **options})


def problems(table: str) -> str:
    with pytest.raises(RecipeError) as error:
        ComparisonFile.from_toml(RECIPE + table)
    return error.value.message


def test_a_file_is_a_whole_comparison(path: Path) -> None:
    """Seeds, metric, baseline, edits and variants are its own, and its verdicts are found."""
    made = compare(path)
    assert made.name == "rates"
    assert list(made.seeds) == list(range(5, 12))
    assert made.goal.metric == "test/accuracy"
    assert made.is_baseline
    assert [row.name for row in made.rows] == ["lr=0", "lr=1"]
    recipe = made.variants[0].recipe
    assert recipe is not None
    assert (recipe.data.examples, recipe.training.epochs) == (150, 12)
    assert [check.found for check in made.checks] == ["better", "worse", "higher"]
    assert [check.met for check in made.checks] == [True, True, True]
    assert made.is_as_expected
    ratio = made.checks[2]
    assert ratio.mean_of_other == 0.0
    assert ratio.mean is not None
    assert ratio.mean > 0
    assert ratio.what == "lr=1 beside lr=0, update ratio of layer 1, at the end"


def test_checks_are_kept_in_the_folder(path: Path, tmp_path: Path) -> None:
    """A comparison that is read back has them, and those of other seeds say why not."""
    made = compare(path, seeds=3, out=tmp_path)
    assert made.folder is not None
    again = descend.load_comparison(made.folder)
    assert again.to_json()["checks"] == made.to_json()["checks"]
    assert {check.why_not for check in again.checks} == {"fewer seeds: 3 of 7"}


@pytest.mark.parametrize(
    ("options", "why_not"),
    [
        ({"seeds": 2}, "fewer seeds: 2 of 7"),
        ({"epochs": 2}, "another number of epochs: 2"),
        ({"edits": {"data.source": "circles"}}, "other data: circles"),
        ({"edits": {"network.hidden": [3]}}, "the recipe was edited"),
        ({"seed": 1}, ""),
        ({"seeds": 9}, ""),
    ],
)
def test_what_was_changed_is_shown_and_not_judged(
    path: Path, options: dict[str, Any], why_not: str
) -> None:
    """Seeds may be others, and more: a difference that seven show is there in nine."""
    made = compare(path, **options)
    assert {check.why_not for check in made.checks} == {why_not}
    assert all((check.met is None) == bool(why_not) for check in made.checks)
    assert all(check.found for check in made.checks)


def test_more_seeds_may_show_what_was_not_shown(path: Path) -> None:
    """Only that one is not judged."""
    text = path.read_text().replace('verdict = "worse"', 'verdict = "no difference shown"')
    path.write_text(text)
    assert [check.met for check in compare(path).checks] == [True, False, True]
    assert [check.met for check in compare(path, seeds=8).checks] == [True, None, True]


def test_variants_that_are_given_take_the_place_of_the_files(path: Path) -> None:
    """Its baseline, rungs and verdicts are about its own; seeds, metric and edits stay."""
    made = compare(path, vary={"network.hidden": [[2], [3]]})
    assert [row.name for row in made.rows] == ["hidden=2", "hidden=3"]
    assert len(made.seeds) == 7
    assert not made.is_baseline
    assert made.checks == []
    recipe = made.variants[0].recipe
    assert recipe is not None
    assert recipe.training.epochs == 12


def test_what_is_given_wins_over_the_file(path: Path) -> None:
    """Seeds, metric, baseline and edits, one by one."""
    made = compare(
        path,
        seeds=[3, 4],
        metric="test/loss",
        baseline="lr=1",
        edits={"training.epochs": 2, "data.examples": None},
    )
    assert list(made.seeds) == [3, 4]
    assert made.goal.metric == "test/loss"
    assert made.reference == 1
    recipe = made.variants[0].recipe
    assert recipe is not None
    assert (recipe.data.examples, recipe.training.epochs) == (500, 2)  # as many as moons have


def test_several_recipes_are_compared_as_they_are(path: Path) -> None:
    """A table [compare] is about one recipe."""
    other = Recipe.from_toml(RECIPE).edited({"network.hidden": [2]})
    made = compare(path, recipes={"other": other}, seeds=2, epochs=2)
    assert [row.name for row in made.rows] == ["rates", "other"]
    assert made.checks == []


def test_a_recipe_is_read_from_such_a_file_without_the_table(path: Path) -> None:
    """It can be trained; edits of the comparison are no part of it."""
    recipe = Recipe.read(path)
    assert recipe == Recipe.from_toml(RECIPE)
    assert recipe == ComparisonFile.read(path).recipe
    assert descend.train(path, epochs=1, out=None).status == "finished"


def test_a_misspelt_table_is_still_an_error() -> None:
    """It is not taken for something to leave out."""
    with pytest.raises(RecipeError, match="`comapre` must be a field that exists"):
        Recipe.from_toml(RECIPE + "[comapre]\nseeds = 3\n")
    assert "(did you mean 'compare'?)" in problems("[comapre]\nseeds = 3\n")


def test_every_error_is_told_at_once_with_its_dotted_name() -> None:
    """Those of the recipe, of the table and of its lists, with what was likely meant."""
    said = problems(
        """
        l1 = "much"
        [compare]
        sedes = 3
        seeds = 0
        metric = "test/acuracy"
        halving = 1
        edits = { data.limt = 5 }
        [[compare.vary]]
        field = "training.lrr"
        values = []
        [[compare.vary]]
        feild = "training.lr"
        values = [1, 2]
        names = ["a"]
        [[compare.variants]]
        name = "a"
        edits = { "network.actvation" = "relu" }
        [[compare.expect]]
        variant = "a"
        verdict = "bettr"
        [[compare.expect]]
        variant = "a"
        verdict = "higher"
        """
    )
    for sentence in (
        "`training.l1` must be a field that exists: 'much'",
        "`compare.sedes` must be a field that exists: 3 (did you mean 'compare.seeds'?)",
        "`compare.seeds` must be a whole number, 1 or more, or a list of seeds: 0",
        "(did you mean 'test/accuracy'?)",
        "`compare.halving` must be a whole number, 2 or more: 1",
        "`compare.edits` must be of fields that a recipe has: 'data.limt' "
        "(did you mean 'data.limit'?)",
        "`compare.vary.0.values` must be a list of values: []",
        "`compare.vary.1.field` must be given",
        "`compare.vary.1.feild` must be a field that exists: 'training.lr' "
        "(did you mean 'compare.vary.1.field'?)",
        "`compare.variants.0.edits` must be of fields that a recipe has: 'network.actvation' "
        "(did you mean 'network.activation'?)",
        "`compare.expect.0.verdict` must be one of better, worse,",
        "`compare.expect.1.verdict` must be better, worse or no difference shown of a metric: "
        "'higher' (did you mean 'better'?)",
    ):
        assert sentence in said, said


VARY = '[[compare.vary]]\nfield = "training.lr"\nvalues = [0.1, 0.2]\n'


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            f'[compare]\nbaseline = "lr=0.3"\n{VARY}',
            "`compare.baseline` must be the name of a variant: 'lr=0.3' (did you mean 'lr=0.2'?)",
        ),
        (
            f'[compare]\nbaseline = "lr=0.1"\n{VARY}'
            '[[compare.expect]]\nvariant = "x"\nverdict = "better"\n',
            "`compare.expect.0.variant` must be the name of a variant: 'x'",
        ),
        (
            f'{VARY}[[compare.expect]]\nvariant = "lr=0.1"\nverdict = "better"\n',
            "`compare.expect.0.than` must be given where there is no baseline",
        ),
        (
            f'[compare]\nbaseline = "lr=0.1"\n{VARY}[[compare.expect]]\nvariant = "lr=0.2"\n'
            'verdict = "higher"\nquantity = "drift"\nmetric = "test/loss"\n',
            "`compare.expect.0.metric` must be absent where there is a quantity: 'test/loss'",
        ),
        (
            '[[compare.vary]]\nfield = "training.seed"\nvalues = [1, 2]\n',
            "seeds must be the same for every variant",
        ),
        (VARY + VARY, "each field must vary once"),
        (f'[compare]\nzipped = true\n{VARY}[[compare.vary]]\nfield = "training.momentum"\n'
         "values = [0.9]\n", "must have equally many values"),
        ('[compare]\nsamples = 3\nsample = { "training.lr" = "0.1.." }\n', "must be drawn"),
        ("compare = 3\n", "`compare` must be a table: 3"),
    ],
)  # fmt: skip
def test_names_and_axes_are_checked_when_the_file_is_read(table: str, said: str) -> None:
    """Not after an hour of training."""
    text = table + RECIPE if table.startswith("compare =") else RECIPE + table
    with pytest.raises(RecipeError) as error:
        ComparisonFile.from_toml(text)
    assert said in error.value.message


def test_a_file_without_what_varies_asks_for_it(tmp_path: Path) -> None:
    """Its seeds alone are no comparison; with --vary they are used."""
    path = tmp_path / "plain.toml"
    path.write_text(RECIPE + "[compare]\nseeds = 3\n")
    with pytest.raises(RecipeError, match="must have something that varies"):
        compare(path)
    assert len(compare(path, vary={"training.lr": [0.1, 1.0]}, epochs=1).seeds) == 3


def test_values_can_be_drawn_or_listed_side_by_side(tmp_path: Path) -> None:
    """As `--sample` and `--zip` have them, with names where they are given."""
    drawn = Compare.model_validate({"sample": {"training.lr": "log:1e-3..1"}, "samples": 4})
    assert drawn.axes(seed=0).count == 4
    listed = ComparisonFile.from_toml(
        RECIPE
        + '[compare]\nzipped = true\n[[compare.vary]]\nfield = "training.lr"\nvalues = [0.1, 1]\n'
        + '[[compare.vary]]\nfield = "network.hidden"\nvalues = [[4], [8]]\nnames = ["4", "8"]\n'
    )
    variants = listed.compare.axes(seed=0).variants()
    assert [edits for _, edits in variants] == [
        {"training.lr": 0.1, "network.hidden": [4]},
        {"training.lr": 1, "network.hidden": [8]},
    ]
    assert [name[-1] for name, _ in variants] == ["4", "8"]


def test_a_lab_and_a_source_are_questions_too() -> None:
    """What is to be compared, its name and its story; a source has none."""
    recipe, name, asked = as_comparison("covariate-shift")
    assert (name, recipe.data.source) == ("covariate-shift", "mnist")
    assert asked.story
    assert as_comparison("moons")[2] == Compare()


def test_every_measurement_can_be_expected() -> None:
    """And what is made of them."""
    assert set(QUANTITIES) == {*MEASURED, "drift", "loss"}


def test_an_expectation_says_what_it_is_about() -> None:
    """In words, as the check beside its verdict has it."""
    fields = {"variant": "a", "than": "b", "verdict": "higher", "quantity": "gradient_norm"}
    one = ExpectedVerdict.model_validate({**fields, "layer": 1, "over_layer": -1, "step": 1000})
    said = "a beside b, gradient norm of layer 1 over that of the last layer, at step 1,000"
    assert one.what == said
    largest = ExpectedVerdict.model_validate({**fields, "layer": 2, "step": "largest"})
    assert largest.measure == "gradient norm of layer 2, its largest"


SEARCH = """
[compare]
seeds = 2
sample = { "training.lr" = "log:1e-3..1", "network.activation" = ["relu", "tanh"] }
samples = 6
search = "random"
batch = 3
edits = { "training.epochs" = 2 }
"""


def test_a_file_may_hold_a_search(tmp_path: Path) -> None:
    """Its sampler and its batches are the file's, unless others are given with the command."""
    pytest.importorskip("optuna", reason="the extra `search` is not installed")
    path = tmp_path / "found.toml"
    path.write_text(RECIPE + SEARCH)
    made = compare(path)
    assert {one.stack[0] for one in made.results} == {"1", "2"}
    assert len(made.results) == 12
    other = compare(path, search="qmc", batch=6)
    assert {one.stack[0] for one in other.results} == {"1"}
    assert [row.edits for row in other.rows] != [row.edits for row in made.rows]
    grid = compare(path, vary={"training.lr": [0.1, 0.2]})
    assert [row.name for row in grid.rows] == ["lr=0.1", "lr=0.2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"random"', '"tpo"'), "`compare.search` must be one of tpe, gp"),
        (('search = "random"', ""), "`compare.batch` must be absent where there is no `search`: 3"),
        (("batch = 3", "batch = 0"), "`compare.batch` must be a whole number, 1 or more: 0"),
        (
            ("batch = 3", "halving = 3"),
            "`compare.halving` must be absent where there is a `search`",
        ),
        (
            ("seeds = 2", 'variants = [{ name = "a" }, { name = "b" }]'),
            "`compare.search` must be given with `sample`, and nothing else that varies",
        ),
    ],
)
def test_a_search_that_cannot_be_is_named_with_the_file(
    change: tuple[str, str], message: str
) -> None:
    """Without Optuna, and before anything is read."""
    assert message in problems(SEARCH.replace(*change))
