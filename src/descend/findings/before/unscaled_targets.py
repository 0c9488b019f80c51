"""D132: targets of a regression that are very large or very small."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Margin, Severity, edit
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

LARGE, SMALL = 30.0, 0.01  # root mean square; standard targets have 1
HUGE = 1000.0
WORSE = 10.0  # times the loss before the first step of plain descent
HALF = 0.5  # what a hidden unit gives, about
ALIKE = 100.0  # spread of one target beside that of another
FIXED_STEP = ("adam", "adamw", "adamax", "rmsprop", "sparse_adam")  # a step is about lr long


@finding(
    "D132",
    "warning",
    leads_to=(
        *("D106", "D116", "D160", "D202", "D203", "D204", "D205", "D207", "D208", "D209"),
        *("D210", "D212", "D303"),
    ),
    is_forecast=True,
)
def unscaled_targets(record: Record) -> Finding | Margin | None:
    """The numbers to predict are very large, very small, or of very different sizes.

    What it looks at: size and spread of the targets as the loss sees them, and for optimizers
    whose steps are about `lr` long, how many steps the last layer needs to get there.
    Why it matters: the gradient of a squared error goes with the targets' size: plain descent
    overshoots, Adam walks |y| / lr steps with each weight. Of several targets the largest counts.
    Remedy: `data.target_scale = "standard"`; metrics stay on the raw scale.
    Not a fault: counts under a Poisson loss, whose logarithm is predicted. Where the first steps
    show no harm it is a note.
    """
    training, profile = record.training, record.profile
    if profile.task != "regression" or training.loss == "poisson":
        return None
    targets = known(profile.targets)
    size, spread = float(targets.sizes.max()), float(targets.std.max())
    varied = targets.std[targets.std > 0]
    apart = float(varied.max() / varied.min()) if len(varied) else 1.0
    if spread > SMALL and size < LARGE and apart < ALIKE:
        return Margin("root mean square of the largest target", size, LARGE)
    if spread == 0 and size < LARGE:
        return None
    numbers = {"size": size, "spread": spread, "apart": apart}
    evidence = f"targets of mean {float(targets.mean[np.argmax(targets.sizes)]):.4g} and spread "
    evidence += f"{spread:.3g}"
    severity: Severity = "warning" if spread <= SMALL or size >= HUGE else "note"
    if training.optimizer in FIXED_STEP and training.lr and size >= LARGE:
        steps = size / training.lr / (1 + HALF * record.output.fan_in)
        numbers["steps_needed"] = steps
        evidence += f"; {training.optimizer} needs some {steps:,.0f} steps of {training.lr:g} to "
        evidence += f"get there, {record.planned_steps:,} are planned"
        severity = "warning" if steps > record.planned_steps else severity
    elif record.second_loss is not None and not record.second_loss < WORSE * record.first_loss:
        numbers["second_loss"] = record.second_loss
        evidence += f"; loss {record.first_loss:.3g} before the first step, "
        evidence += f"{record.second_loss:.3g} after it"
        severity = "warning"
    return Finding(
        evidence=evidence,
        numbers=numbers,
        healthy="about 0 with a spread of about 1",
        cause="the targets are used as they came",
        severity=severity,
        remedies=[edit("data.target_scale", "standard", "targets of mean 0 and spread 1")],
    )
