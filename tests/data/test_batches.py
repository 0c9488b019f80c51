"""Batches: every run its own examples, all of them once, bit for bit as without any of this."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from descend.data import Batches, Examples, from_arrays, load
from descend.errors import DataError
from descend.recipe import Data


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def images(count: int = 23, features: int = 6, **fields: Any) -> Examples:
    """Grey images with classes."""
    x = torch.randint(0, 256, (count, features), generator=torch.Generator().manual_seed(0))
    wish = Data.model_construct(source="arrays", validation=0, test=0, **fields)
    return from_arrays(x.to(torch.uint8), torch.arange(count) % 3, wish)


def epoch(batches: Batches) -> list[tuple[Tensor, Tensor]]:
    """All batches of the next epoch, copied out of the buffers."""
    batches.start_epoch()
    walk = batches.walk(0, batches.steps_per_epoch)
    return [(x.clone(), y.clone()) for x, y, _ in walk]


# So small that batches are gathered raw and in several pieces, or large enough for all at once.
BUFFERS = (1, 60, 200, None)


@pytest.mark.parametrize("buffer_bytes", BUFFERS)
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("batch_size", [1, 5, 22])
def test_batches_follow_the_published_order(batch_size, drop_last, buffer_bytes) -> None:
    """One int64, then randperm, epoch by epoch, as the tutorials drew: the same bits."""
    examples = images()
    (own,) = generators(777)
    (theirs,) = generators(777)
    batches = Batches(
        examples.train,
        examples.preparation,
        batch_size=batch_size,
        drop_last=drop_last,
        generators=[own],
        buffer_bytes=buffer_bytes,
    )
    x, y = examples.train.x.float().div(255), examples.train.y
    for _ in range(3):
        torch.empty((), dtype=torch.int64).random_(generator=theirs)
        order = torch.randperm(len(x), generator=theirs)
        expected = list(order.split(batch_size))
        if drop_last and len(expected[-1]) < batch_size:
            expected.pop()
        ours = epoch(batches)
        assert len(ours) == len(expected) == batches.steps_per_epoch
        for (batch_x, batch_y), rows in zip(ours, expected, strict=True):
            assert torch.equal(batch_x[0], x[rows])
            assert torch.equal(batch_y[0], y[rows])
            assert batch_x.is_contiguous()


def test_the_first_epoch_is_that_of_a_data_loader() -> None:
    """A shuffling DataLoader with the same generator gives the same batches."""
    examples = images()
    (own,), (theirs,) = generators(777), generators(777)
    raw = TensorDataset(examples.train.x.float().div(255), examples.train.y)
    loader = DataLoader(raw, batch_size=5, shuffle=True, generator=theirs)
    batches = Batches(examples.train, examples.preparation, batch_size=5, generators=[own])
    for (x, y), (their_x, their_y) in zip(epoch(batches), loader, strict=True):
        assert torch.equal(x[0], their_x)
        assert torch.equal(y[0], their_y)


@pytest.mark.parametrize("buffer_bytes", BUFFERS)
@pytest.mark.parametrize("scale", ["unit", "standard", "none"])
def test_a_run_sees_the_same_alone_and_among_others(buffer_bytes, scale) -> None:
    """The order of a run comes from its generator alone, whoever its neighbours are."""
    examples = images(scale=scale)
    facts = {"batch_size": 4, "buffer_bytes": buffer_bytes}
    stack = Batches(examples.train, examples.preparation, generators=generators(5, 6, 7), **facts)
    alone = [
        Batches(examples.train, examples.preparation, generators=generators(seed), **facts)
        for seed in (5, 6, 7)
    ]
    for _ in range(2):
        together = epoch(stack)
        for run, batches in enumerate(alone):
            for (x, y), (own_x, own_y) in zip(together, epoch(batches), strict=True):
                assert torch.equal(x[run], own_x[0])
                assert torch.equal(y[run], own_y[0])


@given(
    count=st.integers(2, 40),
    batch_size=st.integers(1, 50),
    runs=st.integers(1, 3),
    buffer_bytes=st.integers(1, 3000),
    shuffle=st.booleans(),
)
def test_every_example_comes_once_in_an_epoch(
    count, batch_size, runs, buffer_bytes, shuffle
) -> None:
    """Whatever the sizes, each run sees each example exactly once, with its own target."""
    x = torch.arange(count, dtype=torch.float32).unsqueeze(1)
    wish = {"validation": 0, "test": 0, "scale": "none", "target_scale": "none"}
    examples = from_arrays(x, 2 * x + 1, Data.model_construct(source="arrays", **wish))
    batches = Batches(
        examples.train,
        examples.preparation,
        batch_size=batch_size,
        shuffle=shuffle,
        generators=generators(*range(runs)),
        buffer_bytes=buffer_bytes,
    )
    assert batches.steps_per_epoch == -(-count // batch_size)
    taken = epoch(batches)
    assert all(x.shape[:2] == y.shape[:2] for x, y in taken)
    seen = torch.cat([x for x, _ in taken], dim=1)
    assert seen.shape == (runs, count, 1)
    assert torch.equal(seen.sort(dim=1).values, x.expand(runs, -1, -1))
    assert all(torch.equal(y, 2 * x + 1) for x, y in taken)


@pytest.mark.parametrize("batch_size", [None, 23, 100])
def test_a_full_batch_is_prepared_once_and_shared(batch_size) -> None:
    """The same entry each step, no copy for each run, no draw, the order of the examples."""
    examples = images()
    own = generators(1, 2)
    before = [generator.get_state() for generator in own]
    batches = Batches(examples.train, examples.preparation, batch_size=batch_size, generators=own)
    assert batches.is_whole
    assert batches.steps_per_epoch == 1
    batches.start_epoch()
    one, two = batches.take(0, 2)
    assert one is two
    assert one.x.stride(0) == one.y.stride(0) == 0
    assert torch.equal(one.x[1], examples.train.x.float() / 255)
    assert all(
        torch.equal(generator.get_state(), state)
        for generator, state in zip(own, before, strict=True)
    )
    assert batches.state() == {}
    batches.load_state({})
    batches.keep(torch.tensor([1]))
    assert batches.take(0, 1)[0].x.shape == (1, 23, 6)


def test_without_shuffling_all_runs_share_the_order_of_the_examples() -> None:
    """One lane in memory for every run, and no generator is needed."""
    examples = images()
    batches = Batches(
        examples.train, examples.preparation, batch_size=4, shuffle=False, runs=3, buffer_bytes=100
    )
    taken = epoch(batches)
    assert torch.equal(torch.cat([x for x, _ in taken], 1)[2], examples.train.x.float() / 255)
    assert torch.equal(torch.cat([y for _, y in taken], 1)[0], examples.train.y)
    assert batches.take(0, 1)[0].x.stride(0) == 0


@given(rows=st.permutations(range(4)).flatmap(lambda p: st.integers(1, 4).map(lambda n: p[:n])),
       at=st.integers(0, 5), buffer_bytes=st.sampled_from(BUFFERS))  # fmt: skip
def test_runs_that_leave_do_not_disturb_the_others(rows, at, buffer_bytes) -> None:
    """In the middle of an epoch and after it, the runs that stay see what they would have seen."""
    examples = images()
    one, two = (
        Batches(
            examples.train,
            examples.preparation,
            batch_size=4,
            generators=generators(1, 2, 3, 4),
            buffer_bytes=buffer_bytes,
        )
        for _ in range(2)
    )
    one.start_epoch()
    two.start_epoch()
    two.keep(torch.tensor(rows))
    assert two.runs == len(rows)
    x, y, _ = one.take(at, 1)[0]
    kept_x, kept_y, _ = two.take(at, 1)[0]
    assert torch.equal(kept_x, x[rows])
    assert torch.equal(kept_y, y[rows])
    assert torch.equal(two.state()["generators"], one.state()["generators"][rows])
    for (x, _), (kept_x, _) in zip(epoch(one), epoch(two), strict=True):
        assert torch.equal(kept_x, x[rows])


@given(epochs=st.integers(0, 3))
def test_a_loaded_state_repeats_the_epoch_it_was_taken_in(epochs) -> None:
    """`load_state`, then `start_epoch`, gives the order again, and all orders after it."""
    examples = images()
    batches = Batches(
        examples.train, examples.preparation, batch_size=4, generators=generators(1, 2)
    )
    for _ in range(epochs):
        epoch(batches)
    here = epoch(batches)
    saved = batches.state()
    after = epoch(batches)
    resumed = Batches(
        examples.train, examples.preparation, batch_size=4, generators=generators(8, 9)
    )
    resumed.load_state(saved)
    assert torch.equal(resumed.state()["generators"], saved["generators"])
    for expected in (here, after):
        for (x, y), (again_x, again_y) in zip(expected, epoch(resumed), strict=True):
            assert torch.equal(x, again_x)
            assert torch.equal(y, again_y)


def test_targets_are_prepared() -> None:
    """Quantities come standardised, as the loss needs them."""
    x = torch.randn(50, 2)
    examples = from_arrays(
        x, 100 + 5 * x[:, 0], Data.model_construct(source="arrays", validation=0, test=0)
    )
    batches = Batches(
        examples.train, examples.preparation, batch_size=8, generators=generators(0), buffer_bytes=9
    )
    y = torch.cat([y for _, y in epoch(batches)], dim=1)
    assert y.shape == (1, 50, 1)
    assert y.mean().abs() < 1e-5  # a sum of 50 floats near 1
    assert (y.std(correction=0) - 1).abs() < 1e-5


@pytest.mark.parametrize("buffer_bytes", BUFFERS)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_an_autoencoder_is_given_one_tensor_twice(batch_size, buffer_bytes) -> None:
    """y is the prepared x itself: it is neither gathered nor converted a second time."""
    examples = images(target="inputs")
    batches = Batches(
        examples.train,
        examples.preparation,
        batch_size=batch_size,
        generators=generators(0),
        buffer_bytes=buffer_bytes,
    )
    batches.start_epoch()
    batch = batches.take(0, 1)[0]
    assert batch.y is batch.x
    assert batch.x.max() <= 1


@pytest.mark.parametrize("buffer_bytes", BUFFERS)
@pytest.mark.parametrize("batch_size", [None, 3])
def test_pixels_are_examples_of_their_own(batch_size, buffer_bytes) -> None:
    """Each pixel's features stand beside its class, image after image."""
    examples = load(Data.model_construct(source="shapes", examples=8, validation=0, test=0))
    batches = Batches(
        examples.train,
        examples.preparation,
        batch_size=batch_size,
        generators=generators(1, 2),
        buffer_bytes=buffer_bytes,
    )
    taken = epoch(batches)
    assert taken[0][0].shape == (2, (batch_size or 8) * 144, 3)
    x = torch.cat([x for x, _ in taken], dim=1)[1]
    y = torch.cat([y for _, y in taken], dim=1)[1]
    prepared = examples.preparation.inputs(examples.train.x).flatten(0, 1)
    order = {tuple(row): place for place, row in enumerate(prepared.tolist())}
    rows = torch.tensor([order[tuple(row)] for row in x.tolist()])
    assert torch.equal(examples.train.y.flatten()[rows], y)
    assert torch.equal(rows.sort().values, torch.arange(8 * 144))


@pytest.mark.parametrize("batch_size", [None, 4])
def test_weights_come_beside_their_examples(batch_size) -> None:
    """And without weights there are none."""
    examples = images()
    split = replace(examples.train, weight=examples.train.x[:, 0].float() / 255)
    for part in (split, examples.train):
        batches = Batches(
            part, examples.preparation, batch_size=batch_size, generators=generators(1, 2)
        )
        batches.start_epoch()
        for x, _, weight in batches.take(0, 1):
            if part.weight is None:
                assert weight is None
            else:
                assert torch.equal(weight, x[:, :, 0])


def test_a_pixels_weight_is_its_images() -> None:
    """One weight for an example counts for each of its pixels."""
    examples = load(Data.model_construct(source="shapes", examples=6, validation=0, test=0))
    split = replace(examples.train, weight=torch.arange(6.0))
    for batch_size in (None, 2):
        batches = Batches(split, examples.preparation, batch_size=batch_size, shuffle=False, runs=2)
        weight = batches.take(0, 1)[0].weight
        assert weight is not None
        assert weight[1, ::144].tolist() == list(range(batch_size or 6))
        assert weight.shape == (2, (batch_size or 6) * 144)


def test_double_precision_is_prepared_in_double_precision() -> None:
    """float64 batches hold x / 255 to 53 bits."""
    examples = images()
    for batch_size in (None, 4):
        batches = Batches(
            examples.train,
            examples.preparation,
            batch_size=batch_size,
            shuffle=False,
            runs=1,
            dtype=torch.float64,
        )
        x = batches.take(0, 1)[0].x
        assert x.dtype == torch.float64
        assert torch.equal(x[0], examples.train.x[: x.shape[1]].double() / 255)


def test_the_raw_examples_are_never_written_to() -> None:
    """Whatever the buffers are used for, the split keeps its values."""
    x = torch.randn(40, 3)
    examples = from_arrays(x, x[:, :1], Data.model_construct(source="arrays", validation=0, test=0))
    before = examples.train.x.clone()
    for batch_size in (None, 7):
        epoch(Batches(examples.train, examples.preparation, batch_size=batch_size,
                      generators=generators(1), buffer_bytes=50))  # fmt: skip
    assert torch.equal(examples.train.x, before)


def test_a_batch_that_would_be_dropped_is_refused() -> None:
    """`drop_last` with a batch larger than the set would train on nothing."""
    examples = images()
    with pytest.raises(DataError, match=r"must be 23 or less with `drop_last`.*: 24") as caught:
        Batches(
            examples.train,
            examples.preparation,
            batch_size=24,
            drop_last=True,
            generators=generators(0),
        )
    assert caught.value.hint is not None


def test_memory_stays_within_the_buffer() -> None:
    """As many batches are gathered at once as fit, at least one."""
    examples = images(count=1000, features=100)
    for buffer_bytes, block in ((1, 1), (8_000, 2), (40_000, 10)):
        batches = Batches(
            examples.train,
            examples.preparation,
            batch_size=10,
            generators=generators(0),
            buffer_bytes=buffer_bytes,
        )
        assert batches.block == block
        batches.start_epoch()
        base = batches.take(0, 1)[0].x.untyped_storage().nbytes()
        assert base == block * 10 * 100 * 4


def test_misuse_is_a_value_error() -> None:
    """Missing generators, too many batches, or none drawn yet are the caller's mistakes."""
    examples = images()
    with pytest.raises(ValueError, match="2 runs need as many generators"):
        Batches(
            examples.train, examples.preparation, batch_size=4, runs=2, generators=generators(0)
        )
    batches = Batches(examples.train, examples.preparation, batch_size=4, generators=generators(0))
    with pytest.raises(ValueError, match="start_epoch"):
        batches.take(0, 1)
    batches.start_epoch()
    for first, count in ((0, 7), (5, 2), (-1, 1), (0, 0)):
        with pytest.raises(ValueError, match="were asked for"):
            batches.take(first, count)
