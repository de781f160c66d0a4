"""Hooks that tell the ledger what is at work: phases, modules, the stack of layers, and the lines of the bill."""

from __future__ import annotations

from typing import Any

from diagnostics.probes.memory.ledger import Ledger
from diagnostics.probes.memory.trainers import Prepared

# cuBLAS' workspace as PyTorch 2.13 allocates it through the caching allocator: two of 8,519,680 bytes, one for the forward
# and one for the backward pass' thread (ATen/cuda/CublasHandlePool.cpp; the exact rest of Liger's published measurements).
CUBLAS_WORKSPACE = 2 * 8_519_680  # bytes


def begin(prepared: Prepared, ledger: Ledger, cuda: bool) -> None:
    """Note the weights, and place the hooks that tell phases, modules and lines of the bill."""
    trainer = prepared.trainer
    model = trainer.model
    for module, line in ((model, "weights"), *((one, "reference") for one in prepared.helpers)):
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            dtype = str(tensor.dtype).removeprefix("torch.")
            ledger.add(tensor.untyped_storage(), line, tuple(tensor.shape), dtype, f"weight {name}")
    if cuda:
        ledger.begin(CUBLAS_WORKSPACE, "temporaries", op="cuBLAS workspace")
    for place, one in enumerate((model, *prepared.helpers)):
        name_modules(one, ledger)
        mark_layers(one, ledger, str(place))
    for helper in prepared.helpers:
        helper.register_forward_pre_hook(lambda *_: count(ledger, 1))
        helper.register_forward_hook(lambda *_: count(ledger, -1), always_call=True)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(
                lambda one: ledger.move(one.grad.untyped_storage(), "gradients") if one.grad is not None else None
            )
    mark_phases(trainer, ledger)


def count(ledger: Ledger, change: int) -> None:
    """Into a helper's forward pass, or out of it."""
    ledger.helping += change


def name_modules(model: Any, ledger: Ledger) -> None:
    """Keep the names of the modules that are running on the ledger's stack."""
    for name, module in model.named_modules():
        short = name.split(".")[-1] or type(module).__name__

        def enter(module: Any, args: Any, short: str = short) -> None:
            ledger.modules.append(short)

        def leave(*_: Any) -> None:
            if ledger.modules:
                ledger.modules.pop()

        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave, always_call=True)


def mark_layers(model: Any, ledger: Ledger, name: str) -> None:
    """Tell the ledger when the first, the last or another layer of each stack is at work, forward and backward.

    A phase's greatest bytes are a line in depth only at one and the same place: the peak moves from the head to the layers
    as these grow in number.
    """
    from torch import nn

    stacks = [
        one
        for one in model.modules()
        if isinstance(one, nn.ModuleList) and len(one) > 1 and len({type(layer) for layer in one}) < len(one)
    ]
    deepest = max((len(one) for one in stacks), default=0)
    for number, stack in enumerate(one for one in stacks if len(one) == deepest):
        for place, layer in enumerate(stack):
            kind = "first" if place == 0 else "last" if place == deepest - 1 else "between"
            region = f"{name}.{number} {kind}"

            def begin(module: Any, args: Any, region: str = region) -> None:
                ledger.reach(region)

            def end(module: Any, args: Any, out: Any, region: str = region, place: int = place) -> None:
                hidden = out[0] if isinstance(out, tuple) else out
                if getattr(hidden, "requires_grad", False) and ledger.phase == "forward":
                    hidden.register_hook(lambda gradient: ledger.reach(region))
                if place == deepest - 1:
                    ledger.reach(f"{region} done")

            def backward_end(module: Any, args: Any, out: Any, region: str = region) -> None:
                entered: Any = args[0] if args else None
                if (
                    getattr(entered, "requires_grad", False)
                    and ledger.phase == "forward"
                    and entered.grad_fn is not None
                ):
                    entered.register_hook(lambda gradient: ledger.reach(f"{region} left"))

            layer.register_forward_pre_hook(begin)
            layer.register_forward_hook(end)
            if place == 0:
                layer.register_forward_hook(backward_end)


def mark_phases(trainer: Any, ledger: Ledger) -> None:
    """Tell the ledger where forward, backward and optimizer begin, and put the optimizer's states on their line."""
    import torch

    compute, backward, create = trainer.compute_loss, trainer.accelerator.backward, trainer.create_optimizer

    def forward(*args: Any, **kwargs: Any) -> Any:
        if ledger.phase == "evaluation":
            return compute(*args, **kwargs)
        ledger.enter("forward", trainer.state.global_step + 1)
        ledger.modules.clear()
        return compute(*args, **kwargs)

    def back(*args: Any, **kwargs: Any) -> None:
        ledger.enter("backward")
        ledger.modules.clear()  # an early stop of a checkpointed block leaves names behind
        backward(*args, **kwargs)
        ledger.enter("optimizer")
        ledger.modules.clear()

    def kept(optimizer: Any, *_: Any) -> None:
        for state in optimizer.state.values():
            for value in state.values():
                for tensor in value if isinstance(value, list | tuple) else (value,):
                    if isinstance(tensor, torch.Tensor):
                        ledger.move(tensor.untyped_storage(), "optimizer")

    def made(*args: Any, **kwargs: Any) -> Any:
        optimizer = create(*args, **kwargs)
        optimizer.register_step_post_hook(kept)
        return optimizer

    trainer.compute_loss, trainer.accelerator.backward, trainer.create_optimizer = forward, back, made
