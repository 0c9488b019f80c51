"""A search asks one of Optuna's samplers for batches of draws, and each batch is one round."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import descend
from descend.cli.compare import SEARCHES
from descend.comparison.comparing import Prepared
from descend.comparison.comparison import Comparison
from descend.comparison.draw import SAMPLERS
from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal
from descend.comparison.results import Result
from descend.comparison.search import values_of
from descend.errors import DescendError, MissingExtraError, RecipeError, RunError

optuna = pytest.importorskip("optuna", reason="the extra `search` is not installed")

TREE: dict[str, Any] = {
    "data": {"source": "blobs", "examples": 60, "test": 0.3},
    "network": {"hidden": [3]},
    "training": {"epochs": 2, "batch_size": 16, "lr": 0.1},
}
SAMPLE: dict[str, Any] = {
    "training.lr": "log:1e-4..10",
    "network.activation": ["relu", "tanh"],
    "network.hidden": [[2], [4]],
}
LR = {"training.lr": "log:1e-4..10"}


def search(out: Path | None = None, **options: Any) -> Comparison:
    asked: dict[str, Any] = {"sample": SAMPLE, "samples": 12, "batch": 4, "search": "tpe"}
    asked = {**asked, "seeds": 2, "metric": "test/loss", **options}
    return descend.compare(asked.pop("tree", TREE), out=out, **asked)


def facts_of(comparison: Comparison) -> dict[str, Any]:
    assert comparison.folder is not None
    facts: dict[str, Any] = json.loads((comparison.folder / "comparison.json").read_text())
    return facts


# the comparison


def test_a_search_is_a_comparison(tmp_path: Path) -> None:
    """A round for each batch, a row for each draw over all seeds, a verdict against the best."""
    heard: list[tuple[int, int]] = []

    def tell(number: int, rounds: int, stacks: Any) -> Callable[[Any], None]:
        heard.append((number, rounds))
        return lambda advance: None

    comparison = search(tmp_path, tell=tell)
    facts = facts_of(comparison)
    assert comparison.status == "finished"
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert facts["search"]["asked"] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert len({row.name for row in comparison.rows}) == len(comparison.rows) == 12
    assert comparison.reference == comparison.best_first[0].place
    assert all(len([r for r in comparison.results if r.variant == p]) == 2 for p in range(12))
    told = [value for batch in facts["search"]["told"] for value in batch]
    for row, value in zip(comparison.rows, told, strict=True):
        if row.summary is not None and row.summary.ended == 2:
            assert row.summary.mean == pytest.approx(value, rel=1e-12)


def test_it_finds_a_rate_that_learns() -> None:
    """Rates from 1e-7 on: most of them learn nothing in the time, the best one all."""
    tree = {**TREE, "training": {"epochs": 10, "batch_size": 16}}
    comparison = search(
        tree=tree, sample={"training.lr": "log:1e-7..10"}, samples=20, batch=5, metric=None
    )
    best = comparison.best_first[0]
    assert best.summary is not None
    assert best.summary.mean is not None
    assert best.summary.mean > 0.95
    assert 1e-3 < best.edits["training.lr"] < 10


def test_a_batch_may_be_larger_than_the_search() -> None:
    """Then there is one round."""
    comparison = search(samples=3, batch=50)
    assert len(comparison.rows) == 3
    assert {result.stack[0] for result in comparison.results} == {"1"}


def test_the_same_search_gives_the_same_bits(tmp_path: Path) -> None:
    """Twice the same question; another seed draws other values."""
    first, second = search(tmp_path / "a"), search(tmp_path / "b")
    assert facts_of(first)["search"] == facts_of(second)["search"]
    assert final(first) == final(second)
    other = search(seed=3)
    assert [row.edits for row in other.rows] != [row.edits for row in first.rows]


def test_nothing_is_trained_twice(tmp_path: Path) -> None:
    """Three values can be drawn in twelve draws: three rows, and every draw has a value."""
    activations = ["relu", "tanh", "sigmoid"]
    comparison = search(tmp_path, sample={"network.activation": activations})
    told = facts_of(comparison)["search"]
    assert len(comparison.rows) <= 3
    assert len(comparison.results) == 2 * len(comparison.rows)
    values: dict[int, set[float]] = {}
    for places, batch in zip(told["asked"], told["told"], strict=True):
        for place, value in zip(places, batch, strict=True):
            values.setdefault(place, set()).add(value)
    assert sum(map(len, told["asked"])) == 12
    assert all(len(one) == 1 and None not in one for one in values.values())


def test_what_cannot_be_built_is_a_row(tmp_path: Path) -> None:
    """Its reason stands there, the sampler is told that there is no value, others are trained."""
    losses = ["cross_entropy", "poisson"]
    comparison = search(tmp_path, sample={**LR, "training.loss": losses})
    told = facts_of(comparison)["search"]
    places = [place for batch in told["asked"] for place in batch]
    values = [value for batch in told["told"] for value in batch]
    assert len(comparison.rows) == 12
    reasons = [comparison.rows[place].reason for place in places]
    assert any(reasons)
    assert not all(reasons)
    assert [value is None for value in values] == [bool(reason) for reason in reasons]
    assert all("poisson" in reason for reason in reasons if reason)


def test_a_network_without_room_is_a_row() -> None:
    """The memory would suffice for the small one only."""
    sample = {**LR, "network.hidden": [[2], [9000, 9000]]}
    comparison = search(sample=sample, samples=6, batch=3, memory=300_000_000)
    large = [row for row in comparison.rows if row.edits["network.hidden"] != [2]]
    assert large
    assert all("a process has" in row.reason for row in large)
    assert len(large) < len(comparison.rows)


def test_a_value_that_another_draw_makes_possible_is_no_slip() -> None:
    """A momentum is none of `adam`, which the recipe names, but `sgd` is drawn as well."""
    tree = {**TREE, "training": {**TREE["training"], "optimizer": "adam"}}
    sample = {"training.optimizer": ["sgd", "adam"], "training.momentum": "0..0.9"}
    comparison = search(tree=tree, sample=sample)
    for row in comparison.rows:
        is_adam = row.edits["training.optimizer"] == "adam"
        assert row.reason.startswith("`training.momentum` must be absent for adam") is is_adam
    assert len({row.edits["training.optimizer"] for row in comparison.rows}) == 2
    with pytest.raises(RecipeError, match=r"`training\.momentum` must be absent for adam"):
        search(tree=tree, sample={**LR, "training.momentum": "0..0.9"})


def test_nothing_can_be_built() -> None:
    """Then the reason is the error."""
    with pytest.raises(DescendError, match="poisson"):
        search(sample={**LR, "training.loss": ["poisson"]})


def test_a_seed_that_diverged_counts_as_the_worst() -> None:
    """Otherwise the sampler would like rates that learn in one seed of two."""
    goal = Goal("test/loss", "test/loss", 0.0)

    def result(variant: int, seed: int, loss: float, status: str = "finished") -> Result:
        return Result(variant, seed, status, 1, {"test/loss": loss})

    results = [
        *(result(0, 0, 1.0), result(0, 1, 2.0)),
        *(result(1, 0, 0.5), result(1, 1, 0.1, "diverged")),
        *(result(2, 0, math.nan), result(2, 1, math.inf)),
        *(result(3, 0, 9.0, "failed"), result(3, 1, 9.0, "failed")),
    ]
    assert values_of(results, [0, 1], goal) == {0: 1.5, 1: 1.25, 2: 2.0}
    assert values_of(results[4:], [0, 1], goal) == {}


# interruptions


def final(comparison: Comparison) -> list[Any]:
    """Rows and networks without their times."""
    networks = [
        (r.variant, r.seed, r.status, r.epochs, dict(r.metrics)) for r in comparison.results
    ]
    rows = [
        (row.name, dict(row.edits), row.summary, row.pair, row.reason) for row in comparison.rows
    ]
    return [networks, rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A search that was never interrupted."""
    return search(tmp_path_factory.mktemp("whole"))


def check_it_ends_alike(folder: Path, whole: Comparison) -> None:
    resumed = descend.resume_comparison(folder)
    assert resumed.status == "finished"
    assert repr(final(resumed)) == repr(final(whole))  # repr: NaN is like NaN
    assert facts_of(resumed)["search"] == facts_of(whole)["search"]
    assert facts_of(resumed)["rounds"] == facts_of(whole)["rounds"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_stop_in_a_round_changes_nothing(number: int, tmp_path: Path, whole: Comparison) -> None:
    """Ctrl-C while a batch is trained; what is resumed ends as if nothing had happened."""

    def tell(at: int, rounds: int, stacks: Any) -> Callable[[Any], None]:
        return lambda advance: signal.raise_signal(signal.SIGINT) if at == number else None

    stopped = search(tmp_path, tell=tell)
    assert stopped.status == "interrupted"
    assert stopped.folder is not None
    assert len(facts_of(stopped)["search"]["asked"]) == number
    check_it_ends_alike(stopped.folder, whole)


class Killed(BaseException):
    """What nobody catches."""


@pytest.mark.parametrize("writes", range(1, 5))
def test_a_kill_at_any_write_changes_nothing(
    writes: int, tmp_path: Path, whole: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before comparison.json says what comes next."""
    with monkeypatch.context() as patch:
        write, done = ComparisonFolder.write_facts, []

        def failing(self: ComparisonFolder, facts: Any) -> None:
            if len(done) == writes:
                raise Killed
            done.append(write(self, facts))

        patch.setattr(ComparisonFolder, "write_facts", failing)
        with pytest.raises(Killed):
            search(tmp_path)
    (folder,) = tmp_path.iterdir()
    check_it_ends_alike(folder, whole)


def test_a_sampler_that_asks_otherwise_is_noticed(tmp_path: Path) -> None:
    """As another version of Optuna might; the hint names the one that it was."""

    def tell(at: int, rounds: int, stacks: Any) -> Callable[[Any], None]:
        return lambda advance: signal.raise_signal(signal.SIGINT) if at == 2 else None

    stopped = search(tmp_path, tell=tell)
    assert stopped.folder is not None
    facts = facts_of(stopped)
    facts["search"] |= {"seed": facts["search"]["seed"] + 1, "optuna": "4.9.9"}
    (stopped.folder / "comparison.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match="batch 1 differs") as caught:
        descend.resume_comparison(stopped.folder)
    assert "optuna==4.9.9" in str(caught.value.hint)


# manners


def test_optuna_is_silent_and_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing on stdout or stderr; whoever uses Optuna beside keeps their level of its log."""
    optuna.logging.set_verbosity(optuna.logging.INFO)
    search(samples=4, search="qmc")
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


@pytest.mark.parametrize(("package", "sampler"), [("optuna", "tpe"), ("cmaes", "cmaes")])
def test_a_missing_package_fails_with_the_install_line(
    package: str, sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=package) as caught:
        search(tmp_path / "out", search=sampler)
    assert caught.value.hint == "pip install 'descend[search]'"
    assert not (tmp_path / "out").exists()


def test_without_a_search_optuna_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain draws are descend's own."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert len(search(search=None, batch=None, samples=3).rows) == 3


def test_the_plan_is_that_of_the_first_batch() -> None:
    """More is not known before it is trained."""
    seen: list[Prepared] = []

    def look(prepared: Prepared) -> None:
        seen.append(prepared)
        raise Killed

    with pytest.raises(Killed):
        search(before=look)
    assert len(seen[0].variants) == 4
    assert seen[0].plan.runs == 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sample": None, "samples": 0, "vary": {"training.lr": [0.1, 1.0]}}, "must have draws"),
        ({"vary": {"training.epochs": [1, 2]}}, "nothing else that varies"),
        ({"variants": {"more": {"training.epochs": 3}}}, "nothing else that varies"),
        ({"halving": 2}, "`search` and `halving`"),
        ({"search": "tpee"}, "did you mean 'tpe'"),
        ({"batch": 0}, "`batch` must be a whole number, 1 or more: 0"),
        ({"batch": 2.5}, "`batch` must be a whole number, 1 or more: 2.5"),
        ({"search": None}, "`batch` must come with `search`: 4"),
        ({"sample": {"network.activation": ["relu", "reul"]}}, "reul"),
        ({"sample": {"training.lr": "-1..1"}}, "training.lr"),
        ({"sample": {"training.lr": "-1e308..1e308"}}, "training.lr"),
        ({"baseline": "nobody"}, "`baseline` must be the name of a variant"),
    ],
)
def test_what_cannot_be_searched_is_said(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """One sentence, before anything is written."""
    with pytest.raises(RecipeError) as caught:
        search(tmp_path / "out", **options)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_ends_that_are_never_drawn_may_be_impossible() -> None:
    """A rate of 0 and a momentum of 1 are no recipe's."""
    sample = {"training.lr": "0..1", "training.momentum": "0..1"}
    assert len(search(sample=sample, samples=3).rows) == 3


def test_the_command_line_offers_every_sampler() -> None:
    """Its list stands by itself, so that --help need not import what samples."""
    assert sorted(SEARCHES) == sorted(SAMPLERS)
