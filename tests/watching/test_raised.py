"""A loop that ends with an exception: what it tells, and that it stays as it was."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.integrations.callback import Watching
from descend.watching.watch import Watch
from tests.watching.scenes import batch


def ended(
    model: nn.Module, loss_of: Callable[[Tensor, Tensor], Tensor], x: Tensor
) -> tuple[Watch, Exception]:
    """A loop that raises in its first step."""
    watch = descend.watch(model, out=None)
    y = batch(0, len(x))[1]
    with pytest.raises((IndexError, RuntimeError)) as caught, watch:
        loss_of(model(x), y).backward()
    assert watch.failure is None
    assert watch.status == "stopped early"
    return watch, caught.value


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


REFUSED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "from 1": (lambda z, y: functional.cross_entropy(z, y + 1), "labels from 1 to 3, outputs for"),
    "of -1": (lambda z, y: nn.CrossEntropyLoss()(z, y - 1), "labels from -1 to 1, outputs for"),
    "nll": (
        lambda z, y: functional.nll_loss(z.log_softmax(1), y + 1),
        "labels from 1 to 3, outputs for 0 to 2",
    ),
    "bce": (
        lambda z, y: functional.binary_cross_entropy(z[:, 0].sigmoid(), y.float()),
        "targets from 0 to 2 under binary cross-entropy",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_targets_that_the_loss_refuses_are_named(name: str) -> None:
    loss_of, evidence = REFUSED[name]
    watch, error = ended(network(), loss_of, batch(0)[0])
    assert watch.findings[0].code == "D138"
    assert watch.findings[0].evidence.startswith(evidence)
    assert not getattr(error, "__notes__", ())


@pytest.mark.parametrize(
    ("model", "x", "words"),
    [
        (network(), torch.zeros(4, 9), "in 0, Linear(in_features=12, out_features=8, bias=True)"),
        (network(), torch.zeros(4, 9), "which was given float32 of shape (4, 9)"),
        (nn.Embedding(5, 3), torch.arange(6), "given int64 of shape (6,) from 0 to 5"),
    ],
)
def test_the_module_is_named_that_could_not_take_what_it_was_given(
    model: nn.Module, x: Tensor, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, error = ended(model, functional.cross_entropy, x)
    said = capsys.readouterr().err
    assert said.startswith(f"descend: the loop ended at step 0 with {type(error).__name__}")
    assert words in said


def test_an_exception_is_not_held() -> None:
    class Refused(RuntimeError):
        """Unlike a built-in one, it can be referred to weakly."""

    def refuse(z: Tensor, y: Tensor) -> Tensor:
        raise Refused

    watch, error = ended(network(), refuse, batch(0)[0])
    last = weakref.ref(error)
    del error
    gc.collect()
    assert last() is None
    assert watch.examination is not None


def test_a_function_that_is_given_the_network_is_no_module(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def train(model: nn.Module, x: Tensor) -> None:
        raise IndexError

    with pytest.raises(IndexError), descend.watch(model := network(), out=None):
        train(model, batch(0)[0])
    assert "ended at step 0 with IndexError\n" in capsys.readouterr().err


def test_whoever_interrupts_a_loop_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    model = network()
    model[1].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt), descend.watch(model, out=None):
        model(batch(0)[0])
    assert "ended at step" not in capsys.readouterr().err


def test_a_watch_that_is_stopped_on_the_way_out_says_where_the_loop_raised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In a `finally`, as in a `with`; in an `except` as well."""
    for is_caught in (False, True):
        watch = descend.watch(network(), out=None).start()
        x, y = batch(0)
        try:
            try:
                functional.cross_entropy(watch.observer.model(x), y + 1).backward()
            except IndexError:
                if is_caught:
                    watch.stop()
                raise
            finally:
                watch.stop()
        except IndexError:
            pass
        assert watch.status == "stopped early"
        assert watch.findings[0].code == "D138"
        assert "the loop ended at step 0 with IndexError" in capsys.readouterr().err


def test_an_exception_of_before_is_none_of_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    """A loop within the handler of another exception ends as any other."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters())
    try:
        raise KeyError("what is tried first")
    except KeyError:
        watch = descend.watch(model, optimizer, out=None).start()
        for step in range(3):
            x, y = batch(step)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        watch.stop()
    assert watch.status == "finished"
    assert "ended at step" not in capsys.readouterr().err


def trained(watch: Watch, steps: int = 3) -> None:
    """A few steps of a sound loop."""
    optimizer = torch.optim.SGD(watch.observer.model.parameters())
    for step in range(steps):
        x, y = batch(step)
        optimizer.zero_grad()
        functional.cross_entropy(watch.observer.model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("error", [StopIteration, KeyError, ImportError])
def test_a_loop_that_ends_by_an_exception_of_its_own_is_finished(error: type[Exception]) -> None:
    """That of the batches, somebody's own, or that of an import after the end."""
    watch = descend.watch(network(), out=None, quiet=True).start()
    trained(watch)
    try:
        raise error
    except error:
        watch.stop()
    assert watch.status == "finished"


def test_a_status_that_is_given_is_the_status() -> None:
    watch = descend.watch(network(), out=None, quiet=True).start()
    trained(watch)
    try:
        functional.cross_entropy(torch.zeros(2, 3), torch.tensor([1, 5]))
    except IndexError:
        watch.stop("finished")
    assert watch.status == "finished"


def stopped_by_torch(watch: Watch) -> None:
    try:
        functional.cross_entropy(torch.zeros(2, 3), torch.tensor([1, 5]))
    finally:
        watch.stop()


def test_an_exception_is_told_though_another_one_was_handled_before() -> None:
    """However often: what is known of the first one is not its place in memory."""
    for _ in range(20):
        try:
            functional.cross_entropy(torch.zeros(2, 3), torch.tensor([1, 7]))
        except IndexError:
            watch = descend.watch(network(), out=None, quiet=True).start()
        with pytest.raises(IndexError):
            stopped_by_torch(watch)
        assert watch.status == "stopped early"


def test_a_callback_whose_library_tells_of_an_exception_says_where_it_arose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As Lightning's `on_exception`, which is called where the exception is handled."""
    callback = Watching(out=None)
    model = network()
    callback.begin(model)
    x, y = batch(0)
    try:
        functional.cross_entropy(model(x), y + 1)
    except IndexError:
        callback.end("stopped early")
    assert callback.watch is not None
    assert callback.watch.status == "stopped early"
    assert callback.findings[0].code == "D138"
    assert "the loop ended at step 0 with IndexError" in capsys.readouterr().err
