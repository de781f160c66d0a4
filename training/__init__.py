"""The training workers: one file a method, started by `python -m training`, leaving everything in a run folder."""
