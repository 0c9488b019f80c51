"""Which findings name which cause: the only place where codes and the corpus's names meet.

A code is a finding's; for a recipe that cannot be built (D100) the field follows that the complaint
is about. A cause without a code is one that no rule names yet. Where the corpus has several words
for what a rule says, the rule names them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from descend.findings.rule import rules

NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "activation_choice": (
        *("D122", "D124", "D151", "D201", "D314"),
        *("D100 network.layers.activation", "D100 network.activation"),
    ),
    "batch_too_large": ("D163",),
    "batch_too_small": ("D155", "D213"),
    "constant_target": ("D135",),
    "detached_graph": ("D211", "D227"),
    "double_scaling": ("D131",),
    "dropout_mode_inverted": ("D231",),
    "dropout_too_high": ("D153", "D304"),
    "dying_relu": ("D204",),
    "excess_depth": ("D151", "D316"),
    "excess_width": ("D312",),
    "exploding_gradient": ("D202",),
    "flipped_gradient": ("D234",),
    "gradient_reduction_inconsistent": ("D166",),
    "init_all_positive": ("D105",),
    "init_gain_mismatch": ("D103",),
    "init_scale_too_large": ("D101",),
    "init_scale_too_small": ("D102",),
    "init_scale_wrong": ("D101", "D102", "D103"),
    "label_encoding": ("D100 data", "D233"),
    "label_mismatch": ("D140", "D143"),
    "label_noise": ("D311",),
    "label_range": ("D138", "D100 data"),
    "left_in_eval": ("D229", "D231"),
    "log_of_nonpositive": ("D111", "D236"),
    "loss_reduction_sum": ("D165",),
    "loss_task_mismatch": ("D118", "D100 training.loss"),
    "lr_too_high": ("D160", "D208"),
    "lr_too_low": ("D161", "D209"),
    "missing_activation": ("D120",),
    "missing_eval": ("D230", "D231"),
    "missing_output_activation": ("D111",),
    "missing_regularization": ("D301",),
    "missing_step": ("D211", "D221", "D223"),
    "missing_zero_grad": ("D220",),
    "n_outputs_wrong": ("D119", "D100 network.outputs"),
    "never_trained": ("D100 training.epochs", "D224"),
    "no_signal": ("D140", "D309"),
    "optimizer_choice": ("D168", "D313"),
    "optimizer_epsilon": ("D164",),
    "oscillating_loss": ("D210",),
    "output_activation_wrong": ("D112", "D113", "D114", "D115", "D116", "D117", "D123"),
    "output_range": ("D116",),
    "over_regularization": ("D154", "D304"),
    "overfitting": ("D301",),
    "params_not_in_optimizer": ("D211", "D222", "D223", "D225"),
    "redundant_activation": ("D110", "D121"),
    "relu_bottleneck": ("D150",),
    "relu_on_output": ("D117",),
    "saturated_activation": ("D205",),
    "sigmoid_multiclass": ("D113",),
    "softmax_on_multilabel": ("D114",),
    "softmax_on_regression": ("D115",),
    "softmax_single_unit": ("D112",),
    "softmax_twice": ("D110",),
    "symmetry_init": ("D104", "D144"),
    "target_scale_too_small": ("D132",),
    "target_shape_broadcast": ("D119", "D100 network.outputs", "D233"),
    "too_few_epochs": ("D162", "D303"),
    "train_test_distribution_shift": ("D137",),
    "train_test_scaling_mismatch": ("D136",),
    "unbounded_activation": ("D122",),
    "underpowered_model": ("D152", "D315"),
    "unscaled_input": ("D130",),
    "unscaled_target": ("D132",),
    "unused_layers": ("D228",),
    "vanishing_gradient": ("D151", "D201"),
    "wrong_metric": ("D305",),
    "wrong_training_pair": ("D143",),
}


# Words that are no causes in the vocabulary, and that cases accept as such.
SYMPTOMS: Mapping[str, tuple[str, ...]] = {
    "class_imbalance": ("D305",),
    "frozen_layers": ("D211", "D225", "D226", "D227"),
    "nan_loss": ("D203",),
    "slow_convergence": ("D207",),
}


@cache
def _by_code() -> Mapping[str, tuple[str, ...]]:
    everything = {**NAMED_BY, **SYMPTOMS}
    codes = dict.fromkeys(code for named_by in everything.values() for code in named_by)
    return {
        code: tuple(cause for cause, named_by in everything.items() if code in named_by)
        for code in codes
    }


def causes_of(code: str) -> tuple[str, ...]:
    """The causes that a finding names."""
    return _by_code().get(code, ())


def without_cause() -> list[str]:
    """The rules that name no cause: symptoms, and what the corpus does not ask for."""
    return [f"{rule.code} {rule.name}" for rule in rules() if not _is_known(rule.code)]


def _is_known(code: str) -> bool:
    return any(known.partition(" ")[0] == code for known in _by_code())


def without_rule() -> list[str]:
    """The causes that no finding names yet."""
    return [cause for cause, codes in NAMED_BY.items() if not codes]
