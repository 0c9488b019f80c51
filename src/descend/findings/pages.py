"""The pages of the findings in docs/, made of the docstrings of their rules.

`python -m descend.findings.pages docs/findings` writes them; a test fails when one is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from descend.findings.rule import Rule, rules

HEAD = """\
# Findings

Each fault that descend can name has a code, a page and a rule that looks for it.
`descend check` looks for those of the first family, a diagnosis of a training for all.
A rule that lacks a measurement is silent: it does not guess.
A fault that follows from another is listed below it: the first line is the cause to mend.
"""
FAMILIES = {
    "before": "Before a step is taken",
    "while": "While it trains",
    "after": "After it has trained",
}
SECTION = re.compile(r"^(What it looks at|Why it matters|Remedy|Not a fault|Reference): ", re.M)


def pages() -> dict[str, str]:
    """The text of every page by its file's name."""
    written = {f"{stem(rule)}.md": page(rule) for rule in rules()}
    return {"index.md": index(rules()), **written}


def index(among: Sequence[Rule]) -> str:
    """The list of all findings, by family."""
    parts = [HEAD]
    for family, title in FAMILIES.items():
        own = [rule for rule in among if rule.family == family]
        if own:
            rows = [
                f"| [{rule.code}]({stem(rule)}.md) | {rule.name} | {rule.title} |" for rule in own
            ]
            parts.append(
                "\n".join([f"## {title}\n", "| code | name | fault |", "|---|---|---|", *rows, ""])
            )
    return "\n".join(parts)


def page(rule: Rule) -> str:
    """One finding's page in Markdown."""
    title, _, rest = rule.page.partition("\n")
    lines = [f"# {rule.code} {rule.name}", "", title, "", f"Severity: {rule.severity}.", ""]
    if rule.leads_to:
        names = {other.code: other for other in rules()}
        links = [
            f"[{code} {names[code].name}]({stem(names[code])}.md)"
            for code in rule.leads_to
            if code in names
        ]
        if links:
            lines += [f"May lead to {', '.join(links)}.", ""]
    parts = SECTION.split(rest.strip())
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        words = " ".join(text.split())
        lines += [f"## {heading}", "", words[:1].upper() + words[1:], ""]
    return "\n".join(lines).rstrip() + "\n"


def stem(rule: Rule) -> str:
    """The name of a rule's page without its ending."""
    return f"{rule.code}-{rule.name}"


def write(folder: Path) -> None:
    """Write every page, and remove those of findings that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    written = pages()
    for path in folder.glob("*.md"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
