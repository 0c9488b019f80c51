"""What cannot go together: fields of one table, of different tables, a recipe and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from descend.optimizers.settings import OPTIMIZER_SETTINGS, faults
from descend.recipe.complaints import ABSENT, Problem, listed
from descend.recipe.names import (
    CLASS_COUNTING,
    LOSSES_FOR,
    METRICS_FOR,
    ON_PROBABILITIES,
    WEIGHED_TASKS,
    nearest,
)

if TYPE_CHECKING:
    from descend.recipe.model import Data, Network
    from descend.recipe.recipe import Recipe
    from descend.recipe.training import Training

SETTINGS = tuple(dict.fromkeys(name for table in OPTIMIZER_SETTINGS.values() for name in table))


@dataclass(frozen=True)
class Facts:
    """What has to be known of the examples before the open choices can be made.

    outputs: classes, labels or numbers to predict; examples: for training; splits: what exists;
    chosen: what the source chose for further fields of `data`, such as `validation`, by name.
    """

    task: str
    outputs: int
    examples: int
    splits: tuple[str, ...]
    scale: str
    target_scale: str
    chosen: Mapping[str, Any] = field(default_factory=dict)


def data_problems(data: Data) -> list[Problem]:
    """What cannot go together in `[data]`."""
    problems = []
    if data.target == "inputs" and data.task not in (None, "autoencoder"):
        expected = 'autoencoder where `data.target` is "inputs"'
        problems.append(Problem("task", data.task, expected))
    validation, test = data.validation, data.test
    if isinstance(validation, float) and isinstance(test, float) and validation + test >= 1:
        expected = f"below {1 - validation:g}, so that examples are left to train on"
        problems.append(Problem("test", test, expected))
    return problems


def network_problems(network: Network) -> list[Problem]:
    """What cannot go together in `[network]`."""
    problems = []
    if network.hidden is not None and network.layers is not None:
        expected = "absent where `network.layers` lists the layers"
        problems.append(Problem("hidden", network.hidden, expected))
    inits = [layer.init or network.init for layer in network.layers or ()]
    is_machine = [init is not None and init.name == "rbm" for init in inits]
    for place, (below, here) in enumerate(pairwise(is_machine), start=1):
        if here and not below:
            expected = "another than rbm, or rbm in the layers below too"
            problems.append(Problem(f"layers.{place}.init", "rbm", expected))
    if network.output_init is not None and network.output_init.name == "rbm":
        expected = "another than rbm, which is for hidden layers"
        problems.append(Problem("output_init", "rbm", expected))
    return problems


def training_problems(training: Training) -> list[Problem]:
    """What cannot go together in `[training]`."""
    problems = setting_problems(training)
    loss = training.loss
    if training.loss_on == "probabilities" and loss not in (None, *ON_PROBABILITIES):
        expected = f"logits for the loss {loss}"
        problems.append(Problem("loss_on", training.loss_on, expected))
    evaluate = training.evaluate or ()
    if len(set(evaluate)) < len(evaluate):
        problems.append(Problem("evaluate", evaluate, "each split once"))
    return problems


def setting_problems(training: Training) -> list[Problem]:
    """The settings that the optimizer lacks, or that are outside of its range."""
    given = training.optimizer_settings
    name = training.optimizer or optimizer_for(given)
    known = OPTIMIZER_SETTINGS[name]
    problems = []
    for setting in given:
        if setting not in known:
            expected = f"absent for {name} ({listed(_who_have(setting))} can have it)"
            problems.append(Problem(setting, getattr(training, setting), expected))
    possible = {setting: value for setting, value in given.items() if setting in known}
    return problems + [Problem(*fault) for fault in faults(name, possible)]


def optimizer_for(given: Mapping[str, Any]) -> str:
    """The optimizer that is meant by these settings without its name: Adam if it has them."""
    usual = ("adam", "sgd", *OPTIMIZER_SETTINGS)
    return next((name for name in usual if set(given) <= set(OPTIMIZER_SETTINGS[name])), "adam")


def recipe_problems(recipe: Recipe) -> list[Problem]:
    """What cannot go together in different tables, as far as the task is known without the data."""
    data = recipe.data
    task = "autoencoder" if data.target == "inputs" else data.task
    return [] if task is None else task_problems(recipe, task)


def task_problems(recipe: Recipe, task: str) -> list[Problem]:
    """What is impossible for `task`."""
    training = recipe.training
    problems = []
    if training.loss not in (None, *LOSSES_FOR[task]):
        choices = LOSSES_FOR[task]
        expected = f"one of {', '.join(choices)} for the task {task}"
        guess = nearest(training.loss, choices)
        problems.append(Problem("training.loss", training.loss, expected, guess))
    weights = training.class_weights
    if weights is not None and task not in WEIGHED_TASKS:
        expected = f"absent for the task {task} ({listed(WEIGHED_TASKS)} have classes to weigh)"
        problems.append(Problem("training.class_weights", weights, expected))
    if isinstance(weights, tuple) and task == "binary" and len(weights) != 2:
        problems.append(Problem("training.class_weights", weights, "2 numbers, one a class"))
    if recipe.data.target_scale == "standard" and task != "regression":
        expected = f"none for the task {task}, whose targets are no quantities"
        problems.append(Problem("data.target_scale", "standard", expected))
    if (rule := training.early_stopping) is not None:
        split, _, metric = rule.metric.partition("/")
        if metric not in METRICS_FOR[task]:
            choices = tuple(f"{split}/{name}" for name in METRICS_FOR[task])
            expected = f"one of {', '.join(choices)} for the task {task}"
            problems.append(Problem("training.early_stopping.metric", rule.metric, expected))
    return problems


def fact_problems(recipe: Recipe, facts: Facts) -> list[Problem]:
    """What is impossible with the examples at hand."""
    training = recipe.training
    if recipe.data.task not in (None, facts.task):
        return [Problem("data.task", recipe.data.task, f"{facts.task}, as the data are")]
    problems = task_problems(recipe, facts.task)
    splits = f"one of {', '.join(facts.splits)}, the splits of these data"
    for place, split in enumerate(training.evaluate or ()):
        if split not in facts.splits:
            problems.append(Problem(f"training.evaluate.{place}", split, splits))
    rule = training.early_stopping
    if rule is not None and rule.metric.partition("/")[0] not in facts.splits:
        problems.append(Problem("training.early_stopping.metric", rule.metric, f"of {splits}"))
    if (
        training.loss == "poisson"
        and recipe.data.target_scale is None
        and facts.target_scale == "standard"
    ):
        expected = '"none" for the loss poisson, which needs counts'
        problems.append(Problem("data.target_scale", ABSENT, expected))
    weights = training.class_weights
    if isinstance(weights, tuple) and facts.task == "multiclass" and len(weights) != facts.outputs:
        expected = f"{facts.outputs} numbers, one a class"
        problems.append(Problem("training.class_weights", weights, expected))
    batch_size = training.batch_size
    if training.drop_last and isinstance(batch_size, int) and batch_size > facts.examples:
        expected = f"{facts.examples} or less with `training.drop_last`, or no batch is left"
        problems.append(Problem("training.batch_size", batch_size, expected))
    return problems + _output_problems(recipe, facts)


def _output_problems(recipe: Recipe, facts: Facts) -> list[Problem]:
    given = recipe.network.outputs
    if given is None:
        return []
    counts = recipe.training.loss in CLASS_COUNTING
    least = outputs_for(facts.task, recipe.training.loss, facts.outputs)
    can_be_more = counts or facts.task in ("multiclass", "pixels")  # classes that never occur
    if given == least or (given > least and can_be_more):
        return []
    expected = f"{least} or more for these data" if can_be_more else f"{least} for these data"
    return [Problem("network.outputs", given, expected)]


def outputs_for(task: str, loss: str | None, outputs: int) -> int:
    """How many outputs the network needs: two for two classes under a loss that counts classes."""
    return 2 if task == "binary" and loss in CLASS_COUNTING else outputs


def _who_have(setting: str) -> list[str]:
    return [name for name, known in OPTIMIZER_SETTINGS.items() if setting in known]
