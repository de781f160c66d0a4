"""How far another model's next-token distributions lie from this one's, and how far those of a random change do.

The random change has, tensor by tensor, the Frobenius norm that training's change has: Gaussian noise scaled to it. What
training did beyond moving that far is what the first divergence has more than the second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from diagnostics.compare.models.sources import Source, weight_files
from diagnostics.probes.loading import Holder, Voice
from diagnostics.probes.measuring import answer_ids, log_probabilities
from diagnostics.run.refusal import BadValue

# So many log-probabilities are kept at most: 256 MB as float32. Texts beyond that are left out, and said to be.
MOST_NUMBERS = 64_000_000


def divergences(
    holder: Holder, source: Source, other: Source, told: Sequence[tuple[Sequence[dict[str, str]], str]], draws: int
) -> dict[str, Any]:
    """Mean Kullback-Leibler divergences per token, in nats, over the answers in `told` (conversation, answer).

    Returns `trained`: KL(source || other) for each answer; `random`: for each draw the same of the randomly changed
    source; `used`: how many answers; `moved`: how many tensors differ.

    Raises:
        SourceUnusable: one of the two cannot be opened.
        ValueError: they do not share a vocabulary, an answer does not fit, or no tensor can be compared.
    """
    voice = holder.hold(source)
    rows = sequences(holder, voice, told)
    tables = [log_probabilities(holder, voice, ids, start) for ids, start in rows]
    norms = change_norms(holder, source, other)
    if not norms:
        raise BadValue(
            f"{source.name} and {other.name}: no tensor of theirs differs and can be compared.",
            f"{source.name} 与 {other.name}：没有不同且可以比较的张量。",
        )
    random = []
    for draw in range(draws):
        with noisy(holder, norms, draw):
            random.append(
                [kl(table, log_probabilities(holder, voice, *row)) for table, row in zip(tables, rows, strict=True)]
            )
    tables = [table.cpu() for table in tables]
    second = holder.hold(other)
    if holder.vocabulary() != tables[0].shape[1]:
        raise BadValue(
            f"{source.name} and {other.name} do not share a vocabulary.", f"{source.name} 与 {other.name} 的词表不同。"
        )
    trained = [
        kl(table, log_probabilities(holder, second, *row).cpu()) for table, row in zip(tables, rows, strict=True)
    ]
    return {"trained": trained, "random": random, "used": len(rows), "moved": len(norms)}


def sequences(
    holder: Holder, voice: Voice, told: Sequence[tuple[Sequence[dict[str, str]], str]]
) -> list[tuple[list[int], int]]:
    """Prompts with answers as token ids, as many as fit into `MOST_NUMBERS`; at least one."""
    rows: list[tuple[list[int], int]] = []
    numbers = 0
    for messages, text in told:
        ids, start = answer_ids(holder, voice, messages, text)
        numbers += (len(ids) - start) * holder.vocabulary()
        if rows and numbers > MOST_NUMBERS:
            break
        rows.append((ids, start))
    return rows


def kl(table: Any, other: Any) -> float:
    """The mean over positions of KL(p || q), from log-probabilities of shape (positions, vocabulary)."""
    return float((table.exp() * (table - other)).sum(dim=-1).mean())


def change_norms(holder: Holder, source: Source, other: Source) -> dict[str, float]:
    """The Frobenius norm of the change from the source to the other, by the name of the held model's parameter."""
    if other.kind == "adapter" and other.holder == source.holder:
        return adapter_norms(holder, other)
    return file_norms(holder, other)


def file_norms(holder: Holder, other: Source) -> dict[str, float]:
    """Against the tensors in the other's files."""
    from safetensors import safe_open

    # Once an adapter was laid over it, peft's names stand around the model's own.
    own = {
        name.removeprefix("base_model.model.").replace(".base_layer.", "."): (name, parameter)
        for name, parameter in holder.model.named_parameters()
    }
    norms = {}
    for path in weight_files(other.folder):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (no dictionary)
                called, mine = own.get(name, ("", None))
                if mine is None or not mine.is_floating_point():
                    continue
                if list(mine.shape) == file.get_slice(name).get_shape():
                    change = file.get_tensor(name).to(mine.device).float() - mine.detach().float()
                    norms[called] = float(change.norm())
    return {name: norm for name, norm in norms.items() if norm > 0}


def adapter_norms(holder: Holder, other: Source) -> dict[str, float]:
    """Of the matrices that an adapter over this very base adds."""
    voice = holder.hold(other)
    norms = {}
    for name, module in holder.model.named_modules():
        if hasattr(module, "get_delta_weight") and voice.adapter in getattr(module, "lora_A", {}):
            norms[f"{name}.base_layer.weight"] = float(module.get_delta_weight(voice.adapter).float().norm())
    return {name: norm for name, norm in norms.items() if norm > 0}


@contextlib.contextmanager
def noisy(holder: Holder, norms: dict[str, float], seed: int) -> Iterator[None]:
    """Within it the parameters carry noise; after it they are as they were."""
    import torch

    own = dict(holder.model.named_parameters())
    generator = torch.Generator().manual_seed(seed)
    kept = {}
    with torch.no_grad():
        for name, norm in norms.items():
            parameter = own[name]
            kept[name] = parameter.detach().clone()
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_((noise * (norm / noise.norm())).to(parameter.device, parameter.dtype))
        try:
            yield
        finally:
            for name, before in kept.items():
                own[name].copy_(before)
