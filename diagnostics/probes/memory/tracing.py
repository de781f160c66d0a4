"""One trace: the trainer runs two optimizer steps on tensors without data, and the ledger notes every storage."""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from diagnostics.memory.records import Asked, NotTraceable
from diagnostics.probes.memory import arguments, generation, patches, trainers
from diagnostics.probes.memory.ledger import Ledger
from diagnostics.probes.memory.watching import watching

# cuBLAS' workspace as PyTorch 2.13 allocates it through the caching allocator: two of 8,519,680 bytes, one for the forward
# and one for the backward pass' thread (ATen/cuda/CublasHandlePool.cpp; the exact rest of Liger's published measurements).
CUBLAS_WORKSPACE = 2 * 8_519_680  # bytes


@dataclass
class Traced:
    """A trace that ended. `parameters`: of the trained model, all of them."""

    ledger: Ledger
    parameters: int
    notes: list[str]


def without_data() -> Callable[[], AbstractContextManager[None]]:
    """A context to be entered as often as wanted, in which new tensors have sizes but no data.

    One for a whole trace: a tensor of one fake mode is foreign to another, and is copied there.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    mode = FakeTensorMode(allow_non_fake_inputs=True)

    @contextmanager
    def entered() -> Iterator[None]:
        with patches.for_fake_tensors(), mode, torch.random.fork_rng(devices=[]):
            yield

    return entered


def trace(asked: Asked, package: str, cuda: bool = True, quick: bool = False) -> Traced:
    """Trace the training step that is asked for.

    `package`: the name of the package that holds our PPO. `cuda`: as on a CUDA device; else as on this machine's cpu, which
    can be compared with a real run here. `quick`: the optimizer's states are made before, from gradients of nothing, and one
    step is traced; else two, as they follow each other in a run.

    Raises:
        NotTraceable: the model or the config cannot be traced.
    """
    ledger, making = Ledger(rounding=cuda), without_data()
    with tempfile.TemporaryDirectory() as folder:
        prepared = trainers.prepare(asked, folder, making, package)
        gc.collect()
        gc.freeze()  # collections during the trace look at its own objects alone
        try:
            with ExitStack() as stack:
                if cuda:
                    stack.enter_context(patches.as_on_cuda())
                stack.enter_context(making())
                stack.enter_context(patches.head_marked(ledger))
                vocabulary = prepared.trainer.model.config.get_text_config().vocab_size
                begin(prepared, ledger, cuda)
                answer_for(prepared, asked, ledger, stack)
                stack.enter_context(watching(ledger, vocabulary, workspaces=cuda))
                if quick:
                    prepared.trainer.add_callback(states_first())
                    prepared.trainer.args.max_steps = 1
                run(prepared, asked, ledger)
        finally:
            gc.unfreeze()
    parameters = sum(one.numel() for one in prepared.trainer.model.parameters())
    return Traced(ledger, parameters, prepared.notes)


def run(prepared: trainers.Prepared, asked: Asked, ledger: Ledger) -> None:
    """Train, and evaluate and save where that is asked for.

    Raises:
        NotTraceable: an operation needs values that are not there, or the libraries refuse.
    """
    from torch._subclasses.fake_tensor import DynamicOutputShapeException, UnsupportedFakeTensorException
    from torch._subclasses.fake_tensor import DataDependentOutputException as Unknown

    trainer = prepared.trainer
    try:
        trainer.train()
        if "evaluation" in asked.phases:
            with ledger.during("evaluation"):
                trainer.evaluate()
        if "save" in asked.phases:
            with ledger.during("save"):
                trainer.model.state_dict()
    except (Unknown, DynamicOutputShapeException, UnsupportedFakeTensorException) as error:
        raise NotTraceable(f"{kind_of(asked)}: an operation's result depends on data ({error}).") from error
    except NotImplementedError as error:
        raise NotTraceable(f"{kind_of(asked)}: an operation cannot be traced ({first_line(error)}).") from error


def states_first() -> Any:
    """A callback that lets the optimizer make its states before the first step."""
    import torch
    from transformers import TrainerCallback

    class StatesFirst(TrainerCallback):
        """See above."""

        def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = torch.empty_like(parameter)
            optimizer.step()
            optimizer.zero_grad()

    return StatesFirst()


def kind_of(asked: Asked) -> str:
    """What is traced, in two words."""
    return f"{asked.method} of {asked.model.get('model_type', 'an unnamed model')}"


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its kind."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def begin(prepared: trainers.Prepared, ledger: Ledger, cuda: bool) -> None:
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
                entered = args[0] if args else None
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


def answer_for(prepared: trainers.Prepared, asked: Asked, ledger: Ledger, stack: ExitStack) -> None:
    """Replace what reads values of tensors: generation token by token, decoding, and scoring of texts."""
    trainer = prepared.trainer
    trainer.floating_point_ops = lambda inputs: 0  # counts the weights of 4-bit layers with bitsandbytes
    for writer in prepared.writers:
        generation.in_three_parts(writer, ledger)
    if asked.method in ("grpo", "rloo"):
        whole_answers(trainer, asked)
        inner = trainer._generate_and_score_completions

        def generated(inputs: Any) -> Any:
            with ledger.during("generation"):
                return inner(inputs)

        trainer._generate_and_score_completions = generated
        afresh(trainer)
    if asked.method == "ppo":
        roll = trainer.roll_out

        def rolled() -> Any:
            with ledger.during("generation"):
                return roll()

        trainer.roll_out = rolled
        trainer.score = lambda rows, ids, mask: scores_of(trainer, ids)
        # a loop over all tokens of an answer on numbers of a few bytes
        math = sys.modules[type(trainer).__module__].ppo_math
        stack.callback(setattr, math, "advantages_and_returns", math.advantages_and_returns)
        math.advantages_and_returns = lambda rewards, values, mask, gamma, lam: (rewards * mask, rewards + values)


def whole_answers(trainer: Any, asked: Asked) -> None:
    """Answers of TRL's generation as lists of ids, all as long as they may be."""
    import torch
    from trl.models.utils import unwrap_model_for_generation

    grpo = asked.method == "grpo"

    def single_turn(prompt_ids: Any, *_: Any, **__: Any) -> Any:
        ids = torch.tensor(prompt_ids)
        if not asked.config.get("use_vllm"):
            options = {"generation_kwargs": trainer.generation_kwargs} if hasattr(trainer, "generation_kwargs") else {}
            with (
                unwrap_model_for_generation(
                    trainer.model_wrapped, trainer.accelerator,
                    gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs, **options,
                ) as model,
                torch.no_grad(),
            ):  # fmt: skip
                mask = torch.ones_like(ids)
                model.generate(input_ids=ids, attention_mask=mask, generation_config=trainer.generation_config)
        answers = [[5] * trainer.args.max_completion_length for _ in prompt_ids]
        return (answers, None) if grpo else answers

    trainer._generate_single_turn = single_turn


def afresh(trainer: Any) -> None:
    """Generate again in the second optimizer step, when the optimizer's states are there, however long a rollout is used."""
    inner, passes = trainer._prepare_inputs, trainer.args.gradient_accumulation_steps

    def prepared(inputs: Any) -> Any:
        if trainer._step == passes:
            trainer._buffered_inputs = None
        return inner(inputs)

    trainer._prepare_inputs = prepared


def scores_of(trainer: Any, ids: Any) -> dict[str, Any]:
    """PPO's rewards: a reward model reads prompt and answer, in chunks as the trainer does it; a function costs nothing."""
    import torch

    found, size = {}, trainer.args.local_rollout_forward_batch_size
    with torch.no_grad():
        for function, name in zip(trainer.rewards.functions, trainer.rewards.names, strict=True):
            if not isinstance(function, torch.nn.Module):
                found[name] = torch.zeros(len(ids))
                continue
            scored = []
            for start in range(0, len(ids), size):
                part = ids[start : start + size]
                scored.append(function(input_ids=part, attention_mask=torch.ones_like(part)).logits[:, 0].float())
            found[name] = torch.cat(scored)
    return found


def steps() -> int:
    """Optimizer steps of a trace."""
    return arguments.STEPS
