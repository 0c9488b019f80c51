"""What every test relies on: one thread, checked shapes, hypothesis profiles and the MNIST files.

Nothing here imports torch or descend, so that the tests of the command line's speed stay honest
and the import hook sees every module.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parent.parent
MNIST = "train-images-idx3-ubyte"

# Read by torch when it is imported, here and in the processes that a test starts: two threads gain
# nothing for small networks, and parallel test processes would fight for the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# An examination that fails ends no training, but a test.
os.environ.setdefault("DESCEND_TRACEBACK", "1")
# A test's `python -m descend` runs this tree, installed or not.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")])
)

# Shapes and types in the signatures are checked at run time in tests only: a check costs more
# than a small tensor operation does.
install_import_hook(
    [f"descend.{part}" for part in ("network", "optimizers", "training", "trace", "data")],
    "beartype.beartype",
)

# Where a shell starts the tests in the background, they inherit that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The first example of a process pays for torch's import, so a deadline would fail by chance.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=30,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, max_examples=50)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """No checks of shapes and types: they are nine tenths of the time of a small network's step.

    For tests that train thousands of steps by ways that other tests check.
    """
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def mnist_if_here() -> Path | None:
    """The folder of the MNIST files in `$DESCEND_DATA` or ../shared/data, None where absent."""
    given = os.environ.get("DESCEND_DATA")
    places = [Path(given), Path(given) / "mnist"] if given else []
    places.append(ROOT.parent / "shared" / "data" / "mnist")
    return next((place for place in places if any(place.glob(f"{MNIST}*"))), None)


@pytest.fixture(scope="session")
def mnist_dir(mnist_if_here: Path | None) -> Path:
    """The folder of the four MNIST files; skips the test where they are absent."""
    if mnist_if_here is None:
        pytest.skip(f"no MNIST here: {MNIST}* is neither in $DESCEND_DATA nor in ../shared")
    return mnist_if_here
