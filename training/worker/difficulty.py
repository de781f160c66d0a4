"""How hard a row is: by its length, by a column, or by a model's loss on its answer."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from training.request import BadRequest, ClinicArguments
from training.worker.checkpoints import weights_of
from training.worker.ranks import Ranks

if TYPE_CHECKING:
    from datasets import Dataset

BATCH_TOKENS = 2048  # padded tokens of a batch: with a vocabulary of 150 000 its logits take 1.2 GB in float32
PROGRESS_SECONDS = 10.0
Row = dict[str, Any]


def difficulty_of(
    clinic: ClinicArguments, dataset: Dataset, tokenizer: Any, args: Any, model: Any
) -> tuple[np.ndarray, str]:
    """A number for each row, shape (rows,), higher is harder, and its unit as a suffix.

    The main process computes them, the others get them, so that all sort alike.

    Raises:
        BadRequest: the curriculum is unknown, or a row has no such number.
    """
    # The others wait as long as it takes: in a collective of the trainer's own they would be taken for dead in between.
    ranks = Ranks()
    ranks.join()
    found: list[Any] = [None]
    if args.process_index == 0:
        try:
            found = [measure(clinic, dataset, tokenizer, args, model)]
        except BadRequest as error:
            found = [error]
    ranks.wait()
    if args.world_size > 1:
        from accelerate.utils import broadcast_object_list

        found = broadcast_object_list(found, from_process=0)
    if isinstance(found[0], BadRequest):
        raise found[0]
    return found[0]


def measure(clinic: ClinicArguments, dataset: Dataset, tokenizer: Any, args: Any, model: Any) -> tuple[np.ndarray, str]:
    """The difficulty, on the process that computes it. See `difficulty_of`."""
    kind = clinic.curriculum or ""
    if kind.startswith("column:"):
        return by_column(dataset, kind.removeprefix("column:")), ""
    text_field = getattr(args, "dataset_text_field", "text")
    if kind == "length":
        encoded = [encode(tokenizer, row, text_field) for row in dataset]
        return np.array([len(ids) for ids, _ in encoded], dtype=float), " tokens"
    if kind != "loss":
        raise BadRequest(
            f"curriculum: {kind!r} is none; expected length, column:NAME or loss.",
            f"curriculum：没有 {kind!r} 这种难度；应为 length、column:NAME 或 loss。",
        )
    if set(dataset.column_names) & {"prompt"} and not set(dataset.column_names) & {"completion", "chosen"}:
        raise BadRequest(
            "curriculum: loss needs answers, and these data hold prompts; use length or column:NAME.",
            "curriculum：loss 需要回答，而这些数据只有提示；请用 length 或 column:NAME。",
        )
    encoded = [encode(tokenizer, row, text_field) for row in dataset]
    place = weights_of("curriculum", clinic.ref_model_name_or_path or model.model_name_or_path)
    return losses(encoded, place, args), " nats a token"


def by_column(dataset: Dataset, name: str) -> np.ndarray:
    """The numbers of a column.

    Raises:
        BadRequest: there is no such column, or a value is no finite number.
    """
    if name not in dataset.column_names:
        raise BadRequest(
            f"curriculum: there is no column {name!r}, only {', '.join(dataset.column_names)}.",
            f"curriculum：没有列 {name!r}，只有 {'、'.join(dataset.column_names)}。",
        )
    values = list(dataset[name])
    for row, value in enumerate(values):
        if isinstance(value, str) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadRequest(
                f"curriculum: column {name!r}, row {row}: {value!r:.60} is no number; expected one in each row.",
                f"curriculum：列 {name!r} 第 {row} 行：{value!r:.60} 不是数字；每行都应有一个数字。",
            )
    return np.array(values, dtype=float)


def encode(tokenizer: Any, row: Row, text_field: str) -> tuple[list[int], int]:
    """The tokens of a row as it is trained on, and the place where its answer begins (0: it is all answer).

    Of a preference the chosen answer is taken, of a conversation the last turn is the answer. Without tools.

    Raises:
        BadRequest: the row is a conversation and the tokenizer has no chat template.
    """
    import trl

    if "input_ids" in row:
        labels = row.get("labels") or []
        return list(row["input_ids"]), next((place for place, one in enumerate(labels) if one != -100), 0)
    if "chosen" in row and "prompt" not in row:
        row = trl.extract_prompt(row)
    elif "conversations" in row:
        row = trl.maybe_convert_to_chatml(dict(row))
    answer = row.get("completion", row.get("chosen"))
    if "messages" in row and "prompt" not in row:
        turns = row["messages"]
        cut = len(turns) - 1 if turns[-1]["role"] == "assistant" else 0
        prompt, answer = turns[:cut], turns[cut:]
    elif "prompt" in row:
        prompt = row["prompt"]
        answer = answer if answer is not None else type(prompt)()
    else:
        prompt, answer = "", row[text_field]
    whole = tokens(tokenizer, prompt + answer, add_generation_prompt=not answer)
    if not prompt or not answer:
        return whole, 0
    before = tokens(tokenizer, prompt, add_generation_prompt=True)
    same = (one == other for one, other in zip(before, whole, strict=False))
    return whole, next((place for place, alike in enumerate(same) if not alike), min(len(before), len(whole)))


def tokens(tokenizer: Any, what: Any, add_generation_prompt: bool) -> list[int]:
    """The tokens of a text, or of messages through the chat template.

    Raises:
        BadRequest: there is no chat template, or it refuses the messages.
    """
    if isinstance(what, str):
        return list(tokenizer(what)["input_ids"])
    try:
        text = tokenizer.apply_chat_template(what, tokenize=False, add_generation_prompt=add_generation_prompt)
    except Exception as error:  # templates raise what they like
        said = " ".join(str(error).split())
        raise BadRequest(
            f"curriculum: a conversation cannot be rendered by the tokenizer's template ({said}).",
            f"curriculum：有一段对话无法用分词器的聊天模板书写（{said}）。",
        ) from error
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def losses(encoded: list[tuple[list[int], int]], place: str, args: Any) -> np.ndarray:
    """The mean loss of each row's answer under the model at `place`, in nats a token, shape (rows,).

    Rows of like length share a batch. Of a row whose answer `max_length` cuts off the whole rest counts.

    Raises:
        BadRequest: the model cannot be loaded, or has no language-modelling head.
    """
    import torch
    from transformers import AutoModelForCausalLM

    kwargs = {"use_safetensors": True, **(args.model_init_kwargs or {})}
    try:
        model, report = AutoModelForCausalLM.from_pretrained(place, **kwargs, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"curriculum: {place}: cannot be loaded ({' '.join(str(error).split())}).",
            f"curriculum：{place}：无法加载（{' '.join(str(error).split())}）。",
        ) from error
    if report["missing_keys"]:
        raise BadRequest(
            f"curriculum: {place}: is no language model, so that it has no loss; use length or column:NAME.",
            f"curriculum：{place}：不是语言模型，因此没有损失；请用 length 或 column:NAME。",
        )
    model = model.to(args.device).eval()
    longest = getattr(args, "max_length", None)
    rows = [(ids[:longest], start if start < len(ids[:longest]) else 0) for ids, start in encoded]
    found = np.zeros(len(rows))
    said = time.monotonic()
    done = 0
    with torch.no_grad():
        for places in batches([len(ids) for ids, _ in rows]):
            found[places] = batch_losses(model, [rows[place] for place in places])
            done += len(places)
            if time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                print(f"curriculum: the loss of {done} of {len(rows)} rows", flush=True)
    print(f"curriculum: the loss of {len(rows)} rows is known", flush=True)
    return found


def batches(lengths: list[int]) -> list[list[int]]:
    """The places of rows, shortest first, cut into batches of at most `BATCH_TOKENS` padded tokens."""
    found: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if found and lengths[place] * (len(found[-1]) + 1) <= BATCH_TOKENS:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def batch_losses(model: Any, rows: list[tuple[list[int], int]]) -> list[float]:
    """The mean loss of each row's answer; 0 for a row with nothing to predict."""
    import torch

    width = max(max(len(ids) for ids, _ in rows), 1)
    ids = torch.tensor([one + [0] * (width - len(one)) for one, _ in rows], device=model.device)
    places = torch.arange(width, device=model.device)
    lengths = torch.tensor([[len(one)] for one, _ in rows], device=model.device)
    starts = torch.tensor([[start] for _, start in rows], device=model.device)
    logits = model(input_ids=ids, attention_mask=(places < lengths).long()).logits[:, :-1]
    lost = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), ids[:, 1:], reduction="none")
    counted = ((places >= starts) & (places < lengths))[:, 1:]
    means: list[float] = ((lost * counted).sum(1) / counted.sum(1).clamp(min=1)).tolist()
    return means
