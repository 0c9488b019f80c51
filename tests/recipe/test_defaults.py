"""What a recipe leaves open is chosen as a practitioner would choose it, and written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from descend.errors import RecipeError
from descend.optimizers.settings import OPTIMIZER_SETTINGS
from descend.recipe import Recipe
from descend.recipe.defaults import Facts, complete, outputs_for, with_scales
from descend.recipe.names import ACTIVATIONS, LAYER_SETTINGS, LOSSES_FOR, SPLITS, TASKS
from tests.recipe.strategies import recipe_trees

ALL_SPLITS = ("train", "validation", "test")
OUTPUTS = {
    "regression": 1,
    "binary": 1,
    "multiclass": 10,
    "multilabel": 5,
    "pixels": 3,
    "autoencoder": 64,
}


def facts(task: str = "multiclass", **others: Any) -> Facts:
    """The facts of a middling set for the task."""
    usual = Facts(task, OUTPUTS[task], 1200, ALL_SPLITS, "standard", "none")
    return replace(usual, **others)


def completed(task: str = "multiclass", facts_: Facts | None = None, **fields: Any) -> Recipe:
    """An open recipe with some fields given (`training__lr=…`), completed."""
    edits = {name.replace("__", "."): value for name, value in fields.items()}
    recipe = Recipe.of({"data": {"source": "some"}}).edited(edits)
    return complete(recipe, facts_ or facts(task))


@st.composite
def recipes_with_facts(draw: st.DrawFn) -> tuple[dict[str, Any], Facts]:
    """The tree of a recipe and the facts of data that suit its task."""
    task = draw(st.sampled_from(TASKS))
    tree = draw(recipe_trees(task))
    splits = draw(st.sampled_from([ALL_SPLITS, ("train",), ("train", "test")]))
    scales = st.sampled_from(["unit", "standard", "none"])
    examples = draw(st.sampled_from([1, 4, 33, 1200, 60_000]))
    known = facts(task, splits=splits, examples=examples, scale=draw(scales))
    if draw(st.booleans()):
        known = replace(known, chosen={"validation": 0.25, "noise": 0.5, "test": 0.2})
    return tree, known


def _complete(tree: dict[str, Any], known: Facts) -> tuple[Recipe, Recipe]:
    recipe = Recipe.of(tree)
    try:
        return recipe, complete(recipe, known)
    except RecipeError:  # such as a split that these data do not have
        assume(False)
        raise


@given(recipes_with_facts())
def test_a_completed_recipe_is_complete(pair: tuple[dict[str, Any], Facts]) -> None:
    """Completing again changes nothing, with or without the facts about the source's choices."""
    _, done = _complete(*pair)
    assert complete(done, pair[1]) == done
    assert complete(done, replace(pair[1], chosen={})) == done
    assert complete(Recipe.from_toml(done.to_toml()), pair[1]) == done


@given(recipes_with_facts())
def test_what_was_given_is_kept(pair: tuple[dict[str, Any], Facts]) -> None:
    """No choice takes the place of a field that the recipe gives."""
    recipe, done = _complete(*pair)
    before, after = recipe.tree(), done.tree()
    for table in ("data", "network", "training"):
        for name, value in before[table].items():
            if name != "layers":
                assert after[table][name] == value, name
    layers = [tree["network"].get("layers", []) for tree in (before, after)]
    for old, new in zip(*layers, strict=True):
        assert old.items() <= new.items()


OPEN_NETWORK = {"hidden", "layers"}  # one of the two
OPEN_TRAINING = {  # "off" where absent
    *("class_weights", "schedule", "clip_norm", "clip_value", "early_stopping", "steps"),
    *("max_eval", "line_search"),
}


@given(recipes_with_facts())
def test_a_completed_recipe_leaves_nothing_open(pair: tuple[dict[str, Any], Facts]) -> None:
    """All that the engine reads is there: no None, but where None says that a part is not used."""
    _, done = _complete(*pair)
    assert None not in (done.data.task, done.data.scale, done.data.target_scale)
    network = {name for name, value in done.network if value is None}
    assert len(network - set(LAYER_SETTINGS)) == 1
    assert network <= OPEN_NETWORK | set(LAYER_SETTINGS)
    settings = OPTIMIZER_SETTINGS[str(done.training.optimizer)]
    for name, value in done.training:
        is_lacking = name in {key for table in OPTIMIZER_SETTINGS.values() for key in table}
        if not (is_lacking and name not in settings) and name not in OPEN_TRAINING:
            assert value is not None, name


@pytest.mark.parametrize(
    ("task", "loss", "outputs"),
    [
        ("regression", "mse", 1),
        ("binary", "bce", 1),
        ("multiclass", "cross_entropy", 10),
        ("multilabel", "bce", 5),
        ("pixels", "cross_entropy", 3),
        ("autoencoder", "mse", 64),
    ],
)
def test_each_task_has_its_loss_on_logits(task: str, loss: str, outputs: int) -> None:
    """The usual loss of the task, computed from logits, with an output for each target."""
    done = completed(task)
    assert (done.training.loss, done.training.loss_on) == (loss, "logits")
    assert (done.network.output, done.network.outputs) == ("identity", outputs)
    assert done.training.reduction == "mean"


@pytest.mark.parametrize(
    ("loss", "outputs", "output"),
    [
        ("bce", 1, "identity"),
        ("cross_entropy", 2, "identity"),
        ("nll", 2, "log_softmax"),
        ("mse", 1, "identity"),
    ],
)
def test_two_classes_have_two_outputs_where_the_loss_counts_classes(
    loss: str, outputs: int, output: str
) -> None:
    """Cross-entropy between two classes needs two logits, the binary one needs one."""
    done = completed("binary", training__loss=loss)
    assert (done.network.outputs, done.network.output) == (outputs, output)
    assert outputs_for("binary", loss, 1) == outputs


@pytest.mark.parametrize(
    ("task", "output", "loss", "loss_on"),
    [
        ("binary", "sigmoid", "bce", "probabilities"),
        ("multiclass", "softmax", "cross_entropy", "probabilities"),
        ("multiclass", "log_softmax", "nll", "logits"),
        ("multiclass", "sigmoid", "cross_entropy", "logits"),
        ("multiclass", "relu", "cross_entropy", "logits"),
        ("regression", "log_softmax", "mse", "logits"),
        ("regression", "relu", "mse", "logits"),
    ],
)
def test_the_loss_takes_the_outputs_for_what_they_are(
    task: str, output: str, loss: str, loss_on: str
) -> None:
    """Outputs that are probabilities are taken for such, log-probabilities by NLL."""
    done = completed(task, network__output=output)
    assert (done.training.loss, done.training.loss_on) == (loss, loss_on)


@pytest.mark.parametrize(
    ("task", "loss", "output"),
    [
        ("binary", "bce", "sigmoid"),
        ("multiclass", "cross_entropy", "softmax"),
        ("regression", "poisson", "softplus"),
    ],
)
def test_a_loss_on_probabilities_gets_probabilities(task: str, loss: str, output: str) -> None:
    """Who asks for a loss on probabilities and names no output gets one that gives them."""
    done = completed(task, training__loss=loss, training__loss_on="probabilities")
    assert done.network.output == output


def test_the_given_fight_of_output_and_loss_is_trained_as_asked() -> None:
    """Softmax on top of a loss on logits is a finding, not an error."""
    done = completed(network__output="softmax", training__loss_on="logits")
    assert (done.network.output, done.training.loss_on) == ("softmax", "logits")


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        ("relu", "he_normal"),
        ("leaky_relu", "he_normal"),
        ("gelu", "he_normal"),
        ("tanh", "xavier_uniform"),
        ("sigmoid", "xavier_uniform"),
        ("selu", "lecun_normal"),
    ],
)
def test_the_initialiser_suits_the_activation(activation: str, init: str) -> None:
    """He for what bends like ReLU, Xavier for tanh and sigmoid, LeCun for SELU; biases are 0."""
    network = completed(network__activation=activation).network
    assert network.init is not None
    assert network.bias_init is not None
    assert network.output_init is not None
    assert network.output_bias_init is not None
    assert network.init.name == init
    assert network.output_init.name == "xavier_uniform"
    assert (network.bias_init.name, network.output_bias_init.name) == ("zeros", "zeros")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_with_its_own_activation_gets_its_own_initialiser(activation: str) -> None:
    """A tanh layer in a ReLU network is drawn as in a tanh network."""
    alone = completed(network__activation=activation).network.init
    layers = [{"units": 3}, {"units": 3, "activation": activation}]
    network = completed(network__layers=layers, network__activation="relu").network
    assert network.layers is not None
    assert (network.layers[1].init or network.init) == alone
    assert network.layers[0].init is None


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ({"activation": "relu"}, {}),
        ({"activation": "leaky_relu"}, {"slope": 0.01}),
        ({"layers": [{"units": 2, "activation": "leaky_relu"}]}, {"slope": 0.01}),
        ({"output": "leaky_relu", "slope": 0.2}, {"slope": 0.2}),
        ({"batch_norm": "after"}, {"batch_norm_eps": 1e-5, "batch_norm_momentum": 0.1}),
        (
            {"layers": [{"units": 2, "batch_norm": "before"}], "batch_norm_eps": 1e-3},
            {"batch_norm_eps": 1e-3, "batch_norm_momentum": 0.1},
        ),
    ],
)
def test_settings_of_layers_are_chosen_where_a_layer_has_them(
    network: dict[str, Any], settings: dict[str, float]
) -> None:
    """The slope of leaky ReLU and those of batch normalisation, as torch has them."""
    done = completed(**{f"network__{name}": value for name, value in network.items()}).network
    found = {name: getattr(done, name) for name in LAYER_SETTINGS}
    assert {name: one for name, one in found.items() if one is not None} == settings


def test_an_initialiser_that_is_named_holds_for_every_layer() -> None:
    """The weights of all layers are drawn by it and the biases as torch draws them."""
    network = completed(network__init={"name": "normal", "std": 0.05}).network
    assert network.output_init == network.init
    assert network.bias_init is not None
    assert network.output_bias_init is not None
    assert (network.bias_init.name, network.output_bias_init.name) == ("torch", "torch")


def test_biases_that_are_named_hold_for_the_output_too() -> None:
    """`bias_init = "ones"` means all biases."""
    network = completed(network__bias_init="ones").network
    assert network.output_bias_init == network.bias_init


def test_machines_leave_the_output_layer_to_xavier() -> None:
    """Restricted Boltzmann machines pretrain hidden layers; the last one is drawn."""
    output_init = completed(network__init="rbm").network.output_init
    assert output_init is not None
    assert output_init.name == "xavier_uniform"


def test_adam_is_the_optimizer_with_all_its_settings() -> None:
    """Adam with torch's defaults, all written out."""
    training = completed().training
    assert training.optimizer == "adam"
    assert training.optimizer_settings == {
        "lr": 0.001,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": False,
    }


@pytest.mark.parametrize("optimizer", OPTIMIZER_SETTINGS)
def test_every_optimizer_has_torchs_settings_and_a_rate_that_learns(optimizer: str) -> None:
    """All settings are written out; only rates, and L-BFGS's line search, differ from torch's."""
    given_ = completed(training__optimizer=optimizer).training.optimizer_settings
    usual = {k: v for k, v in OPTIMIZER_SETTINGS[optimizer].items() if v is not None}
    rates = {"sgd": 0.1, "asgd": 0.1, "rmsprop": 0.001}
    expected = {**usual, "lr": rates.get(optimizer, usual["lr"])}
    if optimizer == "lbfgs":
        expected["line_search"] = "strong_wolfe"
    assert given_ == expected


@pytest.mark.parametrize(
    ("setting", "value", "optimizer"),
    [
        ("momentum", 0.9, "sgd"),
        ("nesterov", False, "sgd"),
        ("betas", [0.9, 0.9], "adam"),
        ("centered", True, "rmsprop"),
        ("rho", 0.9, "adadelta"),
        ("etas", [0.5, 1.5], "rprop"),
        ("history_size", 5, "lbfgs"),
        ("line_search", "none", "lbfgs"),
        ("t0", 5, "asgd"),
        ("lr_decay", 0.1, "adagrad"),
        ("weight_decay", 0.1, "adam"),
    ],
)
def test_a_setting_without_an_optimizer_names_it(setting: str, value: Any, optimizer: str) -> None:
    """Who gives a momentum and no optimizer means SGD."""
    assert completed(**{f"training__{setting}": value}).training.optimizer == optimizer


def test_much_momentum_makes_a_smaller_rate() -> None:
    """With momentum 0.9 each gradient counts ten times, so the rate is a tenth."""
    plain = completed(training__optimizer="sgd").training.lr
    heavy = completed(training__optimizer="sgd", training__momentum=0.9).training.lr
    assert (plain, heavy) == (0.1, 0.01)


def test_the_optimizer_of_a_completed_recipe_can_be_exchanged() -> None:
    """The old one's settings go, the new one's are chosen; what both have is kept."""
    done = completed(training__weight_decay=0.5)
    other = complete(done.edited({"training.optimizer": "sgd"}), facts())
    assert other.training.optimizer_settings == {
        "lr": 0.001,
        "weight_decay": 0.5,
        "momentum": 0.0,
        "dampening": 0.0,
        "nesterov": False,
    }


@pytest.mark.parametrize(
    ("examples", "batch_size", "epochs"),
    [(4, "all", 3000), (32, "all", 3000), (33, 32, 200), (1168, 32, 82), (55_000, 128, 10)],
)
def test_batches_and_epochs_grow_with_the_examples(
    examples: int, batch_size: int | str, epochs: int
) -> None:
    """About 3,000 steps for small sets, 10 epochs for large ones."""
    training = completed(facts_=facts(examples=examples)).training
    assert (training.batch_size, training.epochs) == (batch_size, epochs)


@pytest.mark.parametrize("optimizer", ["lbfgs", "rprop"])
@pytest.mark.parametrize("examples", [4, 60_000])
def test_rules_that_changing_batches_mislead_see_all_examples(
    optimizer: str, examples: int
) -> None:
    """L-BFGS and Rprop compare gradients of two steps, which must be of one batch."""
    training = completed(facts_=facts(examples=examples), training__optimizer=optimizer).training
    assert training.batch_size == "all"
    assert training.epochs is not None
    assert training.epochs <= (3000 if examples == 4 else 300)


@pytest.mark.parametrize(
    ("steps", "batch_size", "drop_last", "epochs"),
    [
        (100, "all", False, 100),
        (100, 100, False, 9),  # 12 steps an epoch
        (96, 100, False, 8),
        (100, 500, False, 34),  # 3 steps an epoch
        (100, 500, True, 50),  # 2 steps an epoch
    ],
)
def test_steps_decide_the_epochs(
    steps: int, batch_size: int | str, drop_last: bool, epochs: int
) -> None:
    """As many epochs as hold the steps; the steps stay in the recipe and end the training."""
    training = completed(
        training__steps=steps, training__batch_size=batch_size, training__drop_last=drop_last
    ).training
    assert (training.epochs, training.steps) == (epochs, steps)


def test_held_out_examples_are_looked_at_about_100_times() -> None:
    """The validation split if there is one, else the test, else none."""
    for splits, evaluate in [
        (ALL_SPLITS, ("validation",)),
        (("train", "test"), ("test",)),
        (("train",), ()),
    ]:
        assert completed(facts_=facts(splits=splits)).training.evaluate == evaluate
    assert completed(training__epochs=10_001).training.evaluate_every == 100
    assert completed(training__epochs=99).training.evaluate_every == 1


def test_an_autoencoder_narrows_in_the_middle() -> None:
    """The code is narrower than both its neighbours and the inputs."""
    for features in (2, 64, 784):
        known = facts("autoencoder", outputs=features)
        hidden = completed("autoencoder", known, data__target="inputs").network.hidden
        assert hidden is not None
        assert hidden[1] < hidden[0] == hidden[2]
        assert hidden[1] < features


def test_what_the_source_chose_is_written_down() -> None:
    """Scales, split sizes and noise are in the completed recipe; what was given is kept."""
    known = facts(scale="unit", chosen={"validation": 0.1, "test": 0.2, "noise": 0.3})
    data = completed(facts_=known, data__test=50).data
    assert (data.scale, data.validation, data.test, data.noise) == ("unit", 0.1, 50, 0.3)


def test_a_linear_model_stays_one() -> None:
    """`hidden = []` is a choice."""
    assert completed(network__hidden=[]).network.hidden == ()
    assert completed(network__layers=[]).network.hidden is None


UNSUITED = [
    ({"data__task": "binary"}, {}, "`data.task` must be multiclass, as the data are: 'binary'"),
    ({"training__loss": "poisson"}, {}, "for the task multiclass: 'poisson'"),
    ({"training__evaluate": ["test"]}, {"splits": ("train",)}, "one of train, the splits of these"),
    (
        {"training__early_stopping": {}},
        {"splits": ("train", "test")},
        "must be of one of train, test, the splits of these data: 'validation/loss'",
    ),
    ({"training__early_stopping__metric": "test/r2"}, {}, "test/accuracy for the task multiclass"),
    ({"training__class_weights": [1, 2]}, {}, "must be 10 numbers, one a class: [1.0, 2.0]"),
    (
        {"training__batch_size": 2000, "training__drop_last": True},
        {},
        "must be 1200 or less with `training.drop_last`, or no batch is left: 2000",
    ),
    ({"network__outputs": 9}, {}, "`network.outputs` must be 10 or more for these data: 9"),
    ({"network__outputs": 2}, {"task": "binary", "outputs": 1}, "must be 1 for these data: 2"),
    (
        {"training__loss": "poisson"},
        {"task": "regression", "outputs": 1, "target_scale": "standard"},
        '`data.target_scale` must be "none" for the loss poisson',
    ),
    ({"training__loss_on": "probabilities"}, {"task": "regression", "outputs": 1}, "logits for"),
]


@pytest.mark.parametrize(("fields", "others", "sentence"), UNSUITED)
def test_a_recipe_that_the_data_do_not_suit_is_refused(
    fields: dict[str, Any], others: dict[str, Any], sentence: str
) -> None:
    """Before anything is built, and in the words of the recipe."""
    with pytest.raises(RecipeError) as caught:
        completed(facts_=replace(facts(), **others), **fields)
    assert sentence in caught.value.message


def test_all_that_does_not_suit_is_told_at_once() -> None:
    """Problems with the data are listed as others are."""
    with pytest.raises(RecipeError, match="3 problems"):
        completed(
            training__evaluate=["test", "validation"],
            network__outputs=3,
            facts_=facts(splits=("train",)),
        )


def test_outputs_beyond_the_classes_are_possible() -> None:
    """The published deep network ends in 512 outputs for 10 classes: a finding, not an error."""
    assert completed(network__outputs=512).network.outputs == 512


@pytest.mark.parametrize(
    ("fields", "scales"),
    [
        ({"training.loss": "poisson"}, (None, "none")),
        ({"training.loss": "poisson", "data.target_scale": "standard"}, (None, "standard")),
        ({"training.loss": "poisson", "data.task": "autoencoder"}, ("none", None)),
        ({"training.loss": "bce", "data.target": "inputs"}, ("unit", None)),
        ({"network.output": "sigmoid", "data.target": "inputs"}, ("unit", None)),
        ({"training.loss": "mse"}, (None, None)),
        ({"training.loss": "bce"}, (None, None)),
    ],
)
def test_a_loss_that_needs_a_scale_gets_it(fields: dict[str, Any], scales: Any) -> None:
    """Counts stay counts, and what a sigmoid must reproduce lies in 0..1; the rest stays open."""
    data = with_scales(Recipe.of({"data": {"source": "some"}}).edited(fields)).data
    assert (data.scale, data.target_scale) == scales


@pytest.mark.parametrize("task", TASKS)
def test_every_loss_of_a_task_can_be_completed(task: str) -> None:
    """No loss that a recipe may name ends in an error of its own defaults."""
    for loss in LOSSES_FOR[task]:
        assert completed(task, training__loss=loss).training.loss == loss


def test_the_splits_are_those_that_a_recipe_may_name() -> None:
    """The names here are those of the recipe."""
    assert set(ALL_SPLITS) == set(SPLITS)
