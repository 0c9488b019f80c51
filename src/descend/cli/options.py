"""Options that several verbs have."""

from __future__ import annotations

import click

from descend.cli.usage import OneOf, Whole

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document to stdout, and nothing else."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr except errors.")
edits = click.option(
    "--set",
    "edits",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the recipe by its dotted name; may be given many times.",
)
seed = click.option(
    "--seed",
    type=Whole(0),
    metavar="N",
    help="Seed of the (first) network; the recipe's if absent.",
)
seeds = click.option(
    "--seeds",
    type=Whole(1),
    metavar="N",
    help="Train N networks side by side, with seeds in a row.",
)
epochs = click.option(
    "--epochs", type=Whole(1), metavar="N", help="Passes over the training examples."
)
out = click.option(
    "--out",
    default="runs",
    show_default=True,
    metavar="DIR",
    help="The folder that the run's folder is made in.",
)
data_dir = click.option(
    "--data-dir",
    metavar="DIR",
    help="Where the files of MNIST-like sets are looked for first, before $DESCEND_DATA.",
)
device = click.option(
    "--device",
    type=OneOf(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train; auto takes a GPU where torch finds one.",
)
threads = click.option(
    "--threads",
    type=Whole(1),
    metavar="N",
    help="CPU threads; chosen by the size of the network if absent.",
)
network_seed = click.option(
    "--seed", type=Whole(0), metavar="N", help="Which network of a run of several, by its seed."
)
