"""D100: a recipe that no network can be made of."""

from __future__ import annotations

from descend.findings.finding import Finding
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D100", "error")
def cannot_be_built(record: Record) -> list[Finding]:
    """The recipe, its data, or the two together are impossible.

    What it looks at: what building the network would raise.
    Why it matters: there is nothing to train.
    Remedy: each problem names the field, its value and what was expected; where a name is nearly
    right it is the nearest one, else the choice is left to descend.
    Not a fault: a recipe that a person may want to see fail is trained as asked.
    """
    return [
        Finding(
            evidence=problem.message,
            healthy="a recipe that can be trained",
            cause=f"`{field}` leaves nothing that can be trained",
            remedies=[problem.remedy] if problem.remedy else [],
            about="training.loss" if field == "training.loss_on" else field,  # one fault
        )
        for field, problem in record.problems.items()
    ]
