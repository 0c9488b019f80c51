"""D311: labels that their examples' neighbours contradict."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Margin
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.standing import above_chance

MANY = 0.15  # of the examples that neighbours are surest of
MORE = 0.05  # beside held-out examples
TIMES = 3.0  # standard errors
EVEN = 0.7  # of all disagreement: wrong labels are spread evenly, classes that overlap are not
SIGNAL = 0.3  # of the way from chance to perfection: with less the neighbours know nothing
FEW_TIES = 0.5  # of all pairs of classes: with more the neighbours know nothing


@finding("D311", "warning", leads_to=("D207", "D301", "D302", "D303", "D309"), is_dear=True)
def label_noise(record: Record) -> Finding | Margin:
    """Labels are wrong: where all neighbours of an example agree, its own label is another one.

    What it looks at: what the labels of 15 neighbours say of each training example, and how often
    the surest third of them is contradicted. Classes that merely overlap are told apart there;
    labels that were mixed up are as wrong there as everywhere. Beside it the same of held-out
    examples, and pairs of classes that neighbours cannot tell apart at all while others they can.
    Why it matters: a network that learns all of it learns the noise; what it can reach on others is
    bounded by the labels' own errors.
    Remedy: look at the labels that their neighbours contradict; more examples; early stopping.
    Not a fault: classes that overlap.
    Reference: Northcutt, Jiang & Chuang 2021, "Confident learning".
    """
    wrong, sure = record.baseline("labels/wrong"), record.baseline("labels/sure")
    share = record.baseline("labels/sure_wrong")
    error = math.sqrt(max(share * (1 - share), 0.01) / sure)
    others = record.baselines.get("labels/sure_wrong_held_out", math.inf)
    count = record.baselines.get("labels/sure_held_out", 1.0)
    tied = record.baselines.get("labels/tied", 0.0)
    if above_chance(1 - wrong, record) < SIGNAL or tied > FEW_TIES:
        return Margin("wrong labels where neighbours agree", share, MANY)
    apart = math.hypot(error, math.sqrt(max(others * (1 - others), 0.01) / count))
    is_in_training = share - others > MORE + TIMES * apart
    is_even = share - 2 * error > MANY / 2 and share > max(MANY, EVEN * wrong)
    ties = int(record.baselines.get("labels/tied_classes", 0))
    if not (is_in_training or is_even or ties):
        return Margin("wrong labels where neighbours agree", share, MANY)
    evidence = f"where neighbours agree most, {share:.0%} of the training labels are others"
    if math.isfinite(others):
        evidence += f", {others:.0%} of the held-out ones"
    if ties:
        evidence += f"; {ties} classes are told apart from each other no better than by a coin"
    return Finding(
        evidence=evidence,
        numbers={"sure_wrong": share, "wrong": wrong, "tied_classes": float(ties)},
        healthy=f"below {MANY:.0%}, and fewer than where neighbours disagree",
        cause="inputs do not tell some classes apart: their labels were mixed up, or are one"
        if ties and not (is_even or is_in_training)
        else "some labels are not those of their examples",
        confidence=0.85,
    )
