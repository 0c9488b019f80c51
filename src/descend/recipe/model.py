"""The parts of a recipe; a field that is None is chosen by `descend.recipe.defaults`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from descend.network.init_names import BIAS_INITIALISERS, INITIALISERS
from descend.network.init_names import faults as init_faults
from descend.optimizers.settings import (
    OPTIMIZER_SETTINGS,
    SCHEDULE_SETTINGS,
    faults,
    schedule_faults,
)
from descend.recipe.complaints import Problem, impossible
from descend.recipe.fields import Amount, Count, Named, OneOf, Part, Share
from descend.recipe.names import (
    HIDDEN_ACTIVATIONS,
    LOSSES,
    LOSSES_FOR,
    OUTPUT_ACTIVATIONS,
    SPLITS,
    TASKS,
    nearest,
)

Task = Annotated[str, OneOf(TASKS)]
Activation = Annotated[str, OneOf(HIDDEN_ACTIVATIONS)]
OutputActivation = Annotated[str, OneOf(OUTPUT_ACTIVATIONS)]
SplitName = Annotated[str, OneOf(SPLITS)]
BatchNorm = Literal[False, "before", "after"]


class Init(Named):
    """How a layer's weights or biases are drawn."""

    NAMES: ClassVar = tuple(INITIALISERS)

    @classmethod
    def problems(cls, name: str, options: Mapping[str, Any]) -> list[Problem]:
        return [
            Problem(fault.parameter, fault.value, fault.expected, fault.nearest)
            for fault in init_faults(name, options)
        ]


class BiasInit(Init):
    """How a layer's biases are drawn."""

    NAMES: ClassVar = tuple(BIAS_INITIALISERS)


class Schedule(Named):
    """How the learning rate changes over a training."""

    NAMES: ClassVar = tuple(SCHEDULE_SETTINGS)

    @classmethod
    def problems(cls, name: str, options: Mapping[str, Any]) -> list[Problem]:
        return [Problem(*fault) for fault in schedule_faults(name, options)]


class Data(Part):
    """What is learnt from: a source of examples, its split and its scales."""

    source: str
    target: str | None = None
    task: Task | None = None
    scale: Annotated[str, OneOf(("unit", "standard", "none"))] | None = None
    target_scale: Annotated[str, OneOf(("none", "standard"))] | None = None
    examples: Count | None = None
    noise: Amount | None = None
    validation: Annotated[float | int, Field(ge=0)] | None = None
    test: Annotated[float | int, Field(ge=0)] | None = None
    limit: Count | None = None
    seed: int = 0


class Layer(Part):
    """One hidden layer; what is None is taken from the network."""

    units: Count
    activation: Activation | None = None
    init: Init | None = None
    bias_init: BiasInit | None = None
    batch_norm: BatchNorm | None = None
    dropout: Share | None = None
    l1: Amount | None = None
    l2: Amount | None = None


class Network(Part):
    """The layers between the inputs and the outputs, in short form (`hidden`) or one by one."""

    hidden: tuple[Count, ...] | None = None
    activation: Activation | None = None
    init: Init | None = None
    bias_init: BiasInit | None = None
    batch_norm: BatchNorm | None = None
    dropout: Share | None = None
    l1: Amount | None = None
    l2: Amount | None = None
    layers: tuple[Layer, ...] | None = None
    output: OutputActivation | None = None
    outputs: Count | None = None
    output_init: Init | None = None
    output_bias_init: BiasInit | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Network:
        if self.hidden is not None and self.layers is not None:
            expected = "absent where `network.layers` lists the layers"
            raise impossible([Problem("hidden", self.hidden, expected)])
        return self


class EarlyStopping(Part):
    """Stop a run when `metric` has not improved for `patience` evaluations; keep the best weights."""

    patience: Count = 5
    metric: str = "validation/loss"
    min_delta: Amount = 0.0


class Training(Part):
    """How the network learns: loss, optimizer, batches, length, and what is looked at meanwhile."""

    loss: Annotated[str, OneOf(LOSSES)] | None = None
    loss_on: Annotated[str, OneOf(("logits", "probabilities"))] | None = None
    reduction: Annotated[str, OneOf(("mean", "sum", "sum_weights"))] | None = None
    class_weights: Literal["balanced"] | tuple[Amount, ...] | None = None
    optimizer: Annotated[str, OneOf(tuple(OPTIMIZER_SETTINGS))] | None = None
    lr: Amount | None = None
    momentum: Amount | None = None
    dampening: float | None = None
    nesterov: bool | None = None
    weight_decay: Amount | None = None
    betas: tuple[Share, Share] | None = None
    eps: Amount | None = None
    amsgrad: bool | None = None
    alpha: Amount | None = None
    centered: bool | None = None
    rho: Share | None = None
    lr_decay: Amount | None = None
    initial_accumulator_value: Amount | None = None
    etas: tuple[Share, Annotated[float, Field(gt=1)]] | None = None
    step_sizes: tuple[Amount, Amount] | None = None
    lambd: Amount | None = None
    t0: Amount | None = None
    max_iter: Count | None = None
    max_eval: Count | None = None
    tolerance_grad: Amount | None = None
    tolerance_change: Amount | None = None
    history_size: Count | None = None
    line_search: Annotated[str, OneOf(("strong_wolfe",))] | None = None
    schedule: Schedule | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    clip_value: Annotated[float, Field(gt=0)] | None = None
    early_stopping: EarlyStopping | None = None
    batch_size: Literal["all"] | Count | None = None
    shuffle: bool = True
    drop_last: bool = False
    epochs: Count | None = None
    steps: Count | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    dtype: Annotated[str, OneOf(("float32", "float64"))] = "float32"
    evaluate: tuple[SplitName, ...] | None = None
    evaluate_every: Count | None = None
    measure_every: Annotated[int, Field(ge=0)] = 100
    measure_first: Annotated[int, Field(ge=0)] = 20

    @model_validator(mode="after")
    def _settings_of_the_optimizer(self) -> Training:
        if self.optimizer is None:
            return self
        problems = [Problem(*fault) for fault in faults(self.optimizer, self.optimizer_settings)]
        if problems:
            raise impossible(problems)
        return self

    @property
    def optimizer_settings(self) -> dict[str, Any]:
        """The settings of the optimizer that this training gives, `lr` among them."""
        given = {name: getattr(self, name) for name in SETTINGS}
        return {name: value for name, value in given.items() if value is not None}


SETTINGS = tuple(dict.fromkeys(name for table in OPTIMIZER_SETTINGS.values() for name in table))


def loss_problems(task: str, loss: str | None) -> list[Problem]:
    """A loss that cannot be computed for the task's targets at all."""
    if loss is None or loss in LOSSES_FOR[task]:
        return []
    choices = LOSSES_FOR[task]
    expected = f"one of {', '.join(choices)} for the task {task}"
    return [Problem("training.loss", loss, expected, nearest(loss, choices))]
