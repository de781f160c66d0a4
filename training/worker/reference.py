"""Another reference model than the one that is trained."""

from __future__ import annotations

from typing import Any

from training.request import BadRequest, ClinicArguments
from training.worker.checkpoints import weights_of

ARGUMENT = "ref_model_name_or_path"


def load_reference(clinic: ClinicArguments, args: Any, tokenizer: Any) -> Any:
    """The model of `ref_model_name_or_path`; None if none is named: the trainer then takes the weights at the start.

    Of a run folder the last checkpoint is taken. Its vocabulary is compared before its weights are read: the
    log-probabilities of two models are of the same tokens only if both number them alike.

    Raises:
        BadRequest: it cannot be loaded, or its vocabulary is not that of the trained model.
    """
    from transformers import AutoModelForCausalLM

    name = clinic.ref_model_name_or_path
    if name is None:
        return None
    place = weights_of(ARGUMENT, name)
    check_vocabulary(name, place, tokenizer)
    try:
        return AutoModelForCausalLM.from_pretrained(place, **(args.model_init_kwargs or {}))
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"{ARGUMENT}: {name}: cannot be loaded ({' '.join(str(error).split())}).",
            f"{ARGUMENT}：{name}：无法加载（{' '.join(str(error).split())}）。",
        ) from error


def check_vocabulary(name: str, place: str, tokenizer: Any) -> None:
    """Refuse a reference that numbers tokens otherwise than the trained model, whose tokenizer this is.

    Raises:
        BadRequest: the rows of the embeddings differ in number; or, where the reference has a tokenizer, the tables do.
    """
    own, other = embedding_rows(tokenizer.name_or_path), embedding_rows(place)
    if own is not None and other is not None and own != other:
        raise BadRequest(
            f"{ARGUMENT}: {name}: has a vocabulary of {other} rows, the trained model one of {own}; expected a reference"
            " with the same vocabulary.",
            f"{ARGUMENT}：{name}：词表有 {other} 行，而被训练的模型有 {own} 行；参考模型的词表应相同。",
        )
    table, theirs = tokenizer.get_vocab(), token_table(place)
    if theirs is not None and theirs != table:
        odd = sorted(one for one in table.keys() | theirs.keys() if table.get(one) != theirs.get(one))
        raise BadRequest(
            f"{ARGUMENT}: {name}: its tokenizer numbers {len(odd)} tokens otherwise than the trained model's, for example"
            f" {odd[0]!r}; expected a reference with the same vocabulary.",
            f"{ARGUMENT}：{name}：它的分词器有 {len(odd)} 个词元的编号与被训练模型的不同，例如 {odd[0]!r}；参考模型的词表应相同。",
        )


def embedding_rows(place: str) -> int | None:
    """The rows of a model's embeddings by its config; None where there is no config that says so (an adapter's folder)."""
    from transformers import AutoConfig

    try:
        return getattr(AutoConfig.from_pretrained(place).get_text_config(), "vocab_size", None)
    except (OSError, ValueError):
        return None


def token_table(place: str) -> dict[str, int] | None:
    """The tokens with their numbers of the tokenizer beside a model; None if there is none."""
    from transformers import AutoTokenizer

    try:
        table: dict[str, int] = AutoTokenizer.from_pretrained(place).get_vocab()
    except Exception:  # a folder without a tokenizer raises one of many kinds; the embeddings were compared already
        return None
    return table
