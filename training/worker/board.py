"""The worker's TensorBoard callback: the Trainer's own, with the memory that is in use beside every row of training."""

from __future__ import annotations

from typing import Any

from transformers.integrations import TensorBoardCallback, integration_utils

from training.worker.readings import readings


class Board(TensorBoardCallback):
    """Writes what is logged, and memory beside it: to TensorBoard, and into the log that the Trainer keeps."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Add the readings to a row of training; evaluations and the closing summary have none."""
        if logs is not None and state.is_world_process_zero and of_training(logs):
            found = readings()
            logs |= found
            if state.log_history:
                state.log_history[-1] |= found
        super().on_log(args, state, control, logs=logs, **kwargs)


def of_training(logs: dict[str, Any]) -> bool:
    """Whether a row is one of training."""
    return "train_runtime" not in logs and not any(key.startswith("eval_") for key in logs)


def install() -> None:
    """Have the Trainer take this callback for `report_to="tensorboard"`: it must come before those that read the row."""
    integration_utils.INTEGRATION_TO_CALLBACK["tensorboard"] = Board
