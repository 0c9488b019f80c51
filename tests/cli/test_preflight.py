"""`descend preflight`: four checks, exit code 2 where one fails."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import Descend, assert_fails

TWICE = ("--set", "network.output=softmax", "--set", "training.loss_on=logits")


def test_a_healthy_recipe_passes(descend: Descend) -> None:
    """Each check with what it saw, within 80 columns; nothing on stderr, nothing written."""
    told = descend("preflight", "digits")
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert [line for line in lines if not line.startswith(" ") and ": " in line] == [
        "passed: one batch can be overfitted",
        "passed: every layer learns",
        "passed: examples of a batch do not influence each other",
        "passed: gradients agree with finite differences",
    ]
    assert lines[-1].startswith("4 checks, 0 failed (")
    assert max(map(len, lines)) <= 80
    assert list(Path().iterdir()) == []


def test_a_check_that_fails_is_an_exit_code(descend: Descend) -> None:
    """A softmax that comes twice cannot learn its batch, and is said to."""
    told = descend("preflight", "digits", *TWICE, "-q")
    assert told.code == 2
    assert told.out.startswith("failed: one batch can be overfitted\n  the loss of 32 examples")
    assert "4 checks, 1 failed" in told.out


def test_the_document_has_every_check(descend: Descend) -> None:
    """One document, and the same exit code."""
    told = descend("preflight", "digits", *TWICE, "--json")
    assert told.code == 2
    assert told.document["passed"] is False
    first = told.document["checks"][0]
    assert (first["check"], first["verdict"]) == ("overfits", "failed")
    assert first["numbers"]["floor"] == 0


def test_a_recipe_in_a_file_and_another_seed(descend: Descend) -> None:
    """As `train` takes them."""
    Path("my.toml").write_text('[data]\nsource = "moons"\n')
    first, second = (
        descend("preflight", "my.toml", "--seed", seed, "--json").document for seed in (1, 2)
    )
    assert first["passed"]
    assert first["checks"] != second["checks"]


def test_what_is_no_recipe_is_an_error(descend: Descend) -> None:
    """One sentence and a hint, exit 1."""
    assert_fails(descend("preflight", "digitz"), "RECIPE must be", "did you mean 'digits'?")
    assert_fails(descend("preflight", "digits", "--set", "training.lr=-1"), "`training.lr` must")
