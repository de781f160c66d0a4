"""`make bench`, the comparison: answers per second, adapters, loading, the cache; each against a plain peer in one run."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from diagnostics.compare.cache import AnswerCache
from diagnostics.compare.collect import Collected, Plan, collect
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.sources import Source, source_of
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.prompts import Prompt, read_prompts
from training.demo.data import write_post_training_data
from training.demo.pipeline import KEPT_BASE, last_checkpoint

ROOT = Path(__file__).parents[2]
PROMPTS, BUDGET, ROUNDS = 200, 56, 3
# Large enough that memory and loading are the weights': 97 M parameters in float32, 389 MB.
LARGE = {
    "vocab_size": 16000,
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "tie_word_embeddings": True,
}

# What a person writes who has no tool: load, one prompt at a time, next.
PLAIN_LOOP = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
import time, transformers.generation.utils
torch.set_num_threads(2)
started = time.perf_counter()
folders, prompts, budget = json.load(open(sys.argv[1])).values()
answers = []
for folder in folders:
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for prompt in prompts:
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            ids = model.generate(**inputs, max_new_tokens=budget, do_sample=False, pad_token_id=0)
        answers.append(tokenizer.decode(ids[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
json.dump({"answers": answers, "seconds": time.perf_counter() - started}, open(sys.argv[2], "w"))
"""


def line(name: str, ours: str, peer_name: str, peer: str, ratio: str) -> None:
    """Print one row."""
    print(f"{name:<46} {ours:>12}   {peer_name:<34} {peer:>12}   {ratio}", flush=True)


def variants(folder: Path, count: int) -> list[Path]:
    """Copies of the kept base whose last norm is scaled a little, so that their weights differ."""
    from safetensors.numpy import load_file, save_file

    made = []
    for number in range(count):
        path = folder / f"m{number}" / "checkpoint-1"
        shutil.copytree(last_checkpoint(KEPT_BASE), path)
        tensors = load_file(path / "model.safetensors")
        tensors["model.norm.weight"] = tensors["model.norm.weight"] * (1 - 0.05 * number)
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
        made.append(path)
    return made


def prompts_of(folder: Path) -> tuple[Prompt, ...]:
    """200 of the demo's prompts: its held-out ones, and some of its training data's."""
    write_post_training_data(folder, 0)
    rows = list(read_prompts(folder / "held_out.jsonl"))
    rows += list(read_prompts(folder / "dpo" / "train.jsonl"))[: PROMPTS - len(rows)]
    return tuple(Prompt(number, one.messages) for number, one in enumerate(rows[:PROMPTS]))


def last(states: Any) -> Collected:
    """The end of a collection, every source of which must have answered."""
    state: Collected = list(states)[-1]
    if state.errors:
        raise RuntimeError(state.errors)
    return state


def answered(folder: Path, plan: Plan, number: int, warm: bool) -> tuple[Collected, float]:
    """Answer the plan into a fresh cache with fresh workers; wall seconds. Warm: their libraries are imported before."""
    pool = WorkerPool(folder / f"workers{number}{warm}")
    try:
        if warm:
            pool.warm_up(len(plan.sources))
            while not all((one.folder / "ready").exists() for one in pool._workers):
                time.sleep(0.05)
        started = time.perf_counter()
        state = last(collect(pool, AnswerCache(folder / f"answers{number}{warm}"), plan))
        return state, time.perf_counter() - started
    finally:
        pool.close()


def repeated(folder: Path, plan: Plan, number: int) -> float:
    """Wall seconds of the same plan from its cache, as a new process finds it; no worker is started."""
    started = time.perf_counter()
    last(collect(WorkerPool(folder / "none"), AnswerCache(folder / f"answers{number}True"), plan))
    return time.perf_counter() - started


def bench_throughput(folder: Path) -> None:
    """3 checkpoints x 200 prompts, loading included; with imported libraries, as on the page, and from nothing."""
    folders, prompts = variants(folder, 3), prompts_of(folder / "data")
    told = folder / "loop.json"
    told.write_text(
        json.dumps(
            {"folders": [str(one) for one in folders], "prompts": [one.text for one in prompts], "budget": BUDGET}
        )
    )
    plan = Plan(
        tuple(source_of(str(one), one.parent.name) for one in folders), prompts, Sampling(max_new_tokens=BUDGET)
    )
    rows: list[tuple[float, ...]] = []
    same = 0
    for number in range(ROUNDS):
        state, warm = answered(folder, plan, number, warm=True)
        _, cold = answered(folder, plan, number, warm=False)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", PLAIN_LOOP, told, folder / "out.json"], check=True, capture_output=True)
        plain_cold = time.perf_counter() - started
        out = json.loads((folder / "out.json").read_text())
        rows.append((warm, out["seconds"], cold, plain_cold, repeated(folder, plan, number)))
        ours = [one.text for source in state.answers.sources for one in state.answers.of(source)]
        same = sum(left == right for left, right in zip(ours, out["answers"], strict=True))
    warm, plain, cold, plain_cold, again = (statistics.median(column) for column in zip(*rows, strict=True))
    peer = "plain loop, one at a time"
    for name, mine, theirs in (
        ("3 checkpoints x 200 prompts, loading included", warm, plain),
        ("  starting the processes included", cold, plain_cold),
    ):
        line(name, f"{600 / mine:.0f} /s", peer, f"{600 / theirs:.0f} /s", f"{theirs / mine:.1f}x")
    line("  the same greedy answers", f"{same} of 600", "", "", "")
    line("  asked again, from the cache", f"{again:.2f} s", "target", "1.00 s", "")


def large_model(folder: Path, adapters: int) -> tuple[Path, list[Path]]:
    """A random model of 97 M parameters with the kept base's tokenizer, and LoRA adapters over it (rank 16)."""
    script = f"""
import json, shutil, sys, torch
from pathlib import Path
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
folder, base = Path(sys.argv[1]), Path(sys.argv[2])
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(**{LARGE!r}))
model.save_pretrained(folder / "large")
for path in base.iterdir():
    if path.name.startswith(("tokenizer", "chat_template")):
        shutil.copy(path, folder / "large")
model = get_peft_model(model, LoraConfig(r=16, target_modules=["q_proj", "v_proj"]))
for number in range({adapters}):
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    path = folder / f"adapter{{number}}"
    model.save_pretrained(path)
    config = json.loads((path / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(folder / "large")
    (path / "adapter_config.json").write_text(json.dumps(config))
"""
    subprocess.run([sys.executable, "-c", script, folder, last_checkpoint(KEPT_BASE)], check=True, capture_output=True)
    return folder / "large", [folder / f"adapter{number}" for number in range(adapters)]


# Run in a process of its own, whose peak memory is then the model's: prints what it measured as JSON.
IN_PROCESS = """
import json, resource, sys, time, torch
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.sources import source_of
from diagnostics.probes.generation import answer, job_of
from diagnostics.probes.loading import Holder
torch.set_num_threads(2)
folders, split = sys.argv[2:], sys.argv[1] == "split"
sources = [source_of(one) for one in folders]
holder = Holder()
message = ({"role": "user", "content": "Where is my order?"},)
rows = [Row(one, message, Sampling(max_new_tokens=24)) for one in sources for _ in range(2)]
jobs = [job_of(holder, place, row) for place, row in enumerate(rows)]
def write(*args, **fields):
    assert args[0] == "done", fields
def run(part):
    for job in part:
        job.written.clear(); job.stop = None; job.stops = frozenset()
    answer(holder, part, write, lambda: False, False)
run(jobs[:2])
started = time.perf_counter()
if split:
    for place in range(0, len(jobs), 2):
        run(jobs[place:place + 2])
else:
    run(jobs)
seconds = time.perf_counter() - started
switches = []
voices = [holder.hold(one) for one in sources]
for voice in voices * 3:
    started = time.perf_counter()
    with holder.speaking([voice]):
        switches.append(time.perf_counter() - started)
print(json.dumps({"seconds": seconds, "switch": max(switches), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def in_process(manner: str, folders: list[Path]) -> dict[str, float]:
    """What a process of its own measures with these sources."""
    done = subprocess.run(
        [sys.executable, "-c", IN_PROCESS, manner, *map(str, folders)], cwd=ROOT, check=True, capture_output=True
    )
    found: dict[str, float] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


def bench_adapters(folder: Path, adapters: list[Path]) -> None:
    """Peak memory at 8 adapters and at 1, switching, a mixed batch against one adapter after the other."""
    one = [in_process("mixed", adapters[:1]) for _ in range(ROUNDS)]
    mixed, split = [], []
    for _ in range(ROUNDS):
        mixed.append(in_process("mixed", adapters))
        split.append(in_process("split", adapters))

    def median(found: list[dict[str, float]], name: str) -> float:
        return statistics.median(each[name] for each in found)

    eight, single = median(mixed, "peak") / 1024, median(one, "peak") / 1024
    line(
        "peak memory, 8 LoRA adapters",
        f"{eight:.0f} MiB",
        "1 adapter",
        f"{single:.0f} MiB",
        f"ratio {eight / single:.2f}",
    )
    line("switching an adapter (slowest)", f"{1000 * median(mixed, 'switch'):.1f} ms", "target", "50 ms", "")
    fast, slow = median(mixed, "seconds"), median(split, "seconds")
    line(
        "16 answers over 8 adapters, one batch",
        f"{fast:.2f} s",
        "one adapter after the other",
        f"{slow:.2f} s",
        f"ratio {fast / slow:.2f}",
    )


LOADS = """
import json, statistics, sys, time, torch
from accelerate import init_empty_weights
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, logging
from diagnostics.probes.loading import open_model
logging.disable_progress_bar()
folder = sys.argv[1]
ids = torch.tensor([[1, 2, 3]])
def ours():
    return open_model(folder, None)
def peer():
    config = AutoConfig.from_pretrained(folder)
    tensors = load_file(folder + "/model.safetensors")
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(tensors, assign=True, strict=False)
    model.tie_weights()
    return model.eval()
found = {}
with torch.inference_mode():
    assert torch.equal(ours()(ids).logits, peer()(ids).logits)
    for _ in range(7):
        for name, load in (("ours", ours), ("peer", peer)):
            started = time.perf_counter(); model = load(); opened = time.perf_counter() - started
            model(ids); first = time.perf_counter() - started
            found.setdefault(name, []).append((opened, first))
print(json.dumps({name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}))
"""


def bench_loading(folder: Path, large: Path) -> None:
    """Loading a full checkpoint against safetensors and building the model; and a second showing, which loads nothing."""
    done = subprocess.run([sys.executable, "-c", LOADS, large], cwd=ROOT, check=True, capture_output=True)
    found = json.loads(done.stdout.decode().splitlines()[-1])
    for place, name in enumerate(("loading 97 M parameters", "  to the first logits")):
        mine, theirs = found["ours"][place], found["peer"][place]
        line(
            name,
            f"{1000 * mine:.0f} ms",
            "safetensors + empty model",
            f"{1000 * theirs:.0f} ms",
            f"ratio {mine / theirs:.2f}",
        )
    from diagnostics.compare.models.writers import answer_rows

    pool = WorkerPool(folder / "workers")
    try:
        sources: list[Source] = [source_of(str(large)), source_of(str(last_checkpoint(KEPT_BASE)))]
        asked = [Row(one, ({"role": "user", "content": "Hi"},), Sampling(max_new_tokens=1)) for one in sources]
        costs = [[pane.load_seconds or 0.0 for pane in list(answer_rows(pool, asked))[-1]] for _ in range(3)]
    finally:
        pool.close()
    line(
        "load of a checkpoint shown again",
        f"{1000 * max(costs[-1]):.1f} ms",
        "its first load",
        f"{1000 * costs[0][0]:.0f} ms",
        "",
    )


def bench_compare() -> None:
    """All of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_throughput(folder)
        large, adapters = large_model(folder, 8)
        bench_adapters(folder, adapters)
        bench_loading(folder, large)


if __name__ == "__main__":
    bench_compare()
