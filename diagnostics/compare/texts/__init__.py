"""What the texts of answers show: where they differ, side effects of training."""
