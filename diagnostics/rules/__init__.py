"""The rules, in one explicit table. One fault is one file: docs, thresholds, check, fixes and words."""

from diagnostics.rules import (
    loss_diverged,
    loss_not_finite,
    not_learning,
    nothing_trainable,
    overfitting,
    run_died,
)

RULES = (
    run_died,
    loss_not_finite,
    loss_diverged,
    nothing_trainable,
    not_learning,
    overfitting,
)
