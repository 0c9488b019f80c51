"""Every rule has a code and a name of its own, and a page with all its sections."""

from __future__ import annotations

import pytest

from descend.findings.rule import Rule, rules

SECTIONS = ("What it looks at: ", "Why it matters: ", "Remedy: ", "Not a fault: ")


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in rules()}) == len(rules())
    assert len({rule.name for rule in rules()}) == len(rules())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.code}-{rule.name}")
def test_a_page_has_a_sentence_and_all_sections_in_order(rule: Rule) -> None:
    assert rule.title.endswith(".")
    places = [rule.page.find(f"\n{section}") for section in SECTIONS]
    assert min(places) > 0
    assert places == sorted(places)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
def test_a_rule_does_not_lead_to_itself(rule: Rule) -> None:
    assert rule.code not in rule.leads_to
    assert len(set(rule.leads_to)) == len(rule.leads_to)
