"""What is shown of a proof: its cost, a row for each remedy, and what became of each finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from descend.cli.outcome import counted
from descend.cli.output import put, styled
from descend.cli.tables import NARROW, put_fitting
from descend.cli.texts import put_wrapped

if TYPE_CHECKING:
    from descend.diagnosis.diagnosing import Diagnosis
    from descend.diagnosis.proof import Proof, Tried

LEFT_OUT_FIRST = ("cost", "95 %", "named by")
HEADER = ("remedy", "learn", "difference", "95 %", "cost", "", "named by")


def put_proof(proof: Proof, diagnosis: Diagnosis) -> None:
    """What was tried, the best first, and what became of each finding."""
    line = [
        styled("proof", bold=True),
        proof.metric,
        counted(proof.seeds, "seed"),
        f"{100 * proof.share:.3g} % of the steps",
        f"{proof.cost:g} trainings' work",
    ]
    put(" · ".join(line))
    before = next((one.learned_before for one in proof.tried if one.seeds == proof.seeds), 0)
    rows = [["as it is", f"{before}/{proof.seeds}", "", "", "1×", "", ""]]
    rows += [[one.candidate.name, *_cells(one)] for one in proof.tried]
    put_fitting(HEADER, rows, "<>>>><<", {"remedy": NARROW}, LEFT_OUT_FIRST)
    for said in _in_part(proof):
        put_wrapped(f"{said}, as many as the cost of a proof allows")
    for finding in diagnosis.findings:
        if finding.remedies:
            put(f"{finding.code} {finding.name}: {proof.verdict_on(finding)}")


def put_written(place: Path, proof: Proof, diagnosis: Diagnosis) -> None:
    """What became of `--fix`."""
    remedy = diagnosis.remedy
    if proof.cure is None and remedy is not None:
        how = remedy.why if remedy != proof.unproven else "of which only a part could be tried"
        put_wrapped(f"not proven (--cost N allows more), {how}: {place}")
    elif proof.cure is None:
        nothing = "nothing has to be cured" if diagnosis.is_healthy else "no cure was found"
        put(f"{nothing}: nothing was written")
    elif diagnosis.is_healthy:
        put(f"nothing has to be cured; what does better: {place}")
    elif not proof.is_cure:
        put(f"what helps, though it is not shown to cure: {place}")
    else:
        put(f"cured recipe: {place}")


def _cells(one: Tried) -> list[str]:
    learned = "" if one.learned is None else f"{one.learned}/{one.seeds}"
    difference = interval = ""
    if one.difference is not None:
        difference = f"{one.difference:+.3g}"
    if one.low is not None and one.high is not None:
        interval = f"{one.low:.3g} – {one.high:.3g}"
    cost = "" if one.cost is None else f"{one.cost:.2g}×" if one.cost < 10 else f"{one.cost:,.0f}×"
    word = "cures" if one.cures else "helps" if one.verdict == "proven" else one.verdict
    return [learned, difference, interval, cost, word, " ".join(one.candidate.codes)]


def _in_part(proof: Proof) -> list[str]:
    """Remedies that were trained for less of their own length than the recipe as it is, and how."""
    return [
        f"{one.candidate.name}: {100 * one.share:.2g} % of its steps"
        for one in proof.tried
        if one.seeds == proof.seeds and one.share is not None and one.is_cut
    ]
