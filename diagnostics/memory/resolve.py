"""From a config and a few arguments to the question for the predictor: model, dtype, batch and length as TRL resolves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from diagnostics.memory.architecture import Architecture, NoDimensions, architecture_of
from diagnostics.memory.contradictions import AskedWrong, check
from diagnostics.memory.defaults import PROFILES, defaults_of, own_name
from diagnostics.memory.models import Lookup, Model, NoModel, find_model
from diagnostics.memory.records import METHODS, Asked
from diagnostics.memory.sizes import WRITTEN_ATTENTION
from diagnostics.run.refusal import said

ONLINE = ("grpo", "rloo", "ppo")
# Tokens of a prompt where nothing tells: GRPO and RLOO no longer cut prompts, so no argument does. Ours: about the longest
# prompts of GSM8K, MATH and UltraFeedback are 300 to 600 tokens.
PROMPT = 512
# What `python -m diagnostics fix` writes beside the arguments.
MARKS = ("method", "parent", "fixes")
# Where config.json and config leave the dtype open: transformers' names for it.
DTYPES = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16", "fp32": "float32", "bf16": "bfloat16",
          "fp16": "float16", "half": "float16", "float": "float32"}  # fmt: skip
BOOLEANS = {**dict.fromkeys(("yes", "true", "t", "y", "on", "1"), True),
            **dict.fromkeys(("no", "false", "f", "n", "off", "0"), False)}  # fmt: skip
# Arguments that no byte depends on: they are left out, so that the same question is found again in the cache.
SILENT = {
    "output_dir", "run_name", "report_to", "logging_dir", "logging_steps", "learning_rate", "lr_scheduler_type", "seed",
    "warmup_steps", "warmup_ratio", "weight_decay", "dataset_name", "dataset_config", "dataset_train_split",
    "dataset_test_split", "num_train_epochs", "max_steps", "push_to_hub", "hub_model_id", "disable_tqdm", "data_seed",
    "sample_prompts", "sample_rewards", "sample_max_new_tokens", "column_mapping", "save_steps", "eval_steps",
    "model_name_or_path", "logging_first_step", "logging_strategy", "resume_from_checkpoint", "overwrite_output_dir",
}  # fmt: skip


@dataclass(frozen=True)
class Note:
    """Something that was assumed, by its key among the report's words, with the facts that its sentence names."""

    key: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked, as a person put it and as the predictor takes it.

    `config`: the arguments under their present names; `given`: as they were given, which is what fixes edit; `spoken`: the
    given name of each that has another now. `model`: where its config.json was found. `longest`: tokens of the data's
    longest row, `given_prompt` of its longest prompt, None if not known. `accelerator`: False where training runs on the CPU,
    in the host's memory.
    """

    method: str
    config: Mapping[str, Any]
    model: Model
    architecture: Architecture
    asked: Asked
    longest: int | None = None
    given_prompt: int | None = None
    lookup: Lookup | None = None
    notes: tuple[Note, ...] = ()
    accelerator: bool = True
    given: Mapping[str, Any] = field(default_factory=dict)
    spoken: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """An argument as training will have it: given, else TRL's default."""
        return self.config.get(name, defaults_of(self.method).get(name))

    @property
    def rows_a_step(self) -> int:
        """The effective batch: rows of all devices that one optimizer step learns from."""
        return int(self.asked.batch * self.value("gradient_accumulation_steps") * self.asked.processes)

    def changed(self, changes: Mapping[str, Any]) -> Question:
        """The same question with some arguments changed, None taking one out.

        Raises:
            AskedWrong: the changed config contradicts itself.
        """
        config = {**self.config, **changes}
        model = self.model if config.get("model_name_or_path") == self.config.get("model_name_or_path") else None
        found = resolve(
            self.method, {name: value for name, value in config.items() if value is not None or name not in changes},
            processes=self.asked.processes, device=self.asked.device, longest=self.longest, prompt=self.given_prompt,
            lookup=self.lookup, model=model, reward_model=self.asked.reward_model,
            accelerator=self.accelerator, look=False,
        )  # fmt: skip
        return replace(found, given=self.given, spoken=self.spoken)


def resolve(
    method: str | None,
    config: Mapping[str, Any],
    *,
    processes: int | None = None,
    device: int | None = None,
    longest: int | None = None,
    prompt: int | None = None,
    lookup: Lookup | None = None,
    model: Model | None = None,
    reward_model: Mapping[str, Any] | None = None,
    accelerator: bool = True,
    look: bool = True,
) -> Question:
    """The question that a config puts; `longest` and `prompt` are the data's, in tokens, where they are known.

    `look`: whether a reward model is looked up; else `reward_model` is it. Without an `accelerator`, `training start` turns bf16 and gradient checkpointing off unless they are asked for.

    Raises:
        AskedWrong: there is no such method or model, or arguments contradict each other; the message is one sentence.
    """
    if method not in METHODS:
        raise AskedWrong(
            f"method: {method!r} is none of ours; expected one of {', '.join(METHODS)}.",
            f"method：{method!r} 不是这里的方法；应为 {'、'.join(METHODS)} 之一。",
        )
    count, plain = launched({name: one for name, one in config.items() if name not in MARKS}, processes)
    given = named(method, plain)
    spoken = {own: name for name in plain if (own := own_name(method, name)) != name}
    if not accelerator:
        given = {"bf16": False, "gradient_checkpointing": False, "use_cpu": True, **given}
    check(method, given, count)
    find = lookup or find_model
    if model is None:
        name = given.get("model_name_or_path")
        if not isinstance(name, str) or not name:
            raise AskedWrong(
                "model_name_or_path is missing; expected a folder or a Hub name, as --model or in the config.",
                "缺少 model_name_or_path；应为文件夹或 Hub 上的名称，用 --model 或在配置中给出。",
            )
        try:
            model = find(name, "model_name_or_path")
        except NoModel as error:
            raise AskedWrong.of(error) from error
    try:
        architecture = architecture_of(model.config)
    except NoDimensions as error:
        raise AskedWrong(
            f"model_name_or_path: {model.name}: {error}", f"model_name_or_path：{model.name}：{said(error, 'zh')}"
        ) from error
    notes: list[Note] = []
    if model.where == "table":
        notes.append(Note("table", {"model": model.known}))
    if not architecture.known:
        notes.append(Note("unknown-type", {"type": architecture.type}))
    whole = {**defaults_of(method), **given}
    length, asked_prompt, completion = lengths(method, whole, architecture, longest, prompt, notes)
    dtype = dtype_of(whole, model.config)
    # What transformers itself falls back to where a type has no fused attention.
    attention = {"attn_implementation": "eager"} if architecture.type in WRITTEN_ATTENTION else {}
    asked = Asked(
        method=method,
        config={**attention, **decisive(given)},
        model=model.config,
        dtype=dtype,
        batch=int(whole["per_device_train_batch_size"]),
        length=length,
        prompt=asked_prompt,
        completion=completion,
        processes=count,
        device=device,
        padding=False,
        reward_model=reward_config(method, given, find, notes) if look else reward_model,
        phases=("evaluation",) if whole.get("eval_strategy") not in (None, "no") else (),
    )
    return Question(
        method, given, model, architecture, asked, longest, prompt, lookup, tuple(notes), accelerator, plain, spoken
    )


def decisive(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that memory may depend on."""
    return {name: one for name, one in given.items() if name not in SILENT and not name.startswith(("hub_", "lr_"))}


def named(method: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with every argument under its present name, its value of the kind that it is to have.

    Raises:
        AskedWrong: one is given twice, by two names.
    """
    found: dict[str, Any] = {}
    for name, value in config.items():
        own = own_name(method, name)
        if own in found and found[own] != value:
            raise AskedWrong(
                f"{name}: is another name of {own}, which is given too; leave one of them out.",
                f"{name}：是 {own} 的另一个名称，而后者也给出了；请去掉其中一个。",
            )
        found[own] = of_kind(value, defaults_of(method).get(own))
    return found


def of_kind(value: Any, default: Any) -> Any:
    """A value of the kind that its argument's default has, as `training start` reads it: `no` is false, 8.0 rows are 8."""
    if isinstance(default, bool) and isinstance(value, str):
        return BOOLEANS.get(value.strip().lower(), value)
    if isinstance(default, int) and not isinstance(default, bool):
        try:
            number = float(value) if isinstance(value, str | float) else value
            return int(number) if isinstance(number, float) and number.is_integer() else number
        except ValueError:
            return value
    return value


def launched(config: Mapping[str, Any], processes: int | None) -> tuple[int, dict[str, Any]]:
    """How many processes train, and the config with what TRL's `accelerate_config` profile brings.

    Raises:
        AskedWrong: there are none.
    """
    given = dict(config)
    profile = given.pop("accelerate_config", None)
    count, more = PROFILES.get(str(profile), (None, {}))
    given = {**more, **given}
    told = given.pop("num_processes", None)
    chosen = processes if processes is not None else told if told is not None else count if count is not None else 1
    if not isinstance(chosen, int) or isinstance(chosen, bool) or chosen < 1:
        raise AskedWrong(
            f"processes: {chosen!r}: a whole number of at least 1 was expected.",
            f"processes：{chosen!r}：应为至少 1 的整数。",
        )
    return chosen, given


def lengths(
    method: str,
    whole: Mapping[str, Any],
    architecture: Architecture,
    longest: int | None,
    prompt: int | None,
    notes: list[Note],
) -> tuple[int, int | None, int | None]:
    """Tokens of the longest row that a step can see, and of prompt and completion where they are told apart.

    Raises:
        AskedWrong: nothing limits the length, or the completion leaves no room for a prompt.
    """
    positions = architecture.positions
    if method in ONLINE:
        completion = int(whole["response_length" if method == "ppo" else "max_completion_length"])
        if prompt is None and longest is not None:
            if longest <= completion:
                raise AskedWrong(
                    f"a length of {longest} tokens leaves no room for a prompt beside completions of {completion}.",
                    f"{longest} 个词元的长度，除去 {completion} 个词元的回答，没有给提示留下余地。",
                )
            prompt = longest - completion
        if prompt is None:
            prompt = min(PROMPT, max(1, (positions or PROMPT + completion) - completion))
            notes.append(Note("prompt-assumed", {"tokens": prompt}))
        length = prompt + completion
    else:
        limit = whole.get("max_length")
        if limit is None and longest is None:
            raise AskedWrong(
                "max_length is null and the data's longest row is not known; name it with --longest N.",
                "max_length 为 null，而数据中最长的行未知；请用 --longest N 指定。",
            )
        known = [one for one in (limit, longest) if one is not None]
        length = int(limit) if whole.get("packing") and limit is not None else int(min(known))
        completion = None
        if longest is None:
            notes.append(Note("length-is-limit", {"tokens": length}))
        if prompt is not None and prompt >= length:
            raise AskedWrong(
                f"a prompt of {prompt} tokens leaves nothing of rows of {length}.",
                f"{prompt} 个词元的提示占满了 {length} 个词元的行，没有余地。",
            )
    if positions is not None and length > positions:
        notes.append(Note("beyond-context", {"tokens": length, "positions": positions}))
    return length, prompt, completion


def dtype_of(whole: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """The dtype of the weights as TRL 1.16 loads them: `model_init_kwargs`, else `dtype`, which is float32 by default.

    Raises:
        AskedWrong: it is none that a model can be loaded in.
    """
    kwargs = whole.get("model_init_kwargs")
    chosen = (kwargs.get("dtype") or kwargs.get("torch_dtype")) if isinstance(kwargs, Mapping) else None
    chosen = chosen or whole.get("dtype") or "float32"
    if chosen == "auto":
        chosen = model.get("dtype") or model.get("torch_dtype") or "float32"
    found = DTYPES.get(str(chosen).removeprefix("torch."))
    if found is None:
        raise AskedWrong(
            f"dtype: {chosen!r}: expected float32, bfloat16, float16 or auto.",
            f"dtype：{chosen!r}：应为 float32、bfloat16、float16 或 auto。",
        )
    return found


def reward_config(method: str, given: Mapping[str, Any], find: Lookup, notes: list[Note]) -> Mapping[str, Any] | None:
    """The config.json of a reward model that lies on the device beside the policy; None without one.

    A name that is nowhere to be found is noted, not refused: reward functions are named in the same list.
    """
    if method not in ONLINE:
        return None
    funcs = given.get("reward_funcs") or ()
    names = [given.get("reward_model_name_or_path"), *([funcs] if isinstance(funcs, str) else funcs)]
    for name in names:
        if not isinstance(name, str) or ":" in name or "/" not in name:
            continue
        try:
            return find(name, "reward_model_name_or_path").config
        except NoModel:
            notes.append(Note("reward-unknown", {"name": name}))
    return None


def with_device(question: Question, device: int) -> Question:
    """The same question on a device of so many bytes."""
    return replace(question, asked=replace(question.asked, device=device))
