"""The oracle of these tests: one `torch.optim` instance per run, fed the same gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from descend.optimizers import SWITCHES
from descend.optimizers.build import build

TORCH = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
    "rprop": torch.optim.Rprop,
    "asgd": torch.optim.ASGD,
    "lbfgs": torch.optim.LBFGS,
    "sparse_adam": torch.optim.SparseAdam,
}
DENSE = tuple(name for name in TORCH if name not in ("lbfgs", "sparse_adam"))
RUNS, PARAMETERS = 4, 7


def torch_optimizer(name: str, parameters: Any, settings: Mapping[str, Any]) -> Any:
    """torch's optimizer of that name, with torch's name for the line search."""
    settings = dict(settings)
    if "line_search" in settings:
        settings["line_search_fn"] = settings.pop("line_search")
    return TORCH[name](parameters, **settings)


def noise(steps: int, runs: int = RUNS, parameters: int = PARAMETERS, seed: int = 0) -> Tensor:
    """Gradients of all steps, (steps, runs, parameters), some of them exactly 0."""
    generator = torch.Generator().manual_seed(seed)
    shape = (steps, runs, parameters)
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
    return drawn * (torch.rand(shape, generator=generator) > 0.05)


def start(runs: int = RUNS, parameters: int = PARAMETERS) -> Tensor:
    """The first parameters of all runs, in float64."""
    return noise(1, runs, parameters, seed=1)[0] + 0.1


def gradient_at(theta: Tensor, noise: Tensor) -> Tensor:
    """The gradient of |θ|²/20 + noise·θ: it depends on θ, so that errors would carry on."""
    return noise + 0.1 * theta


def ours(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    noises: Tensor,
    prepare: Callable[[Any], None] = lambda optimizer: None,
) -> Tensor:
    """The parameters of all runs, stepped as one stack."""
    theta = start(*noises.shape[1:])
    optimizer = build(name, theta, rows)
    prepare(optimizer)
    for noise in noises:
        optimizer.step(theta, gradient_at(theta, noise))
    return theta


def theirs(name: str, rows: Sequence[Mapping[str, Any]], noises: Tensor) -> Tensor:
    """The parameters of all runs, stepped one by one by torch."""
    theta = start(*noises.shape[1:])
    for row, settings in enumerate(rows):
        parameter = torch.nn.Parameter(theta[row].clone())
        optimizer = torch_optimizer(name, [parameter], settings)
        for noise in noises[:, row]:
            parameter.grad = gradient_at(parameter.detach(), noise)
            optimizer.step()
        theta[row] = parameter.detach()
    return theta


def _numbers(least: float, most: float) -> st.SearchStrategy[float]:
    return st.floats(least, most, allow_subnormal=False)


def _or_zero(most: float) -> st.SearchStrategy[float]:
    return st.just(0.0) | _numbers(1e-6, most)


_BETAS = st.tuples(_numbers(0, 0.99), _numbers(0.1, 0.9999))
_LR = _numbers(1e-4, 0.5)
_EPS = _numbers(1e-10, 1e-2)
_SETTINGS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "sgd": {"momentum": _or_zero(0.95), "dampening": _or_zero(0.9), "weight_decay": _or_zero(0.2)},
    "adam": {"betas": _BETAS, "eps": _EPS, "weight_decay": _or_zero(0.2)},
    "adamax": {"betas": _BETAS, "eps": _EPS, "weight_decay": _or_zero(0.2)},
    "adagrad": {
        "lr_decay": _or_zero(0.1),
        "weight_decay": _or_zero(0.2),
        "initial_accumulator_value": _or_zero(2),
        "eps": _EPS,
    },
    "adadelta": {"rho": _numbers(0, 1), "eps": _EPS, "weight_decay": _or_zero(0.2)},
    "rmsprop": {
        # below 0.3 the centered v - a² of both is nothing but rounding
        "alpha": _numbers(0.3, 0.999),
        "eps": _numbers(1e-6, 1e-2),
        "weight_decay": _or_zero(0.2),
        "momentum": _or_zero(0.95),
    },
    "rprop": {
        "etas": st.tuples(_numbers(0.1, 0.9), _numbers(1.05, 2)),
        "step_sizes": st.tuples(_numbers(1e-6, 1e-3), _numbers(0.1, 50)),
    },
    "asgd": {
        "lambd": _or_zero(0.01),
        "alpha": _numbers(0.5, 1),
        "t0": st.integers(0, 250).map(float),
        "weight_decay": _or_zero(0.2),
    },
}
_SETTINGS["adamw"] = _SETTINGS["adam"]


@st.composite
def settings_of_runs(draw: st.DrawFn, name: str, runs: int = RUNS) -> list[dict[str, Any]]:
    """Random settings for each run; switches are shared, and some settings are left to default."""
    numbers = st.fixed_dictionaries({"lr": _LR}, optional=_SETTINGS[name])
    rows = draw(st.lists(numbers, min_size=runs, max_size=runs))
    switch = {"sgd": "nesterov", "adam": "amsgrad", "adamw": "amsgrad", "rmsprop": "centered"}
    if name in switch and draw(st.booleans()):
        rows = [{**row, switch[name]: True} for row in rows]
    if name == "sgd" and "nesterov" in rows[0]:
        rows = [{**row, "momentum": row.get("momentum") or 0.5, "dampening": 0.0} for row in rows]
    assert all(key in SWITCHES for key in switch.values())
    return rows
