"""Comparing checkpoints: scores of kept answers, and live answers from model workers."""
