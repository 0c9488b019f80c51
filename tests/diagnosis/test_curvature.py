"""The largest curvature is that of the Hessian, and a rate beyond 2 / λ is told so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from descend.diagnosis.checking import check, recorded
from descend.findings.course import stable_rate
from descend.recipe.asked import Asked


def examples(features: int = 3, count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, features)) * [1.0, 2.0, 0.5][:features]
    return x, np.sin(x[:, :1]) + x[:, 1:2]


def recipe(hidden: list[int], **training: object) -> dict[str, object]:
    given = {"optimizer": "sgd", "lr": 0.01, "batch_size": "all", "epochs": 50, "dtype": "float64"}
    return {
        "data": {"source": "arrays", "scale": "none", "target_scale": "none", "validation": 0},
        "network": {"hidden": hidden, "activation": "tanh"},
        "training": {**given, **training},
    }


def test_of_a_linear_model_it_is_that_of_the_inputs() -> None:
    """(2 / n) Xᵀ X, with a column of ones for the bias."""
    x, y = examples()
    tree = recipe([])
    tree["data"] = {**tree["data"], "test": 0}  # type: ignore[dict-item]
    [record] = recorded(Asked.of(tree), (x, y), None, 1)[1]
    with_ones = np.c_[x, np.ones(len(x))].astype(np.float32).astype(np.float64)
    largest = np.linalg.eigvalsh(2 / len(x) * with_ones.T @ with_ones)[-1]
    assert record.curvature == pytest.approx(largest, rel=1e-4)  # twenty rounds of the power method
    assert stable_rate(record) == pytest.approx(2 / largest, rel=1e-4)


def test_of_a_network_it_is_the_largest_eigenvalue_that_autograd_finds() -> None:
    from descend.api import train

    x, y = examples()
    tree = recipe([4])
    tree["data"] = {**tree["data"], "test": 0}  # type: ignore[dict-item]
    [record] = recorded(Asked.of(tree), (x, y), None, 1)[1]
    run = train(tree, edits={"training.lr": 0.0, "training.epochs": 1}, data=(x, y), out=None)
    values = [value.double() for value in run.to_torch().parameters()]
    sizes = [value.numel() for value in values]
    inputs, targets = (torch.from_numpy(part).float().double() for part in (x, y))

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = zip(torch.split(flat, sizes), values, strict=True)
        w, b, w_out, b_out = (part.view_as(value) for part, value in parts)
        return ((inputs @ w.T + b).tanh() @ w_out.T + b_out - targets).square().mean()

    flat = torch.cat([value.detach().flatten() for value in values])
    eigenvalues = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat))
    largest = float(eigenvalues[eigenvalues.abs().argmax()])
    assert record.curvature == pytest.approx(largest, rel=0.02)  # the power method is not done yet


def test_a_rate_beyond_the_curvature_is_said_to_be_and_one_below_is_not() -> None:
    x, y = examples()
    told = {
        lr: [one.evidence for one in check(recipe([], lr=lr), data=(x, y)).findings]
        for lr in (0.01, 5.0)
    }
    assert not any("2 / λ" in evidence for evidence in told[0.01])
    assert any("lr 5 > 2 / λ = 0.3" in evidence for evidence in told[5.0])


def test_only_plain_descent_and_small_networks_are_looked_at() -> None:
    x, y = examples()
    for changed in (recipe([4], optimizer="adam"), recipe([4000, 4000])):
        [record] = recorded(Asked.of(changed), (x, y), None, 1)[1]
        assert record.curvature is None
        assert stable_rate(record) is None
