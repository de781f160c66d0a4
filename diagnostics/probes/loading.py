"""Opening models in a worker: one base, the adapters over it, their tokenizers; safetensors only, no foreign code."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostics.compare.models.fingerprint import stamps_of
from diagnostics.compare.models.sources import (
    Source,
    SourceUnusable,
    check_usable,
    has_tokenizer,
    mixes,
)
from diagnostics.run.refusal import BadValue
from diagnostics.run.tensors import layout_of

BASE = "__base__"  # peft's own word for "no adapter" in a mixed batch (peft 0.21, lora/model.py)


@dataclass(frozen=True)
class Matched:
    """Which tensors of an adapter's file found their place in the model: counts, and up to five names of each miss."""

    matched: int
    missing: int
    unexpected: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Voice:
    """One source as it is held: its tokenizer, and the adapter (None: the model itself) that answers."""

    source: Source
    tokenizer: Any
    adapter: str | None
    mixes: bool
    matched: Matched | None


class Holder:
    """One base model with the adapters over it. `hold` opens what a source needs and lets go of what it does not."""

    def __init__(self) -> None:
        self.key: tuple[str, str | None] | None = None
        self.model: Any = None
        self.stops: tuple[int, ...] = ()
        self._voices: dict[Source, Voice] = {}
        self._tokenizers: dict[str, Any] = {}
        self._stamps: dict[Source, Any] = {}

    def let_go_of_changed(self) -> None:
        """Let go of everything if a file of what is held was written anew: a training goes on in the same folder."""
        if any(stamps_of(source) != stamps for source, stamps in self._stamps.items()):
            self.release()

    def hold(self, source: Source) -> Voice:
        """Open a source, unless it is open already.

        Raises:
            SourceUnusable: its files are not whole, transformers or peft cannot open them, or the adapter does not fit.
        """
        if source.holder != self.key:
            self.release()
            check_usable(source)
            base = source.base if source.kind == "adapter" else source.path
            assert base is not None
            self.model = open_model(base, source.quantize)
            self.key = source.holder
            self.stops = stop_tokens(self.model)
            forget_sampling(self.model)
        if source not in self._voices:
            check_usable(source)
            stamps = stamps_of(source)
            self._voices[source] = self._open_adapter(source) if source.kind == "adapter" else self._plain(source)
            self._stamps[source] = stamps
        return self._voices[source]

    def release(self) -> None:
        """Let go of everything held, so that the next model finds the memory free."""
        self.key = self.model = None
        self._voices.clear()
        self._stamps.clear()
        self._tokenizers.clear()
        import gc

        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _tokenizer(self, folder: str) -> Any:
        if folder not in self._tokenizers:
            self._tokenizers[folder] = open_tokenizer(folder)
        return self._tokenizers[folder]

    def _plain(self, source: Source) -> Voice:
        return Voice(source, self._tokenizer(source.path), None, mixes=True, matched=None)

    def _open_adapter(self, source: Source) -> Voice:
        from peft import PeftModel

        assert source.base is not None
        tokenizer = self._tokenizer(source.path if has_tokenizer(source.folder) else source.base)
        name = f"a{len(self._voices)}"
        device = str(self.model.device)
        try:
            with one_word_for_all(source.path, "peft"):
                if isinstance(self.model, PeftModel):
                    self.model.load_adapter(source.path, name, torch_device=device, local_files_only=True)
                else:
                    self.model = PeftModel.from_pretrained(
                        self.model, source.path, name, torch_device=device, local_files_only=True
                    )
        except SourceUnusable:
            # A wrapper that holds half an adapter, or a base that was half replaced: nothing held can be trusted.
            self.release()
            raise
        self.model.eval()
        return Voice(source, tokenizer, name, mixes(source.folder), matched(self.model, source, name))

    @contextlib.contextmanager
    def speaking(self, voices: Sequence[Voice]) -> Iterator[dict[str, Any]]:
        """Within it the model answers as these voices, row by row; yields what to pass to `generate` or `forward`."""
        from peft import PeftModel

        if not isinstance(self.model, PeftModel):
            yield {}
            return
        adapters = [voice.adapter for voice in voices]
        if len(set(adapters)) > 1:
            yield {"adapter_names": [adapter or BASE for adapter in adapters]}
        elif adapters[0] is None:
            with self.model.disable_adapter():
                yield {}
        else:
            self.model.set_adapter(adapters[0])
            yield {}

    def context(self) -> int | None:
        """The longest sequence the model can take, in tokens; None if its config does not say."""
        config = self.model.config.get_text_config()
        length = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return length if isinstance(length, int) else None

    def vocabulary(self) -> int:
        """How many rows the embedding has."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    def stop_ids(self, voice: Voice) -> frozenset[int]:
        """The token ids that end an answer: the model's own, and the tokenizer's end token, which training taught."""
        return frozenset((*self.stops, voice.tokenizer.eos_token_id)) - {None}

    def prompt_ids(self, voice: Voice, messages: Sequence[dict[str, str]]) -> list[int]:
        """A conversation as token ids. Without a chat template the texts are joined by line ends.

        Raises:
            ValueError: an id is beyond the model's embedding, or the chat template refuses the conversation.
        """
        text, special = prompt_text(voice.tokenizer, messages)
        ids: list[int] = voice.tokenizer(text, add_special_tokens=special)["input_ids"]
        if ids and max(ids) >= self.vocabulary():
            raise BadValue(
                f"{voice.source.name}: the tokenizer gave id {max(ids)}, the model's embedding has "
                f"{self.vocabulary()} rows: they belong to different vocabularies.",
                f"{voice.source.name}：分词器给出了编号 {max(ids)}，而模型的嵌入层只有 {self.vocabulary()} 行：二者的词表不同。",
            )
        return ids


def prompt_text(tokenizer: Any, messages: Sequence[dict[str, str]], tools: Any = None) -> tuple[str, bool]:
    """A conversation as the text that is tokenized, and whether special tokens are still to be added to it.

    `tools`: those that the model is offered, as a client of a server sends them with the conversation.
    """
    if not tokenizer.chat_template:
        return "\n".join(message["content"] for message in messages), True
    try:
        options = {"tools": tools} if tools else {}
        return tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True, **options
        ), False
    except Exception as error:  # a template may raise whatever it likes, for example on a system prompt
        raise BadValue(
            f"The chat template refuses this conversation: {first_line(error)}.",
            f"聊天模板拒绝了这段对话：{first_line(error)}。",
        ) from error


def matched(model: Any, source: Source, name: str) -> Matched:
    """Compare the tensors in an adapter's file with those that the model has for it.

    peft only warns when they differ (`load_result`), and an adapter of which nothing matches answers like its base.
    """
    from peft import get_peft_model_state_dict

    # Embedding layers are not asked for: peft would look for the base's config on the Hub.
    held = set(get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False))
    filed = {one.name for one in layout_of(source.folder / "adapter_model.safetensors").tensors}
    # Whole embedding layers may lie in the file beside the adapter's own tensors; peft loads them into the base.
    filed = {one for one in filed if one in held or ("embed_tokens.weight" not in one and "lm_head.weight" not in one)}
    missing, unexpected = sorted(held - filed), sorted(filed - held)
    return Matched(len(held & filed), len(missing), len(unexpected), tuple((missing + unexpected)[:5]))


def open_model(path: str, quantize: str | None) -> Any:
    """A causal language model on the accelerator, if there is one.

    Raises:
        SourceUnusable: transformers cannot open it, or weights are missing, which it would draw at random.
    """
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {}
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    if quantize:
        options |= {"quantization_config": quantization(path, quantize), "device_map": {"": device}}
    with one_word_for_all(path, "transformers"):
        model, loaded = AutoModelForCausalLM.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype="auto",
            output_loading_info=True, **options,
        )  # fmt: skip
        missing = sorted(loaded["missing_keys"])
        if missing:
            raise SourceUnusable(
                f"{path}: {missing[0]} is not among its weights ({len(missing)} tensors are missing), so it would be random.",
                f"{path}：权重中没有 {missing[0]}（共缺 {len(missing)} 个张量），它会是随机的。",
            )
        return (model if quantize else model.to(device)).eval()


def quantization(path: str, quantize: str) -> Any:
    """How bitsandbytes is to quantise a model.

    Raises:
        SourceUnusable: bitsandbytes is not installed.
    """
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise SourceUnusable(
            f"{path}?quantize={quantize}: needs bitsandbytes, which is not installed; pip install it.",
            f"{path}?quantize={quantize}：需要 bitsandbytes，但没有安装；请用 pip 安装。",
        )
    if quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def open_tokenizer(folder: str) -> Any:
    """The tokenizer in a folder.

    Raises:
        SourceUnusable: transformers cannot open it.
    """
    from transformers import AutoTokenizer

    with one_word_for_all(folder, "transformers"):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def stop_tokens(model: Any) -> tuple[int, ...]:
    """The token ids at which the model's own generation config ends an answer."""
    ends = model.generation_config.eos_token_id
    return tuple(ends if isinstance(ends, list) else [] if ends is None else [ends])


def forget_sampling(model: Any) -> None:
    """Drop what a checkpoint's generation config says of sampling: all sources answer under the asker's settings.

    `generate` fills every value that is not set from it (transformers 5.23, generation/utils.py,
    `_prepare_generation_config`): a repetition penalty of one pane would be read as its training's effect.
    """
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(pad_token_id=0)


@contextlib.contextmanager
def one_word_for_all(path: str, library: str) -> Iterator[None]:
    """Turn whatever a library raises while it opens a file into one sentence."""
    try:
        yield
    except SourceUnusable:
        raise
    except MemoryError as error:
        raise SourceUnusable(f"{path}: does not fit into memory.", f"{path}：内存放不下。") from error
    except Exception as error:  # the libraries raise many kinds; each means that it cannot be opened
        raise SourceUnusable(
            f"{path}: {library} cannot open it ({type(error).__name__}: {first_line(error)}).",
            f"{path}：{library} 无法打开（{type(error).__name__}: {first_line(error)}）。",
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something; of a size mismatch, the first tensor that is named."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    sizes = [line for line in lines if line.startswith("size mismatch")]
    return " ".join((*lines[:1], *sizes[:1])).rstrip(".") if lines else ""


def seconds_since(start: float) -> float:
    """Wall seconds, to a tenth of a millisecond."""
    return round(time.monotonic() - start, 4)
