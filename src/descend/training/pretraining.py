"""Pretraining: the hidden layers that a recipe gives to restricted Boltzmann machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor

from descend.data.examples import Examples
from descend.errors import Interrupted, RecipeError
from descend.network.architecture import Architecture
from descend.network.init_names import RBMSettings
from descend.network.rbm import RBMHistory
from descend.network.rbm import pretrain as pretrain_machines
from descend.network.stack import Stack
from descend.training.progress import Machine

STREAM = 0x52424D  # sets the machines' random numbers apart from those of weights and order
MEASURED = ("reconstruction_error", "free_energy")
HELD_OUT = ("held_out_reconstruction_error", "held_out_free_energy")


def pretrain(
    stack: Stack,
    examples: Examples,
    is_asked_to_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[Machine], None] = lambda machine: None,
) -> list[dict[str, Tensor]]:
    """Train the machines of every run and put their weights into the stack.

    tell: called after each epoch of a machine; the runs that differ in them have theirs in turn.
    Returns what was measured for each machine, (runs, epochs + 1) each, from before the first epoch
    on; NaN for runs without that machine. Raises Interrupted after an epoch where it is asked to.
    """
    groups: dict[tuple[RBMSettings, ...], list[int]] = defaultdict(list)
    for run, blocks in enumerate(stack.architectures):
        groups[machines_of(blocks)].append(run)

    def look(
        settings: tuple[RBMSettings, ...], layer: int, epoch: int, history: RBMHistory
    ) -> None:
        error = float(history.reconstruction_error[:, -1].mean())
        tell(Machine(layer + 1, len(settings), epoch, settings[layer].epochs, error))
        if is_asked_to_stop():
            raise Interrupted("stopped while machines were trained; a resumed run trains them anew")

    measured: list[dict[str, Tensor]] = []
    for settings, runs in groups.items():
        if settings:
            _pretrain_group(stack, examples, settings, runs, measured, partial(look, settings))
    return measured


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


def _pretrain_group(
    stack: Stack,
    examples: Examples,
    settings: tuple[RBMSettings, ...],
    runs: list[int],
    measured: list[dict[str, Tensor]],
    look: Callable[[int, int, RBMHistory], None],
) -> None:
    layers = range(len(settings))
    device = stack.theta.device
    seeds = (int(stack.seeds[run]) ^ STREAM for run in runs)
    x = examples.train.x.flatten(0, -2).unsqueeze(0)
    validation = examples.validation
    result = pretrain_machines(
        [stack.blocks[layer].fan_out for layer in layers],
        x,
        settings,
        [Generator(device).manual_seed(seed) for seed in seeds],
        start=[stack.views[layer].w[runs] for layer in layers],
        held_out=None if validation is None else validation.x.flatten(0, -2).unsqueeze(0),
        prepare=partial(examples.preparation.inputs, dtype=stack.theta.dtype),
        progress=look,
    )
    for layer in layers:
        stack.views[layer].w[runs] = result.weights[layer]
        stack.views[layer].b[runs] = result.biases[layer]
        if len(measured) <= layer:
            measured.append({})
        _put(measured[layer], result.history[layer], runs, stack.runs)


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
