"""TRL's soft overlong punishment with the numbers of TRL's own scripts, for the name that those scripts give it."""

from __future__ import annotations

from trl.rewards import get_soft_overlong_punishment

# trl/scripts/grpo.py of TRL 1.16: tokens from which an answer is punished at all (1280 - 256), and in full (1280).
soft_overlong_punishment = get_soft_overlong_punishment(max_completion_len=1280, soft_punish_cache=256)
