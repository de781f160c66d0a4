"""Sources of answers, and the processes that hold models."""
