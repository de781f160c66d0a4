"""Writing answers: many rows at once, each with its own seed, voice and end, the same as if it were asked alone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.probes.loading import Holder, Voice
from diagnostics.run.refusal import BadValue

# Text is appended at most this often: a tiny model writes a thousand tokens a second, and nobody reads that fast.
FLUSH_SECONDS = 0.05
# A batch holds at most so many rows, and so many tokens of prompt and answer together: keys and values of a 1 B model
# take about 0.1 MB a token in bf16, so 16,384 tokens are below 2 GB. What does not fit even so is halved and tried again.
BATCH_ROWS = 64
BATCH_TOKENS = 16_384

Write = Callable[..., None]


@dataclass
class Job:
    """One row on its way: its place in the request, its prompt as ids, how many tokens it may still write."""

    place: int
    row: Row
    voice: Voice
    ids: list[int]
    budget: int
    stops: frozenset[int]
    written: list[int] = field(default_factory=list)
    stop: str | None = None
    broken: str | None = None
    first: float | None = None
    shown: str = ""

    @property
    def length(self) -> int:
        """The most tokens that the row can take up."""
        return len(self.ids) + self.budget


def seed_of(row: Row) -> int:
    """The seed of a row's own generator: from the asked seed and the conversation.

    Two prompts under one seed then draw independently, as the statistics over prompts take for granted; the same
    prompt draws the same noise for every checkpoint, so that a difference is the weights' and not the dice's.
    """
    told = json.dumps([row.sampling.seed, list(row.messages)], ensure_ascii=False, sort_keys=True)
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") >> 1


def job_of(holder: Holder, place: int, row: Row) -> Job:
    """A row made ready.

    Raises:
        SourceUnusable: its source cannot be opened.
        ValueError: the prompt leaves no room in the model's context, or is of another vocabulary.
    """
    voice = holder.hold(row.source)
    ids = holder.prompt_ids(voice, row.messages)
    context = holder.context()
    if not ids:
        raise BadValue("The prompt is empty: the tokenizer made no token of it.", "提示为空：分词器没有得到任何词元。")
    if context is not None and len(ids) >= context:
        raise BadValue(
            f"The prompt is {len(ids)} tokens long; this model's context holds {context}, answer included.",
            f"提示有 {len(ids)} 个词元；这个模型的上下文连同回答只容 {context} 个。",
        )
    budget = min(row.sampling.max_new_tokens, context - len(ids)) if context else row.sampling.max_new_tokens
    return Job(place, row, voice, ids, budget, holder.stop_ids(voice))


def batches(jobs: Sequence[Job], context: int | None) -> list[list[Job]]:
    """Jobs in batches: by length, the longest first, so that little is padding and what cannot fit shows at once.

    Voices that cannot stand in one batch with others get batches of their own. A row goes on until its whole batch is
    over, unread: so the longest prompt and the largest budget of a batch must fit into the `context` together.
    """
    rooms: dict[Any, list[Job]] = {}
    for job in jobs:
        rooms.setdefault("any" if job.voice.mixes else job.voice.adapter, []).append(job)
    made: list[list[Job]] = []
    for room in rooms.values():
        batch: list[Job] = []
        for job in sorted(room, key=lambda one: -one.length):
            widest = max(len(one.ids) for one in (*batch, job))
            tokens = widest + max(one.budget for one in (*batch, job))
            full = len(batch) >= BATCH_ROWS or (len(batch) + 1) * tokens > BATCH_TOKENS
            if batch and (full or (context is not None and tokens > context)):
                made.append(batch)
                batch = []
            batch.append(job)
        made.append(batch)
    return made


def answer(holder: Holder, jobs: Sequence[Job], write: Write, cancelled: Callable[[], bool], stream: bool) -> None:
    """Write all answers; events are `text` (if they are streamed) and `done` or `error` for each row."""
    import torch

    waiting = batches(jobs, holder.context())
    while waiting:
        batch = waiting.pop(0)
        if cancelled():
            for job in batch:
                write_end(job, write, "cancelled", 0.0)
            continue
        try:
            Batch(holder, batch, write, cancelled, stream).run()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            rest = [job for job in batch if job.stop is None]
            if len(rest) == 1:
                write("error", row=rest[0].place, message="The accelerator's memory is full: shorten prompt or answer.")
                continue
            for job in rest:
                job.written.clear()
                job.shown = ""
            middle = len(rest) // 2
            waiting[:0] = [rest[:middle], rest[middle:]]


def write_end(job: Job, write: Write, stop: str, seconds: float) -> None:
    """Write a row's last event."""
    job.stop = stop
    if job.broken:
        write("error", row=job.place, message=job.broken, text=job.shown)
        return
    tokenizer = job.voice.tokenizer
    ids = job.written[:-1] if stop == "end" and job.written and job.written[-1] in job.stops else job.written
    special = set(tokenizer.all_special_ids)
    write(
        "done",
        row=job.place,
        text=tokenizer.decode(job.written, skip_special_tokens=True),
        tokens=len(job.written),
        prompt_tokens=len(job.ids),
        seconds=round(seconds, 4),
        first_token_seconds=round(job.first if job.first is not None else seconds, 4),
        stop=stop,
        budget=job.budget,
        special=sum(one in special for one in ids),
        chat_template=bool(tokenizer.chat_template),
    )


class Batch:
    """One call of `generate`. It is its own streamer, stopping criterion and logits processor.

    `generate` calls, for each token: the processor with the logits, then the streamer with the ids chosen, then the
    criterion, which says which rows are over (transformers 5.23, generation/utils.py, `_sample`).
    """

    def __init__(
        self, holder: Holder, jobs: list[Job], write: Write, cancelled: Callable[[], bool], stream: bool
    ) -> None:
        import torch

        self.holder = holder
        self.jobs = jobs
        self.write = write
        self.cancelled = cancelled
        self.stream = stream
        self.started = time.monotonic()
        self.flushed = self.started
        self._prompt = True
        self.generators = [
            torch.Generator().manual_seed(seed_of(job.row)) if job.row.sampling.temperature > 0 else None
            for job in jobs
        ]

    def run(self) -> None:
        """Write the batch's answers."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        width = max(len(job.ids) for job in self.jobs)
        pad = next(iter(self.jobs[0].stops), 0)
        ids = torch.full((len(self.jobs), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, job in enumerate(self.jobs):
            ids[place, width - len(job.ids) :] = torch.tensor(job.ids)
            mask[place, width - len(job.ids) :] = 1
        device = self.holder.model.device
        with torch.inference_mode(), self.holder.speaking([job.voice for job in self.jobs]) as options:
            self.holder.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=max(job.budget for job in self.jobs),
                do_sample=False,
                num_beams=1,
                streamer=self,
                logits_processor=LogitsProcessorList([self.choose]),
                stopping_criteria=StoppingCriteriaList([self.over]),
                **options,
            )

    def choose(self, input_ids: Any, scores: Any) -> Any:
        """The logits after temperature, top-p and the row's own noise: their maximum is the token drawn.

        The Gumbel-max trick (Gumbel 1954; Maddison et al. 2014): argmax(log p + g), with g = -log(-log u), is a draw
        from p. Shapes (rows, vocabulary).
        """
        import torch

        # Minus infinity forbids a token, and some models do so; NaN and plus infinity are nobody's intention.
        good = ((scores < torch.inf).all(dim=-1) & torch.isfinite(scores).any(dim=-1)).tolist()
        scores = scores.float()
        for place, job in enumerate(self.jobs):
            if job.stop is not None:
                continue
            if not good[place]:
                job.broken = (
                    f"The logits are not finite (NaN or infinity) at token {len(job.written) + 1} of the answer: the "
                    "weights are damaged, or overflow in this precision."
                )
                scores[place] = 0.0
                continue
            generator = self.generators[place]
            if generator is not None:
                # float64, because a uniform number of 24 bits would be 0 or 1 once in a few thousand tokens
                uniform = torch.rand(scores.shape[-1], generator=generator, dtype=torch.float64)
                noise = -torch.log(-torch.log(uniform.clamp_min(1e-300)))
                scores[place] = drawable(scores[place], job.row.sampling) + noise.to(scores.device, scores.dtype)
        return scores

    def put(self, value: Any) -> None:
        """Take the next token of each row, shape (rows,). The first call brings the prompts, which are passed over."""
        if self._prompt:
            self._prompt = False
            return
        now = time.monotonic()
        show = self.stream and now - self.flushed >= FLUSH_SECONDS
        for job, token in zip(self.jobs, value.flatten().tolist(), strict=True):
            if job.stop is not None:
                continue
            if job.broken:
                write_end(job, self.write, "error", now - self.started)
                continue
            job.written.append(token)
            if job.first is None:
                job.first = now - self.started
            if token in job.stops:
                write_end(job, self.write, "end", now - self.started)
            elif len(job.written) >= job.budget:
                write_end(job, self.write, "length", now - self.started)
            elif show:
                self.show(job)
        if show:
            self.flushed = now

    def show(self, job: Job) -> None:
        """Write a row's text so far, never half a character: a byte-level token may hold part of a Chinese one."""
        text = job.voice.tokenizer.decode(job.written, skip_special_tokens=True)
        if not text.endswith("\ufffd") and text != job.shown:
            job.shown = text
            self.write("text", row=job.place, text=text, tokens=len(job.written))

    def end(self) -> None:
        """All rows are over."""

    def over(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Which rows are over, shape (rows,)."""
        import torch

        if self.cancelled():
            for job in self.jobs:
                if job.stop is None:
                    write_end(job, self.write, "cancelled", time.monotonic() - self.started)
        return torch.tensor([job.stop is not None for job in self.jobs], device=input_ids.device)


def drawable(logits: Any, sampling: Sampling) -> Any:
    """Logits of shape (vocabulary,) at a temperature, what lies outside the nucleus of `top_p` at minus infinity.

    The nucleus (Holtzman et al. 2020) is the smallest set of the likeliest tokens whose probability reaches top_p.
    """
    import torch

    # From the largest down, in float64: a temperature near 0 would make infinities, and NaN of their difference.
    logits = torch.log_softmax((logits.double() - logits.max()) / sampling.temperature, dim=-1).to(logits.dtype)
    if sampling.top_p < 1:
        ordered, places = logits.sort(descending=True)
        before = ordered.exp().cumsum(-1) - ordered.exp()
        logits[places[before >= sampling.top_p]] = -torch.inf
    return logits
