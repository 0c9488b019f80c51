"""The random bits of dropout are uniform, and independent over places, steps, layers and seeds."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from descend.network.random_bits import GOLDEN, STEP, RandomBits, mix, signed

WORDS = 1 << 64
COUNT = 1 << 16
# Each test below is one draw of fixed seeds, so it fails always or never; for other seeds it would
# fail by chance once in a million times.
RARE = 1e-6


def bits(seed: int, stream: int, step: int, count: int = COUNT) -> Tensor:
    """`count` draws as numbers from 0 to 65535."""
    drawn = RandomBits(torch.tensor([seed]), stream, count).draw(step)[0]
    return drawn.to(torch.int64) + 32768


def splitmix64(state: int) -> int:
    """The published generator's output for a state, in Python's whole numbers."""
    z = state % WORDS
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORDS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORDS
    return z ^ (z >> 31)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=9))
def test_the_hash_is_the_published_one(numbers: list[int]) -> None:
    """SplitMix64's finaliser, bit for bit, in torch's signed arithmetic."""
    hashes = mix(torch.tensor(numbers)).tolist()
    assert [one % WORDS for one in hashes] == [splitmix64(one) for one in numbers]


@given(st.integers(0, 2**63 - 1), st.integers(0, 50), st.integers(0, 2**40), st.integers(1, 40))
def test_a_draw_is_a_function_of_seed_stream_step_and_place(
    seed: int, stream: int, step: int, count: int
) -> None:
    """Word j of a step is the hash of key + step · STEP + j · GOLDEN, four numbers in each."""
    key = splitmix64(splitmix64(seed) + (stream + 1) * GOLDEN)
    words = [splitmix64(key + step * STEP + place * GOLDEN) for place in range(-(-count // 4))]
    expected = [word >> shift & 0xFFFF for word in words for shift in (0, 16, 32, 48)]
    drawn = RandomBits(torch.tensor([seed]), stream, count).draw(step)
    assert [one % 65536 for one in drawn[0].tolist()] == expected[:count]


def test_steps_and_places_never_meet() -> None:
    """No multiples of STEP and GOLDEN below 2³⁰ are equal: their lattice has no such vector."""
    ratio = STEP * pow(GOLDEN, -1, WORDS) % WORDS
    # (s, j) with s · STEP ≡ j · GOLDEN: Gauss's reduction of the basis (1, ratio), (0, 2⁶⁴)
    short, long = (1, ratio), (0, WORDS)
    while True:
        if norm(short) > norm(long):
            short, long = long, short
        product = short[0] * long[0] + short[1] * long[1]
        times = (2 * product + norm(short)) // (2 * norm(short))
        if times == 0:
            break
        long = long[0] - times * short[0], long[1] - times * short[1]
    assert norm(short) > 2 * (1 << 30) ** 2


def norm(vector: tuple[int, int]) -> int:
    return vector[0] ** 2 + vector[1] ** 2


def test_16_bit_numbers_are_uniform() -> None:
    """χ² over all 65,536 values of 4 million draws, and over each byte."""
    drawn = torch.cat([bits(seed=7, stream=1, step=step) for step in range(64)])
    for values, kinds in ((drawn, 65536), (drawn & 255, 256), (drawn >> 8, 256)):
        observed = torch.bincount(values, minlength=kinds).double()
        assert stats.chisquare(observed.numpy()).pvalue > RARE


def test_each_bit_is_fair() -> None:
    """Ones and zeros of each of the 16 bits over 4 million draws."""
    drawn = torch.cat([bits(seed=8, stream=0, step=step) for step in range(64)])
    for place in range(16):
        ones = int((drawn >> place & 1).sum())
        assert stats.binomtest(ones, len(drawn)).pvalue > RARE


def correlation(one: Tensor, other: Tensor) -> float:
    """Of two sets of draws, in standard errors."""
    pair = torch.stack([one.double(), other.double()])
    return float(torch.corrcoef(pair)[0, 1]) * math.sqrt(len(one))


def test_steps_places_layers_and_seeds_are_uncorrelated() -> None:
    """Neighbours in step, place, layer and seed, also where only high or low bits differ."""
    base = bits(3, 0, 0)
    others = [bits(3, 0, step) for step in (1, 2, 3, 64, 1 << 20, 1 << 40)]
    others += [bits(3, stream, 0) for stream in (1, 2, 3, 17)]
    others += [bits(seed, 0, 0) for seed in (0, 1, 2, 4, 5, 7, 11, 1 << 31, 1 << 62)]
    others += [base.roll(places) for places in (1, 2, 3, 4, 5, 8, 64, 100, 1024)]
    limit = stats.norm.isf(RARE / 2)
    for other in others:
        assert abs(correlation(base, other)) < limit
        for place in (0, 7, 15):
            assert abs(correlation(base >> place & 1, other >> place & 1)) < limit


def test_pairs_of_neighbours_are_uniform() -> None:
    """χ² over pairs of 6-bit pieces: places apart by 1, 4 and 100, steps apart by 1."""
    draws = [bits(seed=9, stream=2, step=step) for step in range(33)]
    flat = torch.cat(draws[:-1]) >> 10
    after = torch.cat(draws[1:]) >> 10
    for other in (flat.roll(1), flat.roll(4), flat.roll(100), after):
        observed = torch.bincount(flat * 64 + other, minlength=4096).double()
        assert stats.chisquare(observed.numpy()).pvalue > RARE


def test_a_run_draws_the_same_alone_and_among_others() -> None:
    """Row r of the draws for many seeds is what seed r draws alone."""
    seeds = torch.tensor([5, 0, 2**63 - 1, 77])
    together = RandomBits(seeds, 3, 101).draw(12).clone()
    for run, seed in enumerate(seeds):
        assert torch.equal(together[run], RandomBits(seed.view(1), 3, 101).draw(12)[0])


def test_whole_numbers_are_wrapped_to_64_bits() -> None:
    """`signed` keeps what fits an int64 and the residue of what does not."""
    assert signed(5) == 5
    assert signed(-5) == -5
    assert signed(1 << 63) == -(1 << 63)
    assert signed(3 * WORDS - 1) == -1
