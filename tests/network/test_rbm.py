"""Restricted Boltzmann machines: exact on small machines, learning on real data, runs apart."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from torch import Generator, Tensor

from descend.errors import DataError, NetworkError, RecipeError
from descend.network.contrastive import RBMHistory, fit
from descend.network.greedy import pretrain
from descend.network.init_names import Init, RBMSettings
from descend.network.initialisers import LayerShape, draw
from descend.network.rbm import RBM, log_likelihood, log_partition

PLAIN: dict[str, Any] = {"momentum": 0.0, "weight_decay": 0.0}


def generators(runs: int, first: int = 0) -> list[Generator]:
    return [Generator().manual_seed(first + run) for run in range(runs)]


def machine(
    runs: int, visible: int, hidden: int, units: str = "binary", std: float = 1.0, seed: int = 0
) -> RBM:
    g = Generator().manual_seed(seed)
    shapes = ((runs, visible, hidden), (runs, 1, visible), (runs, 1, hidden))
    w, a, b = (torch.randn(shape, generator=g, dtype=torch.float64) * std for shape in shapes)
    return RBM(w, a, b, units)


def states(units: int) -> Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=units)), dtype=torch.float64)


def energy(rbm: RBM, v: Tensor, h: Tensor) -> Tensor:
    """E(v, h) of every pair, (runs, examples, hidden states), straight from the definition."""
    own = -(v @ rbm.a.mT) if rbm.units == "binary" else (v - rbm.a).square().sum(-1, True) / 2
    return own - (h @ rbm.b.mT).mT - v @ rbm.w @ h.T


def bars_and_stripes(size: int = 3) -> Tensor:
    """All images of `size` × `size` whose rows, or whose columns, are each of one colour."""
    columns = states(size)[:, None, :].expand(-1, size, -1)
    images: Tensor = torch.unique(torch.cat([columns, columns.mT]).flatten(1), dim=0)
    return images


def digits(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor(load_digits().data / 16, dtype=dtype)[None]


sizes = st.integers(1, 6)
kinds = st.sampled_from(["binary", "gaussian"])
seeds = st.integers(0, 10_000)


@given(sizes, sizes, kinds, seeds)
def test_free_energy_is_the_sum_over_hidden_states(
    visible: int, hidden: int, units: str, seed: int
) -> None:
    """F(v) = −log Σ_h exp(−E(v, h)), summed state by state; 1e-10 is float64's rounding."""
    rbm = machine(2, visible, hidden, units, seed=seed)
    v = torch.rand(2, 5, visible, generator=Generator().manual_seed(seed), dtype=torch.float64)
    brute = -torch.logsumexp(-energy(rbm, v, states(hidden)), dim=-1)
    torch.testing.assert_close(rbm.free_energy(v), brute, atol=1e-10, rtol=1e-10)


@given(sizes, sizes, kinds, seeds)
def test_conditionals_are_those_of_the_joint_distribution(
    visible: int, hidden: int, units: str, seed: int
) -> None:
    """P(h = 1 | v) and the mean of v given h follow from exp(−E) by enumeration."""
    rbm = machine(2, visible, hidden, units, seed=seed)
    v, h = states(visible), states(hidden)
    joint = (-energy(rbm, v.expand(2, -1, -1), h)).softmax(dim=-1)
    torch.testing.assert_close(rbm.hidden(v[None]), joint @ h, atol=1e-10, rtol=1e-10)
    if units == "binary":
        joint = (-energy(rbm, v.expand(2, -1, -1), h)).softmax(dim=1)
        mean = rbm.visible(h.expand(2, -1, -1))
        torch.testing.assert_close(mean, joint.mT @ v, atol=1e-10, rtol=1e-10)


@given(sizes, sizes, seeds)
def test_partition_function_is_the_sum_over_all_states(
    visible: int, hidden: int, seed: int
) -> None:
    """log Z of a binary machine equals the sum over every visible and hidden state."""
    rbm = machine(3, visible, hidden, seed=seed)
    v = states(visible).expand(3, -1, -1)
    brute = torch.logsumexp(-energy(rbm, v, states(hidden)).flatten(1), dim=1)
    torch.testing.assert_close(log_partition(rbm), brute, atol=1e-10, rtol=1e-10)
    assert log_likelihood(rbm, states(visible)[None]).exp().sum(1) == pytest.approx([1.0] * 3)


def test_gaussian_partition_function_is_the_integral() -> None:
    """exp(−F) over a grid of 2 visible units integrates to Z; 1e-8 covers tails and grid."""
    rbm = machine(1, 2, 3, "gaussian", seed=4)
    axis = torch.linspace(-12, 12, 1201, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)[None]
    integral = torch.logsumexp(-rbm.free_energy(grid), dim=1) + 2 * math.log(24 / 1200)
    torch.testing.assert_close(log_partition(rbm), integral, atol=1e-8, rtol=1e-8)


def test_partition_function_of_a_wide_machine_is_summed_in_pieces() -> None:
    """Twenty independent hidden units factorise: log Z = Σ log(1 + exp b) + Σ log(1 + exp a)."""
    rbm = machine(1, 20, 20)
    rbm.w.zero_()
    expected = torch.nn.functional.softplus(torch.cat([rbm.a, rbm.b], -1), threshold=40).sum()
    assert log_partition(rbm).item() == pytest.approx(expected.item(), abs=1e-9)
    with pytest.raises(NetworkError, match="up to 20 units in a layer: given 21"):
        log_partition(machine(1, 22, 21))


def test_probabilities_and_free_energy_are_those_of_scikit_learn() -> None:
    """The same parameters in BernoulliRBM give the same numbers; 1e-10 is rounding."""
    rbm = machine(1, 7, 4)
    v = states(7)
    theirs = BernoulliRBM(n_components=4)
    theirs.components_ = rbm.w[0].T.numpy()
    theirs.intercept_visible_ = rbm.a[0, 0].numpy()
    theirs.intercept_hidden_ = rbm.b[0, 0].numpy()
    assert rbm.hidden(v[None])[0].numpy() == pytest.approx(theirs.transform(v.numpy()), abs=1e-10)
    energies = theirs._free_energy(v.numpy())
    assert rbm.free_energy(v[None])[0].numpy() == pytest.approx(energies, abs=1e-10)


def exact_gradient(rbm: RBM, v: Tensor) -> Tensor:
    """The gradient of the mean log-likelihood by w, a and b, from autograd, as one vector."""
    w, a, b = (p.clone().requires_grad_() for p in (rbm.w, rbm.a, rbm.b))
    likelihood = log_likelihood(RBM(w, a, b, rbm.units), v).mean()
    return torch.cat([g.flatten() for g in torch.autograd.grad(likelihood, (w, a, b))])


def mean_update(rbm: RBM, v: Tensor, copies: int, settings: dict[str, Any]) -> Tensor:
    """The mean update per lr from `copies` of every example, at a rate that leaves rbm in place."""
    trained = RBM(rbm.w.clone(), rbm.a.clone(), rbm.b.clone(), rbm.units)
    many, lr = v.repeat(1, copies, 1), 1e-6
    history = fit(
        trained,
        many,
        RBMSettings(lr=lr, batch_size=many.shape[1], **PLAIN, **settings),
        generators(1),
    )
    updates = history.free_energy.shape[1] - 1
    changes = (trained.w - rbm.w, trained.a - rbm.a, trained.b - rbm.b)
    return torch.cat([change.flatten() for change in changes]) / (lr * updates)


@pytest.mark.parametrize("units", ["binary", "gaussian"])
def test_contrastive_divergence_climbs_the_likelihood(units: str) -> None:
    """The expected CD-1 update points along the exact gradient, and CD-k approaches it.

    60,000 chains leave a sampling error of about √(25 parameters / 60,000) = 0.02 in length.
    """
    rbm = machine(1, 4, 4, units, std=1.5 if units == "binary" else 0.5, seed=3)
    v = states(4)[None, [1, 2, 7, 11, 12, 14]]
    exact = exact_gradient(rbm, v)
    errors = []
    for k in (1, 3, 30):
        step = mean_update(rbm, v, 10_000, {"k": k, "epochs": 1})
        assert torch.cosine_similarity(step, exact, dim=0) > 0.8
        errors.append((step - exact).norm().item())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.04


def test_one_binary_cd_update_is_the_formula() -> None:
    """With saturated weights nothing is random: Δ = lr (⟨v P(h|v)⟩data − ⟨v P(h|v)⟩chain)."""
    w = torch.tensor([[[60.0, -60.0], [60.0, 60.0]]], dtype=torch.float64)
    rbm = RBM(w, torch.full((1, 1, 2), -30.0).double(), torch.full((1, 1, 2), -30.0).double())
    v = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    # v = (1, 0) → h = (1, 0) → v = (1, 1) → h = (1, 0)
    fit(rbm, v, RBMSettings(epochs=1, lr=0.5, **PLAIN), generators(1))
    moved = torch.tensor([[[60.0, -60.0], [59.5, 60.0]]], dtype=torch.float64)
    torch.testing.assert_close(rbm.w, moved, atol=1e-9, rtol=0)
    torch.testing.assert_close(rbm.a[0, 0], torch.tensor([-30.0, -30.5]).double())


def test_momentum_and_weight_decay_follow_the_formula() -> None:
    """Two updates of a machine whose statistics cancel: only decay and velocity move w."""
    w, a, b = (torch.full((1, 1, 1), value).double() for value in (4.0, 100.0, 0.0))
    rbm = RBM(w, a, b)  # a = 100: the visible unit is always on, in the data and in the chain
    v = torch.ones(1, 1, 1, dtype=torch.float64)
    fit(rbm, v, RBMSettings(epochs=2, lr=0.1, momentum=0.5, weight_decay=0.1), generators(1))
    first = -0.1 * 0.1 * 4.0
    second = 0.5 * first - 0.1 * 0.1 * (4.0 + first)
    assert rbm.w.item() == pytest.approx(4.0 + first + second, abs=1e-12)


BARS = bars_and_stripes().repeat(50, 1)
UNTRAINED = -9 * math.log(2)


@pytest.fixture(scope="module")
def likelihoods_of_scikit_learn() -> list[float]:
    # it takes the examples in the order given
    shuffled = BARS[torch.randperm(len(BARS), generator=Generator().manual_seed(0))].numpy()
    likelihoods = []
    for seed in range(8):
        peer = BernoulliRBM(8, learning_rate=0.2, batch_size=70, n_iter=300, random_state=seed)
        peer.fit(shuffled)
        parts = (peer.components_.T, peer.intercept_visible_[None], peer.intercept_hidden_[None])
        w, a, b = (torch.tensor(np.ascontiguousarray(part))[None] for part in parts)
        likelihoods.append(log_likelihood(RBM(w, a, b), BARS[None]).mean().item())
    return likelihoods


@pytest.mark.parametrize("persistent", [False, True])
def test_learns_bars_and_stripes_as_scikit_learn_does(
    persistent: bool, likelihoods_of_scikit_learn: list[float]
) -> None:
    """Both raise the exact log-likelihood of 3 × 3 bars and stripes, to about the same height.

    Untrained it is −9 ln 2 = −6.24, and −ln 14 = −2.64 is perfect. Seeds differ by 0.5 nats, so
    medians of 8 by 0.2 each: 0.9 is three times that. Plain CD, which scikit-learn does not have,
    has to be no worse.
    """
    rbm = machine(8, 9, 8, std=0.01)
    settings = RBMSettings(epochs=300, lr=0.2, batch_size=70, persistent=persistent, **PLAIN)
    fit(rbm, BARS[None], settings, generators(8))
    ours = log_likelihood(rbm, BARS[None]).mean(1)
    assert min(*ours.tolist(), *likelihoods_of_scikit_learn) > UNTRAINED
    difference = ours.median().item() - float(np.median(likelihoods_of_scikit_learn))
    assert difference > -0.9
    assert not persistent or difference < 0.9
    assert ours.median() > UNTRAINED + 1


def test_persistent_chains_go_on_from_update_to_update() -> None:
    """With k = 1 alone, 200 updates of lasting chains see the exact gradient; CD-1 stays biased.

    600 chains and 200 updates leave an error of about √(25 / 600 / 20) = 0.05 if 10 updates
    make one independent draw; CD-1 is off by 0.15 here, however often it is repeated.
    """
    rbm = machine(1, 4, 4, std=1.5, seed=3)
    v = states(4)[None, [1, 2, 7, 11, 12, 14]]
    exact = exact_gradient(rbm, v)
    errors = [
        (mean_update(rbm, v, 100, {"epochs": 200, "persistent": kind}) - exact).norm().item()
        for kind in (False, True)
    ]
    assert errors[0] > 0.1
    assert errors[1] < 0.05


def test_gaussian_units_learn_two_clusters() -> None:
    """Reconstructions move to the clusters, and the exact likelihood beats one broad Gaussian."""
    g = Generator().manual_seed(1)
    side = torch.where(torch.rand(1, 400, 1, generator=g) < 0.5, -2.0, 2.0)
    v = (side * torch.tensor([1.0, -1.0]) + 0.5 * torch.randn(1, 400, 2, generator=g)).double()
    out = pretrain([3], v, RBMSettings(epochs=100, lr=0.01), generators(4))
    history = out.history[0]
    assert history.units == "gaussian"
    assert (history.reconstruction_error[:, -1] < 0.3 * history.reconstruction_error[:, 0]).all()
    up, down = torch.tensor([[[2.0, -2.0]]]).double(), torch.tensor([[[-2.0, 2.0]]]).double()
    mean = v.mean(1, keepdim=True).expand(4, 1, 2).clone()
    rbm = RBM(out.weights[0], mean, out.biases[0], "gaussian")
    apart = rbm.hidden(up.expand(4, 1, 2)) - rbm.hidden(down.expand(4, 1, 2))
    assert (apart.abs().amax(-1) > 0.9).all()


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("units", ["binary", "gaussian"])
def test_a_run_alone_is_the_run_among_others(units: str, persistent: bool) -> None:
    """Two layers on digits: run 3 of 9 equals its lone training.

    In float64 only the order of summation in a matrix product may differ: 1e-12.
    """
    x = digits(torch.float64)[:, :500]
    settings = RBMSettings(epochs=5, persistent=persistent, visible=units)
    together = pretrain([20, 10], x, settings, generators(9))
    alone = pretrain([20, 10], x, settings, generators(1, first=3))
    for many, one in zip(
        (*together.weights, *together.biases), (*alone.weights, *alone.biases), strict=True
    ):
        torch.testing.assert_close(many[3:4], one, atol=1e-12, rtol=0)
    assert not torch.equal(together.weights[0][2], together.weights[0][3])
    pair = zip(together.history, alone.history, strict=True)
    for many_history, one_history in pair:
        errors = many_history.reconstruction_error[3:4]
        torch.testing.assert_close(errors, one_history.reconstruction_error, atol=1e-12, rtol=0)


def test_examples_shared_or_repeated_train_the_same() -> None:
    """x of one row for all runs, and the same x once for each run, give the same machines."""
    x = digits()[:, :200]
    settings = RBMSettings(epochs=2)
    shared = pretrain([6], x, settings, generators(3))
    repeated = pretrain([6], x.repeat(3, 1, 1), settings, generators(3))
    assert torch.equal(shared.weights[0], repeated.weights[0])


def test_a_run_that_diverges_leaves_its_neighbours_untouched() -> None:
    """Start weights of infinity spoil run 0 alone, in both layers."""
    x = digits(torch.float64)[:, :200]
    start = [torch.full((2, 64, 5), 0.1).double(), torch.full((2, 5, 4), 0.1).double()]
    healthy = pretrain([5, 4], x, RBMSettings(epochs=2), generators(2), start=start)
    start[0][0] = math.inf
    sick = pretrain([5, 4], x, RBMSettings(epochs=2), generators(2), start=start)
    assert not sick.weights[0][0].isfinite().all()
    for layer in range(2):
        torch.testing.assert_close(
            sick.weights[layer][1], healthy.weights[layer][1], atol=1e-12, rtol=0
        )


def test_reconstruction_error_falls_on_digits_with_the_defaults() -> None:
    """Ten epochs on digits take a third off both machines' errors, held-out ones included."""
    x = digits()
    told: list[tuple[int, int]] = []

    def progress(layer: int, epoch: int, history: RBMHistory) -> None:
        assert history.reconstruction_error.shape == (2, epoch + 1)
        told.append((layer, epoch))

    out = pretrain(
        [100, 50],
        x[:, :1500],
        RBMSettings(),
        generators(2),
        held_out=x[:, 1500:],
        progress=progress,
    )
    assert told == [(layer, epoch) for layer in range(2) for epoch in range(1, 11)]
    assert [tuple(w.shape) for w in out.weights] == [(2, 64, 100), (2, 100, 50)]
    assert [tuple(b.shape) for b in out.biases] == [(2, 1, 100), (2, 1, 50)]
    for history in out.history:
        held_out, gap = history.held_out_reconstruction_error, history.free_energy_gap
        assert held_out is not None
        assert gap is not None
        for error in (history.reconstruction_error, held_out):
            assert (error[:, -1] < 0.7 * error[:, 0]).all()
        assert gap.shape == (2, 11)
        assert gap.isfinite().all()


def test_free_energy_gap_grows_when_a_machine_overfits() -> None:
    """Thirty digits learnt by heart: the free energy of others rises above theirs."""
    x = digits()
    out = pretrain(
        [100], x[:, :30], RBMSettings(epochs=500), generators(2), held_out=x[:, 1000:1500]
    )
    gap = out.history[0].free_energy_gap
    assert gap is not None
    assert (gap[:, -1] > 1.5 * gap[:, 0]).all()


def test_the_second_machine_learns_the_first_ones_hidden_probabilities() -> None:
    """Greedy training in one call is two trainings by hand, one after the other."""
    x = digits()[:, :300]
    settings = RBMSettings(epochs=3)
    g = generators(2)
    together = pretrain([12, 6], x, settings, g)
    g = generators(2)
    first = pretrain([12], x, settings, g)
    lower = torch.sigmoid(torch.baddbmm(first.biases[0], x.expand(2, -1, -1), first.weights[0]))
    second = pretrain([6], lower, settings, g)
    assert torch.equal(together.weights[0], first.weights[0])
    # the probabilities of a batch and of the whole set may differ in the last float32 bit
    torch.testing.assert_close(together.weights[1], second.weights[0], atol=1e-5, rtol=0)


def test_compact_examples_are_prepared_batch_by_batch() -> None:
    """uint8 pixels with a `prepare` train the machine that their float values train."""
    raw = torch.tensor(load_digits().data, dtype=torch.uint8)[None, :300]
    settings = RBMSettings(epochs=2)

    def prepare(batch: Tensor) -> Tensor:
        return batch.float() / 16

    compact = pretrain([8], raw, settings, generators(2), prepare=prepare)
    floats = pretrain([8], prepare(raw), settings, generators(2))
    assert torch.equal(compact.weights[0], floats.weights[0])


def test_drawn_weights_are_where_training_starts() -> None:
    """Without epochs the result is the start that `draw` gave, which stays unchanged."""
    drawn = [draw([LayerShape(64, 8, Init("rbm"))], g)[0] for g in generators(2)]
    start = [torch.stack([w for w, _ in drawn])]
    kept = start[0].clone()
    out = pretrain([8], digits(), RBMSettings(epochs=0), generators(2), start=start)
    assert torch.equal(out.weights[0], kept)
    assert not out.biases[0].any()
    out = pretrain([8], digits(), RBMSettings(epochs=1), generators(2), start=start)
    assert not torch.equal(out.weights[0], kept)
    assert torch.equal(start[0], kept)


def test_kind_of_visible_units_follows_the_data() -> None:
    """Data in [0, 1] are binary, others Gaussian; machines above the first are always binary."""
    x, settings = digits()[:, :50], RBMSettings(epochs=1)
    assert [h.units for h in pretrain([3], x, settings, generators(1)).history] == ["binary"]
    shifted = pretrain([3, 2], x - 0.5, settings, generators(1)).history
    assert [h.units for h in shifted] == ["gaussian", "binary"]
    assert [h.lr for h in shifted] == [0.005, 0.1]
    chosen = RBMSettings(epochs=1, visible="gaussian")
    assert pretrain([3], x, chosen, generators(1)).history[0].units == "gaussian"


def test_binary_units_refuse_data_outside_their_range() -> None:
    """The error names the range that was given, and the two ways out."""
    x = digits()[:, :50] * 16
    with pytest.raises(DataError, match="inputs from 0 to 1: given 0 to 16") as error:
        pretrain([3], x, RBMSettings(visible="binary"), generators(1))
    assert 'visible = "gaussian"' in str(error.value)


def test_impossible_input_is_refused() -> None:
    """Infinite or missing examples, widths of zero, and settings out of bounds are errors."""
    x = digits()[:, :50].clone()
    with pytest.raises(NetworkError, match="a width of 1 or more"):
        pretrain([3, 0], x, RBMSettings(), generators(1))
    with pytest.raises(NetworkError, match="and 1 settings"):
        pretrain([3, 2], x, [RBMSettings()], generators(1))
    with pytest.raises(NetworkError, match=r"expected \(1, 64, 3\)"):
        pretrain([3], x, RBMSettings(), generators(1), start=[torch.zeros(1, 64, 4)])
    with pytest.raises(DataError, match="at least one example"):
        pretrain([3], x[:, :0], RBMSettings(), generators(1))
    with pytest.raises(NetworkError, match="given 2 for 1 runs"):
        fit(machine(1, 64, 3), x.double(), RBMSettings(), generators(2))
    with pytest.raises(RecipeError, match="`k`: expected a whole number at least 1, given 0"):
        RBMSettings(k=0)
    x[0, 3, 5] = math.nan
    with pytest.raises(DataError, match="finite"):
        pretrain([3], x, RBMSettings(), generators(1))
