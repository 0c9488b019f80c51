"""Examination: every rule on the records of one recipe, judged over its seeds, causes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from descend.findings.finding import SEVERITIES, Finding, Margin
from descend.findings.lines import counted, lines_of
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import Rule, rules
from descend.findings.standing import beaten, does_well
from descend.findings.trial import Trial

UNCONFIRMED = 0.6  # as sure, where the remedy alone changes nothing
MOST_SEEDS = 0.5  # a fault is one of the recipe if it shows in more than this share of its seeds


@dataclass(frozen=True)
class Examination:
    """What the rules found.

    findings: causes first, the gravest before the others, each with what follows from it below it.
    ran: codes of the rules that could look; silent: of those that lacked a measurement.
    margins: by code, of the rules that looked and found nothing.
    """

    findings: Sequence[Finding]
    ran: Sequence[str]
    silent: Sequence[str]
    margins: Mapping[str, Margin]
    seeds: int

    @property
    def is_healthy(self) -> bool:
        """Whether nothing graver than a note was found."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def summary(self) -> str:
        """What looked and what was found, in a line."""
        ran, found = counted(len(self.ran), "check"), counted(len(self.findings), "finding")
        silent = f", {len(self.silent)} could not look" if self.silent else ""
        return f"{'healthy: ' if self.is_healthy else ''}{ran}, {found}{silent}"

    def __str__(self) -> str:
        told = ["\n".join(lines_of(finding)) for finding in self.findings]
        return "\n\n".join([*told, self.summary])

    def __repr__(self) -> str:
        return f"<Examination: {self.in_short}>"

    @property
    def in_short(self) -> str:
        """The names of what was found, and how many checks looked."""
        names = [f"{finding.code} {finding.name}" for finding in self.findings]
        return "; ".join([*names, self.summary])

    def to_json(self) -> dict[str, Any]:
        """This examination as plain data."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "is_healthy": self.is_healthy,
            "ran": list(self.ran),
            "silent": list(self.silent),
            "margins": {code: margin.to_json() for code, margin in self.margins.items()},
            "seeds": self.seeds,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Examination:
        """The examination that `to_json` returned, its findings' places in words."""
        return cls(
            [Finding.from_json(one) for one in document["findings"]],
            document["ran"],
            document["silent"],
            {code: Margin(**margin) for code, margin in document["margins"].items()},
            document["seeds"],
        )


def examine(records: Sequence[Record], among: Sequence[Rule] | None = None) -> Examination:
    """Apply the rules to the records, one for each seed, and bring what they find in order.

    A forecast whose remedy was tried and helps has come true; any other is a note where the
    networks do well, and nothing that it leads to was observed as an error.
    """
    ran, silent, margins = [], [], {}
    found: list[tuple[Rule, list[Finding]]] = []
    did_well = sum(map(_did_well, records)) > MOST_SEEDS * len(records)
    for rule in rules() if among is None else among:
        looked = []
        for record in records:
            # of a training that overflows, rules look at what is not finite, and know it
            with suppress(NotMeasured), np.errstate(all="ignore"):
                looked.append(rule.findings(record))
        if not looked:
            silent.append(rule.code)
            continue
        ran.append(rule.code)
        shared = _over_seeds([findings for findings, _ in looked], len(looked))
        found.append((rule, shared))
        known = [margin for findings, margin in looked if margin is not None and not findings]
        if known and not any(findings for findings, _ in looked):
            margins[rule.code] = known[0]
    came = _as_they_came(found, records[0].trials, did_well=did_well)
    return Examination(in_order(came), ran, silent, margins, len(records))


def _did_well(record: Record) -> bool:
    """Whether a network knows what there is to know, of held-out examples, too."""
    if not does_well(record):
        return False
    try:
        return beaten(record) is None
    except NotMeasured:
        return True


def in_order(
    findings: Sequence[Finding], among: Sequence[Rule] | None = None
) -> tuple[Finding, ...]:
    """The findings with each that follows from another below it; the gravest first.

    A cause is as grave as what follows from it. What is wrong for certain before a step explains
    before what is forecast, and doubtful forecasts last; these before what was observed, and a note
    only what nothing else does.
    """
    known = rules() if among is None else among
    leads_to = {rule.code: rule.leads_to for rule in known}
    symptoms = {rule.code for rule in known if rule.is_symptom}
    explain = [
        finding.code
        for finding in findings
        if finding.code not in symptoms and finding.severity != "note"
    ]
    for code in explain:
        leads_to[code] = (*leads_to.get(code, ()), *symptoms)
    ranks = {rule.code: _rank(rule) for rule in known}
    surest = sorted(
        range(len(findings)),
        key=lambda place: (
            findings[place].severity == "note",
            ranks.get(findings[place].code, 0),
            ranks.get(findings[place].code, 0) == 1 and findings[place].confidence <= UNCONFIRMED,
            place,
        ),
    )
    causes = _causes(findings, leads_to, surest)
    below: dict[int, list[Finding]] = defaultdict(list)
    for place, finding in enumerate(findings):
        if causes[place] is not None:
            below[_root(place, causes)].append(finding)
    roots = [
        _as_grave(finding.with_consequences(sorted(below[place], key=_gravity)))
        for place, finding in enumerate(findings)
        if causes[place] is None
    ]
    return tuple(sorted(roots, key=_gravity))


def _over_seeds(by_seed: Sequence[Sequence[Finding]], seeds: int) -> list[Finding]:
    """Findings of one rule that more than half of the seeds share, by their place or field.

    Where the seeds agree on the fault but not on its place, the place that most of them name.
    """
    groups: dict[str, list[Finding]] = defaultdict(list)
    for findings in by_seed:
        for finding in findings:
            groups[f"{finding.place} {finding.about}"].append(finding)
    shared = [group for group in groups.values() if len(group) / seeds > MOST_SEEDS]
    share = sum(map(bool, by_seed)) / seeds
    if not shared and share > MOST_SEEDS:
        shared = [max(groups.values(), key=len)]
    return [_agreed(group, share) for group in shared]


def forecasts(records: Sequence[Record]) -> list[Finding]:
    """What is forecast beyond notes, whatever came of it."""
    planned = [replace(record, metrics={}) for record in records]
    found = examine(planned, [rule for rule in rules() if rule.is_forecast]).findings
    flat = [one for finding in found for one in (finding, *finding.consequences)]
    return [finding for finding in flat if finding.severity != "note"]


def _as_they_came(
    found: Sequence[tuple[Rule, list[Finding]]], trials: Mapping[str, Trial], *, did_well: bool
) -> list[Finding]:
    """What the rules found, what was forecast as it came true or did not."""
    observed = {
        one.code
        for rule, findings in found
        for one in findings
        if not rule.is_forecast and one.severity == "error"
    }
    came = []
    for rule, findings in found:
        if rule.is_forecast:
            is_well = did_well and observed.isdisjoint(rule.leads_to)
            trial = trials.get(rule.code)
            findings = [_as_it_came(one, trial, did_well=is_well) for one in findings]
        came += findings
    return came


def _as_it_came(finding: Finding, trial: Trial | None, *, did_well: bool) -> Finding:
    """What was forecast, as it came true or did not."""
    if trial is not None and trial.helps:
        return replace(finding, evidence=f"{finding.evidence}; {trial}")
    if did_well:
        evidence = f"{finding.evidence}; it learns nevertheless"
        return replace(finding, severity="note", evidence=evidence)
    if trial is not None:
        confidence = UNCONFIRMED * finding.confidence
        return replace(finding, evidence=f"{finding.evidence}; {trial}", confidence=confidence)
    return finding


def _agreed(group: Sequence[Finding], share: float) -> Finding:
    """One finding for those of several seeds, the surer the more of them there are."""
    confidence = min(finding.confidence for finding in group) * (0.5 + 0.5 * share)
    return replace(group[0], confidence=round(confidence, 3))


def _rank(rule: Rule) -> int:
    """How near to the root a rule looks: what is wrong for certain, forecast, or only observed."""
    if rule.family != "before":
        return 2
    return int(rule.is_forecast)


def _causes(
    findings: Sequence[Finding], leads_to: Mapping[str, Sequence[str]], surest: Sequence[int]
) -> list[int | None]:
    """Where the finding stands that each one follows from, the surest one; never in a circle."""
    causes: list[int | None] = [None] * len(findings)
    for place, finding in enumerate(findings):
        for other in surest:
            cause = findings[other]
            follows = finding.code in leads_to.get(cause.code, ()) and other != place
            follows &= finding.about is None or finding.about == cause.about
            if follows and _root(other, causes) != place:
                causes[place] = other
                break
    return causes


def _root(place: int, causes: Sequence[int | None]) -> int:
    while (cause := causes[place]) is not None:
        place = cause
    return place


def _as_grave(finding: Finding) -> Finding:
    """The finding, as grave as the gravest that follows from it."""
    gravest = min((finding, *finding.consequences), key=_gravity)
    return replace(finding, severity=gravest.severity)


def _gravity(finding: Finding) -> tuple[int, float, str]:
    assert finding.severity is not None
    return SEVERITIES.index(finding.severity), -finding.confidence, finding.code
