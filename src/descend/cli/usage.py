"""Values of options, and what is said about a wrong one: what was given, what was expected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import click

if TYPE_CHECKING:
    Number = click.ParamType[int]
    Name = click.Choice[str]
else:  # generic from click 8.4 and 8.2 on only
    Number, Name = click.ParamType, click.Choice


class Whole(Number):
    """A whole number that is not too small."""

    name = "n"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(self, value: Any, param: Any, context: Any) -> int:
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or not self.least <= number < 2**63:
            self.fail(f"must be a whole number, {self.least} or more: {value!r}", param, context)
        return number


class OneOf(Name):
    """One of a few names."""

    def convert(self, value: Any, param: Any, context: Any) -> str:
        if value not in self.choices:
            self.fail(f"must be one of {', '.join(self.choices)}: {value!r}", param, context)
        return str(value)


class Bytes(Number):
    """A size such as 512MB or 1.5GB."""

    name = "size"
    units: ClassVar = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

    def convert(self, value: Any, param: Any, context: Any) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", value.strip(), re.IGNORECASE)
        size = 0 if found is None else int(float(found[1]) * self.units[found[2].upper()])
        if size < 1:
            self.fail(f"must be a size such as 512MB or 4GB: {value!r}", param, context)
        return size


class WithNumbers(click.Command):
    """A command whose arguments may be negative numbers, which are no options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        # A space before it hides the minus from click; a number is read as before.
        shielded = [f" {arg}" if re.match(r"-[\d.]", arg) else arg for arg in args]
        return super().parse_args(context, shielded)


def sentence(error: click.UsageError) -> tuple[str, str | None]:
    """What a wrong command line is told, and a hint."""
    path = error.ctx.command_path if error.ctx else "descend"
    hint = f"`{path} --help` shows how"
    if isinstance(error, click.NoSuchOption):
        if error.possibilities:
            hint = f"did you mean {error.possibilities[0]}?"
        return f"`{error.option_name}` is no option of `{path}`", hint
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{name_of(error.param)} must be given", hint
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"`{name_of(error.param)}` {error.message}", hint
    text = error.format_message().rstrip(".")
    return text[:1].lower() + text[1:], hint


def name_of(param: click.Parameter) -> str:
    """What a user calls it: `--seeds`, RECIPE."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or param.name or "").partition(" ")[0].rstrip(".").upper()
