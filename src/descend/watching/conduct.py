"""Conduct: what a loop does, and where its code may be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from descend.findings.loop import Loop
from descend.watching.anatomy import Anatomy
from descend.watching.answers import Answers
from descend.watching.graphs import Graphs
from descend.watching.leftovers import states_of
from descend.watching.logarithms import Logarithms
from descend.watching.order import Order, Share


@dataclass
class Conduct:
    """All that is counted.

    stale, empty: of sampled steps, the first by the least id of the parameters that an optimizer
    moved, for several may take turns; stale_size: see Loop. along: cosines between sampled steps
    and the gradient of the loss. with_gradient: names of parameters that ever had a gradient which
    was not there at_first, before anybody watched; is_given_gradients: a step found some that no
    backward pass has left, as `torch.autograd.grad` gives them. owned: ids of the parameters that
    optimizers have. called: modules. trained, asked: in which share of the passes with and without
    a backward pass a module was in the other mode; looked: at how many passes it was looked last.
    has_lost_inputs: of the last sample whose loss mattered, see Loop.
    """

    order: Order = field(default_factory=Order)
    graphs: Graphs = field(default_factory=Graphs)
    answers: Answers = field(default_factory=Answers)
    logarithms: Logarithms = field(default_factory=Logarithms)
    stale: dict[int, Share] = field(default_factory=dict)
    stale_size: float | None = None
    empty: Share = field(default_factory=Share)
    along: list[float] = field(default_factory=list)
    is_given_gradients: bool = False
    with_gradient: set[str] = field(default_factory=set)
    at_first: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)
    optimizers: int = 0
    called: set[nn.Module] = field(default_factory=set)
    trained: dict[str, Share] = field(default_factory=dict)
    asked: dict[str, Share] = field(default_factory=dict)
    looked: int = 0
    has_lost_inputs: bool = False

    def look_at_modes(self, moded: Mapping[nn.Module, tuple[str, str]], *, trains: bool) -> None:
        """Count in which mode the modules are that behave otherwise in training.

        A training pass stands for all since the last one that was looked at.
        """
        if not trains and any(map(_learns_statistics, moded)):
            return
        shares, cases = self.asked, 1
        if trains:
            shares, cases = self.trained, self.order.passes - self.looked
            self.looked = self.order.passes
        for module, (name, _) in moded.items():
            shares.setdefault(name, Share()).add(module.training is not trains, cases)

    def look_at_gradients(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """After a backward pass: see which parameters have got a gradient, then or before."""
        self.with_gradient |= {
            name
            for name, state in states_of(parameters).items()
            if state != self.at_first.get(name)
        }

    def loop(self, anatomy: Anatomy) -> Loop:
        """What is known of the loop."""
        order, answers, called = self.order, self.answers, self._called(anatomy)
        return Loop(
            passes=order.passes,
            backwards=order.backwards or (order.steps if self.is_given_gradients else 0),
            steps=order.steps,
            aside=order.aside,
            optimizers=self.optimizers,
            stale=max((one.times / one.of for one in self.stale.values() if one.of), default=None),
            stale_size=self.stale_size,
            early=order.early / order.steps if order.steps else None,
            empty=self.empty.value,
            outside=self._outside(anatomy),
            frozen=[name for name, one in anatomy.parameters.items() if not one.requires_grad],
            unreached=self._unreached(anatomy, called),
            unused=self._unused(anatomy, called),
            upwards=self._upwards(),
            moded=dict(anatomy.moded.values()),
            in_eval=_shares(self.trained) if order.backwards else {},
            in_train=_shares(self.asked),
            kept_graphs=self.graphs.kept,
            target_shape=None if answers.broadcast is None else answers.broadcast[0],
            output_shape=None if answers.broadcast is None else answers.broadcast[1],
            label_range=answers.label_range,
            target_range=answers.target_range,
            label_factors=answers.label_factors,
            labels=len(answers.labels) or None,
            outputs=answers.outputs,
            are_probabilities=answers.are_probabilities,
            has_lost_inputs=self.has_lost_inputs,
            renewed=order.renewed / (order.steps - 1) if order.steps > 1 else None,
            undefined=self.logarithms.undefined,
        )

    def _called(self, anatomy: Anatomy) -> set[str]:
        return {anatomy.owners[module] for module in self.called if module in anatomy.owners}

    def _outside(self, anatomy: Anatomy) -> list[str]:
        """Parameters with a gradient that no optimizer has, if there is one at all."""
        return [
            name
            for name, one in anatomy.parameters.items()
            if self.owned
            and one.requires_grad
            and name in self.with_gradient
            and id(one) not in self.owned
        ]

    def _unreached(self, anatomy: Anatomy, called: set[str]) -> list[str]:
        """Parameters that ask for a gradient and never got one, of modules that were called.

        All of them, where there were backward passes and each step found nothing.
        """
        is_cut_off = self.order.backwards > 0 and self.empty.value == 1
        return [
            name
            for name, one in anatomy.parameters.items()
            if (self.with_gradient or is_cut_off)
            and one.requires_grad
            and name not in self.with_gradient
            and name.rpartition(".")[0] in called
        ]

    def _unused(self, anatomy: Anatomy, called: set[str]) -> list[str]:
        """Modules that were never called, and whose parameters never got a gradient."""
        used = called | {name.rpartition(".")[0] for name in self.with_gradient}
        return [
            name
            for module, name in anatomy.owners.items()
            if called and name not in used and module not in anatomy.hidden
        ]

    def _upwards(self) -> float | None:
        """The share of steps up, each counted by how straight it goes up or down."""
        ways = sum(map(abs, self.along))
        return sum(one for one in self.along if one > 0) / ways if ways else None


def _shares(shares: Mapping[str, Share]) -> dict[str, float]:
    return {name: share.value for name, share in shares.items() if share.value}


def _learns_statistics(module: nn.Module) -> bool:
    """Whether a pass is there for the running statistics, as those of `swa_utils.update_bn` are."""
    return module.training and getattr(module, "momentum", 0.0) is None
