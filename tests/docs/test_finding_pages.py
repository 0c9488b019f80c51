"""The pages of the findings are those that their rules have now."""

from __future__ import annotations

from pathlib import Path

from descend.findings.pages import pages

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "findings"


def test_every_finding_has_its_page_and_none_is_stale() -> None:
    """`python -m descend.findings.pages docs/findings` writes them anew."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages()
