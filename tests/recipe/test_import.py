"""Recipes need no torch, so that `descend --help` and a wrong recipe are answered at once."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "numpy", "sklearn", "scipy", "polars", "PIL", "rich", "click")


def test_importing_the_recipe_imports_nothing_heavy() -> None:
    """Reading, completing and writing a recipe leaves these packages unloaded."""
    program = f"""
import sys
from descend.recipe import Recipe, json_schema
from descend.recipe.defaults import Facts, complete
recipe = Recipe.of({{"data": {{"source": "xor"}}}})
complete(recipe, Facts("binary", 1, 4, ("train",), "none", "none")).to_toml()
json_schema()
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
