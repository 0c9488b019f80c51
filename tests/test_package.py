"""The package as a whole: what it costs to import, what it exports, what it says about itself."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import descend

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Each of these takes longer to import than the 200 ms in which `descend --help` must answer, or a
# good part of it. Modules are asserted on, not times, which a busy machine would make a matter of
# chance.
HEAVY = {"torch", "numpy", "sklearn", "scipy", "polars", "pyarrow", "safetensors", "PIL"}

# Runs `descend` with the arguments given and reports the modules that it loaded.
RUN_AND_LIST_MODULES = """
import json, runpy, sys
try:
    runpy.run_module("descend", run_name="__main__", alter_sys=False)
except SystemExit as end:
    assert not end.code, end.code
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_loaded_by(program: str, *arguments: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `program`."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def test_import_descend_loads_nothing_heavy() -> None:
    """`import descend` loads the standard library and descend's own small modules, no more."""
    program = "import json, sys, descend; print(json.dumps(list(sys.modules)), file=sys.stderr)"
    assert modules_loaded_by(program) & (HEAVY | {"pydantic", "click", "rich"}) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help texts and the version are printed without torch and the other slow imports."""
    assert modules_loaded_by(RUN_AND_LIST_MODULES, *arguments) & HEAVY == set()


def test_version_is_the_one_that_is_installed() -> None:
    """The version in the code and the one that pip knows are one version."""
    try:
        installed = importlib.metadata.version("descend")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("descend is not installed here, the tests run on the source tree")
    assert installed == descend.__version__


def test_changelog_names_the_version() -> None:
    """The changelog has a section for the present version."""
    assert re.search(rf"^## {re.escape(descend.__version__)}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_a_public_name_is_listed_once() -> None:
    """`__all__` is sorted by name and free of doubles."""
    assert list(descend.__all__) == sorted(set(descend.__all__))


@pytest.mark.parametrize("name", [name for name in descend.__all__ if name != "__version__"])
def test_a_public_name_resolves_and_is_documented(name: str) -> None:
    """Every public name can be imported and says in a docstring of its own what it is."""
    value = getattr(descend, name)
    # A class without a docstring of its own would show its parent's.
    assert vars(value)["__doc__"] if isinstance(value, type) else value.__doc__


def test_no_public_name_is_the_name_of_a_module() -> None:
    """A module of the package never hides a public function behind its own name."""
    package = ROOT / "src" / "descend"
    modules = {path.stem for path in package.glob("*.py")}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert modules & set(descend.__all__) == set()


def test_a_type_checker_sees_the_lazy_names_where_they_are() -> None:
    """The imports that only a type checker executes name the same homes as the lazy ones."""
    tree = ast.parse(read("src/descend/__init__.py"))
    guarded = [node for block in tree.body if isinstance(block, ast.If) for node in ast.walk(block)]
    seen = {
        alias.asname or alias.name: node.module
        for node in guarded
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == descend._HOMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt public name fails as in any other module."""
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(descend, "trian")  # noqa: B009 (the lazy lookup itself is tested)


def test_dir_lists_the_public_names() -> None:
    """`dir(descend)` offers the lazy names before they are imported."""
    assert set(descend.__all__) <= set(dir(descend))


def dependencies() -> list[str]:
    extras = PROJECT["optional-dependencies"].values()
    given = PROJECT["dependencies"] + [entry for extra in extras for entry in extra]
    given = [entry for entry in given if not entry.startswith("descend[")]
    return [re.match(r"[\w.-]+", entry).group() for entry in given]


@pytest.mark.parametrize("name", dependencies())
def test_a_dependency_has_its_reason(name: str) -> None:
    """Every direct dependency stands in docs/dependencies.md with a sentence of reason."""
    pattern = rf"^\| `{re.escape(name)}` \| (.+\.) \|$"
    reason = re.search(pattern, read("docs/dependencies.md"), re.MULTILINE)
    assert reason, f"docs/dependencies.md has no row of the form {pattern}"
    assert len(reason[1].split()) > 2


@pytest.mark.parametrize("name", dependencies())
def test_a_dependency_is_pinned_for_the_tests(name: str) -> None:
    """constraints.txt names the exact version of every direct dependency."""
    assert normalised(name) in {
        normalised(line.partition("==")[0])
        for line in read("constraints.txt").splitlines()
        if "==" in line
    }


def test_the_reasons_name_no_stranger() -> None:
    """docs/dependencies.md lists no package that pyproject.toml does not ask for."""
    rows = re.findall(r"^\| `([\w.-]+)` \|", read("docs/dependencies.md"), re.MULTILINE)
    assert sorted(rows) == sorted(dependencies())


def test_the_package_carries_its_type_marker() -> None:
    """Type checkers of other projects use descend's annotations."""
    assert (ROOT / "src" / "descend" / "py.typed").is_file()


def normalised(name: str) -> str:
    return name.lower().replace("_", "-")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
