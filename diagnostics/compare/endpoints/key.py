"""The key of an endpoint: read from the environment at each request, never shown, never stored."""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit, urlunsplit

from diagnostics.run.refusal import Refusal

OWN, OPENAI = "CLINIC_API_KEY", "OPENAI_API_KEY"
HIDDEN = "[key]"
# What looks like a key in a server's answer, also when it is not the one that was sent.
KEY_LIKE = re.compile(r"\b(?:sk|hf|key|Bearer)[-_ ][\w*.-]{8,}", re.IGNORECASE)


class KeyUnusable(Refusal):
    """The environment holds a key that cannot be sent. The message names the variable, never the key."""


def key_for(address: str) -> str | None:
    """The key for an address: CLINIC_API_KEY_<HOST>, else CLINIC_API_KEY, else OPENAI_API_KEY; None if none is set.

    <HOST> is the host in capitals with each other sign as `_`: CLINIC_API_KEY_API_EXAMPLE_COM. OPENAI_API_KEY was set
    for other programs: it is not sent in clear text to another machine.

    Raises:
        KeyUnusable: it holds signs that no header can carry.
    """
    host = host_of(address)
    own_host = f"{OWN}_{re.sub(r'[^A-Za-z0-9]', '_', host).upper()}"
    for variable in (own_host, OWN, OPENAI):
        key = os.environ.get(variable, "").strip()
        if not key:
            continue
        if not (key.isascii() and key.isprintable()):
            raise KeyUnusable(
                f"{variable}: holds signs that cannot be sent in a header; set it to the key alone.",
                f"{variable}：含有无法放进请求头的字符；请只填密钥本身。",
            )
        if variable == OPENAI and not address.lower().startswith("https:") and not is_this_machine(host):
            continue
        return key
    return None


def host_of(address: str) -> str:
    """The host of an address; nothing if it is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def is_this_machine(host: str) -> bool:
    """Whether a host's name or number means this very machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def redacted(said: str, key: str | None) -> str:
    """A text without the key, and without anything that looks like one."""
    if key:
        said = said.replace(key, HIDDEN)
    return KEY_LIKE.sub(HIDDEN, said)


def shown(address: str) -> str:
    """An address as it may be shown: without a name and password in it, without a query."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, host + port, parts.path.rstrip("/"), "", ""))
