"""How PPO turns prompts into text: the one place for the trainer and for the pre-flight that looks ahead of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def prompt_texts(tokenizer: Any, prompts: Sequence[Any]) -> tuple[list[str], bool]:
    """Prompts, texts or lists of messages, as texts to be tokenized, and whether special tokens are to be added to them."""
    if isinstance(prompts[0], str):
        return list(prompts), True
    # The template has written the special tokens already.
    return [tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in prompts], False
