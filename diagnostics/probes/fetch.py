"""Downloads a model or an adapter of the Hub: `python -m diagnostics.probes.fetch NAME`.

Weights in safetensors, configs and tokenizers only: neither pickles nor code. Prints one JSON object: `path` or `error`.
"""

from __future__ import annotations

import json
import sys

WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt")


def fetch(name: str) -> dict[str, str]:
    """Where the files of a Hub name lie on this machine, or why they do not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return {"path": snapshot_download(name, allow_patterns=list(WANTED))}
    except GatedRepoError:
        why = "its owner must grant you access first, and you must be logged in (hf auth login)"
        why_zh = "需先由所有者授权，并且你已登录（hf auth login）"
    except RepositoryNotFoundError:
        why = "there is no such model on the Hub, or it is private and you are not logged in (hf auth login)"
        why_zh = "Hub 上没有这个模型，或者它是私有的而你没有登录（hf auth login）"
    except LocalEntryNotFoundError:
        why = "it is not in the cache of this machine, and the Hub cannot be reached"
        why_zh = "本机缓存中没有，而且无法连接 Hub"
    except HFValidationError:
        why = "this is no name of the Hub; expected ORGANISATION/NAME"
        why_zh = "不是 Hub 上的名称；应为 ORGANISATION/NAME"
    except (HfHubHTTPError, OSError) as error:
        why = f"it could not be downloaded ({type(error).__name__})"
        why_zh = f"无法下载（{type(error).__name__}）"
    return {"error": f"{name}: {why}.", "error_zh": f"{name}：{why_zh}。"}


if __name__ == "__main__":
    print(json.dumps(fetch(sys.argv[1])))
