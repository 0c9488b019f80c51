"""Record: all that a rule may look at, of one network: recipe, examples, weights and trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descend.findings.finding import Place, Remedy
from descend.findings.fork import Fork
from descend.findings.loop import Loop, Seen
from descend.findings.measured import NotMeasured, known, known_number
from descend.findings.profile import Profile
from descend.findings.trial import Trial
from descend.recipe import Recipe

Numbers = NDArray[np.float64]

ENDED = ("finished", "stopped early", "diverged")  # statuses of a training that is over


@dataclass(frozen=True)
class Layer:
    """One layer and its weights before the first step.

    number: from 1; is_output: the last one. spread: standard deviation of its weights; mean,
    least, most: of them; units_differ: the largest difference between the weights of two units,
    biases included, inputs_differ: of what two of its inputs are multiplied with; bias_spread: of
    its biases. From `before` a step; absent where not built.
    signal: by how much a unit's output differs from example to example, the root mean square over
    its units of their standard deviations, before a step and without dropout.
    name: of its module, in somebody else's network.
    """

    number: int
    of: int
    fan_in: int
    fan_out: int
    activation: str
    batch_norm: str | bool = False
    dropout: float = 0.0
    init: str = ""
    spread: float | None = None
    mean: float | None = None
    least: float | None = None
    most: float | None = None
    units_differ: float | None = None
    inputs_differ: float | None = None
    bias_spread: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    signal: float | None = None
    name: str = ""

    @property
    def is_output(self) -> bool:
        return self.number == self.of

    @property
    def place(self) -> Place:
        return Place("layer", self.number, self.of, self.name)


@dataclass(frozen=True)
class Impossibility:
    """Why a recipe cannot be built, in a sentence, and what mends it."""

    message: str
    remedy: Remedy | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of one network's training, or of what is to be trained.

    recipe: completed where it could be; problems: why it cannot be built, by dotted field.
    asked: the tree of the recipe that was asked for, where `recipe` is what is left of it without
    its problems.
    steps: the sampled ones; losses: (samples,); quantities: (samples, layers) by name.
    curves: by name of metric, (epochs,), NaN where not taken; metrics: the final ones.
    steps_per_epoch, planned_steps: of the whole training; status: how it ended, "planned" before
    and "running" meanwhile.
    forks: short trainings from the same beginning, by what was changed ("lr / 3", "lr * 10");
    baselines: what simple models score, as metrics; units: (layers,) by name, of what the weights
    that it has now make of training examples; learning_share: of the seeds that were trained.
    trials: trainings as long as this one with something changed, by what it was, or by the code of
    the forecast whose first remedy it is.
    second_loss: of the first batch, once one step was taken on it; curvature: the largest one of
    its loss before that, where steps of plain descent go with it.
    Of somebody else's loop there is no recipe: seen, its settings as far as they were seen; loop,
    what it did; all_losses: of every backward pass, sampled or not, empty where they were not seen.
    """

    recipe: Recipe | None = None
    layers: Sequence[Layer] = ()
    known_profile: Profile | None = None
    problems: Mapping[str, Impossibility] = field(default_factory=dict)
    asked: Mapping[str, Any] | None = None
    steps: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    losses: Numbers = field(default_factory=lambda: np.zeros(0))
    quantities: Mapping[str, Numbers] = field(default_factory=dict)
    curves: Mapping[str, Numbers] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps_per_epoch: int = 1
    planned_steps: int = 0
    status: str = "planned"
    seeds: int = 1
    forks: Mapping[str, Fork] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, Numbers] = field(default_factory=dict)
    learning_share: float | None = None
    trials: Mapping[str, Trial] = field(default_factory=dict)
    second_loss: float | None = None
    curvature: float | None = None
    seen: Seen | None = None
    known_loop: Loop | None = None
    all_losses: Numbers = field(default_factory=lambda: np.zeros(0))

    @property
    def loop(self) -> Loop:
        """What a watched loop did."""
        return known(self.known_loop)

    @property
    def profile(self) -> Profile:
        """What is known of the examples."""
        return known(self.known_profile)

    @property
    def training(self) -> Any:
        """The recipe's training, or what was seen of one without a recipe."""
        return known(self.seen) if self.recipe is None else self.recipe.training

    @property
    def network(self) -> Any:
        """The recipe's network."""
        return known(self.recipe).network

    @property
    def output(self) -> Layer:
        """The last layer."""
        if not self.layers:
            raise NotMeasured
        return self.layers[-1]

    @property
    def hidden(self) -> Sequence[Layer]:
        """All layers but the last."""
        return self.layers[:-1]

    @property
    def first_loss(self) -> float:
        """The loss before any update."""
        if not len(self.steps) or self.steps[0] != 0:
            raise NotMeasured
        return float(self.losses[0])

    @property
    def chance_loss(self) -> float:
        """The loss of the best answer that ignores the inputs."""
        return known(self.profile.chance_loss)

    def series(self, quantity: str, layer: Layer) -> Numbers:
        """A quantity of a layer at the sampled steps."""
        table = self.quantities.get(quantity)
        if table is None or not len(table):
            raise NotMeasured
        values: Numbers = table[:, layer.number - 1]
        if np.isnan(values).all():
            raise NotMeasured
        return values

    def first(self, quantity: str, layer: Layer) -> float:
        """A quantity of a layer before any update."""
        if not len(self.steps) or self.steps[0] != 0:
            raise NotMeasured
        return known_number(float(self.series(quantity, layer)[0]))

    def curve(self, metric: str) -> Numbers:
        """A metric after each epoch in which it was taken."""
        values = self.curves.get(metric)
        if values is None or np.isnan(values).all():
            raise NotMeasured
        taken: Numbers = values[~np.isnan(values)]
        return taken

    @property
    def is_over(self) -> bool:
        """Whether the training has ended, in whatever way."""
        return self.status in ENDED

    def fork(self, change: str) -> Fork:
        """The fork with this change."""
        return known(self.forks.get(change))

    def trial(self, change: str) -> Trial:
        """What this change has made of the network."""
        return known(self.trials.get(change))

    def unit(self, quantity: str, layer: Layer) -> float:
        """What the present weights make of training examples in a layer."""
        return known_number(float(known(self.units.get(quantity))[layer.number - 1]))

    def baseline(self, name: str) -> float:
        """What a simple model scores."""
        return known(self.baselines.get(name))

    def metric(self, name: str) -> float:
        """A final metric."""
        return known_number(known(self.metrics.get(name)))
