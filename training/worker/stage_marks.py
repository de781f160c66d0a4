"""The stages of a curriculum where a person looks for them: on the console, in the log, in TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.request import BadRequest
from training.worker.board import Board, of_training

TAG = "curriculum_stage"


@dataclass(frozen=True)
class Stage:
    """One stage: its number from 1, the step with which it begins (from 1), its rows and their range of difficulty."""

    number: int
    begins: int
    low: float
    high: float
    rows: int


class StageMarks(Board):
    """Writes `curriculum_stage` beside every training log, and a text at each boundary.

    It is the run's TensorBoard callback with that added, in the place of the Trainer's own, so that there is one writer
    and one event file. `board`: whether TensorBoard was asked for at all. `total` is the number of rows laid out.

    Raises:
        BadRequest: from the begin of the training: the trainer dropped rows, which would shift the stages.
    """

    def __init__(self, stages: Sequence[Stage], curriculum: str, unit: str, total: int, board: bool = True) -> None:
        super().__init__()
        self.stages = stages
        self.curriculum = curriculum
        self.unit = unit
        self.total = total
        self.board = board
        self.announced: int | None = None

    def at(self, step: int) -> Stage:
        """The stage to which a step (from 1) belongs."""
        return [one for one in self.stages if one.begins <= max(step, 1)][-1]

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the event file; see that the trainer took all rows."""
        dataset = getattr(kwargs.get("train_dataloader"), "dataset", None)
        # PPO's loader counts passes; its prompts are drawn by the trainer itself.
        rows = len(dataset) if dataset is not None and hasattr(dataset, "column_names") else None
        if rows is not None and rows < self.total:
            raise BadRequest(
                f"curriculum: the trainer dropped {self.total - rows} of {self.total} rows, of which max_length"
                f" {getattr(args, 'max_length', None)} leaves no answer; raise max_length or take them out of the data.",
                f"curriculum：训练器丢弃了 {self.total} 行中的 {self.total - rows} 行，max_length {getattr(args, 'max_length', None)} 使它们没有留下回答；请增大 max_length，或从数据中去掉它们。",
            )
        if self.board:
            super().on_train_begin(args, state, control, **kwargs)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say it where a stage begins; after a resume also in which one the run goes on."""
        step = state.global_step + 1
        stage = self.at(step)
        if self.announced == stage.number or not state.is_world_process_zero:
            return
        self.announced = stage.number
        text = (
            f"curriculum: stage {stage.number} of {len(self.stages)} from step {step}: "
            f"{self.curriculum} {stage.low:.6g} to {stage.high:.6g}{self.unit}, {stage.rows} rows"
        )
        print(text, flush=True)
        if self.board and self.tb_writer is not None:
            self.tb_writer.add_text("curriculum", text, step)
            self.tb_writer.flush()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Add the stage to what is logged of training; evaluations and the closing summary have none."""
        if logs is not None and of_training(logs):
            logs[TAG] = self.at(state.global_step).number
            if state.log_history:
                state.log_history[-1][TAG] = logs[TAG]
        if self.board:
            super().on_log(args, state, control, logs=logs, **kwargs)
