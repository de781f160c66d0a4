"""Old training scripts are read against the installed libraries, and become scripts that start."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from diagnostics.preflight.asking import AskedWrong
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked, Material, Script
from diagnostics.preflight.script import BadScript, Signatures, checked, read_script
from diagnostics.probes.preflight import measure
from diagnostics.probes.signatures import signatures
from diagnostics.report.words import LANGS, in_words
from diagnostics.rules import api_removed, argument_renamed
from tests.diagnostics.preflight.script.old_scripts import READ_ONLY, STARTING

HERE = Path(__file__).parent
# What a person has to see to, by script: nothing else is left.
LEFT = {
    "rloo-0.12": {"total_episodes", "missing_eos_penalty", "config", "policy", "ref_policy", "reward_model"},
    "ppo-0.7": {"AutoModelForCausalLMWithValueHead", "PPOConfig", "PPOTrainer", "LengthSampler"},
}
METHODS = {"argparse": "sft"}


@pytest.fixture(scope="module")
def known() -> Signatures:
    return signatures()


def read(tmp_path: Path, text: str, known: Signatures, name: str = "train.py") -> Script:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_script(path, known)


def seen(script: Script) -> set[tuple[str, str, str | None]]:
    return {(one.kind, one.what, one.instead) for one in script.changes}


@pytest.mark.parametrize("name", [*STARTING, *READ_ONLY])
def test_old_script_is_mended_but_for_what_needs_a_hand(tmp_path: Path, known: Signatures, name: str) -> None:
    text = {**STARTING, **READ_ONLY}[name]
    script = read(tmp_path, text, known)
    assert script.changes
    assert {one.what for one in script.changes if not one.mended} == LEFT.get(name, set())
    stem = name.partition("-")[0]
    assert script.method == METHODS.get(stem, stem)
    assert script.era is not None
    lines = text.split("\n")
    for one in script.changes:
        assert one.what.partition("(")[0].partition(" ")[0] in lines[one.line - 1]
    if script.modern is None:
        return
    ast.parse(script.modern)
    again = read(tmp_path, script.modern, known, "again.py")
    assert again.modern is None
    # Only the touched lines differ: what is kept stands in the new text in the same order.
    kept = [line for line in script.modern.split("\n") if line in lines]
    assert len(kept) > len(lines) / 3
    removed = [line[1:] for line in script.diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert all(line in lines for line in removed)


def test_mended_scripts_start_and_train(tmp_path: Path, known: Signatures, base_checkpoint: Path) -> None:
    paths = []
    for name, text in STARTING.items():
        script = read(tmp_path, text, known, f"{name}.py")
        paths.append(tmp_path / "new" / f"{name}.py")
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(script.modern or text, encoding="utf-8")
    results = run(paths, tmp_path, base_checkpoint)
    assert results == dict.fromkeys(STARTING, "")


def test_old_scripts_do_not_start_as_they_are(tmp_path: Path, base_checkpoint: Path) -> None:
    """The test above can fail: unmended, every one of these raises."""
    paths = []
    for name, text in STARTING.items():
        paths.append(tmp_path / f"{name}.py")
        paths[-1].write_text(text, encoding="utf-8")
    assert all("Error" in said for said in run(paths, tmp_path, base_checkpoint).values())


def run(paths: list[Path], work: Path, model: Path) -> dict[str, str]:
    """What each script came to: nothing, or the end of its traceback."""
    done = subprocess.run(
        [sys.executable, str(HERE / "run_scripts.py"), *map(str, paths)],
        env={**os.environ, "MODEL": str(model.resolve()), "OUT": str(work / "out"), "HF_HUB_OFFLINE": "1"},
        cwd=work, capture_output=True, text=True, check=True,
    )  # fmt: skip
    results: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return results


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("from trl import ORPOTrainer\n", ("import", "ORPOTrainer", "trl.experimental.orpo.ORPOTrainer")),
        ("from trl import ORPOTrainer as O\nO\n", ("import", "ORPOTrainer", "trl.experimental.orpo.ORPOTrainer")),
        ("from trl.trainer import CPOConfig\n", ("import", "CPOConfig", "trl.experimental.cpo.CPOConfig")),
        ("from trl.trainer.utils import ConstantLengthDataset\n", ("import", "ConstantLengthDataset", None)),
        ("from trl.core import LengthSampler\n", ("import", "LengthSampler", None)),
        ("import trl\ntrl.CPOTrainer(1)\n", ("name", "CPOTrainer", "trl.experimental.cpo.CPOTrainer")),
        ("import trl as t\nt.PPOTrainer(1)\n", ("name", "PPOTrainer", None)),
        ("from trl import *\nCPOTrainer(1)\n", ("name", "CPOTrainer", "trl.experimental.cpo.CPOTrainer")),
        ("from transformers import AdamW\n", ("import", "AdamW", "torch.optim.AdamW")),
        ("from transformers import is_torch_tpu_available\n", ("import", "is_torch_tpu_available", "transformers.is_torch_xla_available")),
        ("from trl import SFTScriptArguments\n", ("import", "SFTScriptArguments", "trl.ScriptArguments")),
        ("from trl.experimental.kto import KTOTrainer\n", ("import", "KTOTrainer", "trl.KTOTrainer")),
        ("from transformers import Trainer\nTrainer(m, tokenizer=t)\n", ("argument", "tokenizer", "processing_class")),
        ("from transformers import TrainingArguments\nTrainingArguments(**{'evaluation_strategy': 'no'})\n", ("argument", "evaluation_strategy", "eval_strategy")),
        ("from trl import GRPOTrainer\nGRPOTrainer('m', reward_funcs=lambda prompt, **kw: 1)\n", ("call", "a reward function(prompt)", "prompts")),
        ("from trl import GRPOTrainer\ndef f(prompts, completions, /, **kw): ...\nGRPOTrainer('m', [f])\n", ("call", "f(..., /)", None)),
        ("from trl import GRPOTrainer\ndef f(completions): ...\nfs = [f]\nGRPOTrainer('m', reward_funcs=fs)\n", ("call", "f without **kwargs", "**kwargs")),
        ("from trl import SFTTrainer, SFTConfig\nclass Mine(SFTTrainer): ...\nMine('m', tokenizer=t)\n", ("argument", "tokenizer", "processing_class")),
        (
            "from transformers import Trainer\nclass T(Trainer):\n    def compute_loss(self, model, inputs, return_outputs=False): ...\n",
            ("call", "compute_loss", "num_items_in_batch=None"),
        ),
        (
            "from trl import SFTTrainer\nclass T(SFTTrainer):\n    def log(self, logs):\n        super().log(logs)\n",
            ("call", "log", "start_time=None"),
        ),
        (
            "from transformers import TrainerCallback\nclass C(TrainerCallback):\n    def on_save(self, args, state, control, tokenizer, **kw):\n        tokenizer.x()\n",
            ("call", "tokenizer", "processing_class"),
        ),
        (
            "from trl import SFTTrainer\ntrainer = SFTTrainer('m')\ntrainer.tokenizer.save_pretrained('o')\n",
            ("name", "tokenizer", "processing_class"),
        ),
        ("from trl import DPOTrainer\nDPOTrainer(model, model, args=a)\n", ("call", "ref_model is model", "left out")),
        ("from trl import DPOTrainer\nDPOTrainer(model=m, ref_model=m)\n", ("call", "ref_model is m", "left out")),
        (
            "from trl import GRPOConfig\nGRPOConfig('o', use_vllm=True, vllm_server_host='h')\n",
            ("argument", "vllm_server_host", 'vllm_mode="server"'),
        ),
        ("from trl import DPOTrainer\nDPOTrainer('m', beat=1)\n", ("argument", "beat", None)),
        ("from transformers import AutoModelForCausalLM as A\nA.from_pretrained('m', load_in_8bit=True)\n", ("argument", "load_in_8bit", "quantization_config")),
    ],
)  # fmt: skip
def test_change_is_seen(tmp_path: Path, known: Signatures, text: str, change: tuple[str, str, str | None]) -> None:
    script = read(tmp_path, text, known)
    assert change in seen(script)
    if script.modern:
        assert read(tmp_path, script.modern, known).modern is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "from trl import SFTConfig, SFTTrainer\nSFTTrainer('m', SFTConfig('o', max_length=3, warmup_steps=0.1), processing_class=t)\n",
        "import trl\nimport transformers\ntrl.__version__, transformers.AutoTokenizer, trl.trainer.utils.pad\n",
        "from transformers.trainer_utils import get_last_checkpoint\nfrom transformers.models.llama import LlamaForCausalLM\n",
        "from peft import LoraConfig, get_peft_model\nfrom peft.tuners.lora import LoraLayer\n",
        "class PPOTrainer: ...\nPPOTrainer(tokenizer=1, max_seq_length=2)\n",
        "from other import SFTTrainer\nSFTTrainer(tokenizer=1)\n",
        "from trl import SFTTrainer\nSFTTrainer('m', **options)\n",
        "from trl import GRPOTrainer\ndef f(completions, answer, **kwargs): ...\nGRPOTrainer('m', [f, 'reward/model'])\n",
        "from trl import SFTTrainer, SFTConfig\nclass Mine(SFTConfig):\n    max_seq_length: int = 3\nSFTTrainer('m', Mine(max_seq_length=2))\n",
        "from transformers import AutoTokenizer\nAutoTokenizer.from_pretrained('m', load_in_8bit=True)\n",
        "try:\n    from trl import PPOTrainer\nexcept ImportError:\n    PPOTrainer = None\n",
        "from transformers import Trainer\nclass T(Trainer):\n    def compute_loss(self, model, inputs, return_outputs=False, **kw): ...\n",
        "from transformers import Trainer\nclass T(Trainer):\n    def training_step(self, model, inputs, n=None): ...\n",
        "from transformers import TrainerCallback\nclass C(TrainerCallback):\n    def on_save(self, args, state, control, tokenizer=None, **kw): ...\n",
        "from trl import DPOTrainer\nDPOTrainer(model, None)\nDPOTrainer(model, reference)\n",
        "from trl.experimental.bema_for_ref_model import DPOTrainer\n",
        "import trl\nif trl.__version__ < '0.12':\n    from trl import PPOv2Trainer\n",
    ],
)  # fmt: skip
def test_nothing_is_said_of_what_works(tmp_path: Path, known: Signatures, text: str) -> None:
    script = read(tmp_path, text, known)
    assert (script.changes, script.modern, script.diff) == ((), None, "")


def test_variables_are_followed_within_their_function(tmp_path: Path, known: Signatures) -> None:
    text = """
from transformers import TrainingArguments
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

def one(config):
    args = TrainingArguments("a")
    SFTTrainer("m", args=args, max_seq_length=config.n)

def two(config):
    args = DPOConfig("b", warmup_ratio=0.1)
    beta = 0.2
    DPOTrainer("m", args=args, beta=beta, max_length=config.n)

class Three:
    def __init__(self):
        self.args = None
        self.args = SFTConfig("c")

    def go(self, n):
        SFTTrainer("m", args=self.args, max_seq_length=n, packing=True)
"""
    script = read(tmp_path, text, known)
    assert all(one.mended for one in script.changes)
    assert script.modern is not None
    for line in (
        'args = SFTConfig("a", max_length=config.n)',
        'args = DPOConfig("b", warmup_steps=0.1, max_length=config.n)',
        "args.beta = beta",
        'self.args = SFTConfig("c", packing=True)',
        "self.args.max_length = n",
    ):
        assert f"    {line}\n" in script.modern


def test_helper_that_is_gone_is_written_out(tmp_path: Path, known: Signatures) -> None:
    text = "from trl import SFTTrainer, get_kbit_device_map\nkwargs = dict(device_map=get_kbit_device_map())\n"
    script = read(tmp_path, text, known)
    assert script.modern == (
        "from trl import SFTTrainer\nfrom accelerate import PartialState\n"
        'kwargs = dict(device_map={"": PartialState().local_process_index})\n'
    )


def test_import_that_is_gone_is_told_of_though_nothing_uses_it(tmp_path: Path, known: Signatures) -> None:
    text = "from trl import DataCollatorForCompletionOnlyLM, SFTTrainer\n"
    script = read(tmp_path, text, known)
    assert [(one.what, one.fatal, one.mended) for one in script.changes] == [
        ("DataCollatorForCompletionOnlyLM", True, True)
    ]
    assert script.modern == "from trl import SFTTrainer\n"


def test_collator_that_cannot_pad_labels_goes(tmp_path: Path, known: Signatures) -> None:
    text = (
        "from transformers import DataCollatorForLanguageModeling\nfrom trl import SFTTrainer\n"
        "SFTTrainer('m', train_dataset=d, data_collator=DataCollatorForLanguageModeling(t, mlm=False))\n"
    )
    script = read(tmp_path, text, known)
    assert [(one.what, one.fatal, one.mended) for one in script.changes] == [
        ("DataCollatorForLanguageModeling", False, True)
    ]
    assert script.modern is not None
    assert "SFTTrainer('m', train_dataset=d)" in script.modern


def test_unsloth_may_take_what_trl_does_not(tmp_path: Path, known: Signatures) -> None:
    text = "from unsloth import FastLanguageModel\nfrom trl import SFTTrainer\nSFTTrainer('m', tokenizer=t)\n"
    script = read(tmp_path, text, known)
    assert [one.fatal for one in script.changes] == [False]
    assert "unsloth" in script.unread[0]
    diagnosis = judge(Material(Asked(None, {}, script.path), script=script), [api_removed, argument_renamed])
    assert [one.severity for one in diagnosis.findings] == ["warning"]


def test_rows_of_tokens_are_noted(tmp_path: Path, known: Signatures) -> None:
    text = "from trl import RewardTrainer\nrow = {'input_ids_chosen': [1]}\nRewardTrainer('m', train_dataset=row)\n"
    assert [(one.what, one.fatal) for one in read(tmp_path, text, known).changes] == [("input_ids_chosen", False)]


def test_formatting_and_comments_stay(tmp_path: Path, known: Signatures) -> None:
    text = (
        "# ünïcode — a comment\n"
        "from trl import SFTConfig, SFTTrainer  # both\n"
        "args = SFTConfig('o',   max_seq_length = 12,  # tokens\n"
        "    logging_dir='ü',\n"
        "    # what follows is kept\n"
        "    seed=1)\n"
    )
    script = read(tmp_path, text, known)
    assert script.modern == (
        "# ünïcode — a comment\n"
        "from trl import SFTConfig, SFTTrainer  # both\n"
        "args = SFTConfig('o',   max_length = 12,  # tokens\n"
        "    # what follows is kept\n"
        "    seed=1)\n"
    )


def test_lines_end_as_they_did(tmp_path: Path, known: Signatures) -> None:
    path = tmp_path / "train.py"
    path.write_bytes(b"from trl import SFTConfig\r\nSFTConfig('o', max_seq_length=1)\r\n")
    assert read_script(path, known).modern == "from trl import SFTConfig\r\nSFTConfig('o', max_length=1)\r\n"


def test_script_is_not_run(tmp_path: Path, known: Signatures) -> None:
    mark = tmp_path / "mark"
    script = read(tmp_path, f"from trl import PPOTrainer\nopen({str(mark)!r}, 'w')\n", known)
    assert script.changes
    assert not mark.exists()


def test_arguments_that_cannot_be_followed_are_said_to_be_unread(tmp_path: Path, known: Signatures) -> None:
    script = read(tmp_path, "from trl import SFTTrainer\nSFTTrainer('m', **load('x'))\n", known)
    assert script.changes == ()
    assert script.unread == (
        "line 2: arguments of SFTTrainer come from load('x'), which is no literal here; not read.",
    )


def test_collator_that_cannot_be_cut_is_left_and_said(tmp_path: Path, known: Signatures) -> None:
    text = (
        "from trl import DataCollatorForCompletionOnlyLM, SFTTrainer\n"
        "c = DataCollatorForCompletionOnlyLM(instruction_template='u', response_template='a', tokenizer=t)\n"
        "SFTTrainer('m', train_dataset=d, data_collator=c)\n"
    )
    script = read(tmp_path, text, known)
    assert script.modern is None
    assert not any(one.mended for one in script.changes)
    assert "By hand" in script.unread[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.py", None, "there is no such script"),
        ("bad.py", b"def (:\n", "is no Python that can be read"),
        ("bytes.py", b"\xff\xfe\x00", "cannot be read as text"),
        ("zero.py", b"a = 1\x00", "is no Python that can be read"),
        ("deep.py", b"(" * 5000, "is no Python that can be read"),
        ("large.py", b"#" * 2_000_001, "is larger than 2 MB"),
        ("notes.ipynb", b"{}", "is a notebook"),
        (".", None, "is no file"),
    ],
)
def test_what_is_no_script_is_refused_in_one_sentence(
    tmp_path: Path, known: Signatures, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadScript) as raised:
        read_script(path, known)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    with pytest.raises(BadScript) as before:
        checked(path)
    assert str(before.value) == str(raised.value)


def test_a_script_that_is_none_is_said_before_the_libraries_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> Signatures:
        raise AssertionError("the libraries were asked")

    monkeypatch.setattr("diagnostics.probes.signatures.signatures", slow)
    (tmp_path / "bad.py").write_text("def (:\n", encoding="utf-8")
    with pytest.raises(AskedWrong, match="is no Python that can be read"):
        measure(Asked(None, {}, tmp_path / "bad.py"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(BadScript, match="is no file"):
        checked(tmp_path / "pipe.py")


@pytest.mark.parametrize("name", [*STARTING, *READ_ONLY])
def test_findings_on_a_script_read_as_whole_sentences(tmp_path: Path, known: Signatures, name: str) -> None:
    script = read(tmp_path, {**STARTING, **READ_ONLY}[name], known)
    diagnosis = judge(Material(Asked(None, {}, script.path), script=script), [api_removed, argument_renamed])
    assert {one.rule for one in diagnosis.findings} <= {"api-removed", "argument-renamed"}
    assert diagnosis.findings[0].severity == "error"
    for finding in diagnosis.findings:
        for lang in LANGS:
            words = in_words(finding, lang)
            sentences = (words.title, words.summary, *words.causes, *(fix.title for fix in words.fixes))
            assert all(sentence and "None" not in sentence for sentence in sentences)
    if name == "ppo-0.7":
        assert "python -m training start --method ppo" in str(diagnosis.findings[0])


def test_probe_sees_what_is_installed(known: Signatures) -> None:
    assert known.has("trl", "SFTTrainer")
    assert known.has("trl.trainer", "SFTTrainer")
    assert not known.has("trl", "PPOTrainer")
    assert known.has("transformers.models.llama", "Anything")
    assert known.home("ORPOTrainer", "trl") == "trl.experimental.orpo"
    assert "max_length" in known.classes["SFTConfig"]
    assert "max_seq_length" not in known.classes["SFTConfig"]
