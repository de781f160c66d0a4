"""The token of the admin's dashboard: asked for where other people of the machine reach its port, which no password guards."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from dashboard.html import text
from dashboard.sharing.asked import ShareRefused
from dashboard.sharing.http import OTHER_SITES, App, Receive, Scope, Send, answer, header_table, html, reply, token_of
from dashboard.sharing.login_page import CSP, STYLE, language
from dashboard.texts import Lang, Words

VARIABLE = "CLINIC_TOKEN"
FIELD = "token"
BYTES = 24  # 192 bits: 32 characters
LEAST = 16  # characters of one's own
FOLDER, FILE, PAGE, UPLOADS = ".clinic", "token", "open.html", "files"
# Accounts of people: Linux's own tools give them these numbers; macOS begins at 501.
PEOPLE = range(500 if sys.platform == "darwin" else 1000, 60000)
NO_LOGIN = frozenset({"nologin", "false", "sync", "halt", "shutdown"})
# A program in one of these has a network of its own, or a machine that was made for it.
ALONE = (Path("/.dockerenv"), Path("/run/.containerenv"))
ALONE_VARIABLES = ("KUBERNETES_SERVICE_HOST", "CI")
# These are of machines that many people log in to, whatever the list of accounts tells.
CLUSTER = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "APPTAINER_NAME", "SINGULARITY_NAME")


def wanted(asked: bool | None, environment: Mapping[str, str], others: bool | None = None) -> str:
    """The token that is asked for; empty if none is. `asked`: what the command line says; None: as the machine is.

    Raises:
        ShareRefused: the one in the environment is too short.
    """
    given = environment.get(VARIABLE, "")
    if given and len(given) < LEAST:
        raise ShareRefused(f"{VARIABLE} has {len(given)} characters; at least {LEAST} are needed.")
    if asked is False:
        return ""
    if given:
        return given
    if asked is None and not (others_log_in(environment) if others is None else others):
        return ""
    return secrets.token_urlsafe(BYTES)


def others_log_in(environment: Mapping[str, str]) -> bool:
    """Whether other people are likely to be able to run programs on this machine, and so to reach its own address."""
    if any(environment.get(one) for one in CLUSTER):
        return True
    if any(one.exists() for one in ALONE) or any(environment.get(one) for one in ALONE_VARIABLES):
        return False
    try:
        import pwd
    except ImportError:  # Windows: its accounts are not listed there
        return False
    own = os.getuid()
    with contextlib.suppress(KeyError, OSError):
        listed = Path("/etc/passwd").read_text(encoding="utf-8", errors="replace").splitlines()
        name = pwd.getpwuid(own).pw_name
        if sys.platform == "linux" and not any(one.startswith(f"{name}:") for one in listed):
            return True  # an account of a directory: a machine of an institution
    return others_among(((one.pw_uid, one.pw_shell) for one in pwd.getpwall()), own)


def others_among(accounts: Iterable[tuple[int, str]], own: int) -> bool:
    """Whether a person other than `own` can log in, by the accounts' numbers and shells."""
    return any(number != own and number in PEOPLE and Path(shell).name not in NO_LOGIN for number, shell in accounts)


def own_folder(root: Path) -> Path:
    """The dashboard's own folder among the runs, which only its owner can look into."""
    folder = root / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
    return folder


def uploads(root: Path) -> Path:
    """Where uploaded and exported files lie: Gradio's own place for them can be read by everybody of the machine."""
    try:
        folder = own_folder(root) / UPLOADS
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:  # runs that may only be read
        return Path(tempfile.mkdtemp(prefix="trl-clinic-"))
    return folder


def keep(root: Path, token: str, address: str) -> Path:
    """Write the token to a file of the owner's, and a page that leads to the dashboard; returns the page.

    A browser is opened with the page: its command line, which everybody sees, then holds no token.

    Raises:
        OSError: the folder may only be read.
    """
    goes = f'<meta http-equiv="refresh" content="0;url={text(opening(address, token))}">'
    folder = own_folder(root)
    for name, content in ((FILE, token + "\n"), (PAGE, f'<!doctype html><meta charset="utf-8">{goes}')):
        forget_file(folder / name)
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
    return folder / PAGE


def forget(root: Path) -> None:
    """Take the token's files away: it is good for nothing once its dashboard has ended."""
    for name in (FILE, PAGE):
        forget_file(root / FOLDER / name)


def forget_file(path: Path) -> None:
    """Delete a file, if it is there and can be."""
    with contextlib.suppress(OSError):
        path.unlink()


def opening(address: str, token: str) -> str:
    """The address that lets a browser in."""
    return f"{address}?{urlencode({FIELD: token})}" if token else address


class TokenGate:
    """Lets in a browser that has brought the token once. `free`: paths for anybody."""

    def __init__(self, app: App, token: str, free: Iterable[str] = ()) -> None:
        self.app = app
        self.free = frozenset(free)
        self._token = hashlib.sha256(token.encode()).digest()
        # The cookie is not the token: who finds the one in a browser's files cannot write the other into an address.
        self._cookie = hashlib.sha256(b"cookie " + token.encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or say where the token is."""
        if scope["type"] != "http" or scope["path"] in self.free:
            await self.app(scope, receive, send)
            return
        headers = header_table(scope)
        lang = language(headers.get(b"accept-language", b"").decode("latin-1"))
        pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        brought = dict(pairs).get(FIELD)
        if brought is not None and scope["method"] in ("GET", "HEAD") and self.right(brought):
            left = urlencode([one for one in pairs if one[0] != FIELD])
            clean = "/" + quote(scope["path"]).lstrip("/") + (f"?{left}" if left else "")
            await self.let_in(clean, headers, send)
        elif hmac.compare_digest(token_of(headers, cookie_name(headers)).encode(), self._cookie.encode()):
            await self.app(scope, receive, send)
        elif scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b""):
            await html(send, 401, page(lang))
        else:
            await answer(send, 401, Words(lang)("share.token_needed"))

    def right(self, token: str) -> bool:
        """Whether this is the token; it takes the same time whatever it is."""
        return hmac.compare_digest(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), self._token)

    async def let_in(self, address: str, headers: dict[bytes, bytes], send: Send) -> None:
        """Set the cookie, and lead to the address without the token: it is not to stay in the browser's history.

        Coming from a page of another site, such as a terminal in a browser, a redirect would not carry a strict cookie; a page
        of ours that leads on does.
        """
        cookie = f"{cookie_name(headers)}={self._cookie}; Path=/; HttpOnly; SameSite=Strict".encode("latin-1")
        if headers.get(b"sec-fetch-site") in OTHER_SITES:
            goes = f'<!doctype html><meta http-equiv="refresh" content="0;url={text(address)}">'
            sent = [(b"set-cookie", cookie), (b"content-security-policy", CSP.encode())]
            await reply(send, 200, goes, b"text/html; charset=utf-8", sent)
        else:
            await answer(send, 303, "", [(b"location", address.encode("latin-1")), (b"set-cookie", cookie)])


def cookie_name(headers: Mapping[bytes, bytes]) -> str:
    """The cookie's name: with the port, since a browser gives the cookies of one host to all its ports."""
    port = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).netloc.rpartition(":")[2]
    return f"clinic_token_{port if port.isdecimal() else 80}"


def page(lang: Lang) -> str:
    """The page without a token: where it is."""
    words = Words(lang)
    title = text(words("title"))
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body><main><h1>{title}</h1><p>{text(words('share.token_needed'))}</p></main></body></html>\n"
    )
