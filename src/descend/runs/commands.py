"""Commands: what to type to go on with a run, as a shell takes it."""

from __future__ import annotations

import shlex
from pathlib import Path


def command_for(verb: str, folder: Path | str) -> str:
    """`descend VERB FOLDER`, quoted where the folder's name has spaces or signs of the shell."""
    return shlex.join(["descend", verb, str(folder)])
