"""`descend compare`: what it shows, what it refuses, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Descend

SMALL = ("--epochs", "2", "--set", "network.hidden=[4]", "--seeds", "3")


def test_a_comparison_shows_its_table_and_a_verdict_for_each_variant(descend: Descend) -> None:
    """The best comes first; each other variant has a sentence; the last line names the folder."""
    told = descend(
        *("compare", "moons", "--vary", "training.lr=0.1,0.0001", "--epochs", "20"),
        *("--seeds", "7", "--set", "network.hidden=[8]"),
    )
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0].startswith("moons · 2 variants × 7 seeds · validation/accuracy · ")
    header = next(line for line in lines if line.startswith("variant"))
    assert header.split()[:2] == ["variant", "mean"]
    rows = lines[lines.index(header) + 1 :][:2]
    assert [row.split()[0] for row in rows] == ["lr=0.1", "lr=0.0001"]
    assert "7/7" in rows[0]
    assert "beside lr=0.1, the best:" in lines
    assert any(line.startswith("  lr=0.0001: worse: ") for line in lines)
    folder = Path(lines[-1].removeprefix("comparison: "))
    assert {"comparison.json", "recipe.toml", "results.parquet", "summary.parquet", "stacks"} <= {
        path.name for path in folder.iterdir()
    }
    assert all(len(line) <= 80 for line in lines[:-1])
    assert "1 of 1 stack" in told.err


def test_json_is_one_document_with_every_number(descend: Descend) -> None:
    """Nothing else is on stdout; `result` in comparison.json is the same document."""
    told = descend("compare", "moons", "--vary", "training.lr=0.1,0.01", *SMALL, "--json", "-q")
    document = told.document
    assert told.err == ""
    assert document["status"] == "finished"
    assert [one["name"] for one in document["variants"]] == ["lr=0.1", "lr=0.01"]
    assert document["variants"][0]["summary"]["seeds"] == 3
    pairs = [one["pair"] for one in document["variants"]]
    assert sum(pair is None for pair in pairs) == 1
    facts = json.loads((Path(document["comparison"]) / "comparison.json").read_text())
    assert facts["result"] == document


def test_a_plan_trains_and_writes_nothing(descend: Descend) -> None:
    """`--plan` shows stacks, memory and time, in words and as JSON."""
    asked = ("compare", "digits", "--vary", "network.hidden=[8],[16]", "--seeds", "3", "--plan")
    told = descend(*asked)
    assert told.code == 0
    assert "6 networks, 1 process" in told.out
    assert "about" in told.out
    document = descend(*asked, "--json").document
    assert [stack["networks"] for stack in document["stacks"]] == [3, 3]
    assert document["expected_seconds"] > 0
    assert not Path("runs").exists()


def test_rungs_are_shown_as_what_they_are(descend: Descend) -> None:
    """Variants that were dropped say when, and how good they were then."""
    told = descend(
        *("compare", "moons", "--sample", "9", "training.lr=log:1e-4..1", "--halving"),
        *("--epochs", "9", "--set", "network.hidden=[4]", "--seeds", "2"),
    )
    assert told.code == 0
    table = told.out.partition("95 %: ")[0]
    assert table.count(" dropped") == 8
    assert "dropped after epoch" in told.out
    assert "8 of 9 variants were dropped on the way" in " ".join(told.out.split())


def test_several_recipes_are_compared_as_they_are(descend: Descend) -> None:
    """Each RECIPE is a variant with its own name."""
    for name, lr in (("slow", 0.001), ("fast", 0.1)):
        Path(f"{name}.toml").write_text(
            f'[data]\nsource = "moons"\n[training]\nlr = {lr}\nepochs = 2\n', encoding="utf-8"
        )
    document = descend("compare", "slow.toml", "fast.toml", "--seeds", "2", "--json").document
    assert [one["name"] for one in document["variants"]] == ["slow", "fast"]


def test_an_impossible_variant_is_a_row_with_its_reason(descend: Descend) -> None:
    """A combination that cannot be built ends nothing else."""
    told = descend(
        *("compare", "moons", "--vary", "training.optimizer=sgd,adam"),
        *("--vary", "training.momentum=0.9,0.5", *SMALL),
    )
    assert told.code == 0
    assert "cannot be built: `training.momentum` must be absent for adam" in " ".join(
        told.out.split()
    )


def test_a_finished_comparison_is_shown_by_resume_and_listed_by_runs(descend: Descend) -> None:
    """`resume` trains nothing anew; `runs` shows the best."""
    first = descend("compare", "moons", "--vary", "training.lr=0.1,0.01", *SMALL)
    folder = first.out.splitlines()[-1].removeprefix("comparison: ")
    again = descend("resume", folder)
    assert again.out == first.out
    assert "nothing is left to continue" in again.err
    (row,) = descend("runs").out.splitlines()[1:]
    assert "2 variants, best validation/accuracy 0." in row
    (listed,) = descend("runs", "--json").document
    assert (listed["variants"], listed["status"]) == (2, "finished")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("moons",), "must have something that varies"),
        (("moons", "--vary", "training.lrr=1,2"), "did you mean 'training.lr'?"),
        (("moons", "--vary", "training.lr=a,b"), "`training.lr` must be a number"),
        (("moons", "--vary", "training.lr="), "nothing is given"),
        (("moons", "--vary", "network.hidden=[4],[0]"), "`network.hidden.0` must be"),
        (("moons", "--vary", "training.seed=1,2"), "--seeds"),
        (("moons", "--vary", "data.noise=0.1,0.2"), "the same examples"),
        (("moons", "--vary", "training.lr=0.1,0.2", "--memory", "1KB"), "`memory` must be"),
        (("moons", "--vary", "training.lr=0.1,0.2", "--memory", "many"), "must be a size"),
        (("moons", "--sample", "200000", "training.lr=log:1e-4..1"), "10,000 networks"),
        (("moons", "--vary", "training.lr=0.1,0.2", "--metric", "test/acc"), "test/accuracy"),
        (("moons", "--vary", "training.lr=0.1,0.2", "--baseline", "lr=1"), "did you mean"),
        (("moons", "--vary", "training.lr=0.1,0.2", "--seeds", "0"), "`--seeds` must be"),
        (
            ("moons", "--vary", "training.lr=0.1,0.2", "--vary", "network.l2=0", "--zip"),
            "2",
        ),
        (("moons", "xor", "--vary", "training.lr=0.1,0.2"), "give one RECIPE"),
        (
            (
                *("moons", "--sample", "3", "training.lr=log:1e-4..1"),
                *("--sample", "4", "network.l2=0..1"),
            ),
            "one number for all fields",
        ),
    ],
)
def test_a_wrong_question_gets_one_sentence_and_writes_nothing(
    descend: Descend, arguments: tuple[str, ...], said: str
) -> None:
    """What was given, what was expected, and a hint; exit 1."""
    told = descend("compare", *arguments)
    assert told.code == 1
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert said in told.err
    assert "Traceback" not in told.err
    assert not Path("runs").exists()
