"""Every code block of README.md and docs/ does what it says.

The blocks of one page run in one process, from top to bottom, in an empty folder. CONTRIBUTING.md
lists the comments that change how a block is run. As a program, this file runs one page:
`python tests/docs/test_code_blocks.py PAGE`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS_PER_PAGE = 300

RUN = {"python", "console", "sh", "toml"}
ONLY_SHOWN = {"text", "json", "csv", "html", "diff", "mermaid"}
# Commands that a page may show without running them: the test run itself stands behind them.
NOT_OURS = {"make", "pip", "git", "python3", "cd", "ls", "cat", "cp", "nvidia-smi"}

FENCE = re.compile(r"^(?P<indent>\s*)(?P<marks>`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
NOTE = re.compile(r"^\s*<!--\s*(?P<note>.*?)\s*-->\s*$")
NOTES = re.compile(
    r"not run: (?P<not_run>\S.*)|exit (?P<exit>\d)|needs (?P<needs>mnist)|file: (?P<file>[\w.-]+)"
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page and first line, its language and text, and the notes before it."""

    page: Path
    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.page.relative_to(ROOT) if ROOT in self.page.parents else self.page}:{self.line}"
        )


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of a Markdown page, in order."""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    notes: dict[str, str] = {}
    for number, line in lines:
        if note := NOTE.match(line):
            if known := NOTES.fullmatch(note["note"]):
                notes |= {name: value for name, value in known.groupdict().items() if value}
            else:
                assert not re.match(r"(not.run|exit|needs|file)\b", note["note"], re.IGNORECASE), (
                    f"{page}:{number}: a note that means nothing: {note['note']!r}"
                )
        elif fence := FENCE.match(line):
            inner = []
            for _, inside in lines:
                if inside.strip().startswith(fence["marks"]):
                    break
                inner.append(inside.removeprefix(fence["indent"]))
            text = "\n".join(inner) + "\n"
            yield Block(page, number + 1, fence["language"], text, notes)
            notes = {}
        elif line.strip():
            notes = {}


def commands_in(block: Block) -> list[str]:
    """The commands of a shell block: its lines after `$ `, or all of them where none has that."""
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if shlex.split(line, comments=True)]


def is_ours(command: str) -> bool:
    """Whether the command runs descend, alone or as part of a pipe."""
    return command.split()[0] not in NOT_OURS and bool(
        re.search(r"(^|[\s|;&])descend(\s|$)", command)
    )


def run_page(page: Path) -> None:
    """Run the blocks of a page in this process and in this folder; the first failure ends it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if "not_run" in block.notes or (block.notes.get("needs") and not mnist_is_here()):
            continue
        print(f"--- {block} {block.language}", flush=True)
        if "file" in block.notes:
            Path(block.notes["file"]).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            # The empty lines make a traceback name the page's own line.
            source = "\n" * (block.line - 1) + block.text
            exec(compile(source, str(block.page), "exec"), namespace)
        elif block.language == "toml":
            check_recipe(block)
        elif block.language in {"console", "sh"}:
            for command in filter(is_ours, commands_in(block)):
                print(f"$ {command}", flush=True)
                code, expected = exit_code(command), int(block.notes.get("exit", 0))
                if code != expected:
                    sys.exit(f"{block}: `{command}` ended with exit code {code}, not {expected}")


def exit_code(command: str) -> int:
    """Run one command line, in this process where no shell is needed: torch is imported once."""
    words = shlex.split(command, comments=True)
    if words[0] != "descend" or re.search(r"[|<>;&$*]", command):
        search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return subprocess.run(command, shell=True, env=os.environ | {"PATH": search}).returncode
    from descend.cli import main

    sys.argv = words
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def check_recipe(block: Block) -> None:
    """Raise where the block is no valid TOML, or describes an impossible experiment."""
    tables = tomllib.loads(block.text)
    if tables.keys() & {"data", "network", "training"}:
        from descend.recipe import Recipe

        # A page may show one table of a recipe; only the data have no default.
        complete = "" if "data" in tables else '\n[data]\nsource = "digits"\n'
        Recipe.from_toml(block.text + complete)


def mnist_is_here() -> bool:
    return "DESCEND_DATA" in os.environ


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, mnist_if_here: Path | None) -> None:
    """A reader who follows the page from top to bottom sees no error."""
    if not any(block.language in RUN for block in blocks_of(page)):
        return
    environment = {name: value for name, value in os.environ.items() if name != "DESCEND_DATA"}
    if mnist_if_here:
        environment["DESCEND_DATA"] = str(mnist_if_here)
    done = subprocess.run(
        [sys.executable, __file__, str(page)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_PER_PAGE,
    )
    assert done.returncode == 0, done.stdout[-8000:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_names_what_it_is(page: Path) -> None:
    """Every fence states a language, so that none is left out of the run by a slip."""
    unknown = [str(block) for block in blocks_of(page) if block.language not in RUN | ONLY_SHOWN]
    assert unknown == [], f"name one of {sorted(RUN)} (run) or {sorted(ONLY_SHOWN)} (shown)"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_is_run_or_known(page: Path) -> None:
    """Every command of a shell block is descend's and run, or is named here as one that is not."""
    strangers = [
        f"{block}: {command}"
        for block in blocks_of(page)
        if block.language in {"console", "sh"} and "not_run" not in block.notes
        for command in commands_in(block)
        if not is_ours(command) and command.split()[0] not in NOT_OURS
    ]
    assert strangers == []


LEFT_OUT = [
    block for page in PAGES for block in blocks_of(page) if {"not_run", "needs"} & set(block.notes)
]


@pytest.mark.parametrize("block", LEFT_OUT, ids=str)
def test_a_block_that_is_left_out_says_why(block: Block, request: pytest.FixtureRequest) -> None:
    """A block that is not run appears among the skipped tests with its reason."""
    if "not_run" in block.notes:
        pytest.skip(f"{block}: {block.notes['not_run']}")
    assert request.getfixturevalue("mnist_dir")  # skips, with its reason


SAMPLE = """\
<!-- file: my.toml -->
```toml
title = "no recipe"
```

- in a list:

    <!-- exit 3 -->

    ```console
    $ descend \\
        --version
    0.1.0
    $ cat my.toml | descend train -
    ```

```sh
# a comment
pip install descend
descend labs
```
<!-- not run: it takes an hour -->
```python
raise SystemExit("this was run")
```
"""


def test_the_reader_of_pages_sees_what_a_person_sees(tmp_path: Path) -> None:
    """Notes, indented fences, outputs, comments and continued lines are told apart."""
    page = tmp_path / "page.md"
    page.write_text(SAMPLE)
    toml, console, sh, python = blocks_of(page)
    assert (toml.line, toml.notes) == (3, {"file": "my.toml"})
    assert console.notes == {"exit": "3"}
    assert commands_in(console) == ["descend --version", "cat my.toml | descend train -"]
    assert commands_in(sh) == ["pip install descend", "descend labs"]
    assert [is_ours(command) for command in commands_in(sh)] == [False, True]
    assert python.notes == {"not_run": "it takes an hour"}


def test_a_failing_block_fails_with_its_page_and_line(tmp_path: Path) -> None:
    """An error in a block is reported as standing at the line of the page."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    done = subprocess.run(
        [sys.executable, __file__, str(page)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert f'"{page}", line 8' in done.stderr


def test_a_note_that_is_misspelt_is_refused(tmp_path: Path) -> None:
    """A reason that is missing is no reason."""
    page = tmp_path / "page.md"
    page.write_text("<!-- not run -->\n```python\n```\n")
    with pytest.raises(AssertionError, match="means nothing"):
        list(blocks_of(page))


if __name__ == "__main__":
    run_page(Path(sys.argv[1]))
