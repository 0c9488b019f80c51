"""What a training's findings look like in a terminal: a line each, and the way to the whole."""

from __future__ import annotations

import pytest

from tests.cli.command import Descend

SICK = ("--set", "network.init=normal", "--epochs", "3")
WHOLE = "why, and what cures it: "


def test_a_healthy_training_is_not_spoken_of(descend: Descend) -> None:
    """No line on either stream, also where there are notes."""
    told = descend("train", "digits")
    assert WHOLE not in told.out + told.err
    assert not [line for line in told.out.splitlines() if line.startswith(("error", "warning"))]


def test_what_is_wrong_is_said_before_the_first_step_and_at_the_end(descend: Descend) -> None:
    """A line for each, none wider than the terminal, with a command that says it all."""
    told = descend("train", "digits", *SICK)
    assert told.code == 0
    first, *others = told.err.splitlines()
    assert first.startswith("error D101 init-too-large · layer 1 of 3 · first loss ")
    command = next(line.removeprefix(WHOLE) for line in others if line.startswith(WHOLE))
    assert command == "descend diagnose digits --set network.init=normal --epochs 3"
    assert others[-1].startswith("epoch 3 of 3")
    assert f"\n{first}\n" in told.out
    assert f"\n{WHOLE}descend diagnose {told.folder}\nrun: {told.folder}\n" in told.out
    alarms = [line for line in told.out.splitlines() if line.startswith(("error", "warning"))]
    assert max(map(len, alarms)) <= 80
    again = descend(*command.split()[1:], "-q")
    assert "D101 init-too-large" in again.out


def test_quiet_says_nothing_before_and_keeps_the_result(descend: Descend) -> None:
    """-q is about stderr."""
    told = descend("train", "digits", *SICK, "-q")
    assert told.err == ""
    assert "\nerror D101 " in told.out


def test_the_document_has_the_findings(descend: Descend) -> None:
    """A list under `findings`, as `check --json` has them."""
    told = descend("train", "digits", *SICK, "--json", "-q")
    first = told.document["findings"][0]
    assert (first["code"], first["severity"]) == ("D101", "error")
    assert first["remedies"][0]["edits"]


@pytest.mark.parametrize("command", ["resume", "train"])
def test_a_run_that_is_shown_again_shows_what_was_found(descend: Descend, command: str) -> None:
    """`resume` of a finished run reads it from the folder."""
    told = descend("train", "digits", *SICK)
    if command == "resume":
        told = descend("resume", told.folder)
    assert "\nerror D101 init-too-large" in told.out


def test_of_many_networks_it_is_said_how_many_were_looked_at(descend: Descend) -> None:
    """Ten of twelve."""
    zeros = ("--set", "network.init=zeros", "--set", "network.bias_init=zeros")
    told = descend("train", "xor", *zeros, "--epochs", "2", "--seeds", "12")
    assert "\nfound in the first 10 networks:\nerror D104 " in told.out


def test_a_lab_that_is_faulty_on_purpose_shows_its_findings(descend: Descend) -> None:
    """Below the variant's name; the document has them by variant."""
    told = descend("lab", "perceptron-xor", "--epochs", "200")
    assert "\nerror D152 underpowered-model" in told.out
    told = descend("lab", "heads", "--epochs", "1", "-q")
    wrong = "wrong: binary, softmax over one unit"
    lines = told.out.splitlines()
    place = lines.index(f"found in {wrong}:")
    assert lines[place + 1].startswith("  error D112 softmax-on-one-unit · layer ")
    assert f"{WHOLE}descend diagnose RUN" in lines
    document = descend("lab", "heads", "--epochs", "1", "--json", "-q").document
    assert document["variants"][wrong]["findings"][0]["code"] == "D112"


def test_a_short_training_that_learns_is_not_told_to_be_longer(descend: Descend) -> None:
    """Its samples are nearly all of the first steps: the epochs' means say where it came to."""
    told = descend("train", "digits", "--epochs", "5", "--json", "-q")
    assert told.document["metrics"]["train/accuracy"] > 0.8
    assert [one["code"] for one in told.document["findings"] if one["severity"] != "note"] == []


def test_a_command_that_is_told_can_be_typed_where_a_name_has_spaces(descend: Descend) -> None:
    """As the shell takes it: one word for the folder."""
    told = descend("train", "digits", *SICK, "--out", "my runs", "-q")
    command = next(line for line in told.out.splitlines() if line.startswith(WHOLE))
    assert command == f"{WHOLE}descend diagnose '{told.folder}'"
