"""The Pre-flight page as a user lives it: a dropped file, the rows as tokens, the findings, the files to take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served

pytestmark = pytest.mark.slow
MINUTE = 60_000
QUESTIONS = ("Can I get a refund for order C{n}?", "订单C{n}可以退款吗？")
ANSWERS = (
    "Hi, the refund of order C{n} is on its way and arrives in a week.",
    "您好，订单C{n}的退款已受理，一周内到账。",
)

OLD_SCRIPT = """from datasets import load_dataset
from transformers import AutoTokenizer, TrainingArguments
from trl import SFTTrainer

tokenizer = AutoTokenizer.from_pretrained("model")
trainer = SFTTrainer(
    "model",
    args=TrainingArguments("out", evaluation_strategy="no", max_steps=1),  # keep this comment
    train_dataset=load_dataset("json", data_files="rows.jsonl", split="train"),
    tokenizer=tokenizer,
    dataset_text_field="text",
    max_seq_length=128,
)
trainer.train()
"""

REWARDS = """def stars(completions, **kwargs):
    return [float(len(one if isinstance(one, str) else one[0]["content"])) for one in completions]
"""


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def talks(count: int) -> list[dict[str, object]]:
    """Conversations, English and Chinese in turn."""
    return [
        {
            "messages": [
                {"role": "user", "content": QUESTIONS[n % 2].format(n=n)},
                {"role": "assistant", "content": ANSWERS[n % 2].format(n=n)},
            ]
        }
        for n in range(count)
    ]


def choose_method(page: Page, method: str) -> None:
    page.locator("#pre-method input").click()
    page.get_by_role("option", name=method, exact=True).click()


def look(page: Page) -> None:
    page.locator("#pre-go").click()
    expect(page.locator(".preflight-verdict")).to_be_visible(timeout=2 * MINUTE)


def test_sound_data_are_seen_token_by_token(page: Page, served: Served, tmp_path: Path) -> None:
    """Drop a file, choose a method: the rows are coloured by what is trained on, the histogram stands below."""
    page.goto(f"{served.address}/preflight")
    page.locator("#pre-file input[type=file]").set_input_files(write_rows(tmp_path / "talks.jsonl", talks(300)))
    choose_method(page, "SFT")
    expect(page.locator("#pre-model input")).not_to_have_value("")
    look(page)
    seen = page.locator("#pre-seen")
    expect(seen.locator(".tok-trained").first).to_be_visible()
    expect(seen.locator("svg.plot rect.column").first).to_be_visible()
    expect(page.locator("#pre-findings .finding-error")).to_have_count(0)
    expect(seen).to_contain_text("退款")


def test_other_shape_is_converted_and_then_sound(page: Page, served: Served, tmp_path: Path) -> None:
    """Pairs under other names are named as such; the converted file is taken, and passes."""
    rows = [
        {
            "question": QUESTIONS[n % 2].format(n=n),
            "response_chosen": ANSWERS[n % 2].format(n=n),
            "response_rejected": f"No. {n}",
        }
        for n in range(200)
    ]
    page.goto(f"{served.address}/preflight")
    page.locator("#pre-file input[type=file]").set_input_files(write_rows(tmp_path / "pairs.jsonl", rows))
    choose_method(page, "DPO")
    look(page)
    expect(page.locator("#pre-findings")).to_contain_text("wrong-columns")
    page.locator("#pre-convert").click()
    taken = page.locator("#pre-taken a[download], #pre-taken a[href]").first
    expect(taken).to_be_visible(timeout=MINUTE)
    with page.expect_download() as download:
        taken.click()
    converted = tmp_path / "converted.jsonl"
    download.value.save_as(converted)
    first = json.loads(converted.read_text(encoding="utf-8").splitlines()[0])
    assert {"prompt", "chosen", "rejected"} <= first.keys()
    page.goto(f"{served.address}/preflight")
    page.locator("#pre-file input[type=file]").set_input_files(converted)
    choose_method(page, "DPO")
    look(page)
    expect(page.locator("#pre-findings")).not_to_contain_text("wrong-columns")


def test_rewards_are_tried_and_the_script_is_mended(page: Page, served: Served, tmp_path: Path) -> None:
    """A reward that longer junk beats is shown so; an old script gives its diff, and the file."""
    rows = [{"prompt": QUESTIONS[n % 2].format(n=n), "answer": ANSWERS[n % 2].format(n=n)} for n in range(100)]
    rewards, script = tmp_path / "rewards.py", tmp_path / "train.py"
    rewards.write_text(REWARDS)
    script.write_text(OLD_SCRIPT)
    page.goto(f"{served.address}/preflight")
    page.locator("#pre-file input[type=file]").set_input_files(write_rows(tmp_path / "prompts.jsonl", rows))
    choose_method(page, "GRPO")
    page.locator("#pre-more button").first.click()
    page.locator("#pre-reward-file input[type=file]").set_input_files(rewards)
    page.locator("#pre-script input[type=file]").set_input_files(script)
    look(page)
    seen = page.locator("#pre-seen")
    expect(seen.locator("table.rewards")).to_contain_text("stars")
    expect(seen.locator("td.beaten").first).to_be_visible()
    expect(seen.locator("pre.diff")).to_contain_text("processing_class")
    page.locator("#pre-take-script").click()
    taken = page.locator("#pre-taken a[download], #pre-taken a[href]").first
    expect(taken).to_be_visible(timeout=MINUTE)
    with page.expect_download() as download:
        taken.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "# keep this comment" in text
    assert "tokenizer=tokenizer" not in text


def test_wrong_input_is_one_sentence_in_chinese_too(page: Page, served: Served, tmp_path: Path) -> None:
    page.goto(f"{served.address}/zh-preflight")
    page.locator("#pre-go").click()
    expect(page.locator("#pre-progress .note-error")).to_be_visible(timeout=MINUTE)
    page.locator("#pre-path textarea, #pre-path input").first.fill(str(tmp_path / "gone.jsonl"))
    choose_method(page, "SFT")
    page.locator("#pre-go").click()
    expect(page.locator("#pre-progress")).to_contain_text("gone.jsonl", timeout=MINUTE)
