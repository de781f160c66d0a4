"""A curve the size of a word: inline SVG, made on the server."""

from __future__ import annotations

import numpy as np

from dashboard.html import text
from dashboard.plots.downsample import pixel_columns
from diagnostics.report.curve import wants_log_scale
from diagnostics.run import Run, Series

WIDTH, HEIGHT = 112, 26  # pixels
MARGIN = 3  # so that the last point's dot and the line's width stay inside
# The metric that says most about a run, by its method: names of `diagnostics.run.tags`, the first that was logged.
KEY_SIGNALS: dict[str, tuple[str, ...]] = {
    "reward": ("preference_accuracy", "loss"),
    "dpo": ("preference_accuracy", "margin", "loss"),
    "kto": ("margin", "loss"),
    "grpo": ("reward", "loss"),
    "rloo": ("reward", "loss"),
    "ppo": ("reward", "loss"),
}
ANY_METHOD = ("loss", "reward")


def key_series(run: Run) -> Series | None:
    """The one curve to look at first; None if none was logged."""
    for name in KEY_SIGNALS.get(run.method or "", ANY_METHOD):
        found = run.signal(name)
        if found is not None:
            return found
    return run.signal("loss", "eval")


def sparkline(series: Series, label: str) -> str:
    """A series as a small picture: gaps where it is not finite, marked at the foot, and a dot at its last value.

    More than three decades of positive values are drawn on a logarithmic scale. `label` is read out in its stead.
    """
    values = np.log10(series.values) if wants_log_scale(series.values) else series.values
    kept = pixel_columns(series.steps.astype(float), values, WIDTH // 2)
    steps, values = series.steps[kept].astype(float), values[kept]
    finite = np.isfinite(values)
    across = scaled(steps, float(steps[0]), float(steps[-1]), WIDTH)
    sound = values[finite]
    up = HEIGHT - scaled(values, float(sound.min()), float(sound.max()), HEIGHT) if len(sound) else values
    parts = [path(across, up, finite)] if len(sound) else []
    if len(sound):
        end = np.flatnonzero(finite)[-1]
        parts.append(f'<circle cx="{across[end]:.1f}" cy="{up[end]:.1f}" r="2.2"/>')
    parts += [f'<path class="bad" d="M{one:.1f} {HEIGHT}v-5"/>' for one in np.unique(across[~finite].round(1))]
    return (
        f'<svg class="spark" role="img" aria-label="{text(label)}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><title>{text(label)}</title>{"".join(parts)}</svg>'
    )


def scaled(values: np.ndarray, low: float, high: float, size: int) -> np.ndarray:
    """Values from `low` to `high` as pixels inside the margins; in the middle where both are the same."""
    if not high > low:
        return np.full(len(values), size / 2)
    # Halved first: the span of two doubles may be beyond the largest one.
    return MARGIN + (values / 2 - low / 2) / (high / 2 - low / 2) * (size - 2 * MARGIN)


def path(across: np.ndarray, up: np.ndarray, finite: np.ndarray) -> str:
    """The line through the finite points, lifted at every gap."""
    steps = []
    down = False
    for x, y, sound in zip(across, up, finite, strict=True):
        if sound:
            steps.append(f"{'L' if down else 'M'}{x:.0f} {y:.1f}")
        down = bool(sound)
    return f'<path d="{"".join(steps)}"/>'
