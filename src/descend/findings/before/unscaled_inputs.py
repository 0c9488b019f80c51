"""D130: inputs that are large, or far from 0."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Margin, Place, edit
from descend.findings.record import Record
from descend.findings.rule import finding

LARGE = 30.0  # root mean square of a feature; standard ones have 1
RATHER_LARGE = 10.0
OFF_CENTRE = 20.0  # mean beside the spread: the differences are 5 % of what comes in
FAR = 5.0  # a mean below this does no harm


@finding(
    "D130",
    "warning",
    leads_to=(
        *("D101", "D106", "D133", "D160", "D202", "D203", "D204", "D205", "D207", "D208"),
        *("D209", "D210", "D211", "D212", "D215", "D303"),
    ),
    is_forecast=True,
)
def unscaled_inputs(record: Record) -> Finding | Margin | None:
    """Features are many times larger than first weights and rates are made for.

    What it looks at: size and centre of each feature as the network sees it.
    Why it matters: a layer's sums, the gradients of its weights and the largest stable rate all go
    with the size of its inputs. The largest feature drowns the others.
    Remedy: `data.scale = "standard"`.
    Not a fault: large raw values that the preparation has scaled; features up to ten; inputs whose
    first layer normalises over the batch.
    Reference: LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp".
    """
    if record.layers and record.layers[0].batch_norm == "before":
        return None
    columns = record.profile.inputs["train"]
    sizes = columns.sizes
    worst = int(np.argmax(sizes))
    size, n = float(sizes[worst]), len(sizes)
    varies = columns.std > 0
    far = np.where(varies & (np.abs(columns.mean) > FAR), np.abs(columns.mean), 0.0)
    off = far / np.where(varies, columns.std, 1.0)
    if size < RATHER_LARGE and off.max() < OFF_CENTRE:
        return Margin("root mean square of the largest feature", size, LARGE)
    is_large = size >= LARGE or off.max() >= OFF_CENTRE
    return Finding(
        evidence=f"feature {worst + 1} has mean {columns.mean[worst]:.4g} and spread "
        f"{columns.std[worst]:.3g}; root mean squares from {sizes.min():.3g} to {size:.4g}",
        numbers={"size": size, "smallest": float(sizes.min()), "off_centre": float(off.max())},
        healthy="about 0 with a spread of about 1",
        cause="the inputs are used as they came",
        severity="warning" if is_large else "note",
        place=Place("feature", worst + 1, n),
        remedies=[edit("data.scale", "standard", "each feature has mean 0 and spread 1")],
    )
