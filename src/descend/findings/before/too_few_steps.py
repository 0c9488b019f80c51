"""D162: a training that is over before it can have learnt."""

from __future__ import annotations

import math

from descend.findings.before.rate_too_small import FAR_BELOW, MOVES, reach, usual_rate
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

NEEDED = 0.3  # of the weights: less changes nothing of what they compute
FEW = 1_000  # steps: with more the rate is to blame
AIM = 3_000  # steps


@finding("D162", "warning", leads_to=("D206", "D207", "D209", "D303"), is_forecast=True)
def too_few_steps(record: Record) -> Finding | Margin | None:
    """The planned steps are too few for the rate: the weights hardly get away from their start.

    What it looks at: the first update beside the weights, times the planned steps.
    Why it matters: what is scored in the end is nearly the network that was drawn.
    Remedy: more epochs, or smaller batches, which make more steps of each.
    Not a fault: short trainings whose steps are long; weights that thousands of such steps would
    not move either, which is the rate's doing, or a bound on the gradient's.
    """
    training = record.training
    moved = reach(record)
    if training.schedule is not None or not training.lr or not moved:
        raise NotMeasured
    is_rate = training.lr * FAR_BELOW < usual_rate(training.optimizer)
    # steps that grow may come far from next to nothing, those of a bounded gradient do not grow
    least = NEEDED if training.clip_norm else MOVES
    is_rate |= moved * AIM / record.planned_steps < least
    if moved >= NEEDED or record.planned_steps >= FEW or is_rate:
        return Margin("way of the weights in all steps, beside their size", moved, NEEDED)
    epochs = math.ceil(AIM / record.steps_per_epoch)
    edits = {"training.epochs": epochs, "training.steps": None}
    remedies = [Remedy(edits, f"some {AIM:,} steps")]
    if record.steps_per_epoch == 1 and record.profile.examples["train"] > 64:
        remedies.append(
            Remedy({"training.batch_size": 32, **edits, "training.epochs": 100}, "smaller batches")
        )
    return Finding(
        evidence=f"{record.planned_steps:,} steps like the first one move the weights by "
        f"{moved:.2g} of their size",
        numbers={"reach": moved, "steps": float(record.planned_steps)},
        healthy=f"{NEEDED:g} or more",
        cause=f"{record.planned_steps:,} steps of lr {training.lr:g} are over too soon",
        confidence=0.7,
        remedies=remedies,
    )
