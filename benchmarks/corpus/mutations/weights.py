"""Mutations of first weights and of hidden layers."""

from __future__ import annotations

from collections.abc import Mapping

from .problems import Rng
from .setting import HIGH, Apply, Mutation, Setting

EXPONENTIAL = {"activation": "exp", "init": "torch", "bias_init": "torch"}


def _bias(value: float, *activations: str) -> Apply:
    def apply(setting: Setting, rng: Rng) -> Setting:
        constant = {"name": "constant", "value": value}
        setting.everywhere(activation=str(rng.choice(activations)))
        return setting.somewhere(rng, bias_init=constant)

    return apply


def _narrow(setting: Setting, rng: Rng) -> Setting:
    setting.everywhere(activation="relu")
    return setting.somewhere(rng, units=1)


def _linear(setting: Setting, rng: Rng) -> Setting | None:
    return setting.everywhere(activation="identity") if setting.problem.is_bent else None


def _no_hidden(setting: Setting, rng: Rng) -> Setting | None:
    if not setting.problem.is_bent:
        return None
    setting.network["layers"] = None
    setting.network["hidden"] = []
    return setting


def _normal(std: float) -> Apply:
    def apply(setting: Setting, rng: Rng) -> Setting:
        return setting.everywhere(init={"name": "normal", "std": std})

    return apply


def _tiny(setting: Setting, rng: Rng) -> Setting:
    if len(setting.hidden) < 2:
        setting.deep(2)
    return setting.everywhere(init={"name": "normal", "std": 10 ** float(rng.uniform(-4, -2.5))})


def _gain(setting: Setting, rng: Rng) -> Setting:
    setting.deep(int(rng.integers(15, 25)), activation="relu", units=32, bias_init="zeros")
    setting.everywhere(init={"name": "normal", "std": float(rng.choice([0.1, 0.6]))})
    return setting


def _deep_sigmoids(setting: Setting, rng: Rng) -> Setting:
    setting.deep(
        int(rng.integers(7, 12)), activation="sigmoid", init="xavier_uniform", bias_init="zeros"
    )
    setting.layers = [0]
    return setting


def _some_sigmoids(setting: Setting, rng: Rng) -> Setting:
    setting.deep(
        int(rng.integers(4, 6)), activation="sigmoid", init="xavier_uniform", bias_init="zeros"
    )
    return setting


def _penalised(setting: Setting, rng: Rng) -> Setting:
    setting.network["l2"] = float(rng.choice([0.5, 3.0]))
    return setting


def _dropped(setting: Setting, rng: Rng) -> Setting:
    return setting.everywhere(dropout=float(rng.choice([0.9, 0.95])))


MUTATIONS: Mapping[str, Mutation] = {
    "large weights": Mutation("init_scale_too_large", _normal(3.0), ("init_scale_wrong", *HIGH)),
    "tiny weights": Mutation(
        "init_scale_too_small", _tiny, ("init_scale_wrong", "vanishing_gradient")
    ),
    "zeros": Mutation(
        "symmetry_init",
        lambda setting, rng: setting.everywhere(init="zeros", bias_init="zeros"),
        ("dying_relu", "vanishing_gradient", "init_scale_too_small"),
    ),
    "equal weights": Mutation(
        "symmetry_init",
        lambda setting, rng: setting.everywhere(
            init={"name": "constant", "value": 0.1}, bias_init="zeros"
        ),
        ("dying_relu",),
    ),
    "positive weights": Mutation(
        "init_all_positive",
        lambda setting, rng: setting.everywhere(init={"name": "uniform", "low": 0.0, "high": 1.0}),
        ("init_scale_too_large", "init_scale_wrong", *HIGH),
    ),
    "wrong gain, deep": Mutation(
        "init_gain_mismatch",
        _gain,
        (
            "vanishing_gradient",
            "excess_depth",
            "init_scale_too_small",
            "init_scale_too_large",
            "init_scale_wrong",
            "exploding_gradient",
        ),
    ),
    "deep sigmoids": Mutation(
        "vanishing_gradient", _deep_sigmoids, ("excess_depth", "activation_choice")
    ),
    "sigmoids": Mutation(
        "activation_choice",
        _some_sigmoids,
        ("vanishing_gradient", "excess_depth", "slow_convergence", "lr_too_low"),
    ),
    "dead layer": Mutation("dying_relu", _bias(-8.0, "relu"), ("init_scale_wrong",)),
    "saturated layer": Mutation(
        "saturated_activation", _bias(12.0, "sigmoid", "tanh"), ("init_scale_wrong",)
    ),
    "one ReLU": Mutation("relu_bottleneck", _narrow, ("dying_relu", "underpowered_model")),
    "exponentials": Mutation(
        "unbounded_activation",
        lambda setting, rng: setting.deep(4).everywhere(**EXPONENTIAL),
        ("exploding_gradient", "nan_loss"),
    ),
    "no activation": Mutation("missing_activation", _linear, ("underpowered_model",)),
    "no hidden layer": Mutation("underpowered_model", _no_hidden, ("missing_activation",)),
    "penalty": Mutation("over_regularization", _penalised),
    "dropout": Mutation("dropout_too_high", _dropped, ("over_regularization",)),
}
