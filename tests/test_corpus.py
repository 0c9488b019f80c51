"""How benchmarks/diagnosis.py reads cases, tells them as recipes, and scores what is found.

The cases here are written by hand; those of the corpus are no part of the project.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from descend.data.examples import Examples
from descend.diagnosis.diagnosing import diagnose
from descend.findings.rule import rules
from descend.recipe import Recipe

pytest.importorskip("benchmarks.corpus", reason="the benchmarks are not part of this package")

from benchmarks.corpus.arrays import Arrays, as_examples, load
from benchmarks.corpus.cases import Case, chosen, read
from benchmarks.corpus.causes import NAMED_BY, causes_of, without_rule
from benchmarks.corpus.cures import Cure, cure_of
from benchmarks.corpus.reasons import Inexpressible, Unavailable
from benchmarks.corpus.recipes import told
from benchmarks.corpus.score import Judged, summary
from benchmarks.corpus.table import table
from benchmarks.corpus.verdicts import Means, Named, Verdict, verdict

# As the README of the corpus lists them, which is not here: the table must cover all of these.
VOCABULARY = """
activation_choice, batch_too_large, batch_too_small, constant_target, detached_graph,
double_scaling, dropout_mode_inverted, dropout_too_high, dying_relu, excess_depth, excess_width,
exploding_gradient, flipped_gradient, gradient_reduction_inconsistent, init_all_positive,
init_gain_mismatch, init_scale_too_large, init_scale_too_small, init_scale_wrong, label_encoding,
label_mismatch, label_noise, label_range, left_in_eval, log_of_nonpositive, loss_reduction_sum,
loss_task_mismatch, lr_too_high, lr_too_low, missing_activation, missing_eval,
missing_output_activation, missing_regularization, missing_step, missing_zero_grad,
n_outputs_wrong, never_trained, no_signal, optimizer_choice, optimizer_epsilon, oscillating_loss,
output_activation_wrong, output_range, over_regularization, overfitting, params_not_in_optimizer,
redundant_activation, relu_bottleneck, relu_on_output, saturated_activation, sigmoid_multiclass,
softmax_on_multilabel, softmax_on_regression, softmax_single_unit, softmax_twice, symmetry_init,
target_scale_too_small, target_shape_broadcast, too_few_epochs, train_test_distribution_shift,
train_test_scaling_mismatch, unbounded_activation, underpowered_model, unscaled_input,
unscaled_target, unused_layers, vanishing_gradient, wrong_metric, wrong_training_pair
"""
GENERATOR = """
import numpy as np
class Unavailable(Exception): pass
def load(case, seed=0):
    data = case["data"]
    if data["kind"] != "inline": raise Unavailable(data["kind"])
    x, y = np.array(data["x"], float), np.array(data["y"], float).reshape(len(data["x"]), -1)
    n = data["n_train"]
    return dict(x_train=x[:n], y_train=y[:n], x_val=x[n:], y_val=y[n:])
"""
XOR = {"kind": "inline", "x": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0], "n_train": 4}


def dense(units: int, activation: str = "relu", **more: Any) -> dict[str, Any]:
    init = {"name": "glorot_uniform"}
    zeros = {"name": "zeros"}
    given = {"type": "dense", "units": units, "activation": activation}
    return {**given, "init": init, "bias_init": zeros, **more}


def case_of(*layers: dict[str, Any], **more: Any) -> Case:
    """XOR for the given layers, with BCE and Adam as Keras has them."""
    tree: dict[str, Any] = {
        "id": "case",
        "role": "faulty",
        "usable_as": "positive",
        "origin": {"benchmark": "ours"},
        "task": "binary",
        "data": XOR,
        "preprocessing": {"input": "none", "target": "none", "target_encoding": "binary"},
        "layers": list(layers) or [dense(2), dense(1, "sigmoid")],
        "loss": {"name": "bce", "on": "probabilities", "reduction": "mean"},
        "optimizer": {"name": "adam", "lr": 0.001},
        "batch_size": 4,
        "epochs": 3,
        "known_faults": [],
    }
    return Case({**copy.deepcopy(tree), **more})


def arrays_of(y: Any, x: Any = None) -> Arrays:
    targets = np.array(y, float)
    targets = targets.reshape(len(targets), -1)
    inputs = np.arange(2.0 * len(targets)).reshape(-1, 2) if x is None else np.array(x, float)
    return Arrays(inputs, targets, inputs[:0], targets[:0])


BINARY = arrays_of([0, 1, 1, 0])


def test_the_table_of_causes_covers_the_vocabulary() -> None:
    assert sorted(NAMED_BY) == sorted(cause.strip() for cause in VOCABULARY.split(","))


def test_every_code_in_the_table_is_a_rule() -> None:
    codes = {code.partition(" ")[0] for codes in NAMED_BY.values() for code in codes}
    assert codes <= {rule.code for rule in rules()}


def test_causes_without_a_rule_are_marked() -> None:
    assert set(without_rule()) == {cause for cause, codes in NAMED_BY.items() if not codes}
    assert all(cause in causes_of(code) for cause, codes in NAMED_BY.items() for code in codes)


def test_a_case_becomes_a_recipe() -> None:
    case = case_of(
        dense(3, "tanh", l2=0.1, init={"name": "random_uniform", "low": -0.1, "high": 0.1}),
        {"type": "dropout", "rate": 0.25},
        dense(1, "sigmoid", bias_init={"name": "constant", "value": 0.5}),
    )
    recipe = Recipe.of(told(case, BINARY).tree)
    (layer,) = recipe.network.layers or ()
    assert (layer.units, layer.activation, layer.dropout, layer.l2) == (3, "tanh", 0.25, 0.1)
    assert layer.init is not None
    assert dict(layer.init.parameters) == {"low": -0.1, "high": 0.1}
    assert recipe.network.output == "sigmoid"
    assert recipe.network.output_bias_init is not None
    assert recipe.network.output_bias_init.name == "constant"
    training = recipe.training
    assert (training.loss, training.loss_on) == ("bce", "probabilities")
    assert (training.optimizer, training.lr, training.eps) == ("adam", 0.001, 1e-7)
    assert (training.batch_size, training.epochs) == (4, 3)
    assert (recipe.data.task, recipe.data.scale) == (None, "none")  # the targets say it


@pytest.mark.parametrize(
    ("first", "second", "loss", "on"),
    [
        ("sigmoid", "sigmoid", "bce", "logits"),
        ("relu", "sigmoid", "bce", "logits"),
        ("sigmoid", "tanh", "bce", "probabilities"),
        ("tanh", "sigmoid", "mse", "logits"),
    ],
)
def test_a_second_activation_of_the_output_is_the_one_that_the_loss_applies(
    first: str, second: str, loss: str, on: str
) -> None:
    """BCE on the logits σ(z) is that on the probabilities σ(σ(z)); others are left out."""
    layers = (dense(2), dense(1, first), {"type": "activation", "activation": second})
    case = case_of(*layers, loss={"name": loss, "on": "probabilities"})
    recipe = told(case, BINARY)
    assert recipe.tree["network"]["output"] == first
    assert recipe.tree["training"]["loss_on"] == on
    is_said = f"{second} after {first} is left out" in recipe.notes
    assert is_said is ((loss, second) != ("bce", "sigmoid"))


def test_torch_initialisers_mean_the_defaults_of_torch() -> None:
    given = {"init": {"name": "torch_default"}, "bias_init": {"name": "torch_default"}}
    recipe = Recipe.of(told(case_of(dense(2, **given), dense(1, "sigmoid", **given)), BINARY).tree)
    assert recipe.training.eps is None  # descend's own default is torch's
    assert recipe.network.output_init is not None
    assert recipe.network.output_init.name == "torch"


def test_layers_without_weights_belong_to_the_dense_one_below() -> None:
    case = case_of(
        dense(4, "linear"),
        {"type": "batchnorm"},
        {"type": "activation", "activation": "relu"},
        {"type": "dropout", "rate": 0.5},
        dense(4, "tanh"),
        {"type": "batchnorm"},
        dense(1, "sigmoid"),
    )
    said = told(case, BINARY)
    first, second = said.tree["network"]["layers"]
    assert (first["activation"], first["batch_norm"], first["dropout"]) == ("relu", "before", 0.5)
    assert (second["activation"], second["batch_norm"]) == ("tanh", "after")
    assert said.places == [[0, 1, 2, 3], [4, 5], [6]]


def test_what_a_recipe_has_no_words_for_is_left_out_or_noted() -> None:
    said = told(case_of({"type": "batchnorm"}, dense(2), dense(1, "sigmoid")), BINARY)
    assert said.tree["data"]["scale"] == "standard"
    assert said.places == [[0, 1], [2]]
    assert any("inputs" in note for note in said.notes)
    cut = dense(2, init={"name": "truncated_normal", "std": 1.0})
    assert any("narrower" in note for note in told(case_of(cut, dense(1)), BINARY).notes)
    for impossible in (
        case_of(dense(2, "cosine"), dense(1)),
        case_of(dense(2, trainable=False), dense(1)),
        case_of(loss={"name": "hinge"}),
        case_of(optimizer={"name": "ftrl"}),
        case_of(dense(2, init={"name": "identity"}), dense(1)),
        case_of(dense(2), dense(1), {"type": "dropout", "rate": 0.5}),
    ):
        with pytest.raises(Inexpressible):
            told(impossible, BINARY)


@pytest.mark.parametrize(
    ("task", "y", "loss", "expected"),
    [
        ("binary", [0, 1, 1, 0], "bce", "binary"),
        ("binary", [-1, 1, 1, -1], "mse", "regression"),
        ("binary", [1, 2, 2, 1], "cross_entropy", "multiclass"),
        ("binary", [[0, 1], [1, 0]], "mse", "multiclass"),
        ("multiclass", [0, 1, 2, 1], "cross_entropy", "multiclass"),
        ("multiclass", [0, 1, 2, 1], "mse", "regression"),
        ("multilabel", [[1, 1], [0, 1]], "bce", "multilabel"),
        ("regression", [0, 1, 1, 0], "mse", "regression"),
    ],
)
def test_the_task_is_what_targets_and_loss_make_of_it(
    task: str, y: Any, loss: str, expected: str
) -> None:
    case = case_of(task=task, loss={"name": loss, "on": "probabilities"})
    assert told(case, arrays_of(y)).task == expected


def test_class_numbers_stay_what_they_are() -> None:
    """Numbered anew, labels that start at 1 would be in range: what is refused is the fault."""
    ours = {"source": "arrays", "validation": 0, "test": 0}
    assert isinstance(as_examples(arrays_of([0, 1, 2, 1]), "multiclass", ours), Examples)
    assert not isinstance(as_examples(arrays_of([1, 2, 3, 1]), "multiclass", ours), Examples)


def test_only_a_task_that_the_targets_do_not_say_is_written_down() -> None:
    whole = case_of(task="regression", loss={"name": "mse", "on": "values"})
    assert told(whole, arrays_of([0, 1, 1, 0])).tree["data"]["task"] == "regression"
    assert "task" not in told(whole, arrays_of([0.5, 1.5, 1, 0])).tree["data"]


def test_cases_and_their_data_are_read(tmp_path: Path) -> None:
    folder = written(tmp_path, case_of())
    (case,) = read(folder)
    arrays = load(case, folder, None)
    assert arrays.x.shape == (4, 2)
    assert arrays.held_out_as is None
    with pytest.raises(Unavailable):
        load(case_of(data={"kind": "elsewhere"}), folder, None)


def test_twins_are_in_one_half_and_can_be_chosen() -> None:
    faulty, fixed = case_of(id="so-1"), case_of(id="so-1-fixed", fix_of="so-1")
    assert faulty.half == fixed.half
    assert chosen([faulty, fixed], only="*-fixed") == [fixed]
    assert chosen([faulty, fixed], half=faulty.half) == [faulty, fixed]
    assert chosen([faulty], origin="theirs") == []


def test_a_case_is_checked_and_located(tmp_path: Path) -> None:
    case = case_of(
        dense(2, "relu"),
        {"type": "dropout", "rate": 0.5},
        dense(2, "softmax"),
        loss={"name": "cross_entropy", "on": "logits"},
        preprocessing={"target_encoding": "index"},
    )
    said = verdict(case, Means(written(tmp_path, case), is_check_only=True))
    assert said.state == "done", said.reason
    twice = next(named for named in said.named if named.code == "D110")
    assert twice.causes == ("redundant_activation", "softmax_twice")
    assert twice.layers == (2,)  # of the case, where dropout counts, from 0


def test_a_refused_recipe_is_a_finding_about_the_field(tmp_path: Path) -> None:
    folder = written(tmp_path, case_of())
    means = Means(folder, is_check_only=True)
    said = verdict(case_of(dense(0, "relu"), dense(1, "sigmoid")), means)
    named = next(one for one in said.named if one.code.startswith("D100"))
    assert named.code == "D100 network.layers.units"
    assert named.layers == (0,)
    said = verdict(case_of(epochs=0), means)
    assert [one.causes for one in said.named if one.code.startswith("D100")] == [("never_trained",)]
    assert verdict(case_of(loss={"name": "hinge"}), means).state == "not expressible"
    assert verdict(case_of(data={"kind": "elsewhere"}), means).state == "unavailable"


def test_what_crashes_or_takes_too_long_is_a_case_in_which_nothing_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of()
    folder = written(tmp_path, case)

    def crash(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("of all things")

    def wait(*_: Any, **__: Any) -> None:
        while True:
            pass

    for stand_in, state in ((crash, "crashed"), (wait, "too long")):
        monkeypatch.setattr("benchmarks.corpus.verdicts.check", stand_in)
        said = verdict(case, Means(folder, seconds=0.2, is_check_only=True))
        assert said.state == state
        assert said.named == ()


def named(cause: str, *layers: int, severity: str = "warning") -> Named:
    return Named("D999", "a-fault", severity, (cause,), layers)


def judged(
    use: str,
    role: str,
    *found: Named,
    known: Any = (),
    state: str = "done",
    cure: Cure | None = None,
    **more: Any,
) -> Judged:
    case = case_of(usable_as=use, role=role, known_faults=list(known), **more)
    budget = 0.1 if state == "done" else None
    return Judged(case, Verdict(state, named=found, budget=budget, cure=cure))


def fault(cause: str, layer: int | None = None) -> dict[str, Any]:
    return {"cause": cause} if layer is None else {"cause": cause, "layer": layer}


def test_scores_are_those_counted_by_hand() -> None:
    known = [fault("dying_relu", 1)]
    cured = Cure(scores=(0.1, 0.85, 0.9), twin=(0.9, 0.9, 0.99))
    sick = Cure(scores=(0.1, 0.7, 0.9), twin=(0.9, 0.9, 0.99))
    alone = Cure(scores=(0.9,))
    scores = summary(
        [
            judged("positive", "faulty", named("dying_relu", 1), known=known, cure=cured),
            judged("positive", "faulty", named("no_signal"), named("dying_relu", 0), known=known),
            judged(
                "positive",
                "faulty",
                named("lr_too_high"),
                known=[fault("lr_too_low")],
                cure=sick,
            ),
            judged("weak", "faulty", cure=sick),
            judged("positive", "faulty", state="unavailable", cure=alone),
            judged("positive", "faulty", named("dying_relu", severity="note"), known=known),
            judged("positive", "faulty", known=known, state="crashed"),
            judged("positive", "faulty", named("dying_relu"), known=known, duplicate_of="other"),
            judged("positive", "faulty", known=known, state="not expressible"),
            judged("negative", "healthy", named("lr_too_low")),
            judged("negative", "disputed"),
            judged("negative", "disputed", fix_of="another"),
            judged("negative", "fixed", named("lr_too_low", severity="note")),
            judged("weak", "faulty", named("lr_too_low")),
        ]
    )
    assert scores["of"] == {
        "healthy": 2,
        "fixed": 2,
        "positive": 5,
        "with_layer": 4,
        "with_twin": 2,
    }
    assert scores["false_alarms_healthy"] == 1 / 2
    assert scores["false_alarms_fixed"] == 0
    assert scores["detected"] == 3 / 5
    assert scores["cause_first"] == 1 / 5
    assert scores["cause_named"] == 2 / 5
    assert scores["layer_right"] == 1 / 4
    assert scores["cured"] == 1 / 2
    assert scores["budget"] == pytest.approx(0.1)


def test_a_sick_recipe_is_cured_and_trained_beside_its_twin() -> None:
    """What --fix finds comes as far as the recipe that was mended by hand, on other seeds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    arrays = arrays_of((x[:, 0] * x[:, 1] > 0).astype(float), x)
    optimizer = {"name": "adam", "lr": 0.02}
    healthy = case_of(dense(16), dense(1, "sigmoid"), batch_size=32, epochs=30, optimizer=optimizer)
    faulty = case_of(
        dense(16),
        dense(1, "sigmoid"),
        batch_size=32,
        epochs=30,
        optimizer={"name": "adam", "lr": 1e-7},
    )
    sick, twin = (
        (told(case, arrays), as_examples(arrays, "binary", told(case, arrays).tree["data"]))
        for case in (faulty, healthy)
    )
    cure = cure_of(sick, twin, diagnose(sick[0].tree, data=sick[1]), 20)
    assert cure.edits
    assert cure.is_cured
    assert len(cure.scores) == 3


def test_an_acceptable_cause_is_right() -> None:
    one = judged(
        "positive",
        "faulty",
        named("vanishing_gradient"),
        known=[fault("dying_relu")],
        also_acceptable=["vanishing_gradient"],
    )
    assert one.is_cause_first


def test_the_table_begins_with_the_false_alarms() -> None:
    known = [fault("dying_relu", 1)]
    text = table(
        [
            judged("negative", "healthy", named("lr_too_low"), id="sound"),
            judged("positive", "faulty", known=known, state="crashed"),
        ]
    )
    assert text.startswith("false alarms\n  D999 a-fault")
    assert "sound" in text.splitlines()[1]
    assert "not diagnosed" in text


def test_nothing_to_score_is_no_score() -> None:
    scores = summary([])
    assert scores["detected"] is None
    assert table([]).startswith("false alarms: none")


def written(folder: Path, case: Case) -> Path:
    """A folder with the case and its generator."""
    import json

    (folder / "generators.py").write_text(GENERATOR)
    (folder / f"{case.id}.json").write_text(json.dumps(dict(case.tree)))
    return folder
