"""Which findings name which cause: the only place where codes and the corpus's names meet.

A code is a finding's; for a recipe that cannot be built (D100) the field follows that the complaint
is about. A cause without a code is one that no rule names yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "activation_choice": ("D100 network.layers.activation", "D100 network.activation"),
    "batch_too_large": (),
    "batch_too_small": (),
    "constant_target": (),
    "detached_graph": (),
    "double_scaling": (),
    "dropout_mode_inverted": (),
    "dropout_too_high": (),
    "dying_relu": (),
    "excess_depth": (),
    "excess_width": (),
    "exploding_gradient": (),
    "flipped_gradient": (),
    "gradient_reduction_inconsistent": (),
    "init_all_positive": (),
    "init_gain_mismatch": (),
    "init_scale_too_large": ("D101",),
    "init_scale_too_small": (),
    "init_scale_wrong": ("D101",),
    "label_encoding": ("D100 data",),
    "label_mismatch": (),
    "label_noise": (),
    "label_range": ("D100 data",),
    "left_in_eval": (),
    "log_of_nonpositive": (),
    "loss_reduction_sum": (),
    "loss_task_mismatch": ("D100 training.loss",),
    "lr_too_high": (),
    "lr_too_low": (),
    "missing_activation": (),
    "missing_eval": (),
    "missing_output_activation": (),
    "missing_regularization": (),
    "missing_step": (),
    "missing_zero_grad": (),
    "n_outputs_wrong": ("D100 network.outputs",),
    "never_trained": ("D100 training.epochs",),
    "no_signal": (),
    "optimizer_choice": (),
    "optimizer_epsilon": (),
    "oscillating_loss": (),
    "output_activation_wrong": (),
    "output_range": (),
    "over_regularization": (),
    "overfitting": (),
    "params_not_in_optimizer": (),
    "redundant_activation": (),
    "relu_bottleneck": (),
    "relu_on_output": (),
    "saturated_activation": (),
    "sigmoid_multiclass": (),
    "softmax_on_multilabel": (),
    "softmax_on_regression": (),
    "softmax_single_unit": (),
    "softmax_twice": ("D110",),
    "symmetry_init": (),
    "target_scale_too_small": (),
    "target_shape_broadcast": ("D100 network.outputs",),
    "too_few_epochs": (),
    "train_test_distribution_shift": (),
    "train_test_scaling_mismatch": (),
    "unbounded_activation": (),
    "underpowered_model": (),
    "unscaled_input": (),
    "unscaled_target": (),
    "unused_layers": (),
    "vanishing_gradient": (),
    "wrong_metric": (),
    "wrong_training_pair": (),
}


@cache
def _by_code() -> Mapping[str, tuple[str, ...]]:
    codes = dict.fromkeys(code for named_by in NAMED_BY.values() for code in named_by)
    return {
        code: tuple(cause for cause, named_by in NAMED_BY.items() if code in named_by)
        for code in codes
    }


def causes_of(code: str) -> tuple[str, ...]:
    """The causes that a finding names."""
    return _by_code().get(code, ())


def without_rule() -> list[str]:
    """The causes that no finding names yet."""
    return [cause for cause, codes in NAMED_BY.items() if not codes]
