"""bitsandbytes' optimizers as far as memory goes: their states by size, in 8 or 32 bits, on the device or paged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# bitsandbytes/optim/optimizer.py: tensors below 4096 elements keep 32-bit states; 8-bit states have a scale for 256 values;
# only states of at least 1e5 elements are paged.
SMALLEST_8BIT, SCALE_BLOCK, SMALLEST_PAGED = 4096, 256, 100_000
# The states that each keeps per weight.
STATES = {"adamw": 2, "ademamix": 3, "lion": 1, "rmsprop": 1}
NAMES = {
    "adamw_bnb_8bit": ("adamw", 8, False),
    "adamw_8bit": ("adamw", 8, False),
    "paged_adamw_32bit": ("adamw", 32, True),
    "paged_adamw": ("adamw", 32, True),
    "paged_adamw_8bit": ("adamw", 8, True),
    "ademamix": ("ademamix", 32, False),
    "ademamix_8bit": ("ademamix", 8, False),
    "paged_ademamix_32bit": ("ademamix", 32, True),
    "paged_ademamix_8bit": ("ademamix", 8, True),
    "lion_8bit": ("lion", 8, False),
    "lion_32bit": ("lion", 32, False),
    "lion": ("lion", 32, False),
    "paged_lion_8bit": ("lion", 8, True),
    "paged_lion_32bit": ("lion", 32, True),
    "paged_lion": ("lion", 32, True),
    "rmsprop_bnb": ("rmsprop", 8, False),
    "rmsprop_bnb_8bit": ("rmsprop", 8, False),
    "rmsprop_bnb_32bit": ("rmsprop", 32, False),
}


def optimizer_of(name: str, model: Any) -> Callable[..., Any] | None:
    """A class for the model in the place of bitsandbytes' of that name in TrainingArguments; None for another library's optimizer."""
    if name not in NAMES:
        return None
    import torch
    from torch import nn

    kind, bits, paged = NAMES[name]

    class BitsAndBytes(torch.optim.Optimizer):
        """Makes the states at the first step; the update itself is one kernel in place."""

        def __init__(self, params: Any, lr: float = 1e-3, **_: Any) -> None:
            super().__init__(params, {"lr": lr})
            # transformers has the embeddings' states kept in 32 bits
            self.whole = {id(one.weight) for one in model.modules() if isinstance(one, nn.Embedding)}

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None and not self.state[weight]:
                        self.state[weight].update(self.states_of(weight))

        def states_of(self, weight: Any) -> dict[str, Any]:
            """The states of one weight that lie on the device."""
            count, found = weight.numel(), {"step": torch.zeros(())}
            if paged and count >= SMALLEST_PAGED:
                return found
            for place in range(STATES[kind]):
                if bits == 8 and count >= SMALLEST_8BIT and id(weight) not in self.whole:
                    found[f"state{place}"] = torch.zeros_like(weight, dtype=torch.uint8)
                    found[f"scale{place}"] = torch.zeros(-(-count // SCALE_BLOCK))
                else:
                    found[f"state{place}"] = torch.zeros_like(weight, dtype=torch.float32)
            return found

    return BitsAndBytes
