"""Prepares the rows as training will, with TRL's own trainers on a stand-in for the model, and measures what they made."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from diagnostics.preflight.material import Asked, Format, Prepared, Rows, Sequences, Template, Tokens
from diagnostics.probes.preparing import picture, talks, template
from diagnostics.probes.preparing.asking import CannotPrepare
from diagnostics.probes.preparing.failing import failing_row, sentence
from diagnostics.probes.preparing.ppo_prompts import prompt_texts
from diagnostics.probes.preparing.quiet import Noise, Progress, quietly
from diagnostics.probes.preparing.sequences import Ends, Measured, Ragged, joined, measure, tables
from diagnostics.probes.preparing.standin import StandIn, open_stand_in
from diagnostics.probes.preparing.trainers import INDEX, PREPARED, build, collated

ONLINE = ("grpo", "rloo", "ppo")
METHODS = (*PREPARED, *ONLINE)
PROMPTS = 1000  # prompts that are tokenized at a time

__all__ = ["CannotPrepare", "prepare"]


def prepare(asked: Asked, rows: Rows, *, progress: Progress | None = None) -> Prepared:
    """What TRL's own preparation makes of the rows. `progress` is called with rows done, rows in all, and what is done.

    Nothing of the model but its config and tokenizer is read, and nothing is written where it would stay.

    Raises:
        CannotPrepare: the method has no preparation, there are no rows, or the tokenizer cannot be opened.
    """
    if asked.method not in METHODS:
        raise CannotPrepare(
            f"{asked.method}: no method of ours prepares rows by that name",
            f"{asked.method}：没有准备这种方法的数据行的办法",
        )
    if rows.dataset is None or not len(rows.dataset):
        raise CannotPrepare(f"{rows.where}: holds no rows", f"{rows.where}：没有数据行")
    with quietly(progress) as noise:
        stand_in = open_stand_in(asked.config)
        return Preparation(asked.method, asked.config, rows, stand_in, noise).run(progress)


class Preparation:
    """One preparation, under way."""

    def __init__(self, method: str, config: Mapping[str, Any], rows: Rows, stand_in: StandIn, noise: Noise) -> None:
        self.method, self.config, self.rows, self.noise = method, config, rows, noise
        self.stand_in = stand_in
        self.original = copy.deepcopy(stand_in.tokenizer)
        self.dataset = rows.dataset.add_column(INDEX, [int(one) for one in rows.numbers])
        self.max_length: int | None = None
        self.sequences: dict[str, Sequences] = {}
        self.pictured: list[Tokens] = []
        self.highest, self.double_begin, self.packed = -1, 0, 0
        self.trainer: Any = None

    def run(self, progress: Progress | None) -> Prepared:
        """Prepare and measure; TRL's own refusal is a result."""
        failed, failed_row = None, None
        try:
            if self.method == "sft":
                self.sft()
            elif self.method in PREPARED:
                self.answers()
            else:
                self.prompts(progress)
        except CannotPrepare:
            raise
        except Exception as error:  # whatever it is, training would end with it
            failed = sentence(error)
            # Rows that the pass has behind it are not at fault; pairs that were taken apart are more than the rows.
            behind = self.noise.done if self.method in ("sft", "dpo", "reward") else 0
            failed_row = failing_row(error, self.rows, self.attempt, behind)
        measured = self.template()
        tokenizer = self.stand_in.tokenizer
        return Prepared(
            format=self.format(),
            sequences=self.sequences,
            picture=tuple(self.pictured),
            max_length=self.max_length,
            template=measured,
            failed=failed,
            failed_row=failed_row,
            warnings=tuple(self.noise.heard),
            pad_is_end=tokenizer.pad_token_id is not None and tokenizer.pad_token_id == tokenizer.eos_token_id,
            vocabulary=len(tokenizer),
            embedding=self.stand_in.embedding,
            facts={
                "highest_id": self.highest,
                "double_begin": self.double_begin,
                "context": self.stand_in.context,
                "packed": self.packed,
                "conversational": self.format() == "conversational",
                "eos_token": tokenizer.eos_token,
                "pad_token": tokenizer.pad_token,
            },
        )

    def build(self, dataset: Any, **changes: Any) -> Any:
        """A trainer over some rows; the tokenizer is as it was before, whatever an earlier trainer made of it."""
        self.stand_in.tokenizer.chat_template = self.original.chat_template
        trainer = build(self.method, self.config, self.stand_in, dataset, self.noise.folder, **changes)
        self.trainer = trainer
        return trainer

    def attempt(self, first: int, last: int) -> None:
        """Prepare the rows from one place to before another, for what it raises."""
        dataset = self.dataset.select(range(first, last))
        if self.method == "ppo":
            self.prompts_of(dataset)
        else:
            trainer = self.build(dataset)
            if self.method in ONLINE:
                trainer._tokenize_prompts(dataset["prompt"][:])

    def format(self) -> Format | None:
        """What the first row is."""
        from trl.data_utils import is_conversational, is_conversational_from_value

        row = self.rows.rows[0]
        if "input_ids" in row or "chosen_ids" in row:
            return "tokenized"
        try:
            return "conversational" if is_conversational(row) or is_conversational_from_value(row) else "standard"
        except Exception:  # a row of no known shape
            return None

    def ends(self) -> Ends:
        """The tokens that end an answer."""
        tokenizer = self.stand_in.tokenizer
        ids = {one for one in (tokenizer.eos_token_id, *self.stand_in.stops) if one is not None}
        used = getattr(self.trainer, "chat_template", None) or template.template_text(tokenizer)
        if used is not None:
            talked = talks.talk(template.renderer(tokenizer, used))
            end = talks.end_of_turn(talked.gaps, tokenizer)[0] if talked.gaps else None
            if end is not None:
                ids.add(tokenizer.convert_tokens_to_ids(end))
        return Ends(sorted(ids), tokenizer.bos_token_id, tokenizer.decode)

    # SFT

    def sft(self) -> None:
        """The rows whole first; then the same tokens once more through TRL's own cutting, dropping and packing."""
        whole = self.build(self.dataset, max_length=None, packing=False, padding_free=False)
        names = whole.train_dataset.column_names
        if not {"input_ids", "labels"} <= set(names):
            raise CannotPrepare(
                f"{self.rows.where}: its rows are prepared batch by batch, while training runs",
                f"{self.rows.where}：它的数据行在训练时逐批准备",
            )
        final = self.build(whole.train_dataset)
        args = final.args
        self.max_length = args.max_length
        ends = self.ends()
        limit = args.max_length if args.packing and args.packing_strategy == "bfd" else None
        counted = self.counted(whole.train_dataset, ends, slice(None, limit))
        numbers, lengths = counted.joined("rows"), counted.joined("lengths")
        order = np.argsort(numbers, kind="stable")
        if args.packing:
            kept = lengths if limit is None else np.minimum(lengths, limit)
            within, dropped = counted.joined("within"), np.zeros(len(numbers), dtype=bool)
            self.packed = len(final.train_dataset)
        else:
            left = self.counted(final.train_dataset, ends, slice(None))
            kept, within = np.zeros_like(lengths), np.zeros_like(lengths)
            place = np.searchsorted(numbers[order], left.joined("rows"))
            kept[order[place]], within[order[place]] = left.joined("lengths"), left.joined("trained")
            dropped = np.ones(len(numbers), dtype=bool)
            dropped[order[place]] = False
        self.keep("sequence", counted, kept, within, dropped)
        if args.packing:
            self.picture_packed(final)
        else:
            self.picture_sft(final, whole.train_dataset)

    def counted(self, dataset: Any, ends: Ends, cut: slice) -> Measured:
        """SFT's sequences as numbers."""
        made = Measured()
        for rows, columns in tables(dataset, PREPARED["sft"]):
            measure(made, rows, columns["input_ids"], columns["labels"].values != -100, ends, cut)
        self.highest, self.double_begin = max(self.highest, made.highest), max(self.double_begin, made.double_begin)
        return made

    def picture_sft(self, final: Any, whole: Any) -> None:
        """Some rows of a real batch, with what was cut off."""
        tokenizer = self.stand_in.tokenizer
        places, wholes = places_of(final.train_dataset), places_of(whole)
        wanted = picture.chosen_rows(self.sequences)
        there = [row for row in wanted if row in places]
        batch: dict[str, Any] = {}
        if there and not final.padding_free:
            batch = collated(final, [final.train_dataset[places[row]] for row in there])
        for row in wanted:
            example = whole[wholes[row]]
            if row in places and batch:
                from_end = final.args.truncation_mode == "keep_end"
                ids, kinds = picture.with_cut(batch, there.index(row), example["input_ids"], from_end)
            else:
                ids, kinds = example["input_ids"], loss_kinds([one != -100 for one in example["labels"]])
                if row not in places:
                    kinds = cut_kinds(kinds, self.max_length, final.args.truncation_mode == "keep_end")
            self.pictured.append(picture.shown(tokenizer, row, "sequence", ids, kinds, row not in places))

    def picture_packed(self, final: Any) -> None:
        """The first packed sequences, each as a batch of its own."""
        for place in range(min(2, len(final.train_dataset))):
            batch = collated(final, [final.train_dataset[place]])
            ids, kinds = batch["input_ids"][0].tolist(), picture.batch_kinds(batch, 0)
            self.pictured.append(picture.shown(self.stand_in.tokenizer, place, "packed", ids, kinds))

    # Reward, DPO, KTO

    def answers(self) -> None:
        """The rows as TRL prepares them; then those that it dropped once more without a limit, to know their lengths."""
        dataset = self.dataset
        if self.method == "kto":
            dataset = unpaired(dataset)
        if (
            self.method == "reward"
        ):  # tokens that are there already are not made again: both passes cost no more than one
            dataset = self.build(dataset, max_length=None).train_dataset
        final = self.build(dataset)
        self.max_length = final.args.max_length
        ends = self.ends()
        left = set(final.train_dataset[INDEX][:])
        gone = [place for place, row in enumerate(dataset[INDEX][:]) if row not in left]
        lost = self.build(dataset.select(gone), max_length=None).train_dataset if gone else None
        self.trainer = final
        names = PREPARED[self.method]
        mode = getattr(final.args, "truncation_mode", "keep_start")
        for part, columns in self.parts(names).items():
            measured = [
                (self.counted_part(one, columns, ends), one is lost)
                for one in (final.train_dataset, lost)
                if one is not None
            ]
            whole, dropped = merged(measured)
            lengths, trained = whole.joined("lengths"), whole.joined("trained")
            limit = self.max_length if self.max_length is not None and self.method != "reward" else None
            kept = lengths if limit is None else np.minimum(lengths, limit)
            if limit is None:
                within = trained
            elif mode == "keep_end":
                within = np.minimum(trained, limit)
            else:
                within = np.clip(limit - (lengths - trained), 0, trained)
            self.keep(part, whole, np.where(dropped, 0, kept), np.where(dropped, 0, within), dropped)
        self.picture_answers(final, lost, mode == "keep_end")

    def parts(self, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The columns that make a sequence, by part."""
        if self.method == "reward":
            return {"chosen": ("chosen_ids",), "rejected": ("rejected_ids",)}
        prompt = names[0]
        return {name.removesuffix("_ids"): (prompt, name) for name in names[1:]}

    def counted_part(self, dataset: Any, names: tuple[str, ...], ends: Ends) -> Measured:
        """One part's sequences as numbers."""
        made = Measured()
        for rows, columns in tables(dataset, names):
            pieces = [columns[name] for name in names]
            ids = joined(*pieces)
            loss = after(ids, pieces[0]) if len(pieces) > 1 else np.ones(len(ids.values), dtype=bool)
            measure(made, rows, ids, loss, ends, slice(None))
        self.highest, self.double_begin = max(self.highest, made.highest), max(self.double_begin, made.double_begin)
        return made

    def picture_answers(self, final: Any, lost: Any, from_end: bool) -> None:
        """Some rows of a real batch, with what was cut off; and one that was dropped."""
        tokenizer = self.stand_in.tokenizer
        parts = self.parts(PREPARED[self.method])
        places, losts = places_of(final.train_dataset), places_of(lost) if lost is not None else {}
        wanted = picture.chosen_rows(self.sequences)
        there = [row for row in wanted if row in places]
        examples = {row: final.train_dataset[places[row]] for row in there}
        batch = collated(final, [examples[row] for row in there]) if there else {}
        for row in wanted:
            for number, (part, names) in enumerate(parts.items()):
                example = examples[row] if row in examples else lost[losts[row]]
                whole = [one for name in names for one in example[name]]
                if row in examples:
                    ids, kinds = picture.with_cut(batch, number * len(there) + there.index(row), whole, from_end)
                else:
                    prompt = len(example[names[0]]) if len(names) > 1 else 0
                    ids, kinds = whole, loss_kinds([place >= prompt for place in range(len(whole))])
                    kinds = cut_kinds(kinds, self.max_length, from_end)
                self.pictured.append(picture.shown(tokenizer, row, part, ids, kinds, row not in examples))

    # GRPO, RLOO, PPO

    def prompts(self, progress: Progress | None) -> None:
        """The prompts as the trainer tokenizes them before it generates."""
        if self.method == "ppo":
            tokenize: Callable[[Any], list[list[int]]] = self.prompts_of
        else:
            trainer = self.build(self.dataset)

            def tokenize(dataset: Any) -> list[list[int]]:
                ids: list[list[int]] = trainer._tokenize_prompts(dataset["prompt"][:])[0]
                return ids

        made, ends = Measured(), self.ends()
        numbers = np.asarray(self.rows.numbers, dtype=np.int64)
        found: list[list[int]] = []
        for begin in range(0, len(self.dataset), PROMPTS):
            stop = min(begin + PROMPTS, len(self.dataset))
            ids = tokenize(self.dataset.select(range(begin, stop)))
            found += ids
            flat = Ragged(
                np.array([one for row in ids for one in row], dtype=np.int64),
                np.concatenate(([0], np.cumsum([len(row) for row in ids]))).astype(np.int64),
            )
            measure(made, numbers[begin:stop], flat, np.zeros(len(flat.values), dtype=bool), ends, slice(None))
            if progress is not None:
                progress(stop, len(self.dataset), "Tokenizing prompts")
        self.highest, self.double_begin = made.highest, made.double_begin
        lengths = made.joined("lengths")
        self.keep("prompt", made, lengths, np.zeros_like(lengths), np.zeros(len(lengths), dtype=bool))
        places = {int(row): place for place, row in enumerate(numbers)}
        for row in picture.chosen_rows(self.sequences):
            prompt = found[places[row]]
            self.pictured.append(
                picture.shown(self.stand_in.tokenizer, row, "prompt", prompt, loss_kinds([False] * len(prompt)))
            )

    def prompts_of(self, dataset: Any) -> list[list[int]]:
        """PPO's prompts as tokens, by the function that our own trainer calls."""
        texts, special = prompt_texts(self.stand_in.tokenizer, dataset["prompt"][:])
        ids: list[list[int]] = self.stand_in.tokenizer(texts, add_special_tokens=special, return_token_type_ids=False)[
            "input_ids"
        ]
        return ids

    # All

    def keep(self, part: str, made: Measured, kept: np.ndarray, within: np.ndarray, dropped: np.ndarray) -> None:
        """Note one part's sequences, in the order of the raw rows."""
        numbers = made.joined("rows")
        order = np.argsort(numbers, kind="stable")
        self.sequences[part] = Sequences(
            part=part,
            numbers=numbers[order],
            lengths=made.joined("lengths")[order],
            trained=made.joined("trained")[order],
            kept=np.asarray(kept)[order],
            kept_trained=np.asarray(within)[order],
            ends=made.joined("ends")[order].astype(bool),
            dropped=np.asarray(dropped)[order],
            masked_ends=made.joined("masked_ends")[order].astype(bool),
        )

    def template(self) -> Template:
        """The chat template's facts, as training would use it."""
        tokenizer = self.stand_in.tokenizer
        used = getattr(self.trainer, "chat_template", None)
        path = self.config.get("chat_template_path")
        source = "TRL's training template" if used else str(path) if path else "tokenizer"
        masked = bool(self.config.get("assistant_only_loss")) and self.method == "sft"
        return template.measure(tokenizer, used, source, self.rows, self.stand_in.stops, masked)


def unpaired(dataset: Any) -> Any:
    """KTO's rows: pairs taken apart by TRL's own functions, so that the rows keep their numbers.

    The trainer does the same where it gets pairs; it numbers nothing.
    """
    from trl.data_utils import extract_prompt, unpair_preference_dataset

    if "prompt" not in dataset.column_names and "chosen" in dataset.column_names:
        dataset = dataset.map(extract_prompt, desc="Extracting prompt")
    if {"chosen", "rejected"} <= set(dataset.column_names):
        dataset = unpair_preference_dataset(dataset, desc="Unpairing")
    return dataset


def merged(measured: list[tuple[Measured, bool]]) -> tuple[Measured, np.ndarray]:
    """The kept and the dropped rows' numbers as one, and which are dropped."""
    whole = Measured()
    flags = []
    for one, gone in measured:
        for name in ("rows", "lengths", "trained", "ends", "masked_ends"):
            getattr(whole, name).extend(getattr(one, name))
        flags.append(np.full(len(one.joined("rows")), gone))
    return whole, np.concatenate(flags).astype(bool)


def after(ids: Ragged, prompt: Ragged) -> np.ndarray:
    """For each token of joined rows, whether it lies behind the prompt."""
    within = np.arange(len(ids.values)) - np.repeat(ids.starts[:-1], ids.lengths)
    behind: np.ndarray = within >= np.repeat(prompt.lengths, ids.lengths)
    return behind


def places_of(dataset: Any) -> dict[int, int]:
    """Where each raw row lies in a prepared data set; the first place of each."""
    found: dict[int, int] = {}
    for place, row in enumerate(dataset[INDEX][:]):
        found.setdefault(row, place)
    return found


def loss_kinds(loss: list[bool]) -> list[Any]:
    """Kinds of tokens that lie in no batch."""
    return ["trained" if one else "masked" for one in loss]


def cut_kinds(kinds: list[Any], limit: int | None, from_end: bool) -> list[Any]:
    """The kinds of a dropped row, with what lies beyond the limit as cut off."""
    if limit is None or len(kinds) <= limit:
        return kinds
    gone = len(kinds) - limit
    return ["truncated"] * gone + kinds[gone:] if from_end else kinds[:limit] + ["truncated"] * gone
