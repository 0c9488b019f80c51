"""Hypothesis strategies for the whole space of valid recipes; other tests may use them too."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from descend.network.init_names import BIAS_INITIALISERS, PARAMETERS, Choice, Number
from descend.optimizers.settings import OPTIMIZER_SETTINGS
from descend.recipe import Recipe
from descend.recipe.names import (
    ACTIVATIONS,
    LOSSES,
    LOSSES_FOR,
    METRICS,
    METRICS_FOR,
    ON_PROBABILITIES,
    SPLITS,
    TASKS,
    WEIGHED_TASKS,
)

LARGEST = 2**63 - 1

Trees = st.SearchStrategy[dict[str, Any]]

counts = st.integers(1, 50) | st.integers(1, LARGEST)
wholes = st.integers(0, LARGEST)
finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
amounts = st.floats(0, 10) | st.floats(0, allow_infinity=False) | st.integers(0, 9)
positive = st.floats(0, allow_infinity=False, exclude_min=True) | st.integers(1, 9)
shares = st.floats(0, 1, exclude_max=True) | st.just(0)
units = st.integers(1, 40)
activations = st.sampled_from(ACTIVATIONS)
batch_norms = st.sampled_from([False, "before", "after"])

SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "lr": amounts,
    "momentum": amounts,
    "dampening": finite,
    "nesterov": st.booleans(),
    "weight_decay": amounts,
    "betas": st.lists(shares, min_size=2, max_size=2),
    "eps": amounts,
    "amsgrad": st.booleans(),
    "alpha": amounts,
    "centered": st.booleans(),
    "rho": st.floats(0, 1),
    "lr_decay": amounts,
    "initial_accumulator_value": amounts,
    "etas": st.tuples(
        st.floats(0, 1, exclude_min=True, exclude_max=True),
        st.floats(1, 9, exclude_min=True),
    ),
    "step_sizes": st.lists(positive, min_size=2, max_size=2).map(sorted),
    "lambd": finite,
    "t0": finite,
    "max_iter": counts,
    "max_eval": counts,
    "tolerance_grad": amounts,
    "tolerance_change": amounts,
    "history_size": counts,
    "line_search": st.sampled_from(["strong_wolfe", "none"]),
}


def tables(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> Trees:
    """Tables with the required fields and some of the optional ones."""
    return st.fixed_dictionaries(required, optional=optional)


def _values(kind: Number | Choice) -> st.SearchStrategy[Any]:
    return st.sampled_from(kind.among) if isinstance(kind, Choice) else _numbers(kind)


def _numbers(kind: Number) -> st.SearchStrategy[Any]:
    low = max(kind.above, kind.at_least)
    if kind.whole:
        return st.integers(int(low), 1000)
    least = None if low == -float("inf") else low
    most = None if kind.below == float("inf") else kind.below
    return st.floats(least, most, allow_nan=False, allow_infinity=False).filter(kind.permits)


@st.composite
def inits(draw: st.DrawFn, *, biases: bool = False, machines: bool = True) -> Any:
    """An initialiser as its name, or as a table with some of its options."""
    names = BIAS_INITIALISERS if biases else PARAMETERS
    name = draw(st.sampled_from([name for name in names if machines or name != "rbm"]))
    options: dict[str, Any] = {}
    for option, kind in PARAMETERS[name].items():
        if draw(st.booleans()) or not kind.permits(kind.default):
            options[option] = draw(_values(kind))
    if name == "uniform":
        low, high = sorted(draw(st.lists(st.floats(-9, 9), min_size=2, max_size=2, unique=True)))
        options = {"low": low, "high": high}
    is_short: bool = not options and draw(st.booleans())
    return name if is_short else {"name": name, **options}


SCHEDULES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "constant": {},
    "step": {"step_size": st.integers(1, 99), "gamma": amounts},
    "cosine": {"final": st.floats(0, 1)},
    "one_cycle": {
        "pct_start": st.floats(0, 1),
        "div_factor": positive,
        "final_div_factor": positive,
    },
    "warmup": {"epochs": amounts, "steps": st.integers(1, 99), "start": st.floats(0, 1)},
    "plateau": {
        "factor": shares,
        "patience": st.integers(0, 99),
        "threshold": amounts,
        "cooldown": st.integers(0, 99),
        "min_lr": amounts,
        "mode": st.sampled_from(["min", "max"]),
    },
}
schedules = st.sampled_from(list(SCHEDULES)).flatmap(
    lambda name: st.just(name) | tables({"name": st.just(name)}, SCHEDULES[name])
)


@st.composite
def data_tables(draw: st.DrawFn, task: str | None) -> dict[str, Any]:
    """`[data]` of a task, or with the task left open."""
    names = st.text(min_size=1, max_size=9)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "target": names.filter(lambda name: name != "inputs"),
        "scale": st.sampled_from(["unit", "standard", "none"]),
        "examples": counts,
        "noise": amounts,
        "validation": st.floats(0, 0.5, exclude_max=True) | wholes,
        "test": st.floats(0, 0.5) | wholes,
        "limit": counts,
        "seed": wholes,
    }
    if task == "autoencoder":
        optional["target"] = st.just("inputs")
    if task in (None, "regression"):
        optional["target_scale"] = st.sampled_from(["none", "standard"])
    source = st.sampled_from(["xor", "digits", "a/path"]) | names
    table = draw(tables({"source": source}, optional))
    return table if task is None else {**table, "task": task}


@st.composite
def network_tables(draw: st.DrawFn) -> dict[str, Any]:
    """`[network]` in short form, layer by layer, or open; machines only below other layers."""
    shared: dict[str, st.SearchStrategy[Any]] = {
        "activation": activations,
        "bias_init": inits(biases=True),
        "batch_norm": batch_norms,
        "slope": amounts,
        "batch_norm_eps": positive,
        "batch_norm_momentum": st.floats(0, 1),
        "dropout": shares,
        "l1": amounts,
        "l2": amounts,
    }
    table = draw(
        tables(
            {},
            {
                **shared,
                "init": inits(),
                "output": st.sampled_from(ACTIVATIONS),
                "outputs": units,
                "output_init": inits(machines=False),
                "output_bias_init": inits(biases=True),
            },
        )
    )
    form = draw(st.sampled_from(["open", "hidden", "layers"]))
    if form == "hidden":
        table["hidden"] = draw(st.lists(units, max_size=4))
    if form == "layers":
        init = table.get("init")
        all_machines = "rbm" in (init if isinstance(init, str) else (init or {}).values())
        count = draw(st.integers(0, 3))
        machines = draw(st.integers(0, count))
        layers = [draw(tables({"units": units}, shared)) for _ in range(count)]
        for place, layer in enumerate(layers):
            if place < machines and not all_machines:
                layer["init"] = "rbm"
            elif place >= machines and (all_machines or draw(st.booleans())):
                layer["init"] = draw(inits(machines=False))
        table["layers"] = layers
    return table


@st.composite
def training_tables(draw: st.DrawFn, task: str | None) -> dict[str, Any]:
    """`[training]` of a task, or with the task left open."""
    optimizer = draw(st.none() | st.sampled_from(list(OPTIMIZER_SETTINGS)))
    settings = {name: SETTINGS[name] for name in OPTIMIZER_SETTINGS[optimizer or "adam"]}
    if optimizer == "sparse_adam":
        settings |= {"lr": positive, "eps": positive}
    metrics = METRICS if task is None else [m for m in METRICS if _metric(m) in METRICS_FOR[task]]
    stopping = {"patience": counts, "metric": st.sampled_from(metrics), "min_delta": amounts}
    optional: dict[str, st.SearchStrategy[Any]] = {
        **settings,
        "loss": st.sampled_from(LOSSES if task is None else LOSSES_FOR[task]),
        "reduction": st.sampled_from(["mean", "sum", "sum_weights"]),
        "schedule": schedules,
        "clip_norm": positive,
        "clip_value": positive,
        "early_stopping": tables({}, stopping),
        "batch_size": st.just("all") | counts,
        "shuffle": st.booleans(),
        "drop_last": st.booleans(),
        "epochs": counts,
        "steps": counts,
        "seed": wholes,
        "dtype": st.sampled_from(["float32", "float64"]),
        "evaluate": st.lists(st.sampled_from(SPLITS), unique=True),
        "evaluate_every": counts,
        "measure_every": wholes,
        "measure_first": wholes,
    }
    if task in (None, *WEIGHED_TASKS):
        least, most = (2, 2) if task == "binary" else (1, 9)
        weights = st.lists(amounts, min_size=least, max_size=most).filter(any)
        optional["class_weights"] = st.just("balanced") | weights
    table = draw(tables({}, optional))
    if optimizer is not None:
        table["optimizer"] = optimizer
    if table.get("nesterov"):
        table |= {"momentum": draw(positive), "dampening": 0.0}
    if draw(st.booleans()):
        can_be = table.get("loss") in (None, *ON_PROBABILITIES)
        on = ["logits", "probabilities"] if can_be else ["logits"]
        table["loss_on"] = draw(st.sampled_from(on))
    return table


def _metric(name: str) -> str:
    return name.partition("/")[2]


@st.composite
def recipe_trees(draw: st.DrawFn, task: str | None = None) -> dict[str, Any]:
    """Trees of valid recipes, for a task or for any."""
    task = task or draw(st.none() | st.sampled_from(TASKS))
    tree: dict[str, Any] = {"data": draw(data_tables(task))}
    if draw(st.booleans()):
        tree["title"] = draw(st.text())
    if draw(st.booleans()):
        tree["network"] = draw(network_tables())
    if draw(st.booleans()):
        tree["training"] = draw(training_tables(task))
    return tree


def recipes(task: str | None = None) -> st.SearchStrategy[Recipe]:
    """Valid recipes, for a task or for any."""
    return recipe_trees(task).map(_recipe_of)


def _recipe_of(tree: dict[str, Any]) -> Recipe:
    # beartype looks at a random item of each list, and hypothesis wants no strategy to be random
    state = random.getstate()
    try:
        return Recipe.of(tree)
    finally:
        random.setstate(state)


# What a file or a program might hold by mistake.
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**4000), 2**63])
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["", "\ud800", "all", "balanced", "normal", "rbm", "adam", "sgd", "mse"])
    | st.binary(max_size=3)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=9,
)
