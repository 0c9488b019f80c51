"""The remedies of every finding can be said to somebody who has no recipe."""

from __future__ import annotations

import re
from pathlib import Path

import descend.findings
from descend.findings.finding import Finding, Remedy, edit
from descend.findings.in_code import SAID, in_code

RULES = Path(descend.findings.__file__).parent
FIELD = re.compile(r"\"((?:data|network|training)\.[a-z_]+)\"")
ONLY_OF_RECIPES = {
    "data.test",  # which examples are held out is the loop's own business
    "network.layers",  # single layers are named by their place
    "network.output_init",
    "training.drop_last",
    "training.loss",  # said together with what it is on
    "training.loss_on",
    "training.shuffle",
    "training.steps",
}


def test_every_field_that_a_rule_edits_has_words_in_code() -> None:
    rules = [path for part in ("before", "during", "after") for path in (RULES / part).glob("*.py")]
    edited = {field for path in rules for field in FIELD.findall(path.read_text(encoding="utf-8"))}
    assert edited - SAID.keys() == ONLY_OF_RECIPES


def test_edits_are_said_as_what_to_write() -> None:
    finding = Finding("", "", remedies=[edit("training.lr", 0.001, "shorter steps")])
    (remedy,) = in_code(finding).remedies
    assert (remedy.write, remedy.why) == ("lr=0.001 of the optimizer", "shorter steps")


def test_a_loss_is_said_with_what_it_is_on() -> None:
    edits = {"training.loss": "bce", "training.loss_on": "logits", "network.output": "identity"}
    (remedy,) = in_code(Finding("", "", remedies=[Remedy(edits)])).remedies
    assert "torch.nn.BCEWithLogitsLoss()" in remedy.write
    assert "no activation behind the last layer" in remedy.write


def test_what_only_recipes_have_is_left_out() -> None:
    assert in_code(Finding("", "", remedies=[edit("data.test", 0.2)])).remedies == []
