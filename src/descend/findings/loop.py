"""Loop: what was seen of a training loop that somebody else wrote, where its code may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from descend.findings.measured import NotMeasured


class Undefined(NamedTuple):
    """Numbers that have no logarithm, that have a root without a slope, or that nothing divides by.

    what: "logarithm", "root" or "division"; several: how many of these numbers, of how many; least:
    of them, of log1p(x) that of 1 + x; is_slope: the loss was a number all the same, and its
    gradient was none.
    """

    what: str
    step: int
    several: int
    of: int
    least: float
    is_slope: bool


@dataclass(frozen=True)
class Loop:
    """What a watched loop did.

    A pass is a forward pass of the whole module in training, with gradients; a step is one of an
    optimizer. Shares are of the sampled steps in which the question arose, None where it never did;
    names are those of `model.named_parameters()` and `model.named_modules()`.

    passes, backwards, steps: how many there were; optimizers: how many were given or seen to step
    over parameters of the module.
    aside: backward passes behind a step and before a pass, of networks that nobody saw called.
    stale: of the steps of one optimizer, the largest such share, after a backward pass that was
    added to a gradient which an earlier step had used already; stale_size: what was left, in sizes
    of what was added, at the last such sample.
    early: the share of steps taken after a pass and before its backward pass.
    empty: the share of steps that found no gradient in any parameter.
    outside: parameters that got a gradient and that no optimizer has; frozen: that ask for none.
    unreached: parameters that ask for a gradient and never got one, though their module was called
    and the loss had a backward pass; unused: modules with parameters that were never called, and
    whose parameters never got a gradient, for a module may use those of another.
    upwards: the share of steps that went along the gradient instead of against it, by a negated
    loss or a negated gradient.
    moded: all modules that behave otherwise in training, each with its kind, "dropout" or "batch
    norm"; in_eval: those that were in eval mode in passes which had a backward pass; in_train:
    those that were in train mode when the module was only asked, without gradients. Each with its
    share of those passes.
    kept_graphs: graphs of sampled passes still alive three steps later, of how many: (alive, of).
    target_shape, output_shape: of the first call of the loss where they differ, so that they were
    broadcast against each other.
    label_range: the least and largest label that the loss was given, as class numbers; labels: how
    many different ones; outputs: how many the module gave; target_range: the least and largest
    target of a loss that takes them for probabilities.
    label_factors: the least and largest class number by which a loss multiplies the logarithms of
    all outputs of an example.
    are_probabilities: whether each row of what the loss was given summed to 1, none negative.
    has_lost_inputs: whether the first layer was given NaN or infinite numbers in the last sample,
    or in the first of those whose loss was no number.
    renewed: the share of steps taken by an optimizer that was made after the step before.
    undefined: the last numbers that the loss took a logarithm or a root of, or divided by, and that
    it must not.
    """

    passes: int = 0
    backwards: int = 0
    steps: int = 0
    aside: int = 0
    optimizers: int = 0
    stale: float | None = None
    stale_size: float | None = None
    early: float | None = None
    empty: float | None = None
    outside: Sequence[str] = ()
    frozen: Sequence[str] = ()
    unreached: Sequence[str] = ()
    unused: Sequence[str] = ()
    upwards: float | None = None
    moded: Mapping[str, str] = field(default_factory=dict)
    in_eval: Mapping[str, float] = field(default_factory=dict)
    in_train: Mapping[str, float] = field(default_factory=dict)
    kept_graphs: tuple[int, int] | None = None
    target_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    label_range: tuple[int, int] | None = None
    target_range: tuple[float, float] | None = None
    label_factors: tuple[float, float] | None = None
    labels: int | None = None
    outputs: int | None = None
    are_probabilities: bool | None = None
    has_lost_inputs: bool = False
    renewed: float | None = None
    undefined: Undefined | None = None

    @property
    def takes_turns(self) -> bool:
        """Whether several optimizers step in turn, each along a loss of its own, as adversaries do.

        None of these losses tells of the whole.
        """
        return self.optimizers > 1 and self.backwards + self.aside >= self.steps > 0


class Seen:
    """The settings of a training as far as they were seen, under the names that a recipe has.

    Asking for one that was not seen raises NotMeasured.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        value = self._settings.get(name)
        if value is None:
            raise NotMeasured
        return value
