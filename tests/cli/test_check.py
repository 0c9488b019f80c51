"""`descend check`: findings with exit code 2, health with 0."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import Descend, assert_fails


def test_a_healthy_recipe_is_said_to_be(descend: Descend) -> None:
    """The last line counts the checks; nothing is written."""
    told = descend("check", "digits")
    assert told.code == 0
    assert told.out.splitlines()[-1].startswith("healthy: ")
    assert list(Path().iterdir()) == []


def test_a_finding_has_code_evidence_cause_and_remedy(descend: Descend) -> None:
    """Weights that begin too large are named, and the exit code is 2."""
    told = descend("check", "digits", "--set", "network.init=normal")
    assert told.code == 2
    assert told.out.startswith("D101 init-too-large   layer ")
    assert "  remedy  network.init = " in told.out
    assert all(len(line) <= 80 for line in told.out.splitlines())


def test_json_has_the_same_findings(descend: Descend) -> None:
    """One document on stdout and the same exit code."""
    told = descend("check", "digits", "--set", "network.init=normal", "--json")
    assert told.code == 2
    first = told.document["findings"][0]
    assert (first["code"], first["severity"]) == ("D101", "error")
    assert first["remedies"][0]["edits"]
    assert told.document["is_healthy"] is False


def test_what_cannot_be_built_is_a_finding(descend: Descend) -> None:
    """A recipe that does not suit its data is looked at as far as it goes."""
    told = descend("check", "digits", "--set", "training.loss=poisson")
    assert told.code == 2
    assert "D100 cannot-be-built" in told.out


def test_no_recipe_at_all_is_an_error(descend: Descend) -> None:
    """One sentence and a hint, exit 1."""
    told = descend("check", "nonsense")
    assert (told.code, told.out) == (1, "")
    assert "RECIPE must be" in told.err


def test_a_file_that_contradicts_itself_is_diagnosed(descend: Descend) -> None:
    """By `check` and `diagnose`, with cause and remedy; `train` refuses it in a sentence."""
    Path("my.toml").write_text(
        '[data]\nsource = "digits"\ntask = "multiclass"\n'
        '[network]\nactivation = "rellu"\n[training]\nloss = "poisson"\nepochs = 0\n'
    )
    for verb in ("check", "diagnose"):
        told = descend(verb, "my.toml", "-q")
        assert told.code == 2, told.err
        assert "D118 loss-task-mismatch" in told.out
        assert "  remedy  network.activation = 'relu'" in told.out
        assert "  remedy  training.epochs left open" in told.out
        assert all(len(line) <= 80 for line in told.out.splitlines())
    told = descend("train", "my.toml")
    assert told.code == 1
    assert "the recipe has 3 problems" in told.err


def test_a_file_that_is_no_recipe_is_refused(descend: Descend) -> None:
    """What is not TOML, and fields that do not exist, all at once."""
    Path("my.toml").write_text("[data\n")
    assert_fails(descend("check", "my.toml"), "a recipe must be TOML")
    Path("my.toml").write_text('[data]\nsource = "xor"\n[training]\nlearning_rate = 1\nepoch = 0\n')
    told = descend("check", "my.toml")
    assert told.code == 1
    assert "`training.epoch` must be a field that exists" in told.err
    assert "`training.learning_rate` must be a field that exists" in told.err
