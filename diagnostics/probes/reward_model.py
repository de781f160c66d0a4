"""A reward model: a sequence classifier with one output, read from safetensors, without code of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from diagnostics.compare.models.sources import SourceUnusable, check_model
from diagnostics.probes.loading import first_line, one_word_for_all, open_tokenizer
from diagnostics.run.refusal import BadValue, Sentence, sentence_of

MOST_ROWS = 32
MOST_TOKENS = 8192  # of a batch, padding included


class RewardModel:
    """A loaded reward model."""

    def __init__(self, folder: str) -> None:
        """Load it.

        Raises:
            SourceUnusable: it is no whole model, or no reward model: several outputs, or a head that was never trained.
        """
        import torch
        from transformers import AutoModelForSequenceClassification

        check_model(Path(folder))
        self.folder = folder
        self.tokenizer = open_tokenizer(folder)
        with one_word_for_all(folder, "transformers"):
            self.model, loaded = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype="auto",
                output_loading_info=True,
            )  # fmt: skip
        missing = sorted(loaded["missing_keys"])
        if missing:
            raise SourceUnusable(
                f"{folder}: is no reward model: {missing[0]} is not among its weights, so its scores would be random.",
                f"{folder}：不是奖励模型：权重中没有 {missing[0]}，它的分数会是随机的。",
            )
        if self.model.config.num_labels != 1:
            raise SourceUnusable(
                f"{folder}: has {self.model.config.num_labels} outputs; a reward model has one.",
                f"{folder}：有 {self.model.config.num_labels} 个输出；奖励模型只有一个。",
            )
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token  # as TRL's RewardTrainer does
        # The score is read at the last token that is no padding, which the model finds by this number.
        self.model.config.get_text_config().pad_token_id = self.tokenizer.pad_token_id
        self.model.config.pad_token_id = self.tokenizer.pad_token_id
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
        self.model.to(device).eval()

    def text_of(self, messages: Sequence[dict[str, str]], answer: str, conversational: bool) -> str:
        """The text that is scored: as TRL's GRPOTrainer puts prompt and completion together for a reward model.

        Raises:
            ValueError: the chat template refuses the conversation.
        """
        if not conversational:
            return messages[-1]["content"] + answer
        whole = [*messages, {"role": "assistant", "content": answer}]
        if not self.tokenizer.chat_template:
            return "\n".join(one["content"] for one in whole)
        try:
            return str(self.tokenizer.apply_chat_template(whole, tokenize=False))
        except Exception as error:  # a template may raise whatever it likes
            raise BadValue(
                f"its chat template refuses the conversation ({first_line(error)})",
                f"它的聊天模板拒绝了这段对话（{first_line(error)}）",
            ) from error

    def scores(self, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[list[int], list[float | str]]]:
        """Score rows, shortest first in batches; yields the places of a batch with their scores, or why there is none."""
        import torch

        ids: dict[int, list[int]] = {}
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or math.inf
        for place, row in enumerate(rows):
            try:
                text = self.text_of(row["messages"], row["text"], row["conversational"])
            except ValueError as error:
                yield [place], [sentence_of(error)]
                continue
            ids[place] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            if not ids[place] or len(ids[place]) > limit:
                long = len(ids.pop(place))
                yield (
                    [place],
                    [
                        Sentence(
                            f"a text of {long} tokens does not fit into its context of {limit}",
                            f"{long} 个词元的文本超出了它 {limit} 个词元的上下文",
                        )
                    ],
                )
        for batch in batches(ids):
            longest = max(len(ids[place]) for place in batch)
            pad = self.tokenizer.pad_token_id
            tokens = torch.tensor([ids[place] + [pad] * (longest - len(ids[place])) for place in batch])
            mask = torch.tensor([[1] * len(ids[place]) + [0] * (longest - len(ids[place])) for place in batch])
            with torch.inference_mode():
                logits = self.model(
                    input_ids=tokens.to(self.model.device), attention_mask=mask.to(self.model.device)
                ).logits  # shape (rows, 1)
            yield batch, logits[:, 0].float().tolist()


def batches(ids: dict[int, list[int]]) -> Iterator[list[int]]:
    """Places in batches of like length, shortest first: padding a short text to a long one costs as much as the long."""
    batch: list[int] = []
    for place in sorted(ids, key=lambda one: len(ids[one])):
        if batch and (len(batch) == MOST_ROWS or len(ids[place]) * (len(batch) + 1) > MOST_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
