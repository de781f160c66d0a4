"""Reading runs: our run folder and what other programs leave behind, as one record."""

from diagnostics.run.folder import is_run
from diagnostics.run.open import open_run
from diagnostics.run.record import Run, RunUnreadable, Sample, Series
from diagnostics.run.status import Status

__all__ = ["Run", "RunUnreadable", "Sample", "Series", "Status", "is_run", "open_run"]
