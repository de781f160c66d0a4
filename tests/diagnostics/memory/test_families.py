"""The table of known models: names as people write them, and parameters as their makers count them."""

from __future__ import annotations

import pytest

from diagnostics.memory import families
from diagnostics.memory.architecture import NoDimensions, architecture_of

# Counts of the safetensors files on the Hub, of papers, or of model cards.
PUBLISHED = {
    "meta-llama/Llama-2-7b-hf": 6_738_415_616,
    "meta-llama/Llama-2-13b-hf": 13_015_864_320,
    "meta-llama/Meta-Llama-3-8B": 8_030_261_248,
    "meta-llama/Llama-3.1-70B": 70_553_706_496,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.2-3B": 3_212_749_824,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen2.5-14B": 14_770_033_664,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-30B-A3B": 30_532_122_624,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": 1_777_088_000,
    "mistralai/Mistral-7B-v0.1": 7_241_732_096,
    "mistralai/Mistral-7B-v0.3": 7_248_023_552,
    "mistralai/Mixtral-8x7B-v0.1": 46_702_792_704,
    "google/gemma-2b": 2_506_172_416,
    "google/gemma-2-9b": 9_241_705_984,
    "google/gemma-3-1b-pt": 999_885_952,
    "microsoft/phi-1_5": 1_418_270_720,
    "microsoft/phi-2": 2_779_683_840,
    "microsoft/Phi-3-mini-4k-instruct": 3_821_079_552,
    "microsoft/phi-4": 14_659_507_200,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1_100_048_384,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM3-3B": 3_075_098_624,
    "openai-community/gpt2": 124_439_808,
    "openai-community/gpt2-xl": 1_557_611_200,
    "EleutherAI/pythia-1.4b": 1_414_647_808,
    "EleutherAI/pythia-6.9b": 6_857_302_016,
    "tiiuae/falcon-7b": 6_921_720_704,
    "facebook/opt-1.3b": 1_315_758_080,
    "allenai/OLMo-1B-hf": 1_176_764_416,
    "allenai/OLMo-2-1124-7B": 7_298_617_344,
    "stabilityai/stablelm-3b-4e1t": 2_795_443_200,
}


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_parameters_are_those_that_were_published(name: str, count: int) -> None:
    assert architecture_of(families.MODELS[name]).parameters == count


def test_every_model_has_dimensions_and_a_known_type() -> None:
    for name, config in families.MODELS.items():
        model = architecture_of(config)
        assert model.known, name
        assert model.heads % model.kv_heads == 0, name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B"),
        ("llama-3-8b", "meta-llama/Meta-Llama-3-8B"),
        ("llama3 8B", "meta-llama/Meta-Llama-3-8B"),
        ("NousResearch/Meta-Llama-3-8B-Instruct", "meta-llama/Meta-Llama-3-8B"),
        ("unsloth/llama-3-8b-bnb-4bit", "meta-llama/Meta-Llama-3-8B"),
        ("meta-llama/Llama-2-7b-chat-hf", "meta-llama/Llama-2-7b-hf"),
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "Qwen/Qwen2.5-7B"),
        ("Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-4B"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistralai/Mistral-7B-v0.3"),
        ("mistral-7b", "mistralai/Mistral-7B-v0.1"),
        ("google/gemma-2-2b-it", "google/gemma-2-2b"),
        ("google/gemma-2b-it", "google/gemma-2b"),
        ("phi-1.5", "microsoft/phi-1_5"),
        ("microsoft/Phi-3-mini-128k-instruct", "microsoft/Phi-3-mini-4k-instruct"),
        ("tinyllama", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
        ("gpt2", "openai-community/gpt2"),
        ("pythia-1.4b-deduped", "EleutherAI/pythia-1.4b"),
        ("stablelm-base-alpha-3b", "stabilityai/stablelm-base-alpha-3b"),
    ],
)
def test_names_as_people_write_them(written: str, meant: str) -> None:
    assert families.find(written) == meant


@pytest.mark.parametrize("name", ["llama-3-9b", "llama-3", "my-llama-3-8b-alpaca", "gpt2-7b", "", "qwen", "8b"])
def test_other_models_are_not_taken_for_known_ones(name: str) -> None:
    assert families.find(name) is None


def test_every_model_is_found_by_its_own_name_and_as_one_of_its_size() -> None:
    for name, config in families.MODELS.items():
        assert families.find(name) == name
        alike = families.find(name.lower())
        assert alike is not None
        assert architecture_of(families.MODELS[alike]).parameters == architecture_of(config).parameters, name


def test_near_names_are_offered() -> None:
    assert "meta-llama/Meta-Llama-3-8B" in families.near("llama-3-8x")
    assert families.near("zzzz") == []


def test_smaller_models_of_a_family_are_smaller_and_the_largest_comes_first() -> None:
    assert families.smaller("llama-3-8b") == ["meta-llama/Llama-3.2-3B", "meta-llama/Llama-3.2-1B"]
    assert families.smaller("Qwen/Qwen2.5-0.5B") == []
    for name in families.MODELS:
        sizes = [architecture_of(families.MODELS[one]).parameters for one in (name, *families.smaller(name))]
        assert sizes == sorted(set(sizes), reverse=True)


def test_a_model_of_text_and_images_is_counted_by_its_text_part() -> None:
    text = families.MODELS["google/gemma-3-1b-pt"]
    both = architecture_of({"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 1152}})
    assert both.parameters == architecture_of(text).parameters


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "llama"},
        {
            "model_type": "llama",
            "hidden_size": "4096",
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "vocab_size": 9,
        },
        {"model_type": "llama", "hidden_size": -1, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 9},
    ],
)
def test_a_config_without_dimensions_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(NoDimensions):
        architecture_of(config)
