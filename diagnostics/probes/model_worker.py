"""A process that holds one model and writes answers: `python -m diagnostics.probes.model_worker FOLDER`.

It takes requests from its folder (see `diagnostics.compare.mailbox`), loads the checkpoint a request names unless it has
it already, and appends what the model writes as it writes it. It ends when the process that started it is gone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

from diagnostics.compare.checkpoints import CheckpointUnusable, check_usable
from diagnostics.compare.mailbox import Ask, read_ask

IDLE_SECONDS = 0.02
# Text is appended at most this often: a tiny model writes a thousand tokens a second, and nobody reads that fast.
FLUSH_SECONDS = 0.05


class Answer:
    """The events of one answer, appended to its file."""

    def __init__(self, file: IO[str], cancel: Path) -> None:
        self.file = file
        self.cancel = cancel

    def write(self, event: str, **fields: Any) -> None:
        """Append one event."""
        self.file.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
        self.file.flush()

    @property
    def cancelled(self) -> bool:
        """Whether the asker wants no more of it."""
        return self.cancel.exists()


class TextStream:
    """A streamer for `generate`: turns token ids into text events, never half a character.

    A byte-level token may hold part of a Chinese character, so all ids are decoded each time, and the text is held
    back while it ends in the replacement character.
    """

    def __init__(self, tokenizer: Any, answer: Answer) -> None:
        self.tokenizer = tokenizer
        self.answer = answer
        self.ids: list[int] = []
        self.written = ""
        self.started = time.monotonic()
        self.first: float | None = None
        self._prompt = True
        self._flushed = 0.0

    def put(self, value: Any) -> None:
        """Take the next token ids, shape (1, n) or (n,). The first call brings the prompt, which is passed over."""
        if self._prompt:
            self._prompt = False
            return
        self.ids += value.flatten().tolist()
        now = time.monotonic()
        if self.first is None:
            self.first = now - self.started
        if now - self._flushed >= FLUSH_SECONDS:
            self._flush(now)

    def end(self) -> None:
        """Write what is left."""
        self._flush(time.monotonic(), last=True)

    def _flush(self, now: float, last: bool = False) -> None:
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        if (last or not text.endswith("\ufffd")) and text != self.written:
            self.answer.write("text", text=text, tokens=len(self.ids))
            self.written = text
            self._flushed = now


class Model:
    """A loaded checkpoint: safetensors only, no code of the checkpoint's own."""

    def __init__(self, checkpoint: str) -> None:
        """Load it.

        Raises:
            CheckpointUnusable: the folder holds no whole model, or transformers cannot open it.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        check_usable(Path(checkpoint))
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
            self.model = AutoModelForCausalLM.from_pretrained(
                checkpoint, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype="auto"
            )
        except Exception as error:  # transformers raises many kinds; each means that it cannot be opened
            line = str(error).strip().splitlines()
            raise CheckpointUnusable(
                f"{checkpoint}: transformers cannot open it ({type(error).__name__}: {line[0] if line else ''})."
            ) from error
        self.checkpoint = checkpoint
        self.model.to(device).eval()
        self.has_template = bool(self.tokenizer.chat_template)

    def prompt_ids(self, messages: tuple[dict[str, str], ...]) -> Any:
        """The prompt as token ids, shape (1, length). Without a chat template the texts are joined by line ends."""
        if self.has_template:
            text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            special = False
        else:
            text, special = "\n".join(message["content"] for message in messages), True
        return self.tokenizer(text, return_tensors="pt", add_special_tokens=special)["input_ids"].to(self.model.device)

    def context(self) -> int | None:
        """The longest sequence the model can take, in tokens; None if its config does not say."""
        config = self.model.config.get_text_config()
        length = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return length if isinstance(length, int) else None


def reply(model: Model, ask: Ask, answer: Answer) -> None:
    """Write one answer to its end, its token budget, or its cancellation.

    Raises:
        ValueError: the prompt leaves no room in the model's context.
    """
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Cancelled(StoppingCriteria):
        def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
            return torch.full((input_ids.shape[0],), answer.cancelled, device=input_ids.device, dtype=torch.bool)

    ids = model.prompt_ids(ask.messages)
    length, context = int(ids.shape[1]), model.context()
    if context is not None and length >= context:
        raise ValueError(f"The prompt is {length} tokens long; this model's context holds {context}, answer included.")
    budget = min(ask.sampling.max_new_tokens, context - length) if context else ask.sampling.max_new_tokens
    torch.manual_seed(ask.sampling.seed)
    drawn = ask.sampling.temperature > 0
    options: dict[str, Any] = {"do_sample": drawn, "num_beams": 1}
    if drawn:
        options |= {"temperature": ask.sampling.temperature, "top_p": ask.sampling.top_p, "top_k": 0}
    stream = TextStream(model.tokenizer, answer)
    pad = model.tokenizer.pad_token_id
    with torch.no_grad():
        model.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=budget,
            pad_token_id=pad if pad is not None else model.tokenizer.eos_token_id,
            streamer=stream,
            stopping_criteria=StoppingCriteriaList([Cancelled()]),
            **options,
        )
    seconds = time.monotonic() - stream.started
    stop = "cancelled" if answer.cancelled else "length" if len(stream.ids) >= budget else "end"
    if stop == "length" and stream.ids and stream.ids[-1] in end_tokens(model):
        stop = "end"
    answer.write(
        "done",
        text=stream.written,
        tokens=len(stream.ids),
        prompt_tokens=length,
        seconds=round(seconds, 4),
        first_token_seconds=round(stream.first or seconds, 4),
        stop=stop,
        budget=budget,
        chat_template=model.has_template,
    )


def end_tokens(model: Model) -> set[int]:
    """The token ids at which generation ends."""
    ends = model.model.generation_config.eos_token_id
    return set(ends if isinstance(ends, list) else [ends]) - {None}


def serve(folder: Path) -> None:
    """Take requests until the starter is gone."""
    starter = os.getppid()
    import torch
    import transformers

    torch.set_num_threads(max(1, int(os.environ.get("CLINIC_THREADS", "1"))))
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    (folder / "ready").touch()
    model: Model | None = None
    while os.getppid() == starter:
        waiting = sorted((folder / "inbox").glob("*.json"))
        if not waiting:
            time.sleep(IDLE_SECONDS)
            continue
        path = waiting[0]
        number = int(path.stem)
        with (folder / f"{number}.jsonl").open("a", encoding="utf-8") as file:
            answer = Answer(file, folder / f"{number}.cancel")
            try:
                ask = read_ask(path)
                path.unlink()
                if model is None or model.checkpoint != ask.checkpoint:
                    model = None  # free the old weights before the new ones come
                    model = Model(ask.checkpoint)
                answer.write("loaded")
                reply(model, ask, answer)
            except (CheckpointUnusable, ValueError) as error:
                answer.write("error", message=str(error))
            except Exception as error:  # the worker lives on: one bad request must not cost the loaded model
                answer.write("error", message=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
