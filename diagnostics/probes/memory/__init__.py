"""The device memory of a training step, from the real trainer on tensors without data, in a process of its own."""
