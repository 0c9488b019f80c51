"""Conduct: what a loop does, counted: passes, backward passes, steps, and their faults."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from descend.findings.loop import Loop
from descend.watching.anatomy import Anatomy
from descend.watching.losses import LossSeen

LATER = 3  # steps after which no graph should be alive


@dataclass
class Share:
    """How often something was so, of how often it could have been."""

    times: float = 0
    of: int = 0

    def add(self, was: bool) -> None:
        """Count one case."""
        self.times += was
        self.of += 1

    @property
    def value(self) -> float | None:
        """The share, None where the question never arose."""
        return self.times / self.of if self.of else None


class Mark:
    """Lives exactly as long as the graph that it hangs on."""


@dataclass
class Conduct:
    """Counts what happens in a loop.

    awaits: a pass is without its backward pass so far; stepped: there was a step since the last
    pass began; inside_step: a step is being taken, whose closure does the passes; unstepped: how
    many backward passes there were since the last step; moves_by_hand: weights were seen to move
    without an optimizer. with_gradient: parameters that ever had one; owned: the ids of those of
    optimizers. along: cosines between steps and the gradient of the loss.
    """

    passes: int = 0
    backwards: int = 0
    steps: int = 0
    awaits: bool = False
    stepped: bool = False
    inside_step: bool = False
    unstepped: int = 0
    moves_by_hand: bool = False
    stale: Share = field(default_factory=Share)
    stale_size: float | None = None
    early: Share = field(default_factory=Share)
    empty: Share = field(default_factory=Share)
    along: list[float] = field(default_factory=list)
    renewed: Share = field(default_factory=Share)
    with_gradient: set[str] = field(default_factory=set)
    owned: set[int] = field(default_factory=set)
    called: set[nn.Module] = field(default_factory=set)
    trained: dict[str, Share] = field(default_factory=dict)
    asked: dict[str, Share] = field(default_factory=dict)
    optimizers: int = 0
    outputs: int | None = None
    are_probabilities: bool | None = None
    broadcast: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    label_range: tuple[int, int] | None = None
    labels: set[int] = field(default_factory=set)
    _was_early: bool = False
    _marks: list[tuple[int, weakref.ref[Mark]]] = field(default_factory=list)
    _kept: Share = field(default_factory=Share)

    @property
    def has_moved(self) -> bool:
        """Whether a step was taken before this one."""
        return self.steps > self.inside_step or self.moves_by_hand

    def began_pass(self) -> None:
        """A forward pass in training has begun."""
        self.passes += 1
        self.awaits, self.stepped, self._was_early = True, False, False

    def went_back(self) -> None:
        """A backward pass has begun."""
        self.backwards += 1
        self.unstepped += 1
        if self._was_early:
            self.early.times += 1
        self.awaits = self._was_early = False

    def steps_now(self) -> None:
        """An optimizer begins a step."""
        self.steps += 1
        self.early.of += 1
        self._was_early = self.awaits
        self.stepped = True
        self.unstepped = 0

    def mark(self, step: int) -> Mark:
        """Something to hang on a graph of this step."""
        mark = Mark()
        self._marks.append((step, weakref.ref(mark)))
        return mark

    def look_for_graphs(self, step: int) -> None:
        """Count the graphs of steps that are long over."""
        over = [(at, mark) for at, mark in self._marks if step - at >= LATER]
        for _, mark in over:
            self._kept.add(mark() is not None)
        if over:
            self._marks = [(at, mark) for at, mark in self._marks if step - at < LATER]

    def look_at_modes(self, moded: Mapping[nn.Module, tuple[str, str]], *, trains: bool) -> None:
        """Count in which mode the modules are that behave otherwise in training."""
        shares = self.trained if trains else self.asked
        for module, (name, _) in moded.items():
            shares.setdefault(name, Share()).add(module.training is not trains)

    def look_at_loss(self, seen: LossSeen) -> None:
        """Keep what outputs and targets look like."""
        if seen.outputs is None or seen.targets is None:
            return
        is_of_classes = (
            seen.name in ("cross_entropy", "nll") and not seen.targets.is_floating_point()
        )
        if is_of_classes:
            self.outputs = seen.outputs.shape[1] if seen.outputs.dim() > 1 else 1
            self._look_at_labels(torch.unique(seen.targets).tolist())
        elif self.broadcast is None and seen.output_shape != seen.target_shape:
            assert seen.output_shape is not None and seen.target_shape is not None
            self.broadcast = seen.target_shape, seen.output_shape

    def _look_at_labels(self, labels: Iterable[int]) -> None:
        known = [label for label in labels if label != -100]  # what torch leaves out
        if known:
            self.labels.update(known)
            least, most = self.label_range or (known[0], known[0])
            self.label_range = min(least, *known), max(most, *known)

    def loop(self, anatomy: Anatomy) -> Loop:
        """What is known of the loop."""
        parameters = anatomy.parameters
        asking = {name: one for name, one in parameters.items() if one.requires_grad}
        called = {anatomy.owners[module] for module in self.called if module in anatomy.owners}
        unreached = (
            []
            if not self.backwards
            else [
                name
                for name in asking
                if name not in self.with_gradient and name.rpartition(".")[0] in called
            ]
        )
        return Loop(
            passes=self.passes,
            backwards=self.backwards,
            steps=self.steps,
            optimizers=self.optimizers,
            stale=self.stale.value,
            stale_size=self.stale_size,
            early=self.early.value,
            empty=self.empty.value,
            outside=[
                name
                for name, one in asking.items()
                if self.owned and name in self.with_gradient and id(one) not in self.owned
            ],
            frozen=[name for name, one in parameters.items() if not one.requires_grad],
            unreached=unreached,
            unused=self._unused(anatomy, called),
            upwards=self._upwards(),
            moded=dict(anatomy.moded.values()),
            in_eval=_shares(self.trained) if self.backwards else {},
            in_train=_shares(self.asked),
            kept_graphs=None if not self._kept.of else (int(self._kept.times), self._kept.of),
            target_shape=None if self.broadcast is None else self.broadcast[0],
            output_shape=None if self.broadcast is None else self.broadcast[1],
            label_range=self.label_range,
            labels=len(self.labels) or None,
            outputs=self.outputs,
            are_probabilities=self.are_probabilities,
            renewed=self.renewed.value,
        )

    def _upwards(self) -> float | None:
        """The share of steps up, each counted by how straight it goes up or down."""
        ways = sum(map(abs, self.along))
        return sum(one for one in self.along if one > 0) / ways if ways else None

    def _unused(self, anatomy: Anatomy, called: set[str]) -> list[str]:
        if not called:
            return []
        used = {name.rpartition(".")[0] for name in self.with_gradient}
        return [
            name
            for module, name in anatomy.owners.items()
            if name not in called | used and module not in anatomy.hidden
        ]


def _shares(shares: Mapping[str, Share]) -> dict[str, float]:
    return {name: share.value for name, share in shares.items() if share.value}
