"""The command line: one file for each verb, thin over the library.

Data go to stdout, talk to stderr. Exit 0 = done, 1 = error, 2 = findings, 130 = interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

import click

from descend import __version__
from descend.cli.output import adapt_to_encoding, close_stdout, put, say
from descend.errors import DescendError

VERBS = {
    "labs": "List the experiments of the tutorials, in their order.",
    "lab": "Run one experiment and show its result beside the expected one.",
    "train": "Train a recipe, a lab or a source of examples.",
    "check": "Say what is wrong with a recipe before a single step.",
    "preflight": "Try a recipe on one batch: four cheap checks before it is trained.",
    "diagnose": "Say why a recipe or a run does not learn, and what cures it.",
    "compare": "Train variants of a recipe over many seeds, and say which is better.",
    "predict": "Show what a trained network says about an example or a file.",
    "evaluate": "Score a trained network on a split of its data or on other data.",
    "resume": "Continue an interrupted or killed run or comparison, bit for bit.",
    "runs": "List the runs and comparisons below a folder, newest first.",
    "schema": "Print the JSON Schema of recipes: every field and its choices.",
}
HELP_OPTIONS = ["-h", "--help"]
INTERRUPTED = 130  # what a shell gives a program that SIGINT ended
OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")  # as torch says it


class Verbs(click.Group):
    """Finds a verb in its file when it is called, so that `--help` imports none of them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"descend.cli.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise unknown_verb(args[0])
        return super().resolve_command(context, args)


def unknown_verb(name: str) -> DescendError:
    """The error of a verb that does not exist, with the nearest one."""
    from descend.recipe.names import nearest

    close = nearest(name, VERBS)
    hint = f"did you mean {close!r}?" if close else "`descend --help` lists them"
    return DescendError(f"a command must be one of {', '.join(VERBS)}: {name!r}", hint=hint)


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": HELP_OPTIONS, "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Train feed-forward neural networks and see why they learn, or why they do not.

    \b
    descend labs                                 the experiments of the tutorials
    descend lab xor-nn                           run one beside what was published
    descend train digits                         train on handwritten digits
    descend train xor --set network.hidden=[4]   change one thing
    descend predict RUN 3                        what it says about test example 3

    Results go to stdout, all else to stderr.
    Exit codes: 0 done, also where a run diverged or a lab differs from what was published;
    1 error; 2 `check`, `preflight` or `diagnose` has found something that hurts; 130 interrupted.
    """
    if context.invoked_subcommand is None:
        put(context.get_help())


def main() -> None:
    """Run the command line; every error is one sentence and a hint on stderr, exit 1."""
    adapt_to_encoding()
    sys.exit(run())


def run() -> int:
    """Run the command line and return its exit code."""
    with noting_interrupts() as interrupts:
        return _run(interrupts)


def _run(interrupts: list[int]) -> int:
    try:
        code = cli.main(prog_name="descend", standalone_mode=False)
        close_stdout()
        return code if isinstance(code, int) else 0
    except DescendError as error:
        return fail(error.message, error.hint)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        from descend.cli.usage import sentence

        return fail(*sentence(error))
    except (click.Abort, KeyboardInterrupt) as error:
        say(str(error.__cause__ or error) or "interrupted")
        return INTERRUPTED
    except MemoryError as error:
        return fail(str(error) or "this needs more memory than there is", SMALLER)
    except Exception as error:  # no user can act on a traceback
        if interrupts:
            say("interrupted")
            return INTERRUPTED
        return unforeseen(error)


@contextmanager
def noting_interrupts() -> Iterator[list[int]]:
    """Note each Ctrl-C: a library that is being imported may make any other error of it."""
    noted: list[int] = []
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


SMALLER = "fewer seeds, smaller layers or a smaller batch need less"


def unforeseen(error: Exception) -> int:
    """Say in a sentence what nothing else has caught."""
    if os.environ.get("DESCEND_TRACEBACK"):
        raise error
    if any(words in str(error).lower() for words in OUT_OF_MEMORY):
        return fail("this needs more memory than there is", SMALLER)
    if isinstance(error, OSError):
        place = f": {error.filename!r}" if error.filename else ""
        return fail(f"the system refused: {error.strerror or error}{place}", None)
    return fail(
        f"descend itself has failed: {type(error).__name__}: {error}",
        "DESCEND_TRACEBACK=1 before the command shows where; that belongs into a bug report",
    )


def fail(message: str, hint: str | None) -> int:
    """Print an error; returns exit code 1."""
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    return 1
