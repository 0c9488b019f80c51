"""The table of sources: true of what is loaded, and light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from descend.data import load
from descend.data.names import SOURCES, is_path, nearest, tasks_of
from descend.data.sources import load as load_directly
from descend.errors import DataError
from descend.recipe import Data

TOYS = [name for name, source in SOURCES.items() if not source.has_own_test]


@pytest.mark.parametrize("name", TOYS)
def test_the_table_says_what_is_loaded(name: str) -> None:
    """Task, size, features, outputs, classes, image and scale are those of the loaded examples."""
    source, examples = SOURCES[name], load(Data.model_construct(source=name))
    assert examples.name == source.name
    assert examples.task == source.task
    assert sum(len(split) for split in examples.splits.values()) == source.examples
    assert examples.features == source.features
    assert examples.outputs == source.outputs
    assert examples.classes == source.classes
    assert examples.image == source.image
    assert examples.preparation.scaling == source.scale
    assert examples.preparation.target_scaling == source.target_scale


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_table_knows_image_sets(name: str) -> None:
    """An own test set, 28 by 28 pixels, ten named classes, one in twelve held out."""
    source = SOURCES[name]
    assert source.has_own_test
    assert source.image == (28, 28)
    assert source.classes is not None
    assert len(source.classes) == source.outputs == 10
    assert round(source.validation * source.examples) == 5_000


def test_the_names_are_known_without_numpy_and_torch() -> None:
    """A recipe is validated in milliseconds: nothing heavy is imported for it."""
    script = (
        "import sys; import descend.data; from descend.data.names import SOURCES;"
        "heavy = {'numpy', 'torch', 'sklearn'} & set(sys.modules); assert not heavy, heavy;"
        "assert 'load' in dir(descend.data)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_loading_gates_does_not_import_scikit_learn() -> None:
    """scikit-learn, a second of import, is left alone by sources that do not need it."""
    script = (
        "import sys; from descend.data import load; from descend.recipe import Data;"
        "load(Data.model_construct(source='xor')); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_every_public_name_exists() -> None:
    """What `__all__` lists is there; what is not there is an AttributeError."""
    import descend.data

    for name in descend.data.__all__:
        assert getattr(descend.data, name) is not None
    assert descend.data.load is load_directly
    with pytest.raises(AttributeError, match="has no attribute 'lead'"):
        _ = descend.data.lead


@pytest.mark.parametrize(
    ("given", "meant"),
    [("mnits", "mnist"), ("fashion_mnist", "fashion-mnist"), ("XOR", "xor"), ("spiral", "spirals")],
)
def test_an_unknown_source_names_the_nearest(given: str, meant: str) -> None:
    """The error lists what there is and guesses what was meant."""
    assert nearest(given) == meant
    with pytest.raises(
        DataError, match=rf"must be a directory or one of and, or, .*'{given}'"
    ) as caught:
        load(Data.model_construct(source=given))
    assert caught.value.hint == f"did you mean {meant!r}?"


def test_a_source_like_nothing_known_gets_no_guess() -> None:
    """No nearest name, but how a path is written."""
    with pytest.raises(DataError) as caught:
        load(Data.model_construct(source="qqqqqqqq"))
    assert caught.value.hint == "a path starts with . or / or ~"


def test_names_win_over_folders_of_that_name(tmp_path, monkeypatch) -> None:
    """A folder called `digits` is a path only as `./digits`."""
    (tmp_path / "digits").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_path("digits")
    assert is_path("./digits")
    assert is_path("mine")
    assert not is_path("nothing")


def test_every_natural_task_can_be_served() -> None:
    """The natural task comes first among those that a source can serve."""
    for source in SOURCES.values():
        assert tasks_of(source.task)[0] == source.task
