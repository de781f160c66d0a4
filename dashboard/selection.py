"""Which runs and metrics are drawn: new ones join until the user has chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_METRICS = 4


@dataclass(frozen=True)
class Selection:
    """What is drawn, of what is there. `runs_locked`, `metrics_locked`: the user has chosen, nothing joins by itself."""

    runs_known: tuple[str, ...] = ()
    metrics_known: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    runs_locked: bool = False
    metrics_locked: bool = False

    def seeing(self, runs: list[str], metrics: list[str]) -> Selection:
        """The selection once these runs and metrics are there. What has gone is dropped."""
        return replace(
            self,
            runs_known=tuple(runs),
            metrics_known=tuple(metrics),
            runs=tuple(run for run in runs if run in self.runs or not self.runs_locked),
            metrics=tuple(one for one in self.metrics if one in metrics)
            if self.metrics_locked
            else tuple(metrics[:FIRST_METRICS]),
        )

    def choosing_runs(self, runs: list[str]) -> Selection:
        """The user chose runs. Choosing all of them, or none, lets new ones join again."""
        return replace(self, runs=tuple(runs), runs_locked=bool(runs) and set(runs) != set(self.runs_known))

    def choosing_metrics(self, metrics: list[str]) -> Selection:
        """The user chose metrics. Choosing none brings the usual ones back."""
        return replace(self, metrics=tuple(metrics), metrics_locked=bool(metrics))
