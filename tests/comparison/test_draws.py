"""Random draws: read from text, reproducible, independent of each other, and of the right shape."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from descend.comparison.draw import KINDS, LARGEST, takes_whole_numbers_only
from descend.comparison.draws import Draw, draws_of, parse_draw, sampled
from descend.errors import RecipeError
from descend.optimizers.settings import OPTIMIZER_SETTINGS
from descend.recipe import Recipe
from descend.recipe.known import known_fields


@pytest.mark.parametrize(
    ("text", "draw"),
    [
        ("training.lr=log:1e-4..1", Draw("training.lr", "log", 1e-4, 1.0)),
        (" training.lr = log : 1e-4 .. 1 ", Draw("training.lr", "log", 1e-4, 1.0)),
        ("network.dropout=0..0.5", Draw("network.dropout", "uniform", 0.0, 0.5)),
        ("network.dropout=uniform:0..0.5", Draw("network.dropout", "uniform", 0.0, 0.5)),
        ("network.dropout=.1...5", Draw("network.dropout", "uniform", 0.1, 0.5)),
        ("training.alpha=-1..+1", Draw("training.alpha", "uniform", -1.0, 1.0)),
        ("training.epochs=int:1..8", Draw("training.epochs", "int", 1, 8)),
        ("training.epochs=1..8", Draw("training.epochs", "int", 1, 8)),
        ("network.layers.0.units=1..8", Draw("network.layers.0.units", "int", 1, 8)),
        ("training.batch_size=log-int:8..512", Draw("training.batch_size", "log-int", 8, 512)),
        ("training.batch_size=int:1e1..2e3", Draw("training.batch_size", "int", 10, 2000)),
        (
            "network.activation=relu,tanh",
            Draw("network.activation", "choice", values=["relu", "tanh"]),
        ),
        ("network.activation=choice: relu", Draw("network.activation", "choice", values=["relu"])),
        ("network.hidden=[2],[3,4]", Draw("network.hidden", "choice", values=[[2], [3, 4]])),
        ("data.source=C:\\a,D:\\b", Draw("data.source", "choice", values=["C:\\a", "D:\\b"])),
        ("data.source=../a,../b", Draw("data.source", "choice", values=["../a", "../b"])),
    ],
)
def test_a_draw_is_read_from_text(text: str, draw: Draw) -> None:
    """A range with its kind, a range alone, or values."""
    assert parse_draw(text) == draw


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("training.lr", "FIELD=RANGE: 'training.lr'", "log:1e-4..1"),
        ("training.lr=", "nothing is given", ""),
        ("training.lr=0.1", "from LOW..HIGH or among values: '0.1'", "log:1e-4..1"),
        ("training.lr=log:1,2", "from LOW..HIGH or among values: 'log:1,2'", ""),
        ("training.lr=1e-4..x", "from LOW..HIGH or among values: '1e-4..x'", ""),
        ("training.lr=logarithmic:1..2", "one of uniform, log, int, log-int, choice", ""),
        ("training.lr=1..1", "from a number to a higher one: uniform:1..1", ""),
        ("training.lr=1..0", "from a number to a higher one", ""),
        ("training.lr=log:0..1", "above 0 on a logarithmic scale: log:0..1", ""),
        ("training.lr=0..1e999", "between finite numbers: uniform:0..inf", ""),
        ("training.epochs=int:0.5..8", "between whole numbers: int:0.5..8", ""),
        ("training.epochs=0.5..8", "between whole numbers: int:0.5..8", ""),
        ("training.epochs=int:1..1e300", "whole numbers up to 2^53", ""),
        ("training.epochs=log-int:0..8", "above 0 on a logarithmic scale", ""),
        ("training.batch_size=log:8..512", "among whole numbers", "log-int:8..512"),
        ("training.epochs=uniform:1..8", "among whole numbers", "training.epochs=int:1..8"),
        ("network.activation=relu,relu", "must differ: 'relu' is given twice", ""),
        ("network.activation=relu,", "a comma too many", ""),
        ("training.lrr=0..1", "a field that exists: 'training.lrr'", "'training.lr'?"),
        ("training.seed=0..5", "`training.seed` cannot vary", "--seeds"),
        ("title=a,b", "`title`", ""),
    ],
)
def test_a_draw_that_cannot_be_is_told(text: str, message: str, hint: str) -> None:
    """In one sentence with what was given and what was expected."""
    with pytest.raises(RecipeError) as caught:
        parse_draw(text)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@given(st.text() | st.text("0123.e-+:lognit,[] "))
def test_any_text_is_a_draw_or_one_sentence(text: str) -> None:
    """Nothing that is typed ends otherwise."""
    for typed in (text, f"training.lr={text}", f"training.epochs=log-int:{text}"):
        with suppress(RecipeError):
            assert isinstance(parse_draw(typed), Draw)


@pytest.mark.parametrize("end", [None, True, "1", 10**400, math.nan, math.inf])
def test_ends_that_are_no_numbers_are_told(end: Any) -> None:
    """What a program gives is looked at like what is typed."""
    for ends in ((0.5, end), (end, 2.0)):
        with pytest.raises(RecipeError, match="must be drawn between"):
            Draw("training.lr", "uniform", *ends)


def test_a_mapping_gives_a_draw_for_each_field() -> None:
    """Texts are read as on the command line, lists are choices."""
    draws = draws_of({"training.lr": "log:1e-4..1", "network.activation": ("relu", "tanh")})
    assert draws == (
        Draw("training.lr", "log", 1e-4, 1.0),
        Draw("network.activation", "choice", values=["relu", "tanh"]),
    )
    for wrong in (["training.lr=0..1"], {"training.lr": 0.5}, {3: "0..1"}, {"training.lr": []}):
        with pytest.raises(RecipeError):
            draws_of(wrong)  # type: ignore


def test_numbers_of_numpy_are_ends() -> None:
    """A range may come from a computation."""
    assert Draw("training.epochs", "int", np.int64(1), np.float32(8)) == Draw(
        "training.epochs", "int", 1, 8
    )


numbers = st.floats(allow_nan=False, allow_infinity=False)
above_0 = st.floats(0, exclude_min=True, allow_infinity=False)


@st.composite
def draws(draw: st.DrawFn, field: str = "training.lr") -> Draw:
    """Draws of every kind from every range."""
    kind = draw(st.sampled_from(KINDS))
    if kind == "choice":
        return Draw(field, kind, values=draw(st.lists(numbers, min_size=1, unique=True)))
    whole = st.integers(1 if kind == "log-int" else -LARGEST, LARGEST)
    ends = whole if kind.endswith("int") else above_0 if kind == "log" else numbers
    low, high = sorted(draw(st.lists(ends, min_size=2, max_size=2, unique=True)))
    assume(low < high)
    return Draw(field, kind, low, high)


@given(draws(), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_what_is_drawn_lies_in_the_range_and_grows_with_the_share(
    draw: Draw, share: float, other: float
) -> None:
    """`at` is the inverse of a distribution function, also at the ends of all floats."""
    share, other = sorted([share, other])
    value, larger = draw.at(share), draw.at(other)
    if draw.kind == "choice":
        assert draw.values.index(value) <= draw.values.index(larger)
    else:
        assert draw.low is not None
        assert draw.high is not None
        assert draw.low <= value <= larger <= draw.high
        assert type(value) is (int if draw.kind.endswith("int") else float)


FINE = 20_000  # shares of equal width; a value's own shares are counted to within 1 at each end
SHARES = [(place + 0.5) / FINE for place in range(FINE)]


@pytest.mark.parametrize(("low", "high"), [(1, 8), (3, 4), (8, 512), (1, 1000)])
def test_whole_numbers_are_drawn_as_often_as_they_should(low: int, high: int) -> None:
    """Alike, or each as often as its stretch of the logarithmic scale is long."""
    alike = Counter(Draw("training.epochs", "int", low, high).at(share) for share in SHARES)
    scaled = Counter(Draw("training.epochs", "log-int", low, high).at(share) for share in SHARES)
    length = math.log((high + 0.5) / (low - 0.5))
    for number in range(low, high + 1):
        assert alike[number] == pytest.approx(FINE / (high - low + 1), abs=1)
        own = math.log((number + 0.5) / (number - 0.5))
        assert scaled[number] == pytest.approx(FINE * own / length, abs=1)


@given(st.floats(0, 1, exclude_max=True))
def test_real_numbers_are_drawn_evenly_on_their_scale(share: float) -> None:
    """To half a unit of the sixth digit."""
    line, log = Draw("training.lr", "uniform", -1, 3), Draw("training.lr", "log", 1e-4, 1)
    assert line.at(share) == pytest.approx(-1 + 4 * share, rel=5.1e-6, abs=1e-12)
    assert math.log10(log.at(share)) == pytest.approx(-4 + 4 * share, abs=2.3e-6)


def test_choices_are_drawn_alike() -> None:
    """Each value has the same share."""
    draw = parse_draw("network.activation=relu,tanh,elu")
    found = Counter(draw.at(share) for share in SHARES)
    assert all(number == pytest.approx(FINE / 3, abs=1) for number in found.values())
    assert set(found) == {"relu", "tanh", "elu"}


def test_numbers_read_well() -> None:
    """Six digits, more only where a range is so narrow that few values would be left."""
    wide = sampled([Draw("training.lr", "log", 1e-4, 1)], 200)
    assert all(float(f"{row['training.lr']:.6g}") == row["training.lr"] for row in wide)
    narrow = sampled([Draw("training.lr", "uniform", 1e6, 1e6 + 1)], 200)
    assert len({row["training.lr"] for row in narrow}) > 150
    assert all(len(repr(row["training.lr"])) <= 12 for row in narrow)


FIELDS = ("training.lr", "training.momentum", "network.dropout", "data.noise")
joint = st.lists(st.sampled_from(FIELDS), min_size=1, unique=True).flatmap(
    lambda fields: st.tuples(*(draws(field) for field in fields))
)


@given(joint, st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**70))
def test_neither_another_field_nor_a_larger_number_changes_what_is_drawn(
    together: tuple[Draw, ...], count: int, more: int, seed: int
) -> None:
    """Each field has its own stream, and draws go on where fewer would have ended."""
    rows = sampled(together, count, seed)
    assert len(rows) == count
    assert rows == sampled(together, count + more, seed)[:count]
    for draw in together:
        alone = sampled([draw], count, seed)
        assert [{draw.field: row[draw.field]} for row in rows] == alone


def test_fields_and_seeds_have_streams_of_their_own() -> None:
    """The same range gives other numbers in another field and under another seed."""
    draw = {field: Draw(field, "uniform", 0, 1) for field in FIELDS}
    streams = {
        tuple(row[field] for row in sampled([draw[field]], 5, seed))
        for field in FIELDS
        for seed in (0, 1, 2**32, 2**64 + 1)
    }
    assert len(streams) == 16


GOLDEN = [
    {"training.lr": 0.0527627, "training.epochs": 7},
    {"training.lr": 0.014919, "training.epochs": 7},
    {"training.lr": 0.0427471, "training.epochs": 7},
]


def test_draws_stay_the_same_in_every_version() -> None:
    """A comparison that is continued later draws what it drew: golden values of PCG64."""
    rows = sampled(
        [parse_draw("training.lr=log:1e-4..1"), parse_draw("training.epochs=1..8")], 3, 7
    )
    assert rows == GOLDEN


@pytest.mark.parametrize(
    ("count", "seed"), [(0, 0), (-1, 0), (1.5, 0), (True, 0), (1, -1), (1, "a")]
)
def test_a_number_of_draws_or_a_seed_that_cannot_be_is_told(count: Any, seed: Any) -> None:
    """Both are whole numbers."""
    with pytest.raises(RecipeError, match="must be a whole number"):
        sampled([Draw("training.lr", "uniform", 0, 1)], count, seed)


def test_a_field_is_drawn_once() -> None:
    """Two ranges for one field are a mistake."""
    twice = [Draw("training.lr", "uniform", 0, 1), Draw("training.lr", "log", 1, 2)]
    with pytest.raises(RecipeError, match="varies twice"):
        sampled(twice, 3)


XOR = {"source": "xor"}
LISTED = Recipe.of({"data": XOR, "network": {"hidden": [3]}})
LAYERED = Recipe.of({"data": XOR, "network": {"layers": [{"units": 3}]}})


@pytest.mark.parametrize("field", [name for name in known_fields() if name != "network.hidden"])
def test_fields_of_whole_numbers_are_those_that_take_3_and_not_a_half(field: str) -> None:
    """The recipe itself is the oracle, under any optimizer."""
    is_whole = _takes(LAYERED, field, 3) and not _takes(LAYERED, field, 0.5)
    assert takes_whole_numbers_only(field) == is_whole


def test_the_width_of_a_layer_is_a_whole_number() -> None:
    """A place in a list takes what the list holds."""
    assert takes_whole_numbers_only("network.hidden.0")
    assert _takes(LISTED, "network.hidden.0", 3)
    assert not _takes(LISTED, "network.hidden.0", 0.5)


def _takes(recipe: Recipe, field: str, value: float) -> bool:
    for optimizer in (None, *OPTIMIZER_SETTINGS):
        edits = {"training.optimizer": optimizer, field.replace("layers.", "layers.0."): value}
        with suppress(RecipeError):
            recipe.edited(edits)
            return True
    return False
