"""Generation in three parts instead of token by token: the prompt, the cache as it grows, the last token; all real code."""

from __future__ import annotations

import copy
from typing import Any

from diagnostics.probes.memory.ledger import Ledger

# The growth of the cache between the first and the last tokens is noted in at most so many steps.
GROWTH_STEPS = 256


def in_three_parts(model: Any, ledger: Ledger) -> None:
    """Give a model a `generate` that makes the memory of the whole generation in few steps.

    transformers' own generate answers the prompt with two tokens; then the cache is made as long as it is before the last
    token, and generate goes on from there for one token. The growth between is noted in the ledger alone: every layer's
    keys and values are copied into blocks of one token more, which is what fragments the allocator.
    """
    original = model.generate

    def generate(**asked: Any) -> Any:
        config = asked.pop("generation_config")
        ids, mask = asked.pop("input_ids"), asked.pop("attention_mask")
        rows, prompt, answer = ids.shape[0], ids.shape[1], config.max_new_tokens
        with ledger.during("generation"):
            first = short(config, min(2, answer))
            begun = original(input_ids=ids, attention_mask=mask, generation_config=first, **asked)
            if answer > 2:
                cache = begun.past_key_values
                del begun
                lengthen(cache, prompt + answer - 2, ledger)
                length = prompt + answer - 1
                original(
                    input_ids=ids.new_ones((rows, length)),
                    attention_mask=mask.new_ones((rows, length)),
                    past_key_values=cache,
                    generation_config=short(config, 1),
                    **asked,
                )
                del cache
            return ids.new_ones((rows, prompt + answer))

    model.generate = generate


def short(config: Any, tokens: int) -> Any:
    """A generation config for so many tokens, whatever ends an answer early."""
    shorter = copy.deepcopy(config)
    shorter.max_new_tokens, shorter.max_length = tokens, None
    shorter.min_new_tokens = None
    shorter.return_dict_in_generate = True
    shorter.disable_compile = True
    return shorter


def lengthen(cache: Any, length: int, ledger: Ledger) -> None:
    """Make every layer of a cache `length` tokens long, with the blocks of the steps between in the ledger."""
    layers = [layer for layer in cache.layers if getattr(layer, "keys", None) is not None and layer.keys.dim() == 4]
    growing = [layer for layer in layers if not getattr(layer, "is_sliding", False)]
    held: dict[tuple[int, str], int] = {}
    if growing:
        start = growing[0].keys.shape[-2]
        stride = max(1, (length - start) // GROWTH_STEPS)
        for tokens in range(start + stride, length, stride):
            for place, layer in enumerate(growing):
                for name in ("keys", "values"):
                    tensor = getattr(layer, name)
                    size = tensor.numel() // tensor.shape[-2] * tokens * tensor.element_size()
                    number = ledger.begin(size, "kv_cache", op="aten.cat")
                    if (place, name) in held:
                        ledger.end(held[place, name])
                    elif tokens == start + stride:
                        setattr(layer, name, tensor[..., :1, :].clone())
                    held[place, name] = number
    for place, layer in enumerate(layers):
        wanted = min(length, layer.sliding_window - 1) if getattr(layer, "is_sliding", False) else length
        for name in ("keys", "values"):
            tensor = getattr(layer, name)
            made = tensor.new_empty((*tensor.shape[:2], wanted, tensor.shape[3]))
            setattr(layer, name, made)
            ledger.move(made.untyped_storage(), "kv_cache")
            del tensor, made
        if hasattr(layer, "cumulative_length"):
            layer.cumulative_length = length
        if layer in growing:
            for name in ("keys", "values"):
                number = held.pop((growing.index(layer), name), None)
                if number is not None:
                    ledger.end(number)
        del layer, place
