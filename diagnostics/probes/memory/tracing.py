"""One trace: the trainer runs two optimizer steps on tensors without data, and the ledger notes every storage."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from diagnostics.memory.records import Asked, NotTraceable
from diagnostics.probes.memory import answering, marking, patches, trainers
from diagnostics.probes.memory.ledger import Ledger
from diagnostics.probes.memory.watching import watching


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
                marking.begin(prepared, ledger, cuda)
                answering.answer_for(prepared, asked, ledger, stack)
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
    from torch._subclasses.fake_tensor import DataDependentOutputException as Unknown
    from torch._subclasses.fake_tensor import DynamicOutputShapeException, UnsupportedFakeTensorException

    trainer = prepared.trainer
    try:
        trainer.train()
        if "evaluation" in asked.phases:
            with ledger.during("evaluation"):
                if asked.method == "ppo":
                    answering.evaluate_ppo(trainer, prepared.evaluation)
                else:
                    trainer.evaluate()
        if "save" in asked.phases:
            with ledger.during("save"):
                trainer.model.state_dict()
    except (Unknown, DynamicOutputShapeException, UnsupportedFakeTensorException) as error:
        raise NotTraceable(
            f"{kind_of(asked)}: an operation's result depends on data ({error}).",
            f"{kind_of(asked)}：有运算的结果取决于数据（{error}）。",
        ) from error
    except NotImplementedError as error:
        raise NotTraceable(
            f"{kind_of(asked)}: an operation cannot be traced ({first_line(error)}).",
            f"{kind_of(asked)}：有运算无法追踪（{first_line(error)}）。",
        ) from error


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
