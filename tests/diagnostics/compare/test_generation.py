"""Many answers at once are the same as one at a time, and adapters over one base are themselves. With the kept base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.sources import Source, SourceUnusable, source_of
from diagnostics.probes.generation import BATCH_ROWS, answer, batches, drawable, job_of, seed_of
from diagnostics.probes.loading import Holder
from diagnostics.probes.measuring import token_scores

pytestmark = pytest.mark.slow
PROMPTS = [
    "Hi.",
    "Please cancel order C53.",
    "订单B28什么时候发货？",
    "I was promised a refund for order A17 two weeks ago and nothing has come. What happens next with it?",
    "你们什么时候上班？",
]


def rows_of(source: Source, sampling: Sampling, prompts: list[str] = PROMPTS) -> list[Row]:
    return [Row(source, ({"role": "user", "content": one},), sampling) for one in prompts]


def answered(holder: Holder, rows: list[Row], together: bool = True) -> list[dict[str, Any]]:
    """The `done` events by row."""
    events: dict[int, dict[str, Any]] = {}

    def write(event: str, **fields: Any) -> None:
        assert event == "done", fields
        assert fields["row"] not in events
        events[fields["row"]] = fields

    jobs = [job_of(holder, place, row) for place, row in enumerate(rows)]
    for part in [jobs] if together else [[job] for job in jobs]:
        answer(holder, part, write, lambda: False, stream=False)
    return [events[place] | {"ids": jobs[place].written} for place in range(len(rows))]


@pytest.fixture(scope="module")
def holder() -> Holder:
    return Holder()


def plain_greedy(folder: Path, prompt: str, budget: int) -> list[int]:
    """The answer's ids by transformers alone, one prompt at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**inputs, max_new_tokens=budget, do_sample=False, pad_token_id=0)
    return output[0, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_says_token_by_token_what_the_plain_loop_says(
    holder: Holder, base_checkpoint: Path, tmp_path: Path, side: str
) -> None:
    """Whatever side the checkpoint's tokenizer pads on."""
    folder = tmp_path / "model"
    shutil.copytree(base_checkpoint, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"padding_side": side}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    done = answered(holder, rows_of(source_of(str(folder)), Sampling(max_new_tokens=40)))
    for prompt, event in zip(PROMPTS, done, strict=True):
        assert event["ids"] == plain_greedy(folder, prompt, 40), prompt
        assert event["stop"] == ("end" if len(event["ids"]) < 40 else "length")


@pytest.mark.parametrize("sampling", [Sampling(seed=5, temperature=1.2), Sampling(seed=5, temperature=0.9, top_p=0.8)])
def test_a_drawn_answer_does_not_depend_on_its_batch(holder: Holder, base_checkpoint: Path, sampling: Sampling) -> None:
    rows = rows_of(source_of(str(base_checkpoint)), sampling)
    together, alone, backwards = (
        answered(holder, rows),
        answered(holder, rows, together=False),
        answered(holder, rows[::-1])[::-1],
    )
    assert [one["ids"] for one in together] == [one["ids"] for one in alone] == [one["ids"] for one in backwards]


def test_seeds_and_prompts_draw_apart(base_checkpoint: Path) -> None:
    source = source_of(str(base_checkpoint))
    seeds = [seed_of(row) for seed in (0, 1) for row in rows_of(source, Sampling(seed=seed))]
    assert len(set(seeds)) == len(seeds)


def test_draws_follow_the_model_s_distribution(holder: Holder, base_checkpoint: Path) -> None:
    """The first token of 1,500 draws against the model's own probabilities, by a chi-square distance."""
    import torch

    source = source_of(str(base_checkpoint))
    prompt = [{"role": "user", "content": "Hi."}]
    holder.hold(source)
    rows = [Row(source, tuple(prompt), Sampling(seed=seed, temperature=1.3, max_new_tokens=1)) for seed in range(1500)]
    first = torch.tensor([one["ids"][0] for one in answered(holder, rows)])
    ids = holder.prompt_ids(holder.hold(source), prompt)
    with torch.inference_mode():
        logits = holder.model(torch.tensor([ids])).logits[0, -1]
    expected = 1500 * torch.softmax(logits / 1.3, dim=-1)
    seen = torch.bincount(first, minlength=len(expected)).float()
    often = expected >= 5
    statistic = ((seen[often] - expected[often]) ** 2 / expected[often]).sum() + (
        seen[~often].sum() - expected[~often].sum()
    ) ** 2 / expected[~often].sum().clamp_min(1e-9)
    degrees = int(often.sum())
    # The mean of a chi-square is its degrees of freedom, its variance twice that; four deviations.
    assert statistic < degrees + 4 * (2 * degrees) ** 0.5


def test_top_p_draws_only_from_the_nucleus(holder: Holder, base_checkpoint: Path) -> None:
    import torch

    source = source_of(str(base_checkpoint))
    prompt = [{"role": "user", "content": "Hi."}]
    rows = [
        Row(source, tuple(prompt), Sampling(seed=seed, temperature=2.0, top_p=0.4, max_new_tokens=1))
        for seed in range(400)
    ]
    first = {one["ids"][0] for one in answered(holder, rows)}
    with torch.inference_mode():
        logits = holder.model(torch.tensor([holder.prompt_ids(holder.hold(source), prompt)])).logits[0, -1]
    chances, order = torch.softmax(logits / 2.0, dim=-1).sort(descending=True)
    nucleus = set(order[: int((chances.cumsum(0) < 0.4).sum()) + 1].tolist())
    assert first <= nucleus
    assert len(first) > 1


def test_adapters_in_one_batch_say_what_each_says_alone(
    holder: Holder, adapters: list[Source], base_checkpoint: Path
) -> None:
    """Base and two adapters mixed, row by row; and each against the merged model, so that it really is itself."""
    base = source_of(str(base_checkpoint))
    sampling = Sampling(max_new_tokens=24)
    mixed = [row for one in (base, *adapters) for row in rows_of(one, sampling)]
    together = answered(holder, mixed)
    alone = [event for one in (base, *adapters) for event in answered(holder, rows_of(one, sampling))]
    assert [one["ids"] for one in together] == [one["ids"] for one in alone]
    texts = [[one["text"] for one in together[start : start + 5]] for start in (0, 5, 10)]
    assert texts[0] != texts[1] != texts[2] != texts[0]
    fresh = Holder()
    assert [one["text"] for one in answered(fresh, rows_of(base, sampling))] == texts[0]


def test_adapter_says_what_its_merged_model_says(adapters: list[Source], merged: Source) -> None:
    sampling = Sampling(max_new_tokens=24)
    over, whole = (answered(Holder(), rows_of(one, sampling)) for one in (adapters[0], merged))
    assert [one["ids"] for one in over] == [one["ids"] for one in whole]


def test_adapter_of_another_shape_is_refused_and_the_rest_lives(
    adapters: list[Source], base_checkpoint: Path, tmp_path: Path
) -> None:
    """It names the tensor, and the good adapter still says the same."""
    from safetensors.torch import load_file, save_file

    bad = tmp_path / "bad"
    shutil.copytree(adapters[0].path, bad)
    tensors = load_file(bad / "adapter_model.safetensors")
    save_file({name: one[:, :-1].contiguous() for name, one in tensors.items()}, bad / "adapter_model.safetensors")
    holder = Holder()
    before = answered(holder, rows_of(adapters[1], Sampling(max_new_tokens=12)))
    with pytest.raises(SourceUnusable, match="peft cannot open it"):
        holder.hold(source_of(str(bad)))
    after = answered(holder, rows_of(adapters[1], Sampling(max_new_tokens=12)))
    assert [one["ids"] for one in before] == [one["ids"] for one in after]


def test_adapter_whose_names_do_not_match_is_seen(adapters: list[Source], tmp_path: Path) -> None:
    """peft only warns of it; the pane would answer like the base."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "renamed"
    shutil.copytree(adapters[0].path, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file(
        {name.replace("self_attn", "attention"): one for name, one in tensors.items()},
        folder / "adapter_model.safetensors",
    )
    holder = Holder()
    good, bad = holder.hold(adapters[0]).matched, holder.hold(source_of(str(folder))).matched
    assert good is not None
    assert (good.matched, good.missing, good.unexpected) == (8, 0, 0)
    assert bad is not None
    assert (bad.matched, bad.missing, bad.unexpected) == (0, 8, 8)


def test_a_checkpoint_s_own_sampling_is_left_out(holder: Holder, base_checkpoint: Path, tmp_path: Path) -> None:
    """A repetition penalty in one generation config must not look like the effect of its training."""
    folder = tmp_path / "penalty"
    shutil.copytree(base_checkpoint, folder)
    config = json.loads((folder / "generation_config.json").read_text())
    config |= {"repetition_penalty": 5.0, "do_sample": True, "temperature": 0.3, "min_new_tokens": 30}
    (folder / "generation_config.json").write_text(json.dumps(config))
    sampling = Sampling(max_new_tokens=40)
    plain, other = (answered(holder, rows_of(source_of(str(one)), sampling)) for one in (base_checkpoint, folder))
    assert [one["ids"] for one in plain] == [one["ids"] for one in other]


def test_damaged_weights_are_said_in_the_row(base_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "nan"
    shutil.copytree(base_checkpoint, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    holder = Holder()
    errors: list[dict[str, Any]] = []
    jobs = [job_of(holder, place, row) for place, row in enumerate(rows_of(source_of(str(folder)), Sampling()))]
    answer(holder, jobs, lambda event, **fields: errors.append({"event": event, **fields}), lambda: False, stream=True)
    assert [one["event"] for one in errors] == ["error"] * len(PROMPTS)
    assert "not finite" in errors[0]["message"]


def test_tokenizer_of_another_vocabulary_is_one_sentence(base_checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(base_checkpoint, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append(
        {
            "id": 90_000,
            "content": "Hi.",
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": False,
        }
    )
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    holder = Holder()
    source = source_of(str(folder))
    voice = holder.hold(source)
    if voice.tokenizer("Hi.", add_special_tokens=False)["input_ids"][0] < holder.vocabulary():
        pytest.skip("this tokenizers gives new tokens the next free id")
    with pytest.raises(ValueError, match="different vocabularies"):
        holder.prompt_ids(voice, [{"role": "user", "content": "Hi."}])


def test_batches_keep_within_their_limits(holder: Holder, base_checkpoint: Path) -> None:
    rows = rows_of(source_of(str(base_checkpoint)), Sampling(max_new_tokens=200), PROMPTS * 40)
    jobs = [job_of(holder, place, row) for place, row in enumerate(rows)]
    made = batches(jobs, holder.context())
    assert sorted(job.place for batch in made for job in batch) == list(range(len(rows)))
    lengths = [job.length for batch in made for job in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert all(len(batch) <= BATCH_ROWS for batch in made)


def test_rows_of_one_batch_stay_within_learned_positions(base_checkpoint: Path, tmp_path: Path) -> None:
    """GPT-2 has a table of positions and no row beyond it: a long prompt and a large budget must not share a batch."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=2100, n_positions=48, n_embd=16, n_layer=1, n_head=2, eos_token_id=0, bos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    for path in base_checkpoint.glob("tokenizer*"):
        shutil.copy(path, tmp_path / "gpt2")
    holder = Holder()
    source = source_of(str(tmp_path / "gpt2"))
    prompts = ["Hi.", "订单B28什么时候发货？", "order " * 20]
    rows = rows_of(source, Sampling(max_new_tokens=40), prompts)
    together, alone = answered(holder, rows), answered(holder, rows, together=False)
    assert [one["ids"] for one in together] == [one["ids"] for one in alone]
    assert together[2]["budget"] < 40


def test_log_probabilities_of_an_answer(holder: Holder, base_checkpoint: Path) -> None:
    """Against the plain model, and: what was written greedily has rank 1 at every token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = source_of(str(base_checkpoint))
    messages = [{"role": "user", "content": "订单B28什么时候发货？"}]
    done = answered(holder, rows_of(source, Sampling(max_new_tokens=60), [messages[0]["content"]]))[0]
    assert done["stop"] == "end"
    found = token_scores(holder, holder.hold(source), messages, done["text"])
    tokenizer = AutoTokenizer.from_pretrained(base_checkpoint)
    assert "".join(found["tokens"]) == done["text"] + tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(base_checkpoint).eval()
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    own = tokenizer(done["text"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    with torch.inference_mode():
        table = torch.log_softmax(model(torch.tensor([start + own])).logits[0, len(start) - 1 : -1], -1)
    expected = table[range(len(own)), own]
    assert found["logprobs"] == pytest.approx(expected.tolist(), abs=1e-3)
    if own == done["ids"]:
        assert set(found["ranks"]) == {1}


def test_a_temperature_near_zero_draws_the_likeliest_token() -> None:
    import torch

    logits = torch.tensor([3.0, -2.0, 5.0, 4.9])
    for temperature in (1e-3, 1e-42, 1e-300):
        drawn = drawable(logits.clone(), Sampling(temperature=temperature, top_p=0.9))
        assert not drawn.isnan().any()
        assert int(drawn.argmax()) == 2
        assert float(drawn[2]) == 0.0


def test_an_adapter_with_whole_layers_leaves_its_base_and_its_neighbours_as_they_are(
    adapters: list[Source], base_checkpoint: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    saved = tmp_path / "saved"
    shutil.copytree(adapters[0].path, saved)
    tensors = load_file(saved / "adapter_model.safetensors")
    whole = load_file(base_checkpoint / "model.safetensors")["model.embed_tokens.weight"]
    tensors["base_model.model.model.embed_tokens.weight"] = whole.flip(0).contiguous()
    save_file(tensors, saved / "adapter_model.safetensors", metadata={"format": "pt"})
    base, other = source_of(str(base_checkpoint)), source_of(str(saved))
    assert other.holder != base.holder
    holder = Holder()
    sampling = Sampling(max_new_tokens=12)
    before = [answered(holder, rows_of(one, sampling)) for one in (base, adapters[1])]
    theirs = answered(holder, rows_of(other, sampling))
    after = [answered(holder, rows_of(one, sampling)) for one in (base, adapters[1])]
    assert [[one["ids"] for one in rows] for rows in after] == [[one["ids"] for one in rows] for rows in before]
    assert [one["ids"] for one in theirs] != [one["ids"] for one in before[0]]


def test_weights_written_anew_in_the_same_folder_are_opened_anew(base_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "checkpoint-1"
    shutil.copytree(base_checkpoint, folder)
    holder, source = Holder(), source_of(str(folder))
    rows = rows_of(source, Sampling(max_new_tokens=12))
    before = answered(holder, rows)
    holder.let_go_of_changed()
    assert holder.model is not None
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"].flip(0).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    holder.let_go_of_changed()
    after = answered(holder, rows)
    assert [one["ids"] for one in after] == [one["ids"] for one in answered(Holder(), rows)]
    assert [one["ids"] for one in after] != [one["ids"] for one in before]


def test_a_model_of_which_weights_are_missing_is_not_filled_up_at_random(base_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "half"
    shutil.copytree(base_checkpoint, folder)
    tensors = load_file(folder / "model.safetensors")
    kept = {name: one for name, one in tensors.items() if "layers.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SourceUnusable, match=r"layers\.1\.\S+ is not among its weights"):
        Holder().hold(source_of(str(folder)))
