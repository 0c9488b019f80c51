"""What varies in a comparison: read from text or from Python, combined, and refused in words."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descend.comparison.axes import Axes, Axis, axes_of, combinations, count, parse_axis, together
from descend.comparison.draws import parse_draw
from descend.comparison.values import identity
from descend.errors import RecipeError
from descend.laboratory import labs
from descend.recipe import Init, Recipe
from descend.recipe.complaints import LONGEST
from tests.recipe.strategies import recipes

XOR = Recipe.of({"data": {"source": "xor"}})

FIELDS = ("training.lr", "network.activation", "network.hidden", "network.init", "data.noise")


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("training.lr=0.1,0.01", "training.lr", [0.1, 0.01]),
        (" training.lr = 1e-3 , 1 ", "training.lr", [1e-3, 1]),
        ("training.lr=0.1", "training.lr", [0.1]),
        ("network.hidden=[256,256],[32]", "network.hidden", [[256, 256], [32]]),
        ("network.hidden=[],[[1, 2], 3]", "network.hidden", [[], [[1, 2], 3]]),
        (
            'network.init=normal,{name="normal", std=0.05}',
            "network.init",
            ["normal", {"name": "normal", "std": 0.05}],
        ),
        ("network.batch_norm=false,before", "network.batch_norm", [False, "before"]),
        ('data.source=\'a,b\',"c,\\"d"', "data.source", ["a,b", 'c,"d']),
        ("data.source='a\\',\"\"", "data.source", ["a\\", ""]),
        ("data.source=it's.csv,=.csv", "data.source", ["it's.csv", "=.csv"]),
        ("network.layers.0.units=3,4", "network.layers.0.units", [3, 4]),
        ("network.init.std=0.1,0.2", "network.init.std", [0.1, 0.2]),
    ],
)
def test_an_axis_is_read_from_text(text: str, field: str, values: list[Any]) -> None:
    """Commas part the values, but not inside of brackets and quotes."""
    assert parse_axis(text) == Axis(field, values)


scalars = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text(alphabet="ab ,[]{}\"'\\=#é", max_size=6)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)


def in_toml(value: Any) -> str:
    """The TOML of a value in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {in_toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(in_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)


@given(st.lists(values, min_size=1, max_size=5))
def test_every_list_of_toml_values_is_read_back(given_values: list[Any]) -> None:
    """Whatever commas, brackets, quotes and escapes the values themselves hold."""
    text = ",".join(in_toml(value) for value in given_values)
    assert parse_axis(f"data.source={text}").values == tuple(given_values)


@given(st.text() | st.text("[]{}\"',a\\ "))
def test_any_text_is_an_axis_or_one_sentence(text: str) -> None:
    """Nothing that is typed ends otherwise, and no sentence is endless."""
    for typed in (text, f"{text}=1", f"training.lr={text}"):
        answer = answer_to(typed)
        assert isinstance(answer, Axis) or len(answer) < 3 * LONGEST
        assert isinstance(answer, Axis) or "\n" not in answer


def answer_to(text: str) -> Axis | str:
    """The axis, or the sentence that refuses it."""
    try:
        return parse_axis(text)
    except RecipeError as error:
        return error.message


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("training.lr", "FIELD=VALUE,VALUE: 'training.lr'", "training.lr=0.1,0.01"),
        ("", "FIELD=VALUE,VALUE: ''", "training.lr=0.1,0.01"),
        ("=1,2", "FIELD=VALUE,VALUE: '=1,2'", "training.lr=0.1,0.01"),
        ("training.lr=", "`training.lr` must have values", "training.lr=A,B"),
        ("training.lr= ", "nothing is given", "training.lr=A,B"),
        ("training.lr=1,,2", "a comma too many in '1,,2'", "training.lr=A,B"),
        ("training.lr=1,", "a comma too many in '1,'", '""'),
        ("training.lrr=1,2", "must be a field that exists: 'training.lrr'", "'training.lr'?"),
        ("lr=1,2", "must be a field that exists: 'lr'", "did you mean 'training.lr'?"),
        ("network.layers.0.unit=1", "'network.layers.0.unit'", "'network.layers.0.units'?"),
        ("zzzzzz=1,2", "must be a field that exists: 'zzzzzz'", "descend schema"),
        ("network.hidden=[1,2", "] is lacking in '[1,2'", "[256,256],[32]"),
        ("network.hidden=1,2]", "] is never opened in '1,2]'", "[256,256],[32]"),
        ("network.hidden=[1}", "} is never opened in '[1}'", "[256,256],[32]"),
        ("network.init={name='a},b", "' is lacking", "quotes"),
        ('data.source="a,b', '" is lacking', "quotes"),
        ("training.seed=1,2", "`training.seed` cannot vary", "--seeds 20"),
        ("seed=1,2", "`seed` cannot vary", "--seeds 20"),
        ("training={lr=1},{seed=2}", "`training` cannot vary", "--seeds 20"),
        ("title=a,b", "`title`", "named after what varies"),
    ],
)
def test_what_cannot_vary_is_told_in_one_sentence(text: str, message: str, hint: str) -> None:
    """What was given, what was expected, and a hint with the field that was meant."""
    with pytest.raises(RecipeError) as caught:
        parse_axis(text)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_mapping_gives_an_axis_for_each_field() -> None:
    """Lists, tuples, ranges and arrays are values; parts of recipes and numbers become plain."""
    axes = axes_of(
        {
            "training.lr": np.array([0.5, 0.25]),
            "network.init": ("normal", Init.model_validate({"name": "normal", "std": 0.5})),
            "training.epochs": range(1, 3),
            "network.dropout": [None, np.float32(0.5)],
        }
    )
    assert axes == (
        Axis("training.lr", [0.5, 0.25]),
        Axis("network.init", ["normal", {"name": "normal", "std": 0.5}]),
        Axis("training.epochs", [1, 2]),
        Axis("network.dropout", [None, 0.5]),
    )


@pytest.mark.parametrize(
    ("vary", "message", "hint"),
    [
        ({"network.init": "normal, zeros"}, "must be a list: 'normal, zeros'", "['normal', 'zer"),
        ({"network.init": {"name": "normal"}}, "must be a list: {name = 'normal'}", "["),
        ({"training.lr": 0.1}, "`training.lr` must be a list: 0.1", "["),
        ({"training.lr": np.float64(0.1)}, "`training.lr` must be a list", "["),
        ({"training.lr": []}, "`training.lr` must have values", ""),
        ({"training.lrr": [0.1]}, "a field that exists: 'training.lrr'", "'training.lr'?"),
        ({3: [0.1]}, "a dotted name: 3", ""),
        (["training.lr=1"], "must map each field to its values", "{"),
    ],
)
def test_what_is_no_mapping_to_lists_is_told(vary: Any, message: str, hint: str) -> None:
    """A text in place of a list is the usual mistake, and the hint shows the list."""
    with pytest.raises(RecipeError) as caught:
        axes_of(vary)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def different(elements: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[list[Any]]:
    """Lists of values of which no recipe would take two for the same."""
    return st.lists(elements, min_size=1, max_size=most, unique_by=identity)


grids = st.lists(st.sampled_from(FIELDS), unique=True, max_size=4).flatmap(
    lambda fields: st.tuples(
        *(st.builds(Axis, st.just(field), different(values)) for field in fields)
    )
)


@given(grids)
def test_the_grid_counts_like_an_odometer(axes: tuple[Axis, ...]) -> None:
    """In row i, an axis is at place i // (combinations of later axes) % (its own length)."""
    rows = combinations(axes)
    assert len(rows) == count(axes)
    for place, row in enumerate(rows):
        assert list(row) == [axis.field for axis in axes]
        for after, axis in enumerate(axes, start=1):
            later = math.prod(len(other.values) for other in axes[after:])
            expected = axis.values[place // later % len(axis.values)]
            assert row[axis.field] is expected


def test_a_large_grid_is_counted_without_being_made() -> None:
    """A grid of 10^12 runs can be refused at once."""
    axes = [Axis(field, range(10_000)) for field in FIELDS[:3]]
    assert count(axes) == 10**12
    assert Axes(vary=axes).count == 10**12


@given(st.integers(1, 5), st.lists(st.sampled_from(FIELDS), unique=True, min_size=1))
def test_axes_that_vary_together_are_columns(rows: int, fields: list[str]) -> None:
    """Row i holds the i-th value of each axis."""
    axes = [Axis(field, [(field, row) for row in range(rows)]) for field in fields]
    expected = [{field: [field, row] for field in fields} for row in range(rows)]
    assert together(axes) == expected
    assert [edits for _, edits in Axes(vary=axes, zipped=True).variants()] == expected


def test_axes_that_vary_together_may_repeat_a_value() -> None:
    """Only a whole row may not occur twice."""
    rows = together(axes_of({"training.lr": [1, 1, 2], "training.momentum": [0, 0.9, 0]}))
    assert [tuple(row.values()) for row in rows] == [(1, 0), (1, 0.9), (2, 0)]
    with pytest.raises(RecipeError, match=r"must differ: \[1.0, 0\] is given twice"):
        together(axes_of({"training.lr": [1, 1.0], "training.momentum": [0, 0]}))


@pytest.mark.parametrize(
    ("values", "twice"),
    [
        ([1, 2, 1], "1"),
        ([1, 1.0], "1.0"),
        ([[1, 2], (1, 2.0)], "[1, 2.0]"),
        (["normal", {"name": "normal"}], "{name = 'normal'}"),
        ([{"name": "normal", "std": 1}, {"std": 1.0, "name": "normal"}], "{std = 1.0, name ="),
        ([None, None], "None"),
    ],
)
def test_a_value_that_is_given_twice_is_told(values: list[Any], twice: str) -> None:
    """Two values are the same where the recipes would be."""
    with pytest.raises(RecipeError, match="must differ") as caught:
        combinations([Axis("network.init", values)])
    assert twice in caught.value.message
    assert "--seeds" in str(caught.value.hint)


def test_true_and_1_are_different_values() -> None:
    """A switch is no number, though Python takes one for the other."""
    assert len(combinations([Axis("training.shuffle", [True, 1, False, 0])])) == 4


@given(values, values)
def test_values_are_the_same_exactly_if_their_toml_is(one: Any, other: Any) -> None:
    """But for whole numbers that are floats, for the order of keys, and for bare names."""
    assert (identity(one) == identity(other)) == (_normal(one) == _normal(other))
    assert identity(one) == identity(json.loads(json.dumps(one)))


def _normal(value: Any) -> str:
    """A second implementation: canonical JSON."""
    if isinstance(value, dict):
        if list(value) == ["name"]:
            return _normal(value["name"])
        items = sorted(f"{key}:{_normal(item)}" for key, item in value.items())
        return f"{{{','.join(items)}}}"
    if isinstance(value, list):
        return f"[{','.join(_normal(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer():
        return json.dumps(int(value))
    return json.dumps(value)


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: Axes(), "something that varies: nothing is given", "--vary"),
        (
            lambda: Axes(vary=axes_of({"training.lr": [1, 2], "data.noise": [1]}), zipped=True),
            "equally many values: training.lr has 2, data.noise has 1",
            "--zip",
        ),
        (
            lambda: Axes(vary=[Axis("training.lr", [1]), Axis("training.lr", [2])]),
            "`training.lr` varies twice",
            "training.lr=0.1,0.01",
        ),
        (
            lambda: Axes(
                vary=[Axis("training.lr", [1])], draws=[parse_draw("training.lr=0..1")], samples=2
            ),
            "`training.lr` varies twice",
            "",
        ),
        (
            lambda: Axes(named=[("a", {"training.lr": 1})], vary=[Axis("training.lr", [2])]),
            "`training.lr` varies twice",
            "",
        ),
        (lambda: Axes(draws=[parse_draw("training.lr=0..1")]), "1 fields, 0 draws", "--sample"),
        (lambda: Axes(vary=[Axis("training.lr", [1])], samples=3), "0 fields, 3 draws", ""),
        (lambda: Axes(draws=[parse_draw("training.lr=0..1")], samples=-1), "1 or more: -1", ""),
        (lambda: Axes(named=[("a", {"training.seed": 1})]), "`training.seed` cannot vary", "--se"),
        (lambda: Axes(named=[("a", {"training.lrr": 1})]), "'training.lrr'", "'training.lr'?"),
        (lambda: Axes.of_recipes([]), "must have recipes to compare", ""),
        (lambda: Axis("training.lr", [1, 2], names=["a"]), "must have a name each: ['a']", ""),
    ],
)
def test_axes_that_do_not_go_together_are_told(
    make: Callable[[], object], message: str, hint: str
) -> None:
    """One sentence before anything is made."""
    with pytest.raises(RecipeError) as caught:
        make()
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@given(grids, st.integers(0, 3), st.integers(0, 3))
def test_all_variants_are_named_edits_times_the_grid_times_the_draws(
    axes: tuple[Axis, ...], samples: int, named: int
) -> None:
    """Their order is that of nested loops, and each edits a field of each kind."""
    draws = [parse_draw("training.weight_decay=log:1e-4..1")] if samples else []
    own = [(f"n{place}", {"training.epochs": place + 1}) for place in range(named)]
    with suppress(RecipeError):  # where nothing varies
        whole = Axes(named=own, vary=axes, draws=draws, samples=samples, seed=3)
        drawn = Axes(draws=draws, samples=samples, seed=3).variants() if draws else [("", {})]
        expected = [
            {**edits, **row, **draw}
            for _, edits in own or [("", {})]
            for row in combinations(axes)
            for _, draw in drawn
        ]
        variants = whole.variants()
        assert [edits for _, edits in variants] == expected
        assert len({name for name, _ in variants}) == len(variants) == whole.count


def test_a_draw_that_repeats_is_one_variant() -> None:
    """Three activations cannot make more than three variants, in the order of their first draw."""
    axes = Axes(draws=[parse_draw("network.activation=relu,tanh,elu")], samples=50)
    names = [name for name, _ in axes.variants()]
    assert sorted(names) == ["activation=elu", "activation=relu", "activation=tanh"]
    assert axes.count == 50


@given(st.lists(recipes(), min_size=1, max_size=3))
def test_whole_recipes_are_edits_of_the_first(given_recipes: list[Recipe]) -> None:
    """The edits lead to each recipe, but for titles and seeds, which are the first one's."""
    variants = Axes.of_recipes([("same", recipe) for recipe in given_recipes]).variants()
    assert [name for name, _ in variants] == ["same", "same (2)", "same (3)"][: len(variants)]
    first = given_recipes[0]
    fixed = {"title": first.title, "training.seed": first.training.seed}
    for recipe, (_, edits) in zip(given_recipes, variants, strict=True):
        assert first.edited(edits) == recipe.edited(fixed)


def test_the_variants_of_every_lab_keep_their_names() -> None:
    """A lab can be compared as it stands, or with a further field that varies."""
    for lab in labs():
        named = [(variant.name, variant.edits) for variant in lab.variants]
        assert Axes(named=named).variants() == named
        more = Axes(named=named, vary=[Axis("training.clip_value", [1, 2])])
        expected = [f"{name}, clip_value={value}" for name, _ in named for value in (1, 2)]
        assert [name for name, _ in more.variants()] == expected


def test_every_variant_can_be_made_of_a_recipe() -> None:
    """Edits of whole tables and of their fields go together."""
    axes = Axes(vary=axes_of({"network.init": ["normal", "uniform"], "network.dropout": [0, 0.5]}))
    made = [XOR.edited(edits) for _, edits in axes.variants()]
    assert [(r.network.init and r.network.init.name, r.network.dropout) for r in made] == [
        ("normal", 0),
        ("normal", 0.5),
        ("uniform", 0),
        ("uniform", 0.5),
    ]


def test_importing_what_varies_does_not_import_torch_or_numpy() -> None:
    """A wrong `--vary` is answered at once."""
    program = """
import sys
import descend.comparison.axes, descend.comparison.draws
descend.comparison.draws.parse_draw("training.lr=log:1e-4..1")
print([name for name in ("torch", "numpy", "scipy", "polars") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
