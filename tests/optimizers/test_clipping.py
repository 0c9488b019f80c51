"""Gradient clipping against `torch.nn.utils`, for each run alone."""

from __future__ import annotations

import math

import torch

from descend.optimizers import clip_norm, clip_value
from tests.optimizers.oracle import noise

LIMITS = torch.tensor([[0.5], [2.0], [100.0], [math.inf]], dtype=torch.float64)


def test_each_run_is_clipped_as_torch_clips_it_by_norm() -> None:
    """Long gradients are shortened, short ones stay, and the norms before come back."""
    gradient = noise(1)[0]
    expected = gradient.clone()
    norms = clip_norm(gradient, LIMITS)
    for row, limit in enumerate(LIMITS):
        parameter = torch.nn.Parameter(torch.zeros_like(expected[row]))
        parameter.grad = expected[row].clone()
        norm = torch.nn.utils.clip_grad_norm_(parameter, float(limit))
        torch.testing.assert_close(gradient[row], parameter.grad, rtol=1e-12, atol=0)
        torch.testing.assert_close(norms[row, 0], norm, rtol=1e-12, atol=0)
    assert torch.equal(gradient[3], expected[3])


def test_each_run_is_clipped_as_torch_clips_it_by_value() -> None:
    """Each entry ends in [-limit, limit]."""
    gradient = noise(1)[0]
    expected = gradient.clone()
    clip_value(gradient, LIMITS)
    for row, limit in enumerate(LIMITS):
        parameter = torch.nn.Parameter(torch.zeros_like(expected[row]))
        parameter.grad = expected[row].clone()
        torch.nn.utils.clip_grad_value_(parameter, float(limit))
        assert torch.equal(gradient[row], parameter.grad)


def test_a_diverged_run_is_clipped_alone() -> None:
    """NaN and infinity in one run's gradient do not touch the others."""
    sick, healthy = noise(1)[0], noise(1)[0]
    sick[1, 0], sick[1, 1] = math.nan, math.inf
    others = torch.tensor([0, 2, 3])
    clip_norm(sick, LIMITS)
    clip_norm(healthy, LIMITS)
    assert torch.equal(sick[others], healthy[others])
    clip_value(sick, LIMITS)
    clip_value(healthy, LIMITS)
    assert torch.equal(sick[others], healthy[others])
