"""Simple models answer as scikit-learn's do, and lines do not miss a class in the middle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from descend.findings.fits import discriminants, line


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(2, 5),
    features=st.integers(1, 6),
)
def test_discriminants_are_those_of_scikit_learn(seed: int, classes: int, features: int) -> None:
    """Without a ridge its decision function, but for what all classes have in common."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, size=30 * classes)]
    x = rng.normal(size=(len(labels), features)) + rng.normal(size=(classes, features))[labels]
    new = rng.normal(size=(20, features))
    peer = LinearDiscriminantAnalysis(solver="lsqr").fit(x, labels)
    expected = new @ peer.coef_.T + peer.intercept_
    own = discriminants(x, np.eye(classes)[labels], new, 0.0)
    if classes == 2:  # scikit-learn gives the difference of the two
        own, expected = own[:, 1:] - own[:, :1], expected.reshape(-1, 1)
    own, expected = (scores - scores.mean(axis=1, keepdims=True) for scores in (own, expected))
    # the covariance is inverted twice, by two routines: its condition costs some digits
    np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_a_line_is_ridge_regression(ridge: float) -> None:
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(50, 3)) + 5, rng.normal(size=(10, 3))
    y = rng.normal(size=(50, 2))
    expected = Ridge(alpha=ridge * len(x), solver="cholesky").fit(x, y).predict(new)
    np.testing.assert_allclose(line(x, y, new, ridge), expected, rtol=1e-8, atol=1e-10)


def test_a_class_between_two_others_is_told_by_discriminants_and_not_by_fitted_lines() -> None:
    """Of three classes in a row the middle one has the largest fitted value nowhere."""
    x, labels = load_iris(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    one_hot = np.eye(3)[labels]

    def accuracy(answers: np.ndarray) -> float:
        return float((answers.argmax(axis=1) == labels).mean())

    assert accuracy(line(x, one_hot, x, 1e-3)) < 0.88
    assert accuracy(discriminants(x, one_hot, x, 1e-3)) > 0.97


def test_a_class_that_nobody_has_seen_is_never_the_answer() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    one_hot = np.c_[np.eye(2)[(x[:, 0] > 0).astype(int)], np.zeros(40)]
    scores = discriminants(x, one_hot, rng.normal(size=(100, 2)), 1e-3)
    assert np.isfinite(scores).all()
    assert set(scores.argmax(axis=1)) == {0, 1}
