"""What is measured of a preparation is what TRL's own trainers make of the rows."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from accelerate.state import PartialState
from transformers import AutoTokenizer

from diagnostics.preflight.material import Asked, Prepared
from diagnostics.probes.preparation import CannotPrepare, prepare
from diagnostics.probes.preparing.ppo_prompts import prompt_texts
from diagnostics.probes.preparing.quiet import quietly
from diagnostics.probes.preparing.standin import open_stand_in
from diagnostics.probes.preparing.trainers import INDEX, build, collated
from tests.diagnostics.preflight.making import rows_of, said

LIMIT = 40
WORDS = "the order was late and I want my money back 请 问 什么 时候 到货 🙂 thanks a lot for your help".split()  # noqa: SIM905


def talk(draw: random.Random, least: int = 1, most: int = 24) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(least, most)))


def data(shape: str, count: int = 60) -> list[dict[str, Any]]:
    """Rows of a shape, of very different lengths."""
    draw = random.Random(shape)

    def user() -> list[dict[str, Any]]:
        return [said("user", talk(draw))]

    def answer() -> list[dict[str, Any]]:
        return [said("assistant", talk(draw, 1, 40))]

    made = {
        "text": lambda: {"text": talk(draw)},
        "texts": lambda: {"prompt": talk(draw) + " ", "completion": talk(draw)},
        "messages": lambda: {"messages": user() + answer() + user() + answer()},
        "completion": lambda: {"prompt": user(), "completion": answer()},
        "pair": lambda: {"prompt": user(), "chosen": answer(), "rejected": answer()},
        "pair of texts": lambda: {"prompt": talk(draw) + "\n", "chosen": talk(draw), "rejected": talk(draw)},
        "whole pair": lambda: {"chosen": (asked := user()) + answer(), "rejected": asked + answer()},
        "label": lambda: {"prompt": user(), "completion": answer(), "label": draw.random() < 0.5},
        "prompt": lambda: {"prompt": user(), "kept": 1},
        "prompt text": lambda: {"prompt": talk(draw)},
    }
    return [made[shape]() for _ in range(count)]


def prepared(base: Path, method: str, rows: Sequence[Mapping[str, Any]], **config: Any) -> Prepared:
    return prepare(Asked(method, {"model_name_or_path": str(base), **config}), rows_of(rows))


def trainer(base: Path, method: str, rows: Sequence[Mapping[str, Any]], folder: Path, **config: Any) -> Any:
    """The trainer as training would build it, over rows that carry their numbers."""
    config = {"model_name_or_path": str(base), **config}
    dataset = rows_of(rows).dataset.add_column(INDEX, list(range(len(rows))))
    return build(method, config, open_stand_in(config), dataset, str(folder))


@pytest.mark.parametrize("mode", ["keep_start", "keep_end"])
@pytest.mark.parametrize("shape", ["text", "texts", "messages", "completion"])
def test_sft_sequences_are_those_of_the_trainer(shape: str, mode: str, base_checkpoint: Path, tmp_path: Path) -> None:
    rows = data(shape)
    config = {"max_length": LIMIT, "truncation_mode": mode}
    made = prepared(base_checkpoint, "sft", rows, **config).sequences["sequence"]
    cut = trainer(base_checkpoint, "sft", rows, tmp_path, **config).train_dataset
    whole = trainer(base_checkpoint, "sft", rows, tmp_path, max_length=None).train_dataset
    assert made.numbers.tolist() == list(range(len(rows)))
    assert np.flatnonzero(~made.dropped).tolist() == cut[INDEX][:]
    assert made.lengths.tolist() == [len(one) for one in whole["input_ids"]]
    assert made.trained.tolist() == [sum(label != -100 for label in one) for one in whole["labels"]]
    left = ~made.dropped
    assert made.kept[left].tolist() == [len(one) for one in cut["input_ids"]]
    assert made.kept_trained[left].tolist() == [sum(label != -100 for label in one) for one in cut["labels"]]
    assert made.kept[~left].sum() == 0
    assert made.ends.all()
    assert (made.lengths > LIMIT).any()
    assert shape == "messages" or (made.lengths < LIMIT).any()


def test_sft_drops_rows_that_the_limit_leaves_nothing_of(base_checkpoint: Path) -> None:
    made = prepared(base_checkpoint, "sft", data("completion"), max_length=LIMIT)
    one = made.sequences["sequence"]
    assert one.dropped.any()
    assert (one.lengths - one.trained)[one.dropped].min() >= LIMIT
    assert any(shown.dropped for shown in made.picture)


@pytest.mark.parametrize("shape", ["pair", "pair of texts", "whole pair"])
@pytest.mark.parametrize("mode", ["keep_start", "keep_end"])
def test_dpo_sequences_are_those_of_the_collator(shape: str, mode: str, base_checkpoint: Path, tmp_path: Path) -> None:
    rows = data(shape)
    config = {"max_length": LIMIT, "truncation_mode": mode}
    made = prepared(base_checkpoint, "dpo", rows, **config).sequences
    real = trainer(base_checkpoint, "dpo", rows, tmp_path, **config)
    count = len(real.train_dataset)
    batch = collated(real, [real.train_dataset[place] for place in range(count)])
    for part, first in (("chosen", 0), ("rejected", count)):
        one = made[part]
        left = ~one.dropped
        assert np.flatnonzero(left).tolist() == real.train_dataset[INDEX][:]
        assert one.kept[left].tolist() == batch["attention_mask"][first : first + count].sum(dim=1).tolist()
        assert one.kept_trained[left].tolist() == batch["completion_mask"][first : first + count].sum(dim=1).tolist()
        assert one.lengths.min() > 0  # those of the dropped rows too
        assert one.ends.all()
    assert made["chosen"].dropped.any() == (mode == "keep_start")


@pytest.mark.parametrize("shape", ["pair", "label"])
def test_kto_sequences_are_those_of_the_collator(shape: str, base_checkpoint: Path, tmp_path: Path) -> None:
    rows = data(shape)
    made = prepared(base_checkpoint, "kto", rows, max_length=LIMIT).sequences["completion"]
    real = trainer(base_checkpoint, "kto", rows, tmp_path, max_length=LIMIT)
    count = len(real.train_dataset)
    batch = collated(real, [real.train_dataset[place] for place in range(count)])
    left = ~made.dropped
    assert len(made.numbers) == (2 if shape == "pair" else 1) * len(rows)
    assert sorted(made.numbers[left]) == sorted(real.train_dataset[INDEX][:])
    order = np.argsort(real.train_dataset[INDEX][:], kind="stable")
    assert made.kept[left].tolist() == batch["attention_mask"].sum(dim=1).numpy()[order].tolist()
    assert made.kept_trained[left].tolist() == batch["completion_mask"].sum(dim=1).numpy()[order].tolist()
    assert made.dropped.any()


@pytest.mark.parametrize("shape", ["pair", "whole pair", "pair of texts"])
def test_reward_rows_that_are_dropped_are_those_of_the_trainer(
    shape: str, base_checkpoint: Path, tmp_path: Path
) -> None:
    rows = data(shape)
    made = prepared(base_checkpoint, "reward", rows, max_length=LIMIT).sequences
    real = trainer(base_checkpoint, "reward", rows, tmp_path, max_length=LIMIT).train_dataset
    left = ~made["chosen"].dropped
    assert np.flatnonzero(left).tolist() == real[INDEX][:]
    assert made["chosen"].kept[left].tolist() == [len(one) for one in real["chosen_ids"]]
    assert made["rejected"].kept[left].tolist() == [len(one) for one in real["rejected_ids"]]
    assert 0 < left.sum() < len(rows)


@pytest.mark.parametrize("method", ["grpo", "rloo"])
@pytest.mark.parametrize("shape", ["prompt", "prompt text"])
def test_prompts_are_those_that_the_trainer_generates_from(
    method: str, shape: str, base_checkpoint: Path, tmp_path: Path
) -> None:
    rows = data(shape)
    made = prepared(base_checkpoint, method, rows)
    real = trainer(base_checkpoint, method, rows, tmp_path)._tokenize_prompts([row["prompt"] for row in rows])[0]
    assert made.sequences["prompt"].lengths.tolist() == [len(one) for one in real]
    first = made.picture[0]
    assert first.ids == tuple(real[0])
    assert set(first.kinds) == {"masked"}
    assert made.max_length is None


def test_ppo_prompts_are_those_of_our_own_trainer(base_checkpoint: Path) -> None:
    rows = data("prompt")
    tokenizer = AutoTokenizer.from_pretrained(base_checkpoint, local_files_only=True)
    texts, special = prompt_texts(tokenizer, [row["prompt"] for row in rows])
    assert not special
    wanted = [len(one) for one in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    assert prepared(base_checkpoint, "ppo", rows).sequences["prompt"].lengths.tolist() == wanted


@pytest.mark.parametrize("strategy", ["bfd", "bfd_split", "wrapped"])
def test_packing_keeps_as_many_tokens_as_are_counted(strategy: str, base_checkpoint: Path, tmp_path: Path) -> None:
    rows = data("messages")
    config = {"max_length": LIMIT, "packing": True, "packing_strategy": strategy}
    made = prepared(base_checkpoint, "sft", rows, **config)
    real = trainer(base_checkpoint, "sft", rows, tmp_path, **config).train_dataset
    assert made.sequences["sequence"].kept.sum() == sum(len(one) for one in real["input_ids"])
    assert made.facts["packed"] == len(real)
    assert made.picture[0].part == "packed"
    assert made.picture[0].ids == tuple(real[0]["input_ids"])


@pytest.mark.parametrize(
    ("method", "shape"), [("sft", "completion"), ("sft", "text"), ("dpo", "pair"), ("kto", "label"), ("reward", "pair")]
)
def test_picture_shows_what_was_counted(method: str, shape: str, base_checkpoint: Path) -> None:
    made = prepared(base_checkpoint, method, data(shape), max_length=LIMIT)
    tokenizer = AutoTokenizer.from_pretrained(base_checkpoint, local_files_only=True)
    assert len({one.row for one in made.picture}) >= 3
    assert made.picture[0].row == 0
    for one in made.picture:
        numbers = made.sequences[one.part]
        place = numbers.numbers.tolist().index(one.row)
        assert one.dropped == numbers.dropped[place]
        assert one.kinds.count("truncated") == numbers.lengths[place] - (
            LIMIT if one.dropped else numbers.kept[place]
        ) or (one.dropped and numbers.lengths[place] <= LIMIT)
        if not one.dropped:
            assert one.kinds.count("trained") == numbers.kept_trained[place]
            assert one.kinds.count("trained") + one.kinds.count("masked") == numbers.kept[place]
        assert len(one.ids) == len(one.texts) == len(one.kinds) == len(one.special)
        real = [token for token, kind in zip(one.ids, one.kinds, strict=True) if kind != "padding"]
        texts = [text for text, kind in zip(one.texts, one.kinds, strict=True) if kind != "padding"]
        assert "".join(texts) == tokenizer.decode(real, skip_special_tokens=False)
        assert not any("\ufffd" in text for text in one.texts)


def test_letters_of_several_tokens_are_not_torn(base_checkpoint: Path) -> None:
    text = "é🙂龘𠮷 fin"
    made = prepared(base_checkpoint, "sft", [{"text": text}] * 3)
    shown = made.picture[0]
    assert "".join(shown.texts).startswith(text)
    assert "🙂" in shown.texts
    assert shown.texts.count("") >= 3  # the tokens that hold only part of a letter
    assert shown.special[-1]
    assert not any(shown.special[:-1])


def test_a_long_row_is_shown_with_its_middle_left_out(base_checkpoint: Path) -> None:
    made = prepared(base_checkpoint, "sft", [{"text": "thanks " * 3000}] * 2, max_length=2000)
    shown = made.picture[0]
    hidden = sum(count for _, count in shown.left_out)
    assert hidden > 0
    assert len(shown.ids) + hidden == made.sequences["sequence"].lengths[0]
    assert {"trained", "truncated"} == set(shown.kinds)


def test_assistant_only_loss_is_seen(base_checkpoint: Path) -> None:
    rows = data("messages")
    whole = prepared(base_checkpoint, "sft", rows).sequences["sequence"]
    masked = prepared(base_checkpoint, "sft", rows, assistant_only_loss=True)
    one = masked.sequences["sequence"]
    assert (one.trained < whole.trained).all()
    assert one.ends.all()
    assert masked.template is not None
    assert masked.template.end_trained


def test_the_row_at_which_trl_breaks_is_named(base_checkpoint: Path) -> None:
    rows = data("messages", 1500)
    rows[1234] = {"messages": [said("user", "a"), {"role": "assistant", "content": None}]}
    made = prepared(base_checkpoint, "sft", rows)
    assert made.failed is not None
    assert made.failed_row == 1234


def test_what_no_row_alone_is_to_blame_for_names_none(base_checkpoint: Path) -> None:
    made = prepared(base_checkpoint, "sft", [{"other": "a"}, {"other": "b"}])
    assert made.failed == "KeyError: 'text'"
    assert made.failed_row is None
    assert made.sequences == {}


def test_trl_refuses_contradictory_arguments_in_its_own_words(base_checkpoint: Path) -> None:
    made = prepared(base_checkpoint, "kto", data("label"), per_device_train_batch_size=1)
    assert made.failed is not None
    assert "batch size must be > 1" in made.failed
    made = prepared(base_checkpoint, "sft", data("text"), assistant_only_loss=True)
    assert made.failed is not None
    assert "not conversational" in made.failed


def test_conversations_without_a_template_are_refused(base_checkpoint: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((base_checkpoint / name).read_bytes())
    made = prepared(tmp_path, "sft", data("messages"))
    assert made.failed is not None
    assert "chat_template is not set" in made.failed
    assert made.template is not None
    assert made.template.source is None
    own = tmp_path / "own.jinja"
    own.write_bytes((base_checkpoint / "chat_template.jinja").read_bytes())
    mended = prepared(tmp_path, "sft", data("messages"), chat_template_path=str(own))
    assert mended.failed is None
    assert mended.template is not None
    assert mended.template.source == str(own)


def test_weights_are_not_read(base_checkpoint: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((base_checkpoint / name).read_bytes())
    made = prepared(tmp_path, "dpo", data("pair"))
    assert made.failed is None
    assert (made.embedding, made.vocabulary) == (2000, 2000)
    assert made.facts["context"] == 256


def test_nothing_is_left_behind(base_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No file, no state of a library, nothing printed; the ranks of a distributed run are out of sight meanwhile."""
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join('{"text": "a row of text"}' for _ in range(50)), encoding="utf-8")
    dataset = datasets.load_dataset("json", data_files=str(file), cache_dir=str(tmp_path / "cache"))["train"]
    rows = rows_of([{"text": "a"}] * 50)
    from dataclasses import replace

    before, state = sorted(tmp_path.rglob("*")), dict(PartialState._shared_state)
    told: list[tuple[int, int, str]] = []
    os.environ["WORLD_SIZE"] = "8"
    try:
        asked = Asked("sft", {"model_name_or_path": str(base_checkpoint), "output_dir": str(tmp_path / "out")})
        prepare(asked, replace(rows, dataset=dataset), progress=lambda *one: told.append(one))
        assert os.environ["WORLD_SIZE"] == "8"
    finally:
        del os.environ["WORLD_SIZE"]
    assert sorted(tmp_path.rglob("*")) == before
    assert PartialState._shared_state == state
    assert datasets.is_caching_enabled()
    assert (50, 50, "Tokenizing train dataset") in told
    assert capfd.readouterr().out == ""


def test_the_warnings_of_trl_are_gathered_and_said_again_later(base_checkpoint: Path) -> None:
    rows = [{"prompt": "tha", "completion": "nks for the help"}] * 4
    for _ in range(2):
        made = prepared(base_checkpoint, "sft", rows)
        assert [one for one in made.warnings if one.startswith("The tokenized prompt is not a prefix")]


@pytest.mark.parametrize(
    ("method", "config", "says"),
    [("sft", {}, "no model is named"), ("sft", {"model_name_or_path": "no/such/model/here"}, "cannot be opened"),
     ("orpo", {}, "orpo")],
)  # fmt: skip
def test_what_cannot_be_prepared_is_said(method: str, config: dict[str, Any], says: str) -> None:
    with pytest.raises(CannotPrepare, match=says):
        prepare(Asked(method, config), rows_of([{"text": "a"}]))


def test_the_state_is_restored_after_an_error() -> None:
    with pytest.raises(RuntimeError), quietly(None):
        raise RuntimeError
    assert datasets.is_caching_enabled()


def test_batches_of_the_online_methods_are_not_judged_by_one_process(base_checkpoint: Path) -> None:
    """On four processes this is right; that it is not on one is for the rule that knows how many there are."""
    made = prepared(base_checkpoint, "grpo", data("prompt"), per_device_train_batch_size=2, num_generations=8)
    assert made.failed is None


def test_two_begin_tokens_are_counted(base_checkpoint: Path, tmp_path: Path) -> None:
    """A tokenizer that writes a begin token, and texts that hold one already."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = AutoTokenizer.from_pretrained(base_checkpoint, local_files_only=True)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    begin = tokenizer.convert_tokens_to_ids("<s>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", begin)])
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((base_checkpoint / "config.json").read_bytes())
    rows = [{"text": "<s>thanks"}] * 3 + [{"text": "thanks"}] * 5
    made = prepared(tmp_path, "sft", rows)
    assert made.facts["double_begin"] == 3
    assert made.facts["highest_id"] == begin == 2000
    assert made.embedding == 2000  # the token was added to the tokenizer alone
