"""Mutations of the last layer, the loss and the labels that it takes."""

from __future__ import annotations

from collections.abc import Mapping

from .problems import Rng
from .setting import OFF, Mutation, Setting, only


@only("regression", "autoencoder")
def _sigmoid_range(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("sigmoid")


@only("regression")
def _bce_for_numbers(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("sigmoid", loss="bce", loss_on="probabilities")


@only("multiclass")
def _l1_for_classes(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("identity", loss="l1")


@only("regression")
def _poisson_below_zero(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("identity", loss="poisson")


@only("multiclass", "binary")
def _softmax_of_one(setting: Setting, rng: Rng) -> Setting | None:
    if setting.task != "binary":
        return None
    return setting.headed("softmax", loss_on="probabilities")


@only("multiclass", "binary")
def _twice(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("softmax" if setting.task == "multiclass" else "sigmoid")


@only("multiclass")
def _sigmoids(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("sigmoid", loss_on="probabilities")


@only("multiclass", "binary", "regression")
def _relu_out(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("relu")


def _softmax_of_numbers(setting: Setting, rng: Rng) -> Setting | None:
    is_several = setting.task == "regression" and setting.problem.arrays.y.shape[1] > 1
    return setting.headed("softmax") if is_several else None


@only("multilabel")
def _softmax_of_labels(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("softmax", loss_on="probabilities")


@only("binary", "multilabel")
def _logits_as_probabilities(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("identity", loss_on="probabilities")


@only("multiclass")
def _logits_to_nll(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("identity", loss="nll")


@only("multiclass")
def _many_outputs(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("identity", outputs=20 * setting.network["outputs"])


@only("regression")
def _wrong_width(setting: Setting, rng: Rng) -> Setting:
    return setting.headed("identity", outputs=setting.network["outputs"] + 9)


@only("binary")
def _labels_of_both_signs(setting: Setting, rng: Rng) -> Setting:
    a = setting.problem.arrays
    return setting.with_arrays(y=2 * a.y - 1, y_held_out=2 * a.y_held_out - 1)


MUTATIONS: Mapping[str, Mutation] = {
    "softmax of one": Mutation("softmax_single_unit", _softmax_of_one, OFF),
    "squashed twice": Mutation("softmax_twice", _twice, ("sigmoid_multiclass",), True),
    "sigmoids for classes": Mutation("sigmoid_multiclass", _sigmoids, OFF, True),
    "ReLU on the output": Mutation("relu_on_output", _relu_out, OFF, True),
    "sigmoid for numbers": Mutation("output_range", _sigmoid_range, OFF, True),
    "softmax for numbers": Mutation("softmax_on_regression", _softmax_of_numbers, OFF, True),
    "softmax for labels": Mutation("softmax_on_multilabel", _softmax_of_labels, OFF, True),
    "BCE for numbers": Mutation(
        "loss_task_mismatch", _bce_for_numbers, ("label_range", *OFF), True
    ),
    "L1 for classes": Mutation("loss_task_mismatch", _l1_for_classes),
    "Poisson below 0": Mutation(
        "loss_task_mismatch", _poisson_below_zero, ("label_range", "exploding_gradient")
    ),
    "logits as probabilities": Mutation(
        "missing_output_activation", _logits_as_probabilities, ("log_of_nonpositive", *OFF)
    ),
    "logits to NLL": Mutation(
        "missing_output_activation", _logits_to_nll, ("log_of_nonpositive", *OFF)
    ),
    "outputs without labels": Mutation("n_outputs_wrong", _many_outputs, (), True),
    "outputs too many": Mutation(
        "n_outputs_wrong", _wrong_width, ("target_shape_broadcast",), True
    ),
    "labels ±1": Mutation("label_range", _labels_of_both_signs, ("loss_task_mismatch",), True),
}
