"""Plans: networks of one structure become a stack, all of them, as many as memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descend.comparison import plan as module
from descend.comparison.cost import examples_bytes, run_bytes, stack_bytes
from descend.comparison.plan import Plan, expected_seconds, group_key, plan, spelled_bytes
from descend.comparison.variants import Builder, Variant
from descend.errors import DescendError, RunError
from descend.intake import complete_with_examples
from descend.network.architecture import architecture_of
from descend.network.stack import Stack
from descend.recipe import Recipe
from descend.runs.edits import seeded
from descend.training.agreement import check_agreement
from descend.training.training import Training

MUCH = 1 << 40
BASE = Recipe.of(
    {
        "data": {"source": "moons", "examples": 60, "validation": 0.1, "test": 0.2},
        "network": {"hidden": [4]},
        "training": {"epochs": 3, "batch_size": 16},
    }
)


def built(edits: Sequence[dict[str, Any]], base: Recipe = BASE) -> tuple[list[Variant], Builder]:
    builder = Builder(None, None)
    variants = []
    for place, one in enumerate(edits):
        try:
            variants.append(builder.built(str(place), one, base.edited(one)))
        except DescendError as error:
            variants.append(Variant(str(place), one, None, reason=error.message))
    return variants, builder


def planned(
    edits: Sequence[dict[str, Any]],
    seeds: int = 3,
    processes: int = 1,
    memory: int = MUCH,
    base: Recipe = BASE,
) -> tuple[Plan, list[Variant], Builder]:
    variants, builder = built(edits, base)
    members = [
        (place, seed)
        for place, variant in enumerate(variants)
        if variant.recipe is not None
        for seed in range(seeds)
    ]
    made = plan(variants, members, builder.examples_of, processes=processes, memory=memory)
    assert sorted(member for stack in made.stacks for member in stack.members) == sorted(members)
    assert made.runs == len(members)
    assert 1 <= made.processes <= min(processes, len(made.stacks))
    return made, variants, builder


def sizes(made: Plan) -> list[int]:
    return [len(stack.members) for stack in made.stacks]


def test_what_is_a_number_of_each_run_shares_a_stack() -> None:
    """Rates, momenta, penalties, dropout, initialisers, limits and schedules do not split one."""
    edits: list[dict[str, Any]] = [
        {},
        {"training.lr": 0.1},
        {"training.momentum": 0.9},
        {"training.weight_decay": 0.1},
        {"network.dropout": 0.5},
        {"network.init": "he_normal"},
        {"network.init": {"name": "normal", "std": 3.0}},
        {"network.l2": 0.1},
        {"training.clip_norm": 1.0},
        {"training.schedule": "cosine"},
        {"training.schedule": {"name": "step", "step_size": 2}},
    ]
    made, *_ = planned([{"training.optimizer": "sgd", **one} for one in edits])
    assert sizes(made) == [33]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("network.hidden", [[4], [5]]),
        ("network.activation", ["relu", "tanh"]),
        ("network.batch_norm", [False, "before", "after"]),
        ("network.output", ["sigmoid", "identity"]),
        ("training.optimizer", ["sgd", "adam", "lbfgs"]),
        ("training.batch_size", [8, "all"]),
        ("training.epochs", [3, 4]),
        ("training.dtype", ["float32", "float64"]),
        ("training.reduction", ["sum", "mean"]),
        ("training.early_stopping", [{"patience": 2}, {"patience": 3}, None]),
        ("training.evaluate_every", [1, 2]),
        ("training.schedule", ["plateau", "cosine", {"name": "plateau", "mode": "max"}]),
        ("data.scale", ["standard", "none"]),
    ],
)
def test_what_a_stack_has_once_splits_it(field: str, values: list[Any]) -> None:
    """One stack for each value."""
    made, *_ = planned([{field: value, "network.l2": l2} for value in values for l2 in (0, 0.1)])
    assert sizes(made) == [6] * len(values)
    for stack in made.stacks:
        assert len({values[place // 2] is None for place, _ in stack.members}) == 1
        assert len({place // 2 for place, _ in stack.members}) == 1


def test_switches_of_an_optimizer_split_a_stack() -> None:
    """They choose the rule itself."""
    switches = [
        {"training.optimizer": "adam", "training.amsgrad": True},
        {"training.optimizer": "adam", "training.amsgrad": False},
        {"training.optimizer": "sgd", "training.momentum": 0.9, "training.nesterov": True},
        {"training.optimizer": "sgd", "training.momentum": 0.9},
        {"training.optimizer": "rmsprop", "training.centered": True},
        {"training.optimizer": "rmsprop"},
        {"training.optimizer": "lbfgs", "training.line_search": "strong_wolfe"},
        {"training.optimizer": "lbfgs", "training.line_search": "none"},
    ]
    made, *_ = planned(switches)
    assert sizes(made) == [3] * len(switches)


AXES: dict[str, list[Any]] = {
    "network.hidden": [[], [3], [3, 5]],
    "network.activation": ["relu", "tanh"],
    "network.batch_norm": [False, "before", "after"],
    "network.dropout": [0.0, 0.5],
    "network.init": ["torch", "rbm", {"name": "normal", "std": 0.1}],
    "network.l1": [0.0, 0.1],
    "training.optimizer": ["sgd", "adam", "rmsprop", "lbfgs"],
    "training.lr": [0.1, 0.01],
    "training.momentum": [0.0, 0.9],
    "training.nesterov": [True, False],
    "training.amsgrad": [True, False],
    "training.centered": [True, False],
    "training.line_search": ["strong_wolfe", "none"],
    "training.history_size": [2, 3],
    "training.schedule": [
        *("plateau", "cosine", "one_cycle", None),
        {"name": "plateau", "mode": "max"},
        {"name": "plateau", "patience": 3},
    ],
    "training.batch_size": [8, 16, "all"],
    "training.shuffle": [True, False],
    "training.drop_last": [True, False],
    "training.early_stopping": [None, {"patience": 2}, {"metric": "test/accuracy"}],
    "training.clip_norm": [None, 1.0],
    "training.clip_value": [None, 0.5],
    "training.class_weights": [None, "balanced", [1.0, 3.0]],
    "training.dtype": ["float32", "float64"],
    "training.loss": ["bce", "mse"],
    "training.loss_on": ["logits", "probabilities"],
    "training.evaluate": [["test"], ["validation"], ["validation", "test"]],
    "training.measure_every": [0, 5],
    "data.scale": ["standard", "none"],
}
one_recipe = st.lists(st.sampled_from(list(AXES)), max_size=5, unique=True).flatmap(
    lambda fields: st.fixed_dictionaries({field: st.sampled_from(AXES[field]) for field in fields})
)


@settings(max_examples=25)
@given(st.lists(one_recipe, min_size=2, max_size=8))
def test_all_networks_of_a_planned_stack_can_be_trained_as_one(edits: list[dict[str, Any]]) -> None:
    """They agree in what a stack has once, and a training of them can be made and advanced."""
    variants, builder = built(edits)
    if not any(variant.recipe is not None for variant in variants):
        return
    made, variants, builder = planned(edits, seeds=1)
    for stack in made.stacks:
        recipes = []
        for place, seed in stack.members:
            recipe = variants[place].recipe
            assert recipe is not None
            recipes.append(seeded(recipe, seed))
        examples = builder.examples_of(recipes[0])
        assert len({group_key(recipe, examples) for recipe in recipes}) == 1
        check_agreement(recipes)
        architectures = [architecture_of(recipe, examples.features) for recipe in recipes]
        Stack(architectures, range(len(recipes)))
        Training(recipes, examples)
        for recipe in recipes:
            own = builder.examples_of(recipe).preparation
            assert own.to_json() == examples.preparation.to_json()


def test_memory_limits_the_size_of_stacks() -> None:
    """Each stack fits, a larger one would not, and their sum is what the plan says."""
    recipe, examples = complete_with_examples(BASE.edited({"network.hidden": [256, 256]}))
    base = BASE.edited({"network.hidden": [256, 256]})
    of_five = examples_bytes(examples) + stack_bytes(recipe, examples, 5)
    made, *_ = planned([{"training.lr": 0.1}, {"training.lr": 0.2}], 20, memory=of_five, base=base)
    assert max(sizes(made)) <= 5
    assert sum(sizes(made)) == 40
    assert len(made.stacks) == 8
    assert made.bytes <= of_five
    for stack in made.stacks:
        assert stack.bytes >= len(stack.members) * run_bytes(recipe, examples)


def test_the_hungriest_network_of_a_stack_sets_its_memory() -> None:
    """Momentum needs a third tensor that its neighbours then have as well."""
    plain = {"training.optimizer": "sgd", "training.lr": 0.1}
    both = [plain, {**plain, "training.momentum": 0.9}]
    alone, *_ = planned(both[1:], 2)
    first, *_ = planned(both[:1], 2)
    together, *_ = planned(both, 1)
    assert together.stacks[0].bytes == alone.stacks[0].bytes > first.stacks[0].bytes


def test_memory_that_cannot_suffice_is_one_sentence_with_what_would() -> None:
    """As much as it asks for is enough then."""
    with pytest.raises(RunError, match=r"`memory` must be 13\.8 MB or more") as caught:
        planned([{"network.hidden": [500, 500]}], memory=1 << 20)
    asked = caught.value.message.split(" must be ")[1].split(" or more")[0]
    number, unit = asked.split()
    enough = int(float(number) * {"MB": 1e6, "GB": 1e9}[unit])
    made, *_ = planned([{"network.hidden": [500, 500]}], memory=enough)
    assert sizes(made) == [1, 1, 1]
    assert "'0'" in caught.value.message


def test_fewer_processes_are_used_where_memory_holds_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process more is no reason to refuse."""
    monkeypatch.setattr(module, "WORTH_SPLITTING", 0.0)
    made, *_ = planned([{}, {"network.hidden": [7]}], processes=2, memory=200_000_000)
    assert made.processes == 1
    made, *_ = planned([{}, {"network.hidden": [7]}], processes=2, memory=2_000_000_000)
    assert made.processes == 2


@settings(max_examples=15)
@given(
    st.lists(st.sampled_from([4, 30, 64, 300]), min_size=1, max_size=4, unique=True),
    st.integers(1, 40),
    st.integers(1, 4),
)
def test_processes_get_about_equal_work(widths: list[int], seeds: int, processes: int) -> None:
    """None works longer than all of it would take alone, nor than its share and one stack's."""
    edits: list[dict[str, Any]] = [{"network.hidden": [width]} for width in widths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WORTH_SPLITTING", 0.0)
        made, *_ = planned(edits, seeds, processes=processes)
    works = [stack.work for stack in made.stacks]
    assert works == sorted(works, reverse=True)
    ends = [0.0] * processes
    for work in works:
        ends[ends.index(min(ends))] += work
    unsplit, *_ = planned(edits, seeds)
    assert max(ends) <= 1.000001 * sum(stack.work for stack in unsplit.stacks)
    assert max(ends) <= sum(works) / processes + max(works)


def test_the_same_question_has_the_same_plan() -> None:
    """Counts decide, and no clock."""
    edits = [{"network.hidden": [width]} for width in (3, 300)]
    first, *_ = planned(edits, 20, processes=3)
    for _ in range(3):
        assert planned(edits, 20, processes=3)[0] == first


def test_one_stack_is_halved_for_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty networks are thirty and thirty, without a third stack to wait for."""
    monkeypatch.setattr(module, "WORTH_SPLITTING", 0.0)
    for processes in (2, 3, 4, 5):
        made, *_ = planned([{"network.hidden": [300]}], 60, processes=processes)
        assert sizes(made) == [60 // processes] * processes


def test_little_work_stays_in_one_process() -> None:
    """A second process would have begun when it is done."""
    made, *_ = planned([{"network.hidden": [n]} for n in (2, 3, 4)], processes=8)
    assert made.processes == 1


def test_stacks_stay_within_the_cache() -> None:
    """Each of forty wide networks is a stack of its own, and two thousand tiny ones are one."""
    made, *_ = planned([{"network.hidden": [1000, 1000], "training.optimizer": "adam"}], 40)
    assert sizes(made) == [1] * 40
    made, *_ = planned([{"network.hidden": [200, 200], "training.optimizer": "adam"}], 40)
    assert 4 < sizes(made)[0] < 20
    tiny, *_ = planned([{}], 2000)
    assert sizes(tiny) == [2000]


def test_a_gpu_gets_stacks_as_large_as_memory_holds() -> None:
    """It has no cache that a stack should stay in."""
    variants, builder = built([{"network.hidden": [1000, 1000], "training.optimizer": "adam"}])
    members = [(0, seed) for seed in range(40)]
    made = plan(variants, members, builder.examples_of, processes=1, memory=MUCH, is_on_cpu=False)
    assert sizes(made) == [40]


def test_the_expected_time_grows_with_the_steps() -> None:
    """Ten times the epochs take several times as long, whatever the machine does meanwhile."""
    short, variants, builder = planned([{"training.epochs": 100}], 2)
    few = min(expected_seconds(short, variants, builder.examples_of) for _ in range(3))
    long, variants, builder = planned([{"training.epochs": 3000}], 2)
    many = min(expected_seconds(long, variants, builder.examples_of) for _ in range(3))
    assert 0 < few < many


@pytest.mark.parametrize(
    ("count", "text"),
    [(512e6, "512 MB"), (1.5e9, "1.5 GB"), (2_048, "2.05 KB"), (800, "800 bytes")],
)
def test_bytes_are_spelled_as_people_say_them(count: float, text: str) -> None:
    """Three digits."""
    assert spelled_bytes(count) == text
