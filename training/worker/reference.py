"""Another reference model than the one that is trained."""

from __future__ import annotations

from typing import Any

from training.request import BadRequest, ClinicArguments


def load_reference(clinic: ClinicArguments, args: Any, tokenizer: Any) -> Any:
    """The model of `ref_model_name_or_path`; None if none is named: the trainer then takes the weights at the start.

    Raises:
        BadRequest: it cannot be loaded, or its vocabulary is not that of the tokenizer.
    """
    from transformers import AutoModelForCausalLM

    name = clinic.ref_model_name_or_path
    if name is None:
        return None
    try:
        model = AutoModelForCausalLM.from_pretrained(name, **(args.model_init_kwargs or {}))
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"ref_model_name_or_path: {name}: cannot be loaded ({' '.join(str(error).split())})."
        ) from error
    return model
