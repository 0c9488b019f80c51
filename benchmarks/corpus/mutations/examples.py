"""Mutations of the examples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .problems import Rng, classes
from .setting import HIGH, MIXED, Apply, Mutation, Setting, only


@only("binary", "regression")
def _one_answer(setting: Setting, rng: Rng) -> Setting:
    a = setting.problem.arrays
    return setting.with_arrays(y=np.ones_like(a.y), y_held_out=np.ones_like(a.y_held_out))


def _scaled_inputs(setting: Setting, rng: Rng) -> Setting:
    size, shift = float(rng.choice([100, 1000, 5000])), float(rng.choice([0, 0, 3]))
    a = setting.problem.arrays
    columns = np.exp(rng.uniform(-1, 1, a.x.shape[1])) * size
    return setting.with_arrays(
        x=(a.x + shift) * columns, x_held_out=(a.x_held_out + shift) * columns
    )


def _shrunk_inputs(setting: Setting, rng: Rng) -> Setting:
    a, size = setting.problem.arrays, float(rng.choice([1 / 255, 1e-3]))
    return setting.with_arrays(x=a.x * size, x_held_out=a.x_held_out * size)


def _scaled_targets(size: float, shift: float) -> Apply:
    @only("regression")
    def apply(setting: Setting, rng: Rng) -> Setting:
        a = setting.problem.arrays
        return setting.with_arrays(y=size * a.y + shift, y_held_out=size * a.y_held_out + shift)

    return apply


def _other_units(setting: Setting, rng: Rng) -> Setting:
    factor = float(rng.choice([10, 255, 0.05]))
    return setting.with_arrays(x_held_out=setting.problem.arrays.x_held_out * factor)


def _other_region(setting: Setting, rng: Rng) -> Setting:
    a = setting.problem.arrays
    x, y = np.r_[a.x, a.x_held_out], np.r_[a.y, a.y_held_out]
    order = np.argsort(x @ rng.normal(size=x.shape[1]))
    n = len(a.x)
    mine, theirs = rng.permutation(order[:n]), order[n:]
    return setting.with_arrays(x=x[mine], y=y[mine], x_held_out=x[theirs], y_held_out=y[theirs])


@only("binary", "multiclass")
def _noisy_labels(setting: Setting, rng: Rng) -> Setting:
    a, share = setting.problem.arrays, float(rng.uniform(0.3, 0.5))
    y = a.y.copy()
    drawn = rng.uniform(size=len(y)) < share
    y[drawn, 0] = rng.permutation(y[drawn, 0])
    if setting.task == "multiclass":
        y[drawn, 0] = rng.integers(classes(setting.problem), size=int(drawn.sum()))
    return setting.with_arrays(y=y)


@only("binary", "multiclass", "regression")
def _mixed_up(setting: Setting, rng: Rng) -> Setting:
    a = setting.problem.arrays
    return setting.with_arrays(y=rng.permutation(a.y), y_held_out=rng.permutation(a.y_held_out))


@only("binary", "multiclass", "regression")
def _wrong_pairs(setting: Setting, rng: Rng) -> Setting:
    a = setting.problem.arrays
    return setting.with_arrays(y=np.roll(a.y, int(rng.integers(1, 50)), axis=0))


@only("binary", "multiclass", "regression")
def _noise(setting: Setting, rng: Rng) -> Setting:
    a = setting.problem.arrays
    return setting.with_arrays(
        x=rng.normal(size=a.x.shape), x_held_out=rng.normal(size=a.x_held_out.shape)
    )


@only("binary", "multiclass", "regression")
def _few_examples(setting: Setting, rng: Rng) -> Setting:
    a, n = setting.problem.arrays, 40
    more = rng.normal(size=(len(a.x) + len(a.x_held_out), 30))
    x, held = np.c_[a.x[:n], more[:n]], np.c_[a.x_held_out, more[len(a.x) :]]
    setting.with_arrays(x=x, y=a.y[:n], x_held_out=held)
    setting.deep(2, units=128)
    return setting.trained(batch_size=16, epochs=600)


@only("binary")
def _rare(setting: Setting, rng: Rng) -> Setting:
    """Few examples of one class, and these are hard to tell apart."""
    a = setting.problem.arrays
    keep, held = ((y[:, 0] == 0) | (rng.uniform(size=len(y)) < 0.05) for y in (a.y, a.y_held_out))
    x, x_held_out = (x + 1.5 * rng.normal(size=x.shape) for x in (a.x[keep], a.x_held_out[held]))
    return setting.with_arrays(
        x=x, y=a.y[keep], x_held_out=x_held_out, y_held_out=a.y_held_out[held]
    )


MUTATIONS: Mapping[str, Mutation] = {
    "one answer": Mutation(
        "constant_target", _one_answer, ("no_signal", "class_imbalance"), True, is_curable=False
    ),
    "large inputs": Mutation("unscaled_input", _scaled_inputs, ("lr_too_high", *HIGH)),
    "tiny inputs": Mutation(
        "double_scaling",
        _shrunk_inputs,
        ("lr_too_low", "init_scale_too_small", "vanishing_gradient", "slow_convergence"),
    ),
    "large targets": Mutation(
        "unscaled_target", _scaled_targets(1e3, 5e3), ("lr_too_low", "lr_too_high", *HIGH)
    ),
    "tiny targets": Mutation(
        "target_scale_too_small",
        _scaled_targets(1e-4, 0.0),
        ("lr_too_low", "unscaled_target", "slow_convergence"),
    ),
    "test in other units": Mutation(
        "train_test_scaling_mismatch", _other_units, (), True, is_curable=False
    ),
    "test elsewhere": Mutation(
        "train_test_distribution_shift", _other_region, (), True, is_curable=False
    ),
    "noisy labels": Mutation("label_noise", _noisy_labels, ("overfitting",), is_curable=False),
    "mixed up labels": Mutation("label_mismatch", _mixed_up, MIXED, is_curable=False),
    "pairs apart": Mutation("wrong_training_pair", _wrong_pairs, MIXED, is_curable=False),
    "noise": Mutation("no_signal", _noise, MIXED, is_curable=False),
    "few examples": Mutation(
        "overfitting",
        _few_examples,
        ("missing_regularization", "excess_width", "no_signal"),
        is_curable=False,
    ),
    "rare class": Mutation(
        "wrong_metric", _rare, ("class_imbalance", "no_signal", "overfitting"), is_curable=False
    ),
}
