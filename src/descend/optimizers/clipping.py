"""Limits on the gradient, for each run alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def clip_norm(
    gradient: Float[Tensor, "runs parameters"], limit: Float[Tensor, "runs 1"]
) -> Float[Tensor, "runs 1"]:
    """Shortens each run's gradient to at most `limit`, in place, and returns the norms before.

    g ← g·min(1, limit / (|g|₂ + 1e-6)), as `torch.nn.utils.clip_grad_norm_`.
    An infinite limit leaves a run's finite gradient as it is. Pascanu, Mikolov & Bengio 2013.
    """
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    gradient.mul_((limit / (norm + 1e-6)).clamp_(max=1))
    return norm


def clip_value(gradient: Float[Tensor, "runs parameters"], limit: Float[Tensor, "runs 1"]) -> None:
    """Moves each entry into [-limit, limit], in place, as `torch.nn.utils.clip_grad_value_`."""
    torch.clamp(gradient, -limit, limit, out=gradient)
