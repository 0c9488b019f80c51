"""Mutations of rates, batches and optimizers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .problems import Rng
from .setting import HIGH, LOW, Apply, Mutation, Setting


def _lr(low: float, high: float) -> Apply:
    def apply(setting: Setting, rng: Rng) -> Setting:
        factor = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return setting.trained(lr=float(f"{setting.training['lr'] * factor:.2g}"))

    return apply


def _few_epochs(setting: Setting, rng: Rng) -> Setting:
    return setting.trained(epochs=1, batch_size=min(128, 2 * setting.training["batch_size"]))


def _large_batch(setting: Setting, rng: Rng) -> Setting:
    return setting.trained(
        batch_size=len(setting.problem.arrays.x), epochs=int(rng.integers(8, 20))
    )


def _small_batch(setting: Setting, rng: Rng) -> Setting | None:
    if setting.training["optimizer"] != "sgd":
        return None
    return setting.trained(batch_size=1, epochs=max(1, setting.training["epochs"] // 8))


def _epsilon(setting: Setting, rng: Rng) -> Setting:
    return setting.trained(
        optimizer="adam", lr=0.003, momentum=None, eps=float(rng.choice([1, 30]))
    )


def _sums(setting: Setting, rng: Rng) -> Setting | None:
    if setting.training["optimizer"] != "sgd":
        return None
    return setting.trained(reduction="sum", batch_size=64)


def _sums_of_weights(setting: Setting, rng: Rng) -> Setting | None:
    if setting.training["optimizer"] != "sgd":
        return None
    return setting.trained(reduction="sum_weights", batch_size=64)


def _adadelta(setting: Setting, rng: Rng) -> Setting:
    return setting.trained(optimizer="adadelta", lr=0.001, momentum=None)


def _rprop(setting: Setting, rng: Rng) -> Setting:
    return setting.trained(optimizer="rprop", lr=0.01, momentum=None)


def _swinging(setting: Setting, rng: Rng) -> Setting:
    return setting.trained(optimizer="sgd", lr=0.3, momentum=0.98)


MUTATIONS: Mapping[str, Mutation] = {
    "rate far too high": Mutation("lr_too_high", _lr(100, 1000), HIGH),
    "rate too high": Mutation("lr_too_high", _lr(20, 60), HIGH),
    "rate far too low": Mutation("lr_too_low", _lr(1e-6, 1e-4), LOW),
    "rate too low": Mutation("lr_too_low", _lr(1e-3, 5e-3), LOW),
    "one epoch": Mutation(
        "too_few_epochs", _few_epochs, ("lr_too_low", "slow_convergence", "batch_too_large")
    ),
    "one batch": Mutation(
        "batch_too_large", _large_batch, ("lr_too_low", "slow_convergence", "too_few_epochs")
    ),
    "batch of one": Mutation("batch_too_small", _small_batch, ("lr_too_high", *HIGH)),
    "epsilon": Mutation("optimizer_epsilon", _epsilon, ("lr_too_low",)),
    "sums": Mutation("loss_reduction_sum", _sums, ("lr_too_high", *HIGH)),
    "sums of weights": Mutation(
        "gradient_reduction_inconsistent",
        _sums_of_weights,
        ("loss_reduction_sum", "lr_too_high", *HIGH),
    ),
    "Adadelta": Mutation("optimizer_choice", _adadelta, ("lr_too_low", *LOW)),
    "Rprop on batches": Mutation("optimizer_choice", _rprop, ("oscillating_loss", *HIGH)),
    "momentum": Mutation("oscillating_loss", _swinging, ("lr_too_high", *HIGH)),
}
