"""From scores to a verdict: intervals, tests, corrections."""
