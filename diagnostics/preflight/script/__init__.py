"""A training script, read and never run: what the installed TRL and transformers no longer take, and the script mended."""

from diagnostics.preflight.script.known import Signatures
from diagnostics.preflight.script.reading import BadScript, checked, read_script

__all__ = ["BadScript", "Signatures", "checked", "read_script"]
