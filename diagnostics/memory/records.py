"""What is asked of the memory predictor, and what it answers: plain records that travel between processes as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from diagnostics.run.refusal import Refusal, Sentence, said

Phase = Literal["load", "forward", "backward", "optimizer", "generation", "evaluation", "save"]
Source = Literal["traced", "extrapolated", "formula"]

PHASES: tuple[Phase, ...] = ("load", "forward", "backward", "optimizer", "generation", "evaluation", "save")
# The lines of a bill, in the order in which they are shown.
BILL = (
    "weights",
    "gradients",
    "optimizer",
    "activations",
    "logits",
    "kv_cache",
    "reference",
    "temporaries",
    "context",
)
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
TIMELINE_POINTS = 2000


class MemoryUnknown(Refusal):
    """An estimate could not be made; the message says in one sentence why, and what was asked."""


class NotTraceable(MemoryUnknown):
    """The model or the config cannot be run on fake tensors; a closed form is what is left."""


class WorkerDied(MemoryUnknown):
    """The process that was to make the estimate was killed, aborted or ran out of memory itself."""


class Cancelled(MemoryUnknown):
    """The caller no longer wants the estimate."""


@dataclass(frozen=True)
class Asked:
    """One training step on one device, with everything that decides its memory.

    `config`: the trainer's arguments under TRL's names (optim, gradient_checkpointing, bf16, use_peft, lora_r,
    load_in_4bit, num_generations, ...) as far as they are given; TRL's defaults fill the rest. `model`: the content of
    the model's config.json. `dtype`: of the weights as they are loaded (float32, bfloat16, float16). `batch`: rows of one
    forward pass on one device (per_device_train_batch_size). `length`: tokens of the longest row, prompt and completion
    together; both answers of a preference pair are so long. `prompt`, `completion`: tokens of each, where generation or
    a completion-only loss needs them; else half of the length each. `processes`: data-parallel devices; the estimate is
    one device's. `device`: bytes of the device's memory, None if unknown: nothing is then tested for fitting. `padding`:
    whether rows of a batch differ in length. `reward_model`: config.json of a reward model held on the device, None
    without. `phases`: of `evaluation` and `save`, those that are traced beside the training steps.
    """

    method: str
    config: Mapping[str, Any]
    model: Mapping[str, Any]
    dtype: str = "float32"
    batch: int = 8
    length: int = 1024
    prompt: int | None = None
    completion: int | None = None
    processes: int = 1
    device: int | None = None
    padding: bool = False
    reward_model: Mapping[str, Any] | None = None
    phases: tuple[Phase, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `asked_from` reads them."""
        return {**dataclasses.asdict(self), "phases": list(self.phases)}


@dataclass(frozen=True)
class Storage:
    """One block of memory alive at the peak: its bytes, the shape and dtype it was made with, and the line of the bill.

    `op`: the operation that made it; `module`: the module in whose forward pass that was, "" outside of all.
    """

    bytes: int
    shape: tuple[int, ...]
    dtype: str
    op: str
    module: str
    line: str


@dataclass(frozen=True)
class Timeline:
    """Allocated bytes over the trace: `at` counts allocations and frees, thinned so that every peak and valley stays.

    `marks`: where a phase begins, as (at, phase), in order.
    """

    at: tuple[int, ...] = ()
    allocated: tuple[int, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Estimate:
    """The peak of device memory, all in bytes.

    `peak_allocated`: what tensors take, cuBLAS' workspace included. `peak_reserved`: what the caching allocator holds for
    them. `low`, `high`: the interval of the device's use at the peak, reserved and context. `context`: what the driver
    takes before the first tensor. `phase`, `step` (from 1), `operation`: where the peak of `peak_allocated` comes. `bill`:
    that peak by the lines of `BILL`, and the context. `phases`: the peak of allocated bytes in each phase that came.
    `fits`: whether the replay at the device's capacity went through, None if the device is unknown or nothing was
    replayed. `seconds`: how long the estimate took. `notes`: what was assumed, a sentence each.
    """

    peak_allocated: int
    peak_reserved: int
    low: int
    high: int
    context: int
    phase: Phase
    step: int
    operation: str
    bill: Mapping[str, int]
    source: Source
    timeline: Timeline = field(default_factory=Timeline)
    largest: tuple[Storage, ...] = ()
    phases: Mapping[str, int] = field(default_factory=dict)
    fits: bool | None = None
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """What the device has in use at the peak: reserved bytes and the context."""
        return self.peak_reserved + self.context

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `estimate_from` reads them; `notes_zh`: the notes in Chinese."""
        return {**dataclasses.asdict(self), "notes_zh": [said(one, "zh") for one in self.notes]}


def asked_from(content: Mapping[str, Any]) -> Asked:
    """The record that `Asked.to_json` wrote.

    Raises:
        MemoryUnknown: the content is no such record.
    """
    try:
        return Asked(**{**content, "phases": tuple(content.get("phases", ()))})
    except TypeError as error:
        raise MemoryUnknown(
            f"The request is none for the memory predictor ({error}).", f"这个请求不是给显存预测器的（{error}）。"
        ) from error


def estimate_from(content: Mapping[str, Any]) -> Estimate:
    """The record that `Estimate.to_json` wrote.

    Raises:
        MemoryUnknown: the content is no such record.
    """
    try:
        line, notes = content["timeline"], content["notes"]
        marks = tuple((int(at), str(phase)) for at, phase in line["marks"])
        return Estimate(
            **{
                **{name: value for name, value in content.items() if name != "notes_zh"},
                "timeline": Timeline(tuple(line["at"]), tuple(line["allocated"]), marks),
                "largest": tuple(Storage(**{**one, "shape": tuple(one["shape"])}) for one in content["largest"]),
                "notes": tuple(map(Sentence, notes, content.get("notes_zh", notes))),
            }
        )
    except (TypeError, KeyError, ValueError) as error:
        raise MemoryUnknown(
            f"The answer is none of the memory predictor's ({error}).", f"这个答复不是显存预测器给出的（{error}）。"
        ) from error


def thinned(at: Sequence[int], values: Sequence[int], points: int = TIMELINE_POINTS) -> tuple[list[int], list[int]]:
    """At most `points` of a curve: of each of `points // 2` stretches the least and the greatest value, in their order."""
    if len(values) <= points:
        return list(at), list(values)
    import numpy as np

    curve, kept = np.asarray(values), set()
    for stretch in np.array_split(np.arange(len(curve)), points // 2):
        kept.add(int(stretch[curve[stretch].argmin()]))
        kept.add(int(stretch[curve[stretch].argmax()]))
    order = sorted(kept)
    return [int(at[place]) for place in order], [int(values[place]) for place in order]
