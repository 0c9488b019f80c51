"""D316: a network that its own first layers beat."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.trial import HELPS, SHALLOWER


@finding("D316", "warning", leads_to=("D206", "D207", "D302", "D303"))
def too_deep(record: Record) -> Finding | Margin:
    """Fewer layers learn what this long chain of them does not.

    What it looks at: where a network of twelve hidden layers or more, none of them normalised, has
    something left to learn and nothing else explains it: its first three alone, trained as long.
    Why it matters: even where every layer hands the gradient on, a change of one layer changes what
    all that follow are given, and the steps that all of them can follow are short.
    Remedy: fewer layers; batch normalisation.
    Not a fault: many layers that learn as much as three do.
    Reference: He et al. 2016, "Deep residual learning", on degradation.
    """
    trial = record.trial(SHALLOWER)
    if not trial.helps:
        return Margin("what fewer layers bring", trial.gain, HELPS)
    return Finding(
        evidence=f"{len(record.hidden)} hidden layers: {trial}",
        numbers={"as_it_is": trial.as_it_is, "changed": trial.changed},
        healthy="a network that comes as far as its first layers alone",
        cause="so many plain layers are a long chain to move",
        place=record.layers[0].place if record.layers else None,
        confidence=0.8,
        remedies=[
            Remedy(trial.edits, "fewer layers"),
            Remedy({"network.batch_norm": "before"}, "keeps each layer where it has a slope"),
        ],
    )
