"""Training of a recipe; a field that is None is chosen by `descend.recipe.defaults`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import JsonSchemaValue

from descend.optimizers.settings import OPTIMIZER_SETTINGS, SCHEDULE_SETTINGS, schedule_faults
from descend.recipe import checks
from descend.recipe.complaints import Problem
from descend.recipe.fields import (
    Amount,
    Count,
    Expected,
    Flag,
    Number,
    OneOf,
    Part,
    Part0To1,
    Positive,
    Share,
    Weights,
    Whole,
    impossible,
)
from descend.recipe.named import Named, Options
from descend.recipe.names import LOSSES, METRICS, SPLITS

ClassWeights = Annotated[
    Literal["balanced"] | Weights,
    Expected('"balanced" or a list of numbers, 0 or more and not all 0'),
]
BatchSize = Annotated[Literal["all"] | Count, Expected('"all" or a whole number, 1 or more')]
Betas = Annotated[tuple[Share, Share], Expected("two numbers from 0 to below 1")]
Etas = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=1)]],
    Expected("two numbers, one between 0 and 1 and one above 1"),
]
StepSizes = Annotated[tuple[Positive, Positive], Expected("two numbers above 0")]


class Schedule(Named):
    """How the learning rate changes over a training."""

    CHOICES: ClassVar = SCHEDULE_SETTINGS

    @classmethod
    def problems(cls, name: str, options: Options) -> list[Problem]:
        return [Problem(*fault) for fault in schedule_faults(name, options)]

    @classmethod
    def schema_of(cls, name: str, option: str) -> JsonSchemaValue:
        default = cls.CHOICES[name][option]
        if isinstance(default, str):
            return {"type": "string", "default": default}
        number = {"type": "integer" if isinstance(default, int | None) else "number"}
        return number if default is None else {**number, "default": default}


class EarlyStopping(Part):
    """Stop a run when `metric` has not improved for some evaluations; keep the best weights."""

    patience: Count = Field(
        default=5, description="evaluations without improvement before a run ends"
    )
    metric: Annotated[str, OneOf(METRICS)] = Field(
        default="validation/loss", description="what must improve, as split/metric"
    )
    min_delta: Amount = Field(
        default=0.0, description="a smaller change than this is no improvement"
    )


class Training(Part):
    """How the network learns: loss, optimizer, batches, length, and what is looked at meanwhile."""

    loss: Annotated[str, OneOf(LOSSES)] | None = Field(
        default=None, description="what training makes small"
    )
    loss_on: Annotated[str, OneOf(("logits", "probabilities"))] | None = Field(
        default=None, description="what the loss takes the outputs for"
    )
    reduction: Annotated[str, OneOf(("mean", "sum", "sum_weights"))] | None = Field(
        default=None,
        description="a batch's loss is the mean or the sum over its examples; sum_weights sums the "
        "gradients of the weights and averages those of the biases, a published fault",
    )
    class_weights: ClassWeights | None = Field(
        default=None,
        description="the weight of each class in the loss; balanced: all classes count alike",
    )
    optimizer: Annotated[str, OneOf(tuple(OPTIMIZER_SETTINGS))] | None = Field(
        default=None, description="the rule that turns gradients into updates"
    )
    lr: Amount | None = Field(default=None, description="the learning rate")
    momentum: Amount | None = Field(
        default=None, description="the share of the last update's direction that is kept"
    )
    dampening: Number | None = Field(
        default=None, description="a gradient enters the momentum by the factor 1 - dampening"
    )
    nesterov: Flag | None = Field(
        default=None, description="take the gradient after the momentum's step"
    )
    weight_decay: Amount | None = Field(
        default=None, description="how strongly weights are drawn to 0 in each step"
    )
    betas: Betas | None = Field(
        default=None, description="how slowly the means of gradients and of their squares forget"
    )
    eps: Amount | None = Field(default=None, description="is added to a divisor to keep it from 0")
    amsgrad: Flag | None = Field(
        default=None, description="divide by the largest mean square so far"
    )
    alpha: Number | None = Field(
        default=None,
        description="rmsprop: how slowly squares are forgotten; asgd: the power of lr's decay",
    )
    centered: Flag | None = Field(
        default=None, description="rmsprop: divide by the deviation, not the size"
    )
    rho: Part0To1 | None = Field(
        default=None, description="adadelta: how slowly squares are forgotten"
    )
    lr_decay: Amount | None = Field(default=None, description="adagrad: lr / (1 + step · lr_decay)")
    initial_accumulator_value: Amount | None = Field(
        default=None, description="adagrad: what the sum of squares begins with"
    )
    etas: Etas | None = Field(
        default=None, description="rprop: the factors of a step size after a turn, and without one"
    )
    step_sizes: StepSizes | None = Field(
        default=None, description="rprop: the smallest and largest step"
    )
    lambd: Number | None = Field(default=None, description="asgd: the decay of weights and lr")
    t0: Number | None = Field(default=None, description="asgd: the step at which averaging begins")
    max_iter: Count | None = Field(default=None, description="lbfgs: iterations in one step")
    max_eval: Count | None = Field(
        default=None, description="lbfgs: evaluations in one step; 1.25 · max_iter where absent"
    )
    tolerance_grad: Amount | None = Field(
        default=None, description="lbfgs: a step ends where no gradient is larger"
    )
    tolerance_change: Amount | None = Field(
        default=None, description="lbfgs: a step ends where loss or weights change less"
    )
    history_size: Count | None = Field(
        default=None, description="lbfgs: the updates that are remembered"
    )
    line_search: Annotated[str, OneOf(("strong_wolfe", "none"))] | None = Field(
        default=None, description="lbfgs: how the length of an iteration is found; none: it is lr"
    )
    schedule: Schedule | None = Field(
        default=None, description="how lr changes over the training; constant where absent"
    )
    clip_norm: Positive | None = Field(
        default=None,
        description="the largest norm of a run's whole gradient; longer ones are shortened",
    )
    clip_value: Positive | None = Field(
        default=None, description="the largest size of each gradient; larger ones are cut"
    )
    early_stopping: EarlyStopping | None = Field(
        default=None, description="when to stop before the end; never where absent"
    )
    batch_size: BatchSize | None = Field(default=None, description="examples in one step")
    shuffle: Flag = Field(
        default=True, description="draw a new order of the examples for each epoch"
    )
    drop_last: Flag = Field(
        default=False, description="leave out the last batch where it is smaller"
    )
    epochs: Count | None = Field(
        default=None,
        description="how often all examples are seen; with `steps`, the sooner end counts",
    )
    steps: Count | None = Field(default=None, description="updates after which training ends")
    seed: Whole = Field(default=0, description="of first weights, order of examples and dropout")
    dtype: Annotated[str, OneOf(("float32", "float64"))] = Field(
        default="float32", description="the numbers that are computed with"
    )
    evaluate: tuple[Annotated[str, OneOf(SPLITS)], ...] | None = Field(
        default=None, description="the splits that are scored while training; all are in the end"
    )
    evaluate_every: Count | None = Field(
        default=None, description="epochs from one scoring to the next"
    )
    measure_every: Whole = Field(
        default=100,
        description="steps from one measurement of the layers to the next; 0 takes none",
    )
    measure_first: Whole = Field(
        default=20, description="steps at the beginning that are all measured"
    )

    @model_validator(mode="after")
    def _check(self) -> Training:
        if problems := checks.training_problems(self):
            raise impossible(problems)
        return self

    @property
    def optimizer_settings(self) -> dict[str, Any]:
        """The settings of the optimizer that this training gives, `lr` among them.

        What is "none" here is None there, as in torch.
        """
        given = {name: getattr(self, name) for name in checks.SETTINGS}
        return {
            name: None if value == "none" else value
            for name, value in given.items()
            if value is not None
        }
