"""Rows of token ids as long as asked for, and a tokenizer of a few words to go with them."""

from __future__ import annotations

from typing import Any

from diagnostics.memory.records import Asked
from diagnostics.probes.memory.arguments import parts

WORDS = 50
PAD, END, UNKNOWN = 0, 1, 2


def tokenizer() -> Any:
    """One token a word; the ids are below those of any model's vocabulary."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = {"<pad>": PAD, "<end>": END, "<unknown>": UNKNOWN, **{f"w{place}": place + 3 for place in range(WORDS)}}
    plain = Tokenizer(models.WordLevel(names, unk_token="<unknown>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="<end>", unk_token="<unknown>", model_max_length=10**9
    )


def ids(count: int, start: int = 0) -> list[int]:
    """So many token ids, none of them special."""
    return [3 + (start + place) % WORDS for place in range(count)]


def text(count: int) -> str:
    """A text of so many tokens."""
    return " ".join(f"w{place % WORDS}" for place in range(count))


def rows_of(asked: Asked, count: int, loss: str | None = None) -> list[dict[str, Any]]:
    """`count` rows in the columns that the method's collator reads, the first of a batch the longest."""
    prompt, completion = parts(asked)
    found: list[dict[str, Any]] = []
    for place in range(count):
        less = 1 if asked.padding and place % asked.batch else 0
        whole, answer = asked.length - less, asked.length - prompt - less
        if asked.method == "sft":
            row: dict[str, Any] = {"input_ids": ids(whole, place)}
            if asked.prompt is not None or asked.completion is not None:
                row["labels"] = [-100] * prompt + row["input_ids"][prompt:]
        elif asked.method == "reward":
            row = {"chosen_ids": ids(whole, place), "rejected_ids": ids(whole, place + 1)}
        elif asked.method == "dpo":
            row = {"prompt_ids": ids(prompt), "chosen_ids": ids(answer, place), "rejected_ids": ids(answer, place + 1)}
            if asked.config.get("precompute_ref_log_probs"):
                row |= {"ref_chosen_logps": 0.0, "ref_rejected_logps": 0.0}
        elif asked.method == "kto":
            row = {"prompt_ids": ids(prompt), "completion_ids": ids(answer, place), "label": place % 2 == 0}
            if loss != "apo_zero_unpaired":
                row["KL_completion_ids"] = ids(answer, place + 1)
            if asked.config.get("precompute_ref_log_probs"):
                row |= {"ref_logps": 0.0, "ref_KL_logps": 0.0}
        else:
            row = {"prompt": text(prompt)}
        found.append(row)
    return found
