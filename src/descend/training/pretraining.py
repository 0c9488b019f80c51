"""Pretraining: the hidden layers that a recipe gives to restricted Boltzmann machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial

import torch
from torch import Generator, Tensor

from descend.data.examples import Examples
from descend.errors import RecipeError
from descend.network.architecture import Architecture
from descend.network.contrastive import RBMHistory
from descend.network.greedy import Greedy
from descend.network.init_names import RBMSettings
from descend.network.stack import Stack
from descend.state import part
from descend.training.progress import Machine

STREAM = 0x52424D  # sets the machines' random numbers apart from those of weights and order
MEASURED = ("reconstruction_error", "free_energy")
HELD_OUT = ("held_out_reconstruction_error", "held_out_free_energy")


class Pretraining:
    """The machines of every run of a stack, which end as the weights of its first layers.

    Runs that differ in their machines have them in turn. measured: of each layer's machines what
    `RBMHistory` has, (runs, epochs + 1) each, from before the first epoch on; NaN for runs without
    that machine.
    """

    def __init__(self, stack: Stack, examples: Examples) -> None:
        self.stack, self.examples = stack, examples
        groups: dict[tuple[RBMSettings, ...], list[int]] = defaultdict(list)
        for run, blocks in enumerate(stack.architectures):
            groups[machines_of(blocks)].append(run)
        self.groups = [(settings, runs) for settings, runs in groups.items() if settings]
        self.ended = 0  # groups
        self.greedy: Greedy | None = None
        self.measured: list[dict[str, Tensor]] = []

    @property
    def is_over(self) -> bool:
        """Whether all machines have given their weights to the stack."""
        return self.ended == len(self.groups)

    def epoch(self) -> Machine:
        """Train the first machines that are not at their end for an epoch."""
        settings, runs = self.groups[self.ended]
        greedy = self.greedy = self.greedy or self._begin(settings, runs)
        greedy.epoch()
        last = greedy.learnt[-1]
        error = float(last.history.reconstruction_error[:, -1].mean())
        if greedy.is_over:
            self._end(greedy, runs)
        layer = len(greedy.learnt)
        return Machine(layer, len(settings), last.epochs, last.settings.epochs, error)

    def skip(self, measured: list[dict[str, Tensor]]) -> None:
        """Take all machines for trained: their weights come from elsewhere."""
        self.ended, self.greedy, self.measured = len(self.groups), None, measured

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue bit for bit, beside the stack's weights."""
        state = {"ended": torch.tensor(self.ended)}
        for layer, measured in enumerate(self.measured):
            state |= {f"measured/{layer}/{name}": values for name, values in measured.items()}
        if self.greedy is not None:
            state |= {f"greedy/{name}": tensor for name, tensor in self.greedy.state().items()}
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        self.ended = int(state["ended"])
        self.measured = []
        while own := part(state, f"measured/{len(self.measured)}"):
            self.measured.append(own)
        if own := part(state, "greedy"):
            self.greedy = self._begin(*self.groups[self.ended])
            self.greedy.load_state(own)

    def _begin(self, settings: tuple[RBMSettings, ...], runs: list[int]) -> Greedy:
        stack, preparation = self.stack, self.examples.preparation
        device = stack.theta.device
        layers = range(len(settings))
        validation = self.examples.validation
        seeds = (int(stack.seeds[run]) ^ STREAM for run in runs)
        return Greedy(
            [stack.blocks[layer].fan_out for layer in layers],
            self.examples.train.x.flatten(0, -2).unsqueeze(0),
            settings,
            [Generator(device).manual_seed(seed) for seed in seeds],
            start=[stack.views[layer].w[runs] for layer in layers],
            held_out=None if validation is None else validation.x.flatten(0, -2).unsqueeze(0),
            prepare=partial(preparation.inputs, dtype=stack.theta.dtype),
        )

    def _end(self, greedy: Greedy, runs: list[int]) -> None:
        result = greedy.result
        for layer, history in enumerate(result.history):
            self.stack.views[layer].w[runs] = result.weights[layer]
            self.stack.views[layer].b[runs] = result.biases[layer]
            if len(self.measured) <= layer:
                self.measured.append({})
            _put(self.measured[layer], history, runs, self.stack.runs)
        self.ended, self.greedy = self.ended + 1, None


def machines_of(blocks: Architecture) -> tuple[RBMSettings, ...]:
    """The settings of a network's machines, one for each of its first hidden layers."""
    is_machine = [block.init.name == "rbm" for block in blocks]
    count = sum(is_machine)
    if not all(is_machine[:count]) or is_machine[-1]:
        places = [place for place, one in enumerate(is_machine, start=1) if one]
        raise RecipeError(
            '`init = "rbm"` must be in the first layers and not in the last: it is in the layers '
            f"{places} of {len(blocks)}",
            hint="a machine learns what the one below it gives: give the layers below one too",
        )
    return tuple(RBMSettings.of(block.init.parameters) for block in blocks[:count])


def _put(measured: dict[str, Tensor], history: RBMHistory, runs: list[int], total: int) -> None:
    for name in (*MEASURED, *HELD_OUT):
        values = getattr(history, name)
        if values is None:
            continue
        have = measured.get(name, torch.empty(total, 0, dtype=torch.float64))
        longest = max(have.shape[1], values.shape[1])
        full = torch.full((total, longest), torch.nan, dtype=torch.float64)
        full[:, : have.shape[1]] = have
        full[runs, : values.shape[1]] = values.double().cpu()
        measured[name] = full
