"""Callback: what the callbacks for all libraries share, and how a missing library is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from descend.errors import MissingExtraError
from descend.findings.finding import Finding
from descend.watching.watch import Watch


def library(*names: str) -> Any:
    """The first of these modules that is installed; raises MissingExtraError if none is."""
    for name in names:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in (name, name.partition(".")[0]):
                raise
    package = names[0].partition(".")[0]
    raise MissingExtraError(
        f"`{package}` must be installed for its callback",
        hint=f"pip install {package}",
    )


class Watching:
    """A watch that begins and ends with a training; the options are those of `descend.watch`."""

    def __init__(
        self,
        *,
        every: int | None = None,
        out: Path | str | None = "runs",
        name: str | None = None,
        quiet: bool = False,
    ) -> None:
        super().__init__()
        self.every, self.out, self.name, self.quiet = every, out, name, quiet
        self.watch_: Watch | None = None  # not an option: skorch tells these by their names

    @property
    def watch(self) -> Watch | None:
        """The watch over the last training, None before the first."""
        return self.watch_

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found so far, causes first."""
        return () if self.watch_ is None else self.watch_.findings

    def begin(
        self,
        model: nn.Module,
        optimizer: Optimizer | Iterable[Optimizer] | None = None,
        loss: nn.Module | None = None,
    ) -> None:
        """Watch from now on; a training that never told its end is over."""
        Watching.end(self, "stopped early")
        self.watch_ = Watch(
            model,
            optimizer,
            loss,
            self.every,
            out=self.out,
            name=self.name,
            quiet=self.quiet,
        ).start()

    def end(self, status: str = "finished") -> None:
        """Take all hooks off, and sum up; does nothing where no watch is on."""
        if self.watch_ is not None:
            self.watch_.stop(status)

    def __getstate__(self) -> dict[str, Any]:
        """Without the watch, whose hooks belong to this process."""
        return {**self.__dict__, "watch_": None}
