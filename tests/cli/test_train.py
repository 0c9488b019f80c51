"""`descend train`: the result, its document, its recipe."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import Descend

XOR = ("train", "xor", "--epochs", "40")


def test_a_training_shows_its_result_and_where_it_lies(descend: Descend) -> None:
    """The table names every split and metric, and the last line the folder of the run."""
    told = descend("train", "digits", "--epochs", "2", "--seed", "7")
    assert told.code == 0
    assert told.out.startswith("digits · 64-32-32-10 relu · adam lr 0.001 · batch 32 · seed 7\n")
    for word in ("train", "validation", "test", "loss", "accuracy", "2 epochs in"):
        assert word in told.out
    assert told.folder.parent == Path("runs")
    assert (told.folder / "weights.safetensors").is_file()


def test_progress_is_told_on_stderr_in_plain_lines(descend: Descend) -> None:
    """Where stderr is no terminal, the last line says how the training ended; nothing is styled."""
    told = descend("train", "digits", "--epochs", "3")
    assert told.err.splitlines()[-1].startswith("epoch 3 of 3 · loss ")
    assert "validation/accuracy" in told.err
    assert "\x1b" not in told.out + told.err


def test_quiet_leaves_stderr_empty(descend: Descend) -> None:
    """-q prints the result only."""
    told = descend(*XOR, "-q")
    assert (told.code, told.err) == (0, "")
    assert told.out


def test_json_is_the_document_of_the_run_and_nothing_else(descend: Descend) -> None:
    """--json prints the document that DESIGN promises, in strict JSON."""
    told = descend("train", "digits", "--epochs", "2", "--json")
    assert told.out.count("\n") == 1
    document = told.document
    assert set(document) == {"run", "status", "metrics", "history", "findings", "seconds"}
    assert document["status"] == "finished"
    assert Path(document["run"]).is_dir()
    assert [row["epoch"] for row in document["history"]] == [1, 2]
    assert {"train/loss", "validation/loss"} <= set(document["history"][0])
    assert 0 <= document["metrics"]["test/accuracy"] <= 1


def test_the_same_command_twice_gives_the_same_numbers(descend: Descend) -> None:
    """A seed reproduces a run; each run has a folder of its own."""
    first, second = (descend(*XOR, "--seed", "3", "--json").document for _ in range(2))
    assert first["metrics"] == second["metrics"]
    assert first["history"] == second["history"]
    assert first["run"] != second["run"]


def test_few_networks_are_shown_one_by_one_with_their_mean(descend: Descend) -> None:
    """--seeds 3 shows three rows with consecutive seeds, then what they have in common."""
    told = descend(*XOR, "--seed", "5", "--seeds", "3")
    labels = [line.split()[0] for line in told.out.splitlines()[2:10]]
    assert labels == ["seed", "5", "6", "7", "mean", "sd", "lowest", "highest"]
    assert "3 networks in" in told.out


def test_many_networks_are_shown_by_their_mean_and_spread(descend: Descend) -> None:
    """Of 12 networks no single one is listed."""
    told = descend(*XOR, "--seeds", "12")
    labels = [line.split()[0] for line in told.out.splitlines()[3:7]]
    assert labels == ["mean", "sd", "lowest", "highest"]


def test_scores_that_are_not_finite_are_shown(descend: Descend) -> None:
    """Networks that ended with an infinite score have no standard deviation, which is no error."""
    told = descend("train", "sine", "--seeds", "2", "--epochs", "1", "--set", "data.examples=3")
    assert told.code == 0, told.err
    assert " nan" in told.out


def test_json_of_several_networks_lists_them(descend: Descend) -> None:
    """`runs` holds the seed, status, epochs and metrics of each network."""
    runs = descend(*XOR, "--seeds", "2", "--json").document["runs"]
    assert [run["seed"] for run in runs] == [0, 1]
    assert {"status", "epochs", "metrics"} <= set(runs[0])


def test_a_diverged_run_is_said_in_words_and_is_no_error(descend: Descend) -> None:
    """A loss that is no longer finite ends the run with exit 0, status diverged, and its step."""
    impossible = ("train", "xor", "--set", "training.lr=1e38", "--set", "training.optimizer=sgd")
    told = descend(*impossible)
    assert told.code == 0
    assert "diverged at step" in told.out
    document = descend(*impossible, "--json").document
    assert document["status"] == "diverged"


def test_a_training_that_stops_early_says_so(descend: Descend) -> None:
    """Early stopping shows the epochs that were trained and that the best weights are kept."""
    rule = "training.early_stopping={metric='validation/loss', patience=1, min_delta=9.0}"
    told = descend("train", "digits", "--epochs", "50", "--set", rule)
    assert told.code == 0, told.err
    assert "stopped early, with the best weights" in told.out


def test_set_changes_fields_by_dotted_name(descend: Descend) -> None:
    """--set takes numbers, lists and words without quotes, many times."""
    told = descend(
        *XOR,
        *("--set", "network.hidden=[4, 3]", "--set", "network.activation=tanh"),
        *("--set", "training.lr=0.5"),
    )
    assert "2-4-3-1 tanh · adam lr 0.5" in told.out


def test_out_names_the_folder_of_the_runs(descend: Descend) -> None:
    """--out is made with its parents."""
    assert descend(*XOR, "--out", "deep/er").folder.parent == Path("deep/er")


def test_print_recipe_completes_and_does_not_train(descend: Descend) -> None:
    """The printed recipe is TOML with every choice made; training it gives the same numbers."""
    told = descend(*XOR, "--set", "network.hidden=[3]", "--print-recipe")
    assert not Path("runs").exists()
    recipe = tomllib.loads(told.out)
    assert recipe["network"]["hidden"] == [3]
    assert recipe["training"]["loss"] == "bce"
    Path("my.toml").write_text(told.out)
    printed, direct = (
        descend("train", *arguments, "--json").document["metrics"]
        for arguments in (["my.toml"], [*XOR[1:], "--set", "network.hidden=[3]"])
    )
    assert printed == direct


def test_print_recipe_with_json_is_a_document(descend: Descend) -> None:
    """--print-recipe --json prints the tree of the recipe."""
    assert descend(*XOR, "--print-recipe", "--json").document["data"]["source"] == "xor"


@pytest.mark.parametrize(
    "tables",
    [
        '[data]\nsource = "moons"\n[training]\nclass_weights = "balanced"',
        '[data]\nsource = "blobs"\ntarget = "inputs"\n[training]\nloss = "bce"',
    ],
    ids=["weights of classes", "scales that the loss demands"],
)
def test_the_printed_recipe_is_the_one_that_a_run_writes(descend: Descend, tables: str) -> None:
    """What depends on the data is chosen as in a training, to the last digit."""
    Path("mine.toml").write_text(tables)
    arguments = ("train", "mine.toml", "--seed", "3", "--epochs", "1")
    printed = descend(*arguments, "--print-recipe")
    assert printed.out == (descend(*arguments).folder / "recipe.toml").read_text()


def test_a_recipe_comes_from_a_file_or_from_stdin(descend: Descend) -> None:
    """A .toml file and the same text on stdin are one recipe."""
    text = '[data]\nsource = "xor"\n[training]\nepochs = 5\n'
    Path("small.toml").write_text(text)
    from_file = descend("train", "small.toml", "--json").document
    from_stdin = descend("train", "-", "--json", stdin=text).document
    assert from_file["metrics"] == from_stdin["metrics"]
    assert "_small_" in from_file["run"]


def test_a_lab_is_a_recipe(descend: Descend) -> None:
    """`train` takes the name of a lab and trains its recipe with the changes asked for."""
    told = descend("train", "xor-nn", "--epochs", "3")
    assert "xor · 2-2-1 sigmoid · sgd lr 1 · full batch · seed 777" in told.out


@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads_do_not_change_the_kind_of_result(descend: Descend, threads: str) -> None:
    """--threads is taken, and torch is as it was afterwards."""
    import torch

    before = torch.get_num_threads()
    assert descend(*XOR, "--threads", threads).code == 0
    assert torch.get_num_threads() == before


def test_every_source_that_is_embedded_can_be_trained(
    descend: Descend, trained: Callable[..., Path]
) -> None:
    """Each small source trains without any further choice."""
    from descend.data.names import SOURCES

    for name, source in SOURCES.items():
        if not source.has_own_test:
            assert (trained(name, "--epochs", "1") / "weights.safetensors").is_file()
