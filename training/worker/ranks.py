"""What the processes of one run agree on: that one of them was asked to stop, and that all are here."""

from __future__ import annotations

from datetime import timedelta

import torch
import torch.distributed as dist

# The main process answers prompts while the others wait. Every collective has a time limit (NCCL 10 minutes, gloo 30),
# after which it takes the run for dead; answers of a large model can take longer. This group's limit is a day: nobody
# can wait for ever, and a main process that is gone ends the others at once, because accelerate ends them.
LIMIT = timedelta(days=1)


class Ranks:
    """The processes of a run; alone, every question is answered without asking.

    They talk through gloo, on the CPU, in a group of their own: a question costs no synchronisation of a GPU, and the
    trainer's own collectives keep their time limits.
    """

    def __init__(self) -> None:
        self._group: dist.ProcessGroup | None = None
        self._trainers: dist.ProcessGroup | None = None

    def join(self) -> None:
        """Make the group. All processes have to call it, once training begins."""
        if self._group is None and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            self._group = dist.new_group(backend="gloo", timeout=LIMIT)
            # Kept to the end of the process. `Trainer.end` destroys the group; DDP's reducer would then hold the last
            # reference, and its destructor joins gloo's threads while it holds Python's lock, which they wait for
            # (torch 2.13: two processes on a CPU hung there after their last step, seen in a stack dump).
            self._trainers = dist.group.WORLD

    def any(self, here: bool) -> bool:
        """Whether it is so on any process. All have to ask."""
        if self._group is None:
            return here
        asked = torch.tensor([int(here)])
        dist.all_reduce(asked, op=dist.ReduceOp.MAX, group=self._group)
        return bool(asked.item())

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self._group is not None:
            dist.barrier(group=self._group)
