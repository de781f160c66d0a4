"""Measures with a model in hand: log-probabilities of an answer, logits of a probe, divergence from another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnostics.probes.loading import Holder, Voice, prompt_text
from diagnostics.run.refusal import BadValue


def answer_ids(holder: Holder, voice: Voice, messages: Sequence[dict[str, str]], text: str) -> tuple[list[int], int]:
    """Prompt and answer as token ids, and how many of them are the prompt's.

    The answer is tokenized on its own, as it was written token by token after the prompt.

    Raises:
        ValueError: both together do not fit into the model's context.
    """
    prompt = holder.prompt_ids(voice, messages)
    answer: list[int] = voice.tokenizer(text, add_special_tokens=False)["input_ids"]
    if voice.tokenizer.eos_token_id is not None:
        answer = [*answer, voice.tokenizer.eos_token_id]
    context = holder.context()
    if context is not None and len(prompt) + len(answer) > context:
        raise BadValue(
            f"Prompt and answer are {len(prompt) + len(answer)} tokens long; the context holds {context}.",
            f"提示与回答共 {len(prompt) + len(answer)} 个词元；上下文只容 {context} 个。",
        )
    return prompt + answer, len(prompt)


def log_probabilities(holder: Holder, voice: Voice, ids: list[int], start: int) -> Any:
    """Log-probabilities of every token at each position of the answer, shape (answer tokens, vocabulary), in nats."""
    import torch

    tensor = torch.tensor([ids], device=holder.model.device)
    with torch.inference_mode(), holder.speaking([voice]) as options:
        logits = holder.model(input_ids=tensor, **options).logits[0, start - 1 : -1]
    return torch.log_softmax(logits.float(), dim=-1)


def token_scores(holder: Holder, voice: Voice, messages: Sequence[dict[str, str]], text: str) -> dict[str, Any]:
    """How likely each token of an answer is: `tokens` as text, `logprobs` in nats, `ranks` (1: the likeliest).

    The last token is the end of the answer, shown as the tokenizer writes it. A token that holds only part of a
    character has an empty text; the character stands at the token that completes it.
    """
    import torch

    ids, start = answer_ids(holder, voice, messages, text)
    table = log_probabilities(holder, voice, ids, start)
    chosen = torch.tensor(ids[start:], device=table.device)
    own = table.gather(1, chosen[:, None])
    ranks = (table > own).sum(dim=-1) + 1
    return {
        "tokens": pieces(voice.tokenizer, ids[start:]),
        "logprobs": [round(one, 4) for one in own[:, 0].tolist()],
        "ranks": ranks.tolist(),
    }


def pieces(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """The text that each token adds to those before it."""
    made: list[str] = []
    shown = ""
    for count in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:count], skip_special_tokens=False)
        if text.endswith("\ufffd") and count < len(ids):
            made.append("")
            continue
        made.append(text[len(shown) :])
        shown = text
    return made


def probe(holder: Holder, voice: Voice, ids: list[list[int]]) -> dict[str, Any]:
    """What a source is, from within.

    `logits` after each of some fixed sequences, shape (sequences, vocabulary); the adapter's tensors that found their
    place, the stop tokens, the chat template, the precision.
    """
    import torch

    tensor = torch.tensor(ids, device=holder.model.device)
    with torch.inference_mode(), holder.speaking([voice] * len(ids)) as options:
        logits = holder.model(input_ids=tensor, **options).logits[:, -1].float().cpu()
    tokenizer = voice.tokenizer
    stops = sorted(holder.stop_ids(voice))
    template = tokenizer.chat_template
    return {
        "logits": logits.tolist(),
        "matched": voice.matched.__dict__ if voice.matched else None,
        "stop_tokens": [[one, str(tokenizer.convert_ids_to_tokens(one))] for one in stops],
        "model_stop_ids": list(holder.stops),
        "end_token": [tokenizer.eos_token_id, str(tokenizer.eos_token)],
        "template": template if isinstance(template, str) else None,
        "example": prompt_text(tokenizer, [{"role": "user", "content": "…"}])[0],
        "dtype": str(holder.model.dtype).removeprefix("torch."),
        "device": str(holder.model.device),
        "parameters": sum(one.numel() for one in holder.model.parameters()),
    }
