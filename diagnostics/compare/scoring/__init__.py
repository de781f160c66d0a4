"""Scores of answers: reward functions, reward models, references, judges."""
