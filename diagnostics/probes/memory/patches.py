"""Changes to the libraries for the time of a trace: what fake tensors need, and CUDA's code paths on fake cpu tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

from diagnostics.memory.records import NotTraceable
from diagnostics.probes.memory.ledger import Ledger

MISSING = object()


def replace(stack: ExitStack, owner: Any, name: str, value: Any, optional: bool = False) -> None:
    """Set an attribute until the stack closes.

    Raises:
        NotTraceable: there is no such attribute; the library has changed.
    """
    # not getattr: it would call the descriptor of a static method
    before = vars(owner).get(name, MISSING)
    if before is MISSING and not optional:
        if not hasattr(owner, name):
            label = getattr(owner, "__name__", type(owner).__name__)
            raise NotTraceable(
                f"{label}.{name} is gone; this version of the library is not known to the tracer.",
                f"{label}.{name} 已不存在；追踪器不认识这个版本的库。",
            )
        before = getattr(owner, name)
    setattr(owner, name, value)
    stack.callback(delattr, owner, name) if before is MISSING else stack.callback(setattr, owner, name, before)


@contextmanager
def for_fake_tensors() -> Iterator[None]:
    """What the libraries do wrong or refuse with tensors that hold no data."""
    import torch
    import transformers.integrations.moe as moe
    import transformers.trainer_pt_utils as trainer_pt_utils
    import transformers.utils.import_utils as import_utils
    from torch import nn
    from torch._subclasses.fake_tensor import FakeTensorMode

    with ExitStack() as stack:
        # a fake tensor counts as being traced by torch.compile: 4-D masks, repeated keys and values, +1.5 %
        replace(stack, import_utils, "is_fake_tensor", lambda tensor: False)
        replace(stack, nn.Module, "_apply", apply_without_swapping)
        replace(stack, trainer_pt_utils, "nested_numpify", zeros_like)  # what an evaluation gathers
        # without data, the product of many experts takes bf16 alone; what stands in for it elsewhere makes the same outputs
        replace(
            stack,
            moe,
            "_can_use_grouped_mm",
            lambda inputs, weight, ends: inputs.dtype == weight.dtype == torch.bfloat16,
        )
        # the guard against being compiled takes a third of the time, and nothing is compiled here
        guarded = FakeTensorMode.__torch_dispatch__
        replace(stack, FakeTensorMode, "__torch_dispatch__", getattr(guarded, "__wrapped__", guarded))
        yield


def zeros_like(tensors: Any) -> Any:
    """Arrays of zeros in the shapes of tensors, however these are nested."""
    import numpy as np

    if isinstance(tensors, list | tuple):
        return type(tensors)(zeros_like(one) for one in tensors)
    if isinstance(tensors, dict):
        return {name: zeros_like(one) for name, one in tensors.items()}
    return np.zeros(tuple(tensors.shape))


def apply_without_swapping(module: Any, change: Any, recurse: bool = True) -> Any:
    """`nn.Module._apply` for fake parameters, whose tensors cannot be swapped in place."""
    import torch

    if recurse:
        for child in module.children():
            child._apply(change)
    for name, parameter in list(module._parameters.items()):
        if parameter is None:
            continue
        with torch.no_grad():
            changed = change(parameter)
        if changed is not parameter and (changed.dtype != parameter.dtype or changed.device != parameter.device):
            module._parameters[name] = torch.nn.Parameter(changed.detach(), requires_grad=parameter.requires_grad)
    for name, buffer in list(module._buffers.items()):
        if buffer is not None:
            module._buffers[name] = change(buffer)
    return module


class NoKernel:
    """A Triton kernel that is started and does nothing: what it writes was allocated before."""

    def __getitem__(self, grid: Any) -> Any:
        return lambda *args, **kwargs: None


@contextmanager
def as_on_cuda() -> Iterator[None]:
    """Let eager code on cpu tensors take the paths that it takes on a CUDA device."""
    import torch
    import torch.nn.utils.clip_grad as clipping
    import torch.optim.optimizer as optimizer
    import torch.utils._foreach_utils as foreach
    import trl.kernels.chunked_logprob as head
    import trl.trainer.utils as utils
    from torch.optim import adagrad, adam, adamw, sgd

    with ExitStack() as stack:
        # TRL's fused head runs Triton kernels on its tile, and cuBLAS adds in fp32 in place
        for module in (head, utils):
            replace(stack, module, "_use_triton", lambda device: True)
        for name in ("_forward_kernel", "_backward_kernel"):
            replace(stack, head, name, NoKernel())
        replace(stack, head, "triton", SimpleNamespace(cdiv=lambda a, b: -(-a // b)), optional=True)
        replace(stack, head, "_addmm_fp32", lambda total, a, b: total.add_(0))
        # optimizers default to foreach
        for module in (optimizer, adam, adamw, sgd, adagrad):
            if hasattr(module, "_default_to_fused_or_foreach"):
                replace(
                    stack,
                    module,
                    "_default_to_fused_or_foreach",
                    lambda params, differentiable, use_fused=False: (False, not differentiable),
                )
        for module in (foreach, clipping):
            for name in ("_has_foreach_support", "_device_has_foreach_support"):
                if hasattr(module, name):
                    replace(stack, module, name, lambda *args, **kwargs: True)
        functions = cuda_functions()
        stack.enter_context(functions)
        # a function mode is off while it handles a function, `backward` too; what is checkpointed runs again in there
        engine = torch.autograd._engine_run_backward

        def backward(*args: Any, **kwargs: Any) -> Any:
            with functions:
                return engine(*args, **kwargs)

        replace(stack, torch.autograd, "_engine_run_backward", backward)
        yield


def trainer_modules() -> list[Any]:
    """TRL's modules of trainers that were imported."""
    import sys

    return [
        module for name, module in sys.modules.items() if name.startswith("trl.trainer.") and name.endswith("_trainer")
    ]


def cuda_functions() -> Any:
    """A mode that upcasts what CUDA's autocast upcasts, and has dropout keep a mask of bytes, as CUDA's kernel does."""
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    tensor = torch.Tensor
    # at::autocast's fp32 list of CUDA, those that cpu's list lacks (aten/src/ATen/autocast_mode.h)
    upcast = {
        functional.softmax, functional.log_softmax, functional.layer_norm, functional.group_norm,
        functional.cross_entropy, functional.nll_loss, functional.mse_loss,
        torch.softmax, torch.log_softmax, torch.exp, torch.log, torch.pow, torch.rsqrt, torch.cumsum, torch.sum, torch.norm,
        tensor.softmax, tensor.log_softmax, tensor.exp, tensor.log, tensor.pow, tensor.__pow__, tensor.rsqrt, tensor.sum,
        tensor.cumsum, tensor.norm,
    }  # fmt: skip
    low = (torch.bfloat16, torch.float16)
    dropout, native = functional.dropout, torch.ops.aten.native_dropout

    class CudaFunctions(TorchFunctionMode):
        """See above."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if func is dropout:
                given = dict(zip(("input", "p", "training", "inplace"), args, strict=False)) | kwargs
                if given.get("training", True) and 0 < given.get("p", 0.5) < 1 and not given.get("inplace"):
                    return native(given["input"], given.get("p", 0.5), True)[0]
            if func in upcast and torch.is_autocast_enabled("cpu"):
                args = tuple(one.float() if isinstance(one, tensor) and one.dtype in low else one for one in args)
            return func(*args, **kwargs)

    return CudaFunctions()


def offloaded(model: Any, smallest: int = 1024, waiting: int = 5) -> Any:
    """What TRL's OffloadActivations does to device memory: saved tensors leave, the last `waiting` until their copy is done.

    The backward pass allocates them again one by one. Tensors below `smallest` bytes and parameters stay
    (trl/models/activation_offloading.py, with streams).
    """
    import collections

    import torch

    weights = {one.untyped_storage()._cdata for one in model.parameters()}
    stash: Any = collections.deque(maxlen=waiting)

    def leave(tensor: Any) -> Any:
        key = tensor.untyped_storage()._cdata
        if (
            isinstance(tensor, torch.nn.Parameter)
            or tensor.numel() * tensor.element_size() < smallest
            or key in weights
        ):
            return tensor
        if any(one.untyped_storage()._cdata == key for one in stash):
            return tensor
        if 0 not in tensor.stride() and (not tensor.is_contiguous() or tensor.storage_offset() != 0):
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        stash.append(tensor.detach())
        return (tensor.shape, tensor.stride(), tensor.dtype)

    def come_back(kept: Any) -> Any:
        if not isinstance(kept, tuple):
            return kept
        stash.clear()
        return torch.empty_strided(kept[0], kept[1], dtype=kept[2])

    return torch.autograd.graph.saved_tensors_hooks(leave, come_back)


@contextmanager
def head_marked(ledger: Ledger) -> Iterator[None]:
    """Tell the ledger when TRL's fused language-model head is at work: it is no module."""
    import trl.trainer.utils as utils

    function = getattr(utils, "_ChunkedLogProbFunction", None)
    if function is None:
        raise NotTraceable(
            "trl.trainer.utils._ChunkedLogProbFunction is gone; this version of TRL is not known to the tracer.",
            "trl.trainer.utils._ChunkedLogProbFunction 已不存在；追踪器不认识这个版本的 TRL。",
        )

    def marked(work: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            ledger.modules.append("fused head")
            try:
                return work(*args, **kwargs)
            finally:
                ledger.modules.pop()

        return staticmethod(run)

    with ExitStack() as stack:
        for name in ("forward", "backward"):
            replace(stack, function, name, marked(getattr(function, name)))
        yield
