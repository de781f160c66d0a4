"""The report on device memory: the verdict, the bill, the timeline, the shares, the host and what would fit."""
