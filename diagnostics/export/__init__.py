"""Runs as one HTML file that opens from a mail: curves, scores, differences, findings."""
