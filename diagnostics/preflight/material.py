"""What the pre-flight rules judge: a training that has not begun, measured. Plain values only; the probes fill them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Kind = Literal["trained", "masked", "truncated", "padding"]
Format = Literal["standard", "conversational", "tokenized"]


@dataclass(frozen=True)
class Asked:
    """What is asked for: the method, the whole config as `python -m training start` takes it, and a script beside it.

    `config` holds TRL's argument names (`model_name_or_path`, `dataset_name`, `max_length`, `reward_funcs`) and those of
    this project (`column_mapping`). A script alone is a request too: then `method` is None and `config` empty.
    """

    method: str | None
    config: Mapping[str, Any]
    script: Path | None = None


@dataclass(frozen=True)
class Rows:
    """The raw rows of one split, as they lie in the file.

    `where` names them in messages: `pairs.jsonl (train)`. `rows` is a lazy sequence: a row is a dict of its columns.
    `numbers`: int64, shape (n,), the number in the split of each row that is looked at, from 0, ascending; all of them
    unless the split has more than the limit. `total`: rows in the split. `dataset` is the `datasets.Dataset` of the rows
    looked at, renamed as `column_mapping` asks; None where the file can be read and the mapping does not fit it.
    `every`: all rows of the split, lazily, for the rules that count without tokenizing, or a wider sample of a split of
    more than 200,000; None where they are not at hand. `every_numbers`: their numbers.
    """

    where: str
    total: int
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    numbers: np.ndarray
    dataset: Any = None
    every: Sequence[Mapping[str, Any]] | None = None
    every_numbers: np.ndarray | None = None

    @property
    def sampled(self) -> bool:
        """Whether only some of the rows are looked at."""
        return len(self.numbers) < self.total


@dataclass(frozen=True)
class Tokens:
    """One sequence as training will see it, token by token, for a picture.

    `row`: the number of the raw row. `part`: `sequence`, `chosen`, `rejected`, `completion` or `prompt`. `texts`: what
    each token adds to the text. `kinds`: whether it is trained on, masked (no loss), cut off by `max_length`, or padding
    of its batch. `special`: whether it is one of the tokenizer's special tokens. `dropped`: the row is left out whole.
    `left_out`: of a long sequence, how many tokens are not shown before which place: (place, count). With packing
    `part` is `packed` and `row` the number of the packed sequence.
    """

    row: int
    part: str
    ids: tuple[int, ...]
    texts: tuple[str, ...]
    kinds: tuple[Kind, ...]
    special: tuple[bool, ...]
    dropped: bool = False
    left_out: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Sequences:
    """All sequences of one part, as numbers; arrays of shape (n,), one value a row that is looked at.

    `numbers`: the raw row. `lengths`: tokens before anything is cut. `trained`: tokens that carry loss before anything
    is cut. `kept`: tokens that are left after `max_length`. `kept_trained`: tokens with loss that are left. `ends`:
    the last token with loss, before cutting, is an end token (the tokenizer's end token, or the template's end of turn).
    `dropped`: TRL leaves the row out. `masked_ends`: the sequence ends with an end token that carries no loss.
    """

    part: str
    numbers: np.ndarray
    lengths: np.ndarray
    trained: np.ndarray
    kept: np.ndarray
    kept_trained: np.ndarray
    ends: np.ndarray
    dropped: np.ndarray
    masked_ends: np.ndarray | None = None


@dataclass(frozen=True)
class TemplateFault:
    """One fault of a chat template: what it does, shown in lines; `grave` if training on it would be wrong for sure.

    `kind`: `drops-content`, `changes-content`, `repeats-content`, `changes-order`, `loses-roles`, `swaps-roles`,
    `no-generation-prompt`, `prompt-differs`, `no-end`, `foreign-tokens`, `markers-wrong` or `changed-copy` (of a template
    that TRL ships). `row`: of the data, where it was seen there.
    """

    kind: str
    lines: tuple[str, ...]
    grave: bool = False
    row: int | None = None


@dataclass(frozen=True)
class Template:
    """What was measured of the chat template, with the model's own tokenizer.

    `source`: where it comes from (`tokenizer`, a path, `TRL's training template`); None where there is none. `known`:
    the name of the TRL template that it is byte for byte. Each of the others is None where it was not asked or cannot
    be said. `refuses`: the sentence with which it refuses plain talk or the data's own, and `refuses_row`. `stops`: the
    tokens at which a server ends an answer. `parity`: the first rows' prompts as training sees them and as a server would
    send them, where they differ: (row, training's tokens, server's tokens), from a little before the first difference.
    """

    source: str | None
    known: str | None = None
    refuses: str | None = None
    refuses_row: int | None = None
    prefix_preserving: bool | None = None
    prompt_is_prefix: bool | None = None
    generation_markers: bool | None = None
    end_trained: bool | None = None
    end_token: str | None = None
    stops: tuple[str, ...] = ()
    faults: tuple[TemplateFault, ...] = ()
    parity: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What TRL's own preparation made of the rows.

    `format`: of the first row. `sequences` by part. `picture`: a few rows of a real batch, token by token. `max_length`:
    the limit in force, in tokens (None: none). `failed`: the sentence with which TRL refused, and `row` where it is
    known; then the rest may be empty. `warnings`: what TRL said meanwhile. `pad_is_end`: the padding token is the end
    token. `vocabulary`: entries of the tokenizer; `embedding`: rows of the model's embedding, from its config.
    `facts`: `highest_id` that occurs in the rows, `double_begin` (rows that begin with two begin tokens), `context` (the
    longest sequence that the model takes), `packed` (sequences after packing), `conversational`, `eos_token`, `pad_token`.
    """

    format: Format | None
    sequences: Mapping[str, Sequences]
    picture: tuple[Tokens, ...]
    max_length: int | None
    template: Template | None = None
    failed: str | None = None
    failed_row: int | None = None
    warnings: tuple[str, ...] = ()
    pad_is_end: bool = False
    vocabulary: int | None = None
    embedding: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RewardTrial:
    """One reward function, called as TRL calls it on samples of the data, and by probes.

    `name`: under which TRL logs it. `spec`: as it was named. `failed`: (kind, sentence) where a call failed: `import`,
    `raises`, `wrong-count`, `not-a-number`, `none`, `not-finite`, `timeout`, `died`. `values`: by probe (`reference`,
    `empty`, `long`, `prompt`, `repeated`, `keywords`, `foreign`), float64, shape (n,), NaN where None was given.
    `shuffled`: the largest difference between the rewards of the same rows in another order, None if not tried.
    `seconds`: of one call on all samples. `rows`: numbers of the sampled rows.
    """

    name: str
    spec: str
    values: Mapping[str, np.ndarray]
    rows: tuple[int, ...] = ()
    failed: tuple[str, str] | None = None
    shuffled: float | None = None
    shuffled_rows: tuple[int, ...] = ()
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ScriptChange:
    """One place of a script that the installed libraries no longer take.

    `kind`: `import`, `argument`, `call`, `name`. `line`: from 1. `what`: the old name; `instead`: the new one (None:
    gone without a successor). `owner`: the class or module. `since`: the version that dropped it. `mended`: whether
    the rewritten script has it right. `fatal`: whether it raises, rather than warns or does something else in silence.
    """

    kind: str
    line: int
    what: str
    owner: str
    instead: str | None
    since: str
    mended: bool
    note: str = ""
    fatal: bool = True


@dataclass(frozen=True)
class Script:
    """A training script, read and never run.

    `era`: the TRL versions it was written for, as far as its names tell, such as `0.9 to before 0.12`. `changes` in the order of their lines.
    `modern`: the whole rewritten text, None where nothing had to change. `diff`: unified, old to modern.
    `unread`: what could not be decided, a sentence each.
    """

    path: Path
    method: str | None
    era: str | None
    changes: tuple[ScriptChange, ...]
    modern: str | None
    diff: str
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """The device that training would run on, as torch sees it. `bf16`, `fp16`: whether it computes in them; memory in GiB."""

    device: str
    count: int
    bf16: bool
    fp16: bool
    name: str = ""
    memory: float | None = None


@dataclass(frozen=True)
class Material:
    """All that was measured of a training before its start. A part is None where it was not asked for or not to be had.

    `defaults`: the values of TRL's config class for the method where the config says nothing. `usable`: the names that
    this class and the command line take. `unseen`: by part (`data`, `prepared`, `rewards`, `script`), why it is None.
    `held_out`: whether the data have an evaluation split, where none is asked for; None if that is not known.
    `mapping`: a proposed `column_mapping` or conversion, as `diagnostics.preflight.converting` makes it.
    """

    asked: Asked
    train: Rows | None = None
    evaluation: Rows | None = None
    prepared: Prepared | None = None
    rewards: tuple[RewardTrial, ...] | None = None
    script: Script | None = None
    machine: Machine | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    usable: frozenset[str] = frozenset()
    processes: int = 1
    unseen: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    held_out: bool | None = None

    @property
    def method(self) -> str | None:
        """The method asked for."""
        return self.asked.method

    def value(self, name: str) -> Any:
        """An argument as training will have it: asked for, else TRL's default, else None."""
        return self.asked.config.get(name, self.defaults.get(name))
