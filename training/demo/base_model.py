"""The demo's own base model before training: a tokenizer, a tiny Llama with random weights, its corpus as token ids.

What made a model of this size learn in a minute on one core was measured, not guessed:
`initializer_range` 0.08 (0.02, the default, never learned to copy an order number in the same time), one document per
row rather than packed windows, and no loss on the first mention of an order number in a document, which nobody could
predict: so every order number in the loss is a copy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.demo.data import BASE_ROWS, TEST_ROWS, base_texts, write_jsonl
from training.demo.grammar import ORDER_NUMBERS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 1600  # byte-level BPE entries; the order numbers come on top
CONTEXT = 256
IGNORED = -100

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with the chat template and one token per order number."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        extra_special_tokens=special[2:],
        padding_side="left",
        model_max_length=CONTEXT,
    )
    fast.add_tokens([AddedToken(number, normalized=False) for number in ORDER_NUMBERS])
    fast.chat_template = CHAT_TEMPLATE
    return fast


def labels_of(input_ids: list[int], order_ids: set[int]) -> list[int]:
    """The token ids, with `IGNORED` at the first mention of each order number."""
    seen: set[int] = set()
    labels = []
    for token in input_ids:
        first = token in order_ids and token not in seen
        labels.append(IGNORED if first else token)
        seen.add(token)
    return labels


def write_base_corpus(folder: Path, tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> None:
    """Write `train.jsonl` and `test.jsonl` with `input_ids` and `labels`, one document a row, closed by the end token."""
    order_ids = set(tokenizer.convert_tokens_to_ids(ORDER_NUMBERS))
    for split, count in (("train", BASE_ROWS), ("test", TEST_ROWS)):
        encoded = tokenizer(base_texts(split, count, seed), add_special_tokens=False)["input_ids"]
        rows = ([*ids, tokenizer.eos_token_id] for ids in encoded)
        write_jsonl(
            folder / f"{split}.jsonl", ({"input_ids": row, "labels": labels_of(row, order_ids)} for row in rows)
        )


def write_initial_model(folder: Path, seed: int = 0) -> PreTrainedTokenizerFast:
    """Write a model folder with random weights (0.68M parameters, 2.7 MB) and its tokenizer; return the tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = train_tokenizer(base_texts("train", 6000, seed))
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            intermediate_size=384,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.08,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


if __name__ == "__main__":
    work = Path(sys.argv[1])
    write_base_corpus(work / "base", write_initial_model(work / "initial"))
