"""What a recipe may tell an optimizer, and how `build` answers when it may not."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
import torch

from descend import optimizers
from descend.errors import RecipeError
from descend.optimizers import (
    OPTIMIZER_SETTINGS,
    OPTIMIZERS,
    Optimizer,
    faults,
    schedule_faults,
    schedule_settings_of,
    settings_of,
)
from descend.optimizers.build import build
from tests.optimizers.oracle import TORCH

# How torch does it, not what it computes; a loss is minimised here, never maximised.
NOT_OURS = {"params", "self", "foreach", "maximize", "capturable", "differentiable", "fused"}


@pytest.mark.parametrize("name", TORCH)
def test_the_settings_are_torchs_with_torchs_defaults(name: str) -> None:
    """Every setting of torch.optim is here under its name, with its default, and no other."""
    parameters = inspect.signature(TORCH[name].__init__).parameters.values()
    theirs = {one.name: one.default for one in parameters if one.name not in NOT_OURS}
    theirs.pop("decoupled_weight_decay", None)
    if name == "lbfgs":
        theirs["line_search"] = theirs.pop("line_search_fn")
    assert dict(settings_of(name)) == theirs


def test_every_optimizer_of_the_table_can_be_built() -> None:
    """The registry, the table of settings and torch have the same names."""
    assert set(OPTIMIZERS) == set(OPTIMIZER_SETTINGS) == set(TORCH)
    for name in OPTIMIZERS:
        optimizer = build(name, torch.zeros(2, 5), [{}, {}])
        assert isinstance(optimizer, Optimizer)
        assert optimizer.lr.flatten().tolist() == pytest.approx([settings_of(name)["lr"]] * 2)


def test_the_settings_are_known_without_torch() -> None:
    """A recipe is checked in no time: nothing here imports torch before a stack is built."""
    code = (
        "import sys; import descend.optimizers as o; from descend.optimizers import schedules; "
        "o.faults('adam', {}); o.factor('cosine', {}, 1, 1, 5); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("sgd", "lr", -0.1),
        ("sgd", "lr", float("nan")),
        ("sgd", "lr", float("inf")),
        ("sgd", "lr", "fast"),
        ("sgd", "lr", True),
        ("sgd", "lr", None),
        ("sgd", "momentum", -1),
        ("sgd", "nesterov", 1),
        ("adam", "betas", (0.9, 1.0)),
        ("adam", "betas", 0.9),
        ("adam", "betas", (0.9, 0.99, 0.999)),
        ("adam", "eps", -1e-8),
        ("adadelta", "rho", 1.1),
        ("rprop", "etas", (1.2, 0.5)),
        ("rprop", "step_sizes", (1, 0.1)),
        ("lbfgs", "max_iter", 0),
        ("lbfgs", "max_iter", 2.5),
        ("lbfgs", "line_search", "armijo"),
        ("sparse_adam", "lr", 0),
    ],
)
def test_an_impossible_value_is_a_fault(name: str, setting: str, value: Any) -> None:
    """The fault names the setting and the value; `build` raises it as a sentence."""
    (fault,) = faults(name, {setting: value})
    assert (fault.setting, fault.nearest) == (setting, None)
    with pytest.raises(RecipeError, match=f"`{setting}` of {name} must be"):
        build(name, torch.zeros(1, 2), [{setting: value}])


@pytest.mark.parametrize("name", OPTIMIZER_SETTINGS)
def test_the_defaults_have_no_fault(name: str) -> None:
    """What `settings_of` prints can be read back, lists for pairs included."""
    listed = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in settings_of(name).items()
    }
    assert faults(name, settings_of(name)) == faults(name, listed) == []
    build(name, torch.zeros(1, 2), [listed])


def test_all_faults_come_at_once_with_the_nearest_name() -> None:
    """A misspelt setting and an impossible one are two faults of one call."""
    found = faults("sgd", {"momentun": 0.9, "lr": -1, "weight_decay": 0.1})
    assert [(fault.setting, fault.nearest) for fault in found] == [
        ("momentun", "momentum"),
        ("lr", None),
    ]


def test_nesterov_needs_momentum_and_no_dampening() -> None:
    """As in torch; with both it is no fault."""
    assert [fault.setting for fault in faults("sgd", {"nesterov": True})] == ["nesterov"]
    assert faults("sgd", {"nesterov": True, "momentum": 0.9, "dampening": 0.1})
    assert not faults("sgd", {"nesterov": True, "momentum": 0.9})


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("step", "step_size", 0),
        ("cosine", "final", -1),
        ("one_cycle", "pct_start", 2),
        ("warmup", "steps", 0),
        ("plateau", "factor", 1),
        ("plateau", "mode", "lowest"),
        ("constant", "gamma", 1),
    ],
)
def test_an_impossible_schedule_is_a_fault(name: str, setting: str, value: Any) -> None:
    """Schedules are checked as optimizers are."""
    assert [fault.setting for fault in schedule_faults(name, {setting: value})] == [setting]
    assert not schedule_faults(name, schedule_settings_of(name))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """For optimizers and for schedules."""
    with pytest.raises(RecipeError, match="must be one of sgd, adam") as error:
        build("addam", torch.zeros(1, 2), [{}])
    assert error.value.hint == "did you mean 'adam'?"
    with pytest.raises(RecipeError, match="schedule must be one of"):
        schedule_settings_of("zigzag")


def test_a_stack_needs_one_row_of_settings_for_each_run_and_one_rule() -> None:
    """Too few rows, or runs that would need different rules, are named."""
    with pytest.raises(RecipeError, match="1 rows of optimizer settings, expected 2"):
        build("adam", torch.zeros(2, 2), [{}])
    with pytest.raises(RecipeError, match="`amsgrad` differs"):
        build("adam", torch.zeros(2, 2), [{"amsgrad": True}, {}])


def test_the_package_has_no_other_names() -> None:
    """A misspelt name is an AttributeError, as everywhere."""
    with pytest.raises(AttributeError, match="Adamm"):
        _ = optimizers.Adamm
    assert all(hasattr(optimizers, name) for name in optimizers.__all__)
