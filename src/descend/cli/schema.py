"""`descend schema`: print the JSON Schema of recipes."""

from __future__ import annotations

import click

from descend.cli import options
from descend.cli.output import put_json


@click.command("schema")
@options.as_json
@options.quiet
def command(as_json: bool, quiet: bool) -> int:
    """Print the JSON Schema of recipes: every field and its choices.

    It is a JSON document with or without --json; editors use it to complete and check TOML files,
    with a table [compare] or without one.

    \b
    descend schema > recipe.schema.json
    """
    from descend.comparison.file import ComparisonFile
    from descend.recipe.schema import schema_of

    put_json(schema_of(ComparisonFile), indent=2)
    return 0
