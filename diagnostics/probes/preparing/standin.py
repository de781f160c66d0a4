"""A tiny random model with a real model's tokenizer and vocabulary: enough for a trainer that only prepares its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.probes.preparing.asking import CannotPrepare

WIDTH = 8


@dataclass(frozen=True)
class StandIn:
    """What is known of the model without its weights.

    `tokenizer`: its own, which a trainer may change. `embedding`: rows of its embedding; `context`: the longest sequence
    it takes; `stops`: the ids at which its generation config ends an answer. Each of these is None or empty where no
    config tells it.
    """

    name: str
    tokenizer: Any
    embedding: int | None
    context: int | None
    stops: tuple[int, ...]
    ends: int | None

    def model(self, one_label: bool = False) -> Any:
        """A model of one layer with random weights; with one output where it stands for a reward model.

        It is always a small Llama: the trainers ask a model for its config while they prepare rows, never for an answer,
        and not every architecture can be made small.
        """
        from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

        config = LlamaConfig(
            vocab_size=max(self.embedding or 0, len(self.tokenizer)),
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            max_position_embeddings=self.context or 2048,
            tie_word_embeddings=True,
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=self.ends,
            pad_token_id=self.tokenizer.pad_token_id,
            **({"num_labels": 1} if one_label else {}),
        )
        config._name_or_path = self.name
        made = LlamaForSequenceClassification(config) if one_label else LlamaForCausalLM(config)
        if not one_label and self.stops:
            made.generation_config = GenerationConfig(eos_token_id=list(self.stops))
        return made


def open_stand_in(config: Mapping[str, Any]) -> StandIn:
    """The tokenizer and the numbers of the model that is asked for, from its folder or the Hub's cache.

    Raises:
        CannotPrepare: no model is named, or its tokenizer cannot be opened.
    """
    from transformers import AutoTokenizer

    name = config.get("model_name_or_path")
    if not isinstance(name, str) or not name:
        raise CannotPrepare("no model is named (model_name_or_path)", "没有指定模型（model_name_or_path）")
    options: dict[str, Any] = {"trust_remote_code": False}
    if isinstance(config.get("model_revision"), str):
        options["revision"] = config["model_revision"]
    if Path(name).is_dir():
        options["local_files_only"] = True
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
    except Exception as error:  # the libraries raise many kinds; each means that it cannot be opened
        raise CannotPrepare(
            f"{name}: its tokenizer cannot be opened ({first_line(error)})",
            f"{name}：无法打开它的分词器（{first_line(error)}）",
        ) from error
    numbers = config_of(name, options)
    stops = stops_of(name, options)
    ends = getattr(numbers, "eos_token_id", None)
    ends = ends[0] if isinstance(ends, list) and ends else ends
    context = getattr(numbers, "max_position_embeddings", None) or getattr(numbers, "n_positions", None)
    rows = getattr(numbers, "vocab_size", None)
    return StandIn(
        name=name,
        tokenizer=tokenizer,
        embedding=rows if isinstance(rows, int) else None,
        context=context if isinstance(context, int) else None,
        stops=stops,
        ends=ends if isinstance(ends, int) else None,
    )


def config_of(name: str, options: Mapping[str, Any]) -> Any:
    """The text model's config, or None where there is none that can be read without running its code."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(name, **options).get_text_config()
    except Exception:  # an unknown architecture, or a folder with an adapter alone: its tokenizer is enough
        return None


def stops_of(name: str, options: Mapping[str, Any]) -> tuple[int, ...]:
    """The ids that end an answer by the model's generation config; empty where it has none."""
    from transformers import GenerationConfig

    chosen = {key: value for key, value in options.items() if key != "trust_remote_code"}
    try:
        ends = GenerationConfig.from_pretrained(name, **chosen).eos_token_id
    except Exception:  # no file of that kind
        return ()
    return tuple(ends) if isinstance(ends, list) else () if ends is None else (ends,)


def first_line(error: BaseException) -> str:
    """An exception as one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
