"""ExpectedVerdict: what the seeds should say of one variant beside another."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from descend.comparison.pair import BETTER, UNDECIDED, WORSE
from descend.recipe.complaints import Problem, listed
from descend.recipe.fields import Expected, Name, OneOf, Part, impossible
from descend.recipe.names import METRICS

HIGHER, LOWER = "higher", "lower"

OF_METRICS = (BETTER, WORSE, UNDECIDED)
OF_QUANTITIES = (HIGHER, LOWER, UNDECIDED)
MEANT = {HIGHER: BETTER, LOWER: WORSE, BETTER: HIGHER, WORSE: LOWER}
VERDICTS = (BETTER, WORSE, HIGHER, LOWER, UNDECIDED)

QUANTITIES = (
    "activation_mean",
    "activation_std",
    "zero_share",
    "dead_share",
    "saturated_share",
    "gradient_norm",
    "weight_norm",
    "update_ratio",
    "drift",
    "loss",
)

Step = Annotated[int | Annotated[str, OneOf(("largest",))], Expected('a step or "largest"')]


class ExpectedVerdict(Part):
    """The verdict on a variant beside another, in a metric or in a measured quantity.

    A metric is better or worse; a quantity, which is of one `layer` (from 1; -1 = the last) at one
    `step` (-1 = the last), divided by that of `over_layer`, is higher or lower.
    """

    variant: Name = Field(description="of which variant")
    than: Name | None = Field(default=None, description="beside which; the baseline if absent")
    verdict: Annotated[str, OneOf(VERDICTS)] = Field(description="what should be shown")
    metric: Annotated[str, OneOf(METRICS)] | None = Field(
        default=None, description="in what; the comparison's metric if absent"
    )
    quantity: Annotated[str, OneOf(QUANTITIES)] | None = Field(
        default=None, description="in what measurement, in place of a metric"
    )
    layer: int = Field(default=0, description="of the measurement; 0 is the whole network")
    over_layer: int | None = Field(default=None, description="what it is divided by")
    step: Step = Field(default=-1, description="of the measurement")

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = []
        if self.quantity is not None and self.metric is not None:
            problems.append(Problem("metric", self.metric, "absent where there is a quantity"))
        fitting = OF_METRICS if self.quantity is None else OF_QUANTITIES
        if self.verdict not in fitting:
            kind = "metric" if self.quantity is None else "quantity"
            expected = f"{listed(fitting, 'or')} of a {kind}"
            problems.append(Problem("verdict", self.verdict, expected, MEANT[self.verdict]))
        if problems:
            raise impossible(problems)
        return self

    @property
    def measure(self) -> str:
        """What is compared, in words."""
        if self.quantity is None:
            return self.metric or "the metric"
        over = "" if self.over_layer is None else f" over that of {_layer(self.over_layer)}"
        of = f" of {_layer(self.layer)}" if self.layer else ""
        return f"{self.quantity.replace('_', ' ')}{of}{over}, {_at(self.step)}"

    @property
    def what(self) -> str:
        """What is judged, in words."""
        return f"{self.variant} beside {self.than}, {self.measure}"

    def completed(self, metric: str | None, baseline: str | None) -> ExpectedVerdict:
        """This with what it leaves to the comparison."""
        metric = self.metric or metric if self.quantity is None else None
        return self.model_copy(update={"metric": metric, "than": self.than or baseline})


def _layer(layer: int) -> str:
    return "the last layer" if layer == -1 else f"layer {layer}"


def _at(step: int | str) -> str:
    if step == "largest":
        return "its largest"
    return "at the end" if step == -1 else f"at step {step:,}"
