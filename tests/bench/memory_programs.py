"""The programs that published measurements were made with, run on tensors without data: litgpt, PEFT's comparison, transformers'.

Each is a small loop that does what the published one does to memory: precision, adapter, loss, what stays alive between
steps. Nothing is fitted to a row; the one number that had to be found is the longest batch of PEFT's comparison (`PEFT_LENGTH`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from diagnostics.probes.memory import models, patches, tracing
from diagnostics.probes.memory.ledger import Ledger
from diagnostics.probes.memory.watching import watching

# Longest batch of PEFT's MetaMathQA comparison in tokens: the data are cut to 768 tokens and 1300 characters, and the length
# is not published. Found once, from the LoRA rank-32 row, as memory.md says; the same for all rows of that source.
PEFT_LENGTH = 652
STEPS = 2
LITGPT_CHUNK = 128  # tokens whose logits litgpt makes at once

Loop = Callable[[Any, Any, Ledger], None]


def measure(
    config: Mapping[str, Any],
    dtype: str,
    change: Callable[[Any], Any],
    loop: Callable[[Any, Ledger], None],
    kind: str = "AutoModelForCausalLM",
    attention: str = "sdpa",
) -> Ledger:
    """Build the model, change it (adapters, checkpointing), run the loop, and give the book of it."""
    import torch

    ledger, making = Ledger(), tracing.without_data()
    with ExitStack() as stack:
        stack.enter_context(patches.as_on_cuda())
        with making():
            model = change(models.build(models.config_of(config, attention), getattr(torch, dtype), kind))
            model.train()
        gc.collect()
        gc.freeze()
        stack.callback(gc.unfreeze)
        stack.enter_context(making())
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            ledger.add(tensor.untyped_storage(), "weights", tuple(tensor.shape), str(tensor.dtype), f"weight {name}")
        ledger.begin(tracing.CUBLAS_WORKSPACE, "temporaries", op="cuBLAS workspace")
        tracing.name_modules(model, ledger)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(
                    lambda one: ledger.move(one.grad.untyped_storage(), "gradients")
                )
        stack.enter_context(watching(ledger, model.config.vocab_size))
        loop(model, ledger)
    return ledger


def trained(model: Any) -> Iterator[Any]:
    """The parameters that are trained."""
    return (one for one in model.parameters() if one.requires_grad)


def litgpt_lora(
    config: Mapping[str, Any], batch: int, length: int, lora: bool, targets: list[str], quantized: str
) -> Ledger:
    """litgpt's finetune/lora.py and full.py at bf16-true.

    The adapter is in bf16 as all weights are. Lightning's HalfPrecision turns what `forward` returns into fp32: the chunks of
    logits. These live in a variable of the loop until the next forward pass has ended.
    """
    import torch
    from torch.nn import functional

    def change(model: Any) -> Any:
        if quantized:
            models.quantized(model, 4, nested=quantized.endswith("dq"))
        if not lora:
            return model
        from peft import LoraConfig, get_peft_model

        adapter = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.05, target_modules=targets)
        return get_peft_model(model, adapter)

    def loop(model: Any, ledger: Ledger) -> None:
        optimizer = torch.optim.AdamW(trained(model), lr=1e-4)
        inner = model.get_base_model() if lora else model
        trunk, head = getattr(inner, inner.base_model_prefix), inner.get_output_embeddings()
        logits: Any = None
        for step in range(1, STEPS + 1):
            ids = torch.ones((batch, length), dtype=torch.long)
            ledger.enter("forward", step)
            hidden = trunk(input_ids=ids, use_cache=False).last_hidden_state
            logits = head(hidden).float()
            del hidden
            parts = logits[:, :-1].reshape(-1, logits.shape[-1]).split(LITGPT_CHUNK)
            wanted = ids[:, 1:].reshape(-1).split(LITGPT_CHUNK)
            losses = [
                functional.cross_entropy(one, other, ignore_index=-1, reduction="none")
                for one, other in zip(parts, wanted, strict=True)
            ]
            loss = torch.cat(losses).sum() / (batch * (length - 1))
            del parts, losses
            ledger.enter("backward")
            loss.backward()
            ledger.enter("optimizer")
            optimizer.step()
            optimizer.zero_grad()

    return measure(config, "bfloat16", change, loop)


def peft_comparison(config: Mapping[str, Any], batch: int, adapter: Callable[[Any], Any]) -> Ledger:
    """PEFT's method_comparison/MetaMathQA/run.py: weights in bf16, adapters in fp32, no autocast, rows padded to the longest."""
    import torch

    def loop(model: Any, ledger: Ledger) -> None:
        optimizer = torch.optim.AdamW(trained(model), lr=1e-4, weight_decay=0.1)
        for step in range(1, STEPS + 1):
            ids = torch.ones((batch, PEFT_LENGTH), dtype=torch.long)
            ledger.enter("forward", step)
            optimizer.zero_grad()
            outputs = model(input_ids=ids, attention_mask=padded(batch, PEFT_LENGTH), labels=ids)
            loss = outputs.loss
            ledger.enter("backward")
            loss.backward()
            ledger.enter("optimizer")
            torch.nn.utils.clip_grad_norm_(trained(model), 1.0)
            optimizer.step()
        del outputs, loss

    return measure(config, "bfloat16", adapter, loop)


def padded(batch: int, length: int) -> Any:
    """An attention mask with data, whose rows but the first are one token shorter."""
    import torch
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily():
        mask = torch.ones((batch, length), dtype=torch.long)
        mask[1:, -1] = 0
        return mask


def transformers_2022(config: Mapping[str, Any], batch: int, length: int, precision: str, optimizer: str, checkpointing: bool,
                      accumulate: int) -> Ledger:  # fmt: skip
    """transformers' guide of January 2022: its Trainer of then with a BERT classifier; gradients are zeroed, not freed."""
    import torch

    def change(model: Any) -> Any:
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
        return model

    def loop(model: Any, ledger: Ledger) -> None:
        if optimizer == "Adafactor":
            from transformers import Adafactor

            steps: Any = Adafactor(model.parameters(), lr=1e-4, scale_parameter=False, relative_step=False)
        elif optimizer == "Adam8bit":
            from diagnostics.probes.memory.optimizers import optimizer_of

            steps = optimizer_of("adamw_8bit", model)(model.parameters())  # type: ignore[misc]
        else:
            steps = torch.optim.AdamW(model.parameters(), lr=1e-4, foreach=False)
        for step in range(1, STEPS + 1):
            for _ in range(min(accumulate, 2)):
                ids = torch.ones((batch, length), dtype=torch.long)
                ledger.enter("forward", step)
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision != "fp32"):
                    loss = model(input_ids=ids, attention_mask=ids, labels=torch.ones((batch,), dtype=torch.long)).loss
                ledger.enter("backward")
                loss.backward()
            ledger.enter("optimizer")
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            steps.step()
            steps.zero_grad(set_to_none=False)

    return measure(config, "float32", change, loop, "AutoModelForSequenceClassification", "eager")
