"""Recording: the records of a training's networks, or of one that is only planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from descend.data.examples import Examples
from descend.diagnosis.curvature import curvatures
from descend.diagnosis.first_look import second_losses, signals
from descend.diagnosis.profiling import profile_of
from descend.findings.before.first_step_too_long import DESCENT
from descend.findings.profile import Profile
from descend.findings.record import Layer, Record
from descend.network.architecture import Block
from descend.network.stack import BlockViews
from descend.network.weights import Weights
from descend.recipe import Recipe
from descend.trace.measurements import QUANTITIES
from descend.training.training import Training

Numbers = NDArray[np.float64]


def planned(
    recipes: Sequence[Recipe],
    examples: Examples,
    device: torch.device | str = "cpu",
    weights: Weights | None = None,
) -> list[Record]:
    """Records of what completed recipes would begin with; they have one structure.

    One batch goes forward and backward, so that the first loss and every layer's activity and
    gradient are known; the networks are thrown away. weights: what they all begin with, in place
    of what their seeds draw.
    """
    looked_at = {"training.measure_first": 1, "training.early_stopping": None}
    training = Training([recipe.edited(looked_at) for recipe in recipes], examples, device)
    if weights is not None:
        weights.load(training.stack)
    profile = profile_of(examples, recipes[0])
    layers = [layers_of(training, run, profile) for run in range(len(recipes))]
    training.batches.start_epoch()
    curvature = _curvatures(training)
    training.executor.advance(0, training.batches.walk(0, 1), training.active)
    losses = second_losses(training)
    return [
        replace(
            record_of(training, run, layers[run], profile, status="planned"),
            recipe=recipe,
            second_loss=losses[run],
            curvature=None if curvature is None else curvature[run],
        )
        for run, recipe in enumerate(recipes)
    ]


def _curvatures(training: Training) -> list[float] | None:
    """Of the first batch, where the optimizer's steps go with the slope itself."""
    if training.recipe.training.optimizer not in DESCENT:
        return None
    (batch,) = training.batches.walk(0, 1)
    return curvatures(training, batch)


def record_of(
    training: Training,
    run: int,
    layers: list[Layer],
    profile: Profile,
    *,
    status: str | None = None,
    curves: Mapping[str, Numbers] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> Record:
    """The record of one network of a training, as far as it is; layers: from before its start."""
    trace = training.trace
    present = trace.present[:, run].numpy()
    values = trace.values[:, run].double().numpy()[present]
    return Record(
        recipe=training.recipes[run],
        layers=layers,
        known_profile=profile,
        steps=np.array(trace.steps, dtype=np.int64)[present],
        losses=trace.losses[:, run].double().numpy()[present],
        quantities={name: values[:, :, place] for place, name in enumerate(QUANTITIES)},
        curves=curves or {},
        metrics=metrics or {},
        steps_per_epoch=training.steps_per_epoch,
        planned_steps=training.total,
        status=status or training.status[run],
    )


def layers_of(training: Training, run: int, profile: Profile | None = None) -> list[Layer]:
    """The layers of a network with the statistics of its weights as they are now.

    profile: of the examples, whose first ones say how strong each layer's signal is.
    """
    blocks = training.stack.architectures[run]
    taken: Sequence[float | None] = [None] * len(blocks)
    if profile is not None:
        x = torch.from_numpy(profile.first).to(training.stack.theta.device)
        taken = signals(training.stack, run, x)
    return [
        replace(_layer(number, len(blocks), block, views, run), signal=signal)
        for number, (block, views, signal) in enumerate(
            zip(blocks, training.stack.views, taken, strict=True), start=1
        )
    ]


def _layer(number: int, of: int, block: Block, views: BlockViews, run: int) -> Layer:
    w, b = views.w[run].double(), views.b[run, 0].double()
    units = torch.cat([w, b.unsqueeze(0)])  # a column for each unit
    across = w.max(dim=0).values - w.min(dim=0).values  # a number for each unit
    return Layer(
        number=number,
        of=of,
        fan_in=block.fan_in,
        fan_out=block.fan_out,
        activation=block.activation,
        batch_norm=block.batch_norm,
        dropout=block.dropout,
        init=block.init.name,
        spread=float(w.std(correction=0)),
        mean=float(w.mean()),
        least=float(w.min()),
        most=float(w.max()),
        units_differ=float((units.max(dim=1).values - units.min(dim=1).values).max()),
        inputs_differ=float(across.max()),
        bias_spread=float(b.std(correction=0)),
        l1=block.l1,
        l2=block.l2,
    )
