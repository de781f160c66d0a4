"""The dispatch mode that sees every tensor operation: it notes storages and answers what tensors without data cannot."""

from __future__ import annotations

import math
from typing import Any

from diagnostics.probes.memory.ledger import Ledger

# Tensors of data (token ids, masks) up to this many elements are computed with as they are: their values decide shapes.
KNOWN_ELEMENTS = 2**20
# A tensor of so few rows with the vocabulary as last dimension is no logits but a bias or the like.
LOGIT_ROWS = 4


def watching(ledger: Ledger, vocabulary: int, workspaces: bool = True, filled: float = 1.0) -> Any:
    """The mode, to be entered inside of the fake mode.

    `vocabulary`: size of the last dimension that tells logits. `workspaces`: whether the memory that CUDA kernels take for
    themselves is counted. `filled`: the share of a mask of unknown values that is taken to be true.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    aten = torch.ops.aten
    scratch = kernel_workspaces() if workspaces else {}
    item, equal, nonzero, index = (
        aten._local_scalar_dense.default,
        aten.equal.default,
        aten.nonzero.default,
        aten.index.Tensor,
    )
    unknown = {item, equal, nonzero, index, aten.masked_select.default, aten.unique_consecutive.default}
    cat, device = aten.cat.default, torch.ops.prim.device.default
    names: dict[Any, str] = {}

    class Watching(TorchDispatchMode):
        """See the module."""

        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # nothing is compiled here, and the guard costs as much as the operation

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if func is device and type(args[0]) is FakeTensor:
                return args[0].fake_device  # asked for at every turn; the fake mode takes longer
            known, out = only_known(func, args, kwargs)
            if not known:
                out = answer(func, args) if func in unknown else NotImplemented
                if out is NotImplemented:
                    size = scratch[func](args) if func in scratch else 0
                    number = ledger.begin(size, "temporaries", op=func) if size > 0 else None
                    out = func(*args, **kwargs)
                    if number is not None:
                        note(out, func)
                        ledger.end(number)
                        return out
            note(out, func)
            return out

    def only_known(func: Any, args: Any, kwargs: Any) -> tuple[bool, Any]:
        """Whether all tensors of an operation are small and have data; then what it gives."""
        found = False
        for one in args:
            if isinstance(one, FakeTensor):
                return False, None
            if isinstance(one, torch.Tensor):
                if one.device.type == "meta" or one.numel() > KNOWN_ELEMENTS or one.is_floating_point():
                    return False, None
                found = True
            elif isinstance(one, list | tuple) and one:
                for inner in one:
                    if isinstance(inner, torch.Tensor):
                        if isinstance(inner, FakeTensor) or inner.numel() > KNOWN_ELEMENTS or inner.is_floating_point():
                            return False, None
                        found = True
        if not found or any(isinstance(one, torch.Tensor) for one in kwargs.values()):
            return False, None
        with unset_fake_temporarily():
            return True, func(*args, **kwargs)

    def answer(func: Any, args: Any) -> Any:
        """What an operation gives whose result depends on data that is not there."""
        subject = args[0]
        if not isinstance(subject, FakeTensor):
            return NotImplemented
        if func is item:
            if subject.dtype == torch.bool:
                return True
            return 1.0 if subject.dtype.is_floating_point else 1
        if func is equal:
            return True
        if func is nonzero:
            return subject.new_empty((count(subject), subject.dim()), dtype=torch.int64)
        if func is index:
            masks = [one for one in args[1] if one is not None and one.dtype in (torch.bool, torch.uint8)]
            if not masks:
                return NotImplemented
            places: list[Any] = []
            for one in args[1]:
                if one is not None and one.dtype in (torch.bool, torch.uint8):
                    places += [subject.new_empty((count(one),), dtype=torch.int64) for _ in range(one.dim())]
                else:
                    places.append(one)
            return func(subject, places)
        if func is aten.masked_select.default:
            return subject.new_empty((count(args[1]),))
        return NotImplemented

    def count(mask: Any) -> int:
        """How many elements of a mask are true: counted where it has data, else the share `filled`."""
        if isinstance(mask, FakeTensor):
            return max(1, math.floor(mask.numel() * filled))
        with unset_fake_temporarily():
            return max(1, int(mask.sum()))

    def note(out: Any, func: Any) -> None:
        """Note the storages of what an operation gave."""
        for tensor in (out,) if isinstance(out, torch.Tensor) else tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                try:
                    storage = tensor.untyped_storage()
                except (RuntimeError, NotImplementedError):  # a tensor without storage takes none
                    continue
                if storage._cdata not in ledger.live:
                    shape = tuple(tensor.shape)
                    name = names.setdefault(tensor.dtype, str(tensor.dtype).removeprefix("torch."))
                    ledger.add(storage, line_of(shape, func), shape, name, func)

    def line_of(shape: tuple[int, ...], func: Any) -> str:
        """The line of the bill that a new tensor belongs to."""
        phase = ledger.phase
        if phase in ("generation", "evaluation") and len(shape) == 4 and func is cat:
            return "kv_cache"  # DynamicCache grows by torch.cat
        if phase != "optimizer" and len(shape) >= 2:
            if ledger.modules and ledger.modules[-1] == "fused head":
                # the tile of logits; the sums of its gradients are as the hidden states and the weight
                return "logits" if func is aten.empty.memory_format else "temporaries"
            if shape[-1] == vocabulary and math.prod(shape[:-1]) > LOGIT_ROWS:
                return "logits"
        if ledger.helping:
            return "reference"
        # in the backward pass, gradients are recorded only where checkpointed activations are computed again
        if phase in ("forward", "backward") and torch.is_grad_enabled():
            return "activations"
        return "temporaries"

    return Watching()


def kernel_workspaces() -> dict[Any, Any]:
    """Bytes that CUDA kernels take for the time of one operation, from its arguments."""
    import torch

    aten = torch.ops.aten

    def attention_backward(args: Any) -> int:
        """FlashAttention-2's backward: the query's gradient in fp32 and the softmax's sums; whole heads of k and v with GQA."""
        query, key = args[1], args[2]
        batch, heads, length, width = query.shape
        size: int = batch * heads * length * (width + 1) * 4
        if key.shape[1] != heads:
            size += 2 * batch * heads * key.shape[2] * width * key.element_size()
        return size

    return {
        aten._scaled_dot_product_flash_attention_for_cpu_backward.default: attention_backward,
        # sorting the indices: keys and values, in and out, and the scratch of the sort, int64 (EmbeddingBackwardKernel.cu)
        aten.embedding_dense_backward.default: lambda args: args[1].numel() * 8 * 6,
    }
