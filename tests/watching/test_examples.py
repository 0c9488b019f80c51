"""What is known of a loop's examples is what is known of the examples themselves."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.findings.measured import NotMeasured
from descend.findings.profile import Profile
from descend.watching.targets import entropy
from tests.watching.scenes import SCENES

Loss = Callable[[Tensor, Tensor], Tensor]


def profile_of(
    outputs: int, loss: Loss, target: Callable[[Tensor], Tensor], criterion: nn.Module | None = None
) -> Profile | None:
    """What is known after 40 batches of 32 examples of 5 columns, the third of them constant."""
    torch.manual_seed(0)
    model = nn.Linear(5, outputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with descend.watch(model, optimizer, criterion, every=1, out=None, quiet=True) as watch:
        for _ in range(40):
            x = torch.randn(32, 5)
            x[:, 2] = 4.0
            optimizer.zero_grad()
            (criterion or loss)(model(x), target(x)).backward()
            optimizer.step()
    assert watch.failure is None
    return watch.record().known_profile


def thirds(x: Tensor) -> Tensor:
    """Class 0 for one half of the examples, 1 and 2 for a quarter each."""
    return (x[:, 0] > 0).long() * (1 + (x[:, 1] > 0).long())


def test_classes_are_counted_and_chance_is_their_entropy() -> None:
    for criterion in (None, nn.CrossEntropyLoss()):
        profile = profile_of(3, functional.cross_entropy, thirds, criterion)
        assert profile is not None
        assert (profile.task, profile.outputs) == ("multiclass", 3)
        assert profile.class_counts is not None
        assert profile.class_counts.sum() == 40 * 32
        assert profile.class_counts / 1280 == pytest.approx([0.5, 0.25, 0.25], abs=0.04)
        # 1,280 labels tell the shares to about 0.014 each, and the entropy to about as much
        assert profile.chance_loss == pytest.approx(1.5 * math.log(2), abs=0.03)
        assert profile.chance_accuracy == pytest.approx(0.5, abs=0.04)


def test_inputs_are_described_by_column_and_kept_with_their_targets() -> None:
    profile = profile_of(3, functional.cross_entropy, thirds)
    assert profile is not None
    columns = profile.inputs["train"]
    assert columns.is_constant.tolist() == [False, False, True, False, False]
    assert columns.mean[2] == 4.0
    assert columns.std[[0, 1, 3, 4]] == pytest.approx(1.0, abs=0.1)
    assert profile.first_targets is not None
    assert len(profile.first) == len(profile.first_targets) == 512
    np.testing.assert_array_equal(profile.first_targets, thirds(torch.from_numpy(profile.first)))


def test_numbers_have_the_chance_of_their_variance() -> None:
    profile = profile_of(1, functional.mse_loss, lambda x: 3 * x[:, :1] + 7)
    assert profile is not None
    assert profile.task == "regression"
    assert profile.targets is not None
    assert profile.targets.mean[0] == pytest.approx(7, abs=0.3)
    assert profile.chance_loss == pytest.approx(9, rel=0.1)
    profile = profile_of(1, functional.l1_loss, lambda x: x[:, :1], nn.L1Loss())
    assert profile is not None
    # the mean distance of a normal distribution from its median
    assert profile.chance_loss == pytest.approx(math.sqrt(2 / math.pi), rel=0.1)


def test_yes_and_no_have_the_chance_of_their_shares() -> None:
    profile = profile_of(
        1, functional.binary_cross_entropy_with_logits, lambda x: (x[:, :1] > 0.6745).float()
    )
    assert profile is not None
    assert profile.task == "binary"
    assert profile.class_counts is not None
    assert profile.class_counts / profile.class_counts.sum() == pytest.approx(
        [0.75, 0.25], abs=0.05
    )
    assert profile.chance_loss == pytest.approx(0.5623, abs=0.05)


def test_targets_that_are_the_inputs_make_an_autoencoder() -> None:
    profile = profile_of(5, functional.mse_loss, lambda x: x)
    assert profile is not None
    assert profile.task == "autoencoder"


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: functional.cross_entropy(z, y, weight=torch.tensor([1.0, 2.0, 3.0])),
        lambda z, y: functional.cross_entropy(z, y, reduction="sum"),
        lambda z, y: functional.cross_entropy(z, y) + functional.nll_loss(z.log_softmax(1), y),
    ],
)
def test_of_other_losses_nobody_says_what_chance_is(loss: Loss) -> None:
    profile = profile_of(3, loss, thirds)
    assert profile is not None
    assert profile.chance_loss is None


def test_a_penalty_beside_a_loss_leaves_chance_as_it_is() -> None:
    profile = profile_of(
        3, lambda z, y: functional.cross_entropy(z, y) + 0.001 * (z**2).mean(), thirds
    )
    assert profile is not None
    assert profile.chance_loss == pytest.approx(1.5 * math.log(2), abs=0.03)


def test_where_each_batch_has_one_answer_none_is_the_best_for_all() -> None:
    scene = SCENES["adversarial"]()
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(20)
    profile = watch.record().known_profile
    assert profile is not None
    assert profile.chance_loss is None
    assert profile.class_counts is not None
    assert (profile.class_counts > 0).all()


def test_words_are_no_columns_and_nobody_counts_the_examples() -> None:
    scene = SCENES["language"]()
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(5)
    profile = watch.record().known_profile
    assert profile is not None
    for ask in (
        lambda: profile.inputs["train"],
        lambda: len(profile.first),
        lambda: profile.raw.mean,
        lambda: profile.features,
        lambda: profile.examples["train"],
    ):
        with pytest.raises(NotMeasured):
            ask()


@pytest.mark.parametrize("classes", [2, 10])
def test_the_entropy_of_few_labels_is_not_biased(classes: int) -> None:
    """Without the correction it would lie (k - 1) / 2n below."""
    dice = np.random.default_rng(0)
    found = [
        entropy(np.bincount(dice.integers(classes, size=20 * classes), minlength=classes))
        for _ in range(2000)
    ]
    known = np.array([one for one in found if one is not None])
    correction = (classes - 1) / (40 * classes)
    assert known.mean() == pytest.approx(math.log(classes), abs=correction / 5)
    assert entropy(np.array([3.0, 2.0])) is None
