"""D306: a judgement from one seed."""

from __future__ import annotations

from descend.findings.finding import Finding
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D306", "note")
def one_seed(record: Record) -> Finding | None:
    """One network was trained, and what it came to may be its seed's doing.

    What it looks at: how many seeds there are.
    Why it matters: small networks are lotteries: with other first weights, some learn that did not,
    and the other way round.
    Remedy: `descend train --seeds 5`, `descend compare`.
    Not a fault: one seed to look at; hence a note. Of a watched loop nothing is said.
    Reference: Bouthillier et al. 2021.
    """
    if record.seeds > 1 or not record.is_over or record.known_loop is not None:
        return None
    return Finding(
        evidence="1 seed",
        healthy="3 or more",
        cause="nothing tells the seed from the recipe",
    )
