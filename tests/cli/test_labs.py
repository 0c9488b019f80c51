"""`descend labs` and `descend lab`: the experiments, and their results beside the expected ones."""

from __future__ import annotations

import pytest

from tests.cli.command import Descend

# Three of its expectations are about the first step and are judged whatever the epochs.
SHORT = ("lab", "xor-backprop", "--epochs", "2")


def test_labs_are_listed_by_tutorial(descend: Descend) -> None:
    """Every lab stands once, indented below its tutorial, within the width of a terminal."""
    from descend.laboratory import labs

    told = descend("labs")
    lines = told.out.splitlines()
    for lab in labs():
        (place,) = (at for at, line in enumerate(lines) if line.startswith(f"  {lab.name} "))
        above = next(line for line in lines[place::-1] if not line.startswith(" "))
        assert above == lab.tutorial
    assert max(map(len, lines)) <= 80
    assert told.err == ""


def test_labs_that_are_comparisons_are_marked(descend: Descend) -> None:
    """And no others; the last line says what the mark means."""
    from descend.laboratory import labs

    lines = descend("labs").out.splitlines()
    for lab in labs():
        assert any(line.startswith(f"  {lab.name} * ") for line in lines) is bool(lab.compare)
    assert lines[-1] == "descend compare NAME one with a * over seeds, to a verdict"
    document = {lab["name"]: lab["is_comparison"] for lab in descend("labs", "--json").document}
    assert document["optimizers"] is True
    assert document["gates"] is False


def test_labs_as_a_document(descend: Descend) -> None:
    """--json gives name, tutorial, story, variants and expectations of each lab."""
    document = descend("labs", "--json").document
    xor = next(lab for lab in document if lab["name"] == "xor-nn")
    assert xor["data"] == "xor"
    assert {"tutorial", "title", "story", "epochs", "variants", "expectations"} <= set(xor)
    assert {"what", "variant", "expected", "source"} == set(xor["expectations"][0])


def test_a_lab_shows_story_result_expectation_and_runs(descend: Descend) -> None:
    """What a change leaves comparable is judged; everything fits on 80 columns."""
    told = descend(*SHORT)
    assert told.code == 0
    assert told.out.startswith("XOR with every gradient written out\n")
    assert "\nok  0.743407" in told.out
    assert "3 of 3 results are as expected" in told.out
    assert "\ndiffers" not in told.out
    assert told.folder.is_dir()
    assert max(map(len, told.out.splitlines()[:-1])) <= 80


def test_what_a_change_makes_incomparable_is_not_judged(descend: Descend) -> None:
    """--epochs is said to be the reason, and no verdict is given."""
    told = descend("lab", "gates", "--epochs", "20")
    assert told.code == 0
    assert "not comparable: another number of epochs: 20" in told.out
    assert "no result can be compared with the expected one" in told.out
    assert [line for line in told.err.splitlines() if " of 3: " in line] == [
        "1 of 3: AND",
        "2 of 3: OR",
        "3 of 3: XOR",
    ]


def test_a_result_that_differs_is_said_and_is_no_error(
    descend: Descend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table says which; the exit code stays 0 and the document has is_as_expected."""
    from descend.expectations import Expectation

    monkeypatch.setattr(Expectation, "is_met_by", lambda self, found: False)
    told = descend(*SHORT)
    assert told.code == 0
    assert "\ndiffers  0.743407" in told.out
    assert "3 of 3 results differ from the expected ones" in told.out
    document = descend(*SHORT, "--json", "-q").document
    assert document["is_as_expected"] is False


def test_a_lab_as_a_document(descend: Descend) -> None:
    """--json prints the runs by variant and the checks, and no story."""
    told = descend("lab", "gates", "--epochs", "3", "--json", "-q")
    assert told.err == ""
    document = told.document
    assert list(document["variants"]) == ["AND", "OR", "XOR"]
    assert {"run", "status", "metrics", "seconds"} <= set(document["variants"]["AND"])
    assert document["checks"][0]["met"] is None
    assert document["checks"][0]["why_not"] == "another number of epochs: 3"


def test_a_lab_on_other_data_and_with_edits(descend: Descend) -> None:
    """--data and --set change every variant."""
    told = descend(
        *("lab", "mnist-nn-xavier", "--data", "digits", "--epochs", "1"),
        *("--set", "network.hidden=[8]"),
    )
    assert told.code == 0, told.err
    assert "digits · 64-8-10 relu" in told.out
    assert "not comparable: the recipe was edited" in told.out


def test_quiet_leaves_the_result(descend: Descend) -> None:
    """-q says nothing on stderr; the result stands on stdout."""
    told = descend("lab", "gates", "--epochs", "3", "-q")
    assert told.err == ""
    assert "variant" in told.out
