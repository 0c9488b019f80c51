"""Order: in which order a loop's forward passes, backward passes and steps come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Share:
    """How often something was so, of how often it could have been."""

    times: float = 0
    of: int = 0

    def add(self, was: bool, cases: int = 1) -> None:
        """Count one case, or one that stands for several."""
        self.times += was * cases
        self.of += cases

    @property
    def value(self) -> float | None:
        """The share, None where the question never arose."""
        return self.times / self.of if self.of else None


@dataclass(slots=True)
class Order:
    """What has happened so far, told by a few numbers: this is asked and changed at every step.

    passes, backwards, steps: how many there were, passes with gradients only.
    awaits: a pass is without its backward pass so far; stepped: there was a step since the last
    pass began; is_inside: a step is being taken, whose closure does the passes; unstepped: how
    many backward passes there were since the last step.
    moves_by_hand: weights were seen to move without an optimizer.
    early: of the steps, those between a pass and its backward pass; renewed: those of optimizers
    that had not stepped before; aside: backward passes behind a step and before a pass.
    """

    passes: int = 0
    backwards: int = 0
    steps: int = 0
    awaits: bool = False
    stepped: bool = False
    is_inside: bool = False
    unstepped: int = 0
    moves_by_hand: bool = False
    early: int = 0
    was_early: bool = False
    renewed: int = 0
    aside: int = 0

    def began_pass(self) -> None:
        """A forward pass in training has begun."""
        self.passes += 1
        self.awaits, self.stepped, self.was_early = True, False, False

    def went_back(self) -> None:
        """A backward pass has begun."""
        self.backwards += 1
        self.unstepped += 1
        if self.was_early:  # only now is it known that the pass was to have one
            self.early += 1
            self.was_early = False
        self.awaits = False

    def took_step(self) -> None:
        """An optimizer has stepped."""
        self.steps += 1
        self.unstepped = 0
        self.was_early = self.awaits
        self.stepped, self.is_inside = True, False

    @property
    def has_moved(self) -> bool:
        """Whether the weights were moved by this loop before."""
        return self.steps > 0 or self.moves_by_hand
