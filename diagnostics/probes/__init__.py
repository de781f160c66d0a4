"""Measuring with a model in hand. torch is imported in worker processes only."""
