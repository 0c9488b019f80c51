"""What the trace says of a step is what numpy computes from the weights and the batch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars
import pytest
import torch
from numpy.typing import NDArray

import descend.optimizers.rule as rule_module
import descend.trace.trace as trace_module
from descend.trace.measurements import QUANTITIES
from descend.trace.trace import Trace
from tests.training.scenes import rows, trained, training_of, tree_of

Array = NDArray[np.float64]
ROUNDING = 1e-7  # shares are float32


def small(activation: str, **training: Any) -> dict[str, Any]:
    """Two hidden layers of another kind each on one batch of all examples."""
    tree = tree_of("multiclass", optimizer="sgd", lr=0.3, batch_size="all", epochs=3, **training)
    tree["network"] = {
        "layers": [{"units": 7, "activation": activation}, {"units": 4, "activation": "relu"}],
        "bias_init": {"name": "normal", "std": 1.5},
        "init": {"name": "normal", "std": 1.5},
    }
    return tree


def numpy_step(weights: list[tuple[Array, Array]], x: Array, y: Array, activation: str) -> Any:
    """Loss, activations, gradients of weights and biases of a step, written out."""
    act = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    }
    slope = {
        "relu": lambda a: (a > 0) * 1.0,
        "tanh": lambda a: 1 - a * a,
        "sigmoid": lambda a: a * (1 - a),
    }
    names = [activation, "relu", None]
    given, a = [x], x
    for (w, b), name in zip(weights, names, strict=True):
        z = a @ w + b
        a = z if name is None else act[name](z)
        given.append(a)
    p = np.exp(a - a.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    gradients: list[tuple[Array, Array]] = []
    for layer in (2, 1, 0):
        if names[layer] is not None:
            d = d * slope[str(names[layer])](given[layer + 1])
        gradients.insert(0, (given[layer].T @ d, d.sum(axis=0)))
        d = d @ weights[layer][0].T
    return loss, given[1:], gradients


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_every_quantity_is_the_one_that_numpy_computes(activation: str) -> None:
    """Mean, spread, shares, norms and update ratios of each layer at each step, run by run."""
    tree = small(activation, measure_every=1)
    training = training_of(tree, [1, 2])
    examples = training.examples
    x = examples.preparation.inputs(examples.train.x, dtype=torch.float64).numpy()
    y = examples.train.y.numpy()
    expected: dict[tuple[int, int, int, str], float] = {}
    for run in range(2):
        weights = [(v.w[run].numpy().copy(), v.b[run].numpy().copy()) for v in training.stack.views]
        for step in range(3):
            loss, given, gradients = numpy_step(weights, x, y, activation)
            slopes = [slope for slope, _ in gradients]
            expected[run, step, 0, "loss"] = loss
            for layer, (a, g) in enumerate(zip(given, slopes, strict=True)):
                kind = (activation, "relu", "identity")[layer]
                w = weights[layer][0]
                key = (run, step, layer + 1)
                expected[*key, "activation_mean"] = a.mean()
                expected[*key, "activation_std"] = a.std()
                if kind == "relu":
                    expected[*key, "zero_share"] = (a == 0).mean()
                    expected[*key, "dead_share"] = (a == 0).all(axis=0).mean()
                if kind == "tanh":
                    expected[*key, "saturated_share"] = (np.abs(a) > np.tanh(2.5)).mean()
                if kind == "sigmoid":
                    far = np.abs(a - 0.5) > 0.5 - 1 / (1 + np.exp(5))
                    expected[*key, "saturated_share"] = far.mean()
                expected[*key, "gradient_norm"] = np.linalg.norm(g)
                expected[*key, "weight_norm"] = np.linalg.norm(w)
                expected[*key, "update_ratio"] = 0.3 * np.linalg.norm(g) / np.linalg.norm(w)
            weights = [
                (w - 0.3 * dw, b - 0.3 * db)
                for (w, b), (dw, db) in zip(weights, gradients, strict=True)
            ]
    training = trained(tree, [1, 2])
    frame = training.trace.frame()
    found = {tuple(row[:4]): row[4] for row in frame.iter_rows()}
    assert found == pytest.approx(expected, abs=ROUNDING, rel=1e-10)
    assert list(frame.sort("run", "step", "layer", maintain_order=True).iter_rows()) == list(
        frame.iter_rows()
    )
    assert {key[3] for key in found} <= {"loss", *QUANTITIES}


@pytest.mark.parametrize(
    ("every", "first", "steps"),
    [
        (4, 3, [0, 1, 2, 4, 8, 12]),
        (5, 0, [0, 5, 10]),
        (0, 2, [0, 1]),
        (1, 0, list(range(15))),
        (0, 0, []),
    ],
)
def test_the_first_steps_and_each_kth_are_sampled(every: int, first: int, steps: list[int]) -> None:
    """`measure_first` steps at the beginning, then those whose number `measure_every` divides."""
    tree = tree_of("multiclass", epochs=3, measure_every=every, measure_first=first)
    frame = trained(tree, [1, 2]).trace.frame()
    assert frame.schema == {
        "run": polars.Int32,
        "step": polars.Int64,
        "layer": polars.Int32,
        "quantity": polars.String,
        "value": polars.Float64,
    }
    for run in range(2):
        assert rows(frame, run)["step"].unique().sort().to_list() == steps


def test_weights_of_zero_have_no_infinite_or_missing_ratio_where_nothing_moves() -> None:
    """0 / 0 is 0: a network that stands still is said to stand still."""
    tree = small("relu", measure_every=1)
    for layer in tree["network"]["layers"]:
        layer["init"] = "zeros"
    tree["network"] |= {"init": "zeros", "bias_init": "zeros"}
    frame = trained(tree, [1]).trace.frame()
    ratios = frame.filter(polars.col("quantity") == "update_ratio")
    assert ratios.height == 9
    assert ratios["value"].to_list() == [0.0] * 9


def test_many_samples_become_a_table_at_once() -> None:
    """1,000 runs and 120 samples of two layers, two million rows, take less than two seconds."""
    trace = Trace(1000, ["sigmoid", "sigmoid"], every=100, first=20)
    values = torch.rand(120, 1000, 2, len(QUANTITIES))
    trace.load_state(
        {
            "steps": torch.arange(120),
            "values": values,
            "losses": torch.rand(120, 1000),
            "present": torch.ones(120, 1000, dtype=torch.bool),
        }
    )
    begin = time.process_time()
    frame = trace.frame()
    assert time.process_time() - begin < 2.0
    assert frame.height == 120 * 1000 * (1 + 2 * 6)
    one = frame.filter(
        (polars.col("run") == 17)
        & (polars.col("step") == 5)
        & (polars.col("layer") == 2)
        & (polars.col("quantity") == "weight_norm")
    )
    assert one["value"].to_list() == [float(values[5, 17, 1, QUANTITIES.index("weight_norm")])]


@pytest.mark.parametrize("room", [0, 1 << 30])
def test_samples_measured_together_are_those_measured_one_by_one(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, whether copies wait for each other or each is measured on the spot."""
    tree = tree_of("multiclass", epochs=3, measure_every=1, batch_size=7)
    by_default = trained(tree, [1, 2, 3]).trace
    monkeypatch.setattr(trace_module, "ROOM", room)
    other = trained(tree, [1, 2, 3]).trace
    assert other.steps == by_default.steps
    assert torch.equal(other.losses, by_default.losses)
    assert torch.equal(other.values.nan_to_num(-1), by_default.values.nan_to_num(-1))


def test_what_is_measured_in_parts_is_what_is_measured_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a step is measured while it is taken, part by part, no number differs but in its end.

    And no bit of the training: the measured weights go the way of the unmeasured ones.
    """
    tree = tree_of("multiclass", optimizer="adam", epochs=3, measure_every=1)
    tree["network"]["hidden"] = [70, 30]  # 2,000 weights and more in parts of 320 columns
    at_once = trained(tree, [1, 2, 3])
    monkeypatch.setattr(trace_module, "ROOM", 0)
    monkeypatch.setattr(rule_module, "PART", 1)
    in_parts = trained(tree, [1, 2, 3])
    assert torch.equal(in_parts.stack.theta, at_once.stack.theta)
    values = [training.trace.values.nan_to_num(-1) for training in (in_parts, at_once)]
    torch.testing.assert_close(*values, rtol=1e-12, atol=0)  # a dozen roundings of 1e-16
    tree["training"] |= {"measure_every": 0, "measure_first": 0}
    assert torch.equal(trained(tree, [1, 2, 3]).stack.theta, at_once.stack.theta)
