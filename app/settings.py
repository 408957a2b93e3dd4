"""What the program is told at its start, in one frozen object that is read once and handed on.

Unsafe or impossible values are refused here, in one sentence each. Knows neither the command
line (`app/command_line.py`) nor servers nor models.
"""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from app.errors import SettingsError

ENGINES = ("mlx", "openai", "echo")
KV_BITS = (8, 4)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = frozenset(("0.0.0.0", "::"))  # noqa: S104 - told apart, not bound
_MOST_MEMORY = 1e6  # GB: more is a slip of the keyboard
SHARED_SECRET_LENGTH = 12  # characters at least, of what guards a public link


@dataclass(frozen=True, slots=True)
class Login:
    """The one account that opens page and API."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What `python -m app ask` is asked: `images` are paths, `-` for standard input."""

    text: str
    images: tuple[str, ...] = ()


def default_data_dir() -> Path:
    """Where this platform keeps an application's data of this user."""
    return platformdirs.user_data_path("llava-chat", appauthor=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. Raises SettingsError where values don't fit or are unsafe."""

    model: str = "pocket"
    host: str = "127.0.0.1"
    port: int = 7860
    allowed_hosts: tuple[str, ...] = ()
    share: bool = False
    auth: Login | None = None
    api_key: str | None = field(default=None, repr=False)
    template: str | None = None
    engine: str = "mlx"
    base_url: str | None = None
    memory: float | None = None  # GB
    kv_bits: int | None = None
    draft_model: str | None = None
    data_dir: Path = field(default_factory=default_data_dir)
    idle_unload: float | None = None  # minutes

    def __post_init__(self) -> None:
        _check_engine(self)
        _check_idle(self)
        _check_address(self)
        _check_secrets(self)

    @property
    def own_names(self) -> frozenset[str]:
        """The names this machine itself gives the server: loopback's and the bound address."""
        return frozenset((*LOOPBACK_NAMES, bare_host(self.host))) - EVERY_ADDRESS


def bare_host(host: str) -> str:
    """A host name in the form it is compared in: lower case, IPv6 without brackets."""
    return host.lower().removeprefix("[").removesuffix("]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ipaddress.ip_address(bare_host(host)).is_loopback
    except ValueError:
        return bare_host(host) == "localhost"


def _check_engine(settings: Settings) -> None:
    if settings.engine not in ENGINES:
        raise SettingsError(f"--engine is one of {', '.join(ENGINES)}, not '{settings.engine}'.")
    if not settings.model.strip():
        raise SettingsError("--model is empty: name an alias (pocket), a folder or a repository.")
    _check_model_options(settings)
    if settings.engine == "openai" and settings.base_url is None:
        raise SettingsError("--engine openai needs --base-url, e.g. http://127.0.0.1:8080/v1.")
    if settings.base_url is not None:
        _check_base_url(settings)


def _check_model_options(settings: Settings) -> None:
    given: dict[str, object] = {
        "template": settings.template,
        "memory": settings.memory,
        "kv-bits": settings.kv_bits,
        "draft-model": settings.draft_model,
    }
    for name, value in given.items():
        if value is not None and settings.engine != "mlx":
            raise SettingsError(f"--{name} is for --engine mlx, and this is {settings.engine}.")
    if settings.memory is not None and not 0 < settings.memory < _MOST_MEMORY:
        raise SettingsError("--memory is a number of gigabytes above 0.")
    if settings.kv_bits not in (None, *KV_BITS):
        raise SettingsError("--kv-bits is 8 or 4; without it keys and values are not quantised.")


def _check_base_url(settings: Settings) -> None:
    if settings.engine != "openai":
        raise SettingsError(f"--base-url is for --engine openai, and this is {settings.engine}.")
    try:
        url = urlsplit(settings.base_url or "")
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0
        good = good and url.username is None
    except ValueError:
        good = False
    if not good:
        raise SettingsError(
            "--base-url is http(s)://HOST[:PORT]/v1, without a user or password in it."
        )


def _check_idle(settings: Settings) -> None:
    if settings.idle_unload is not None and settings.idle_unload <= 0:
        raise SettingsError("--idle-unload is a number of minutes above 0; without it, never.")


def _check_address(settings: Settings) -> None:
    if not settings.host:
        raise SettingsError("--host is empty: 127.0.0.1 is this machine alone, 0.0.0.0 every one.")
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"--port is 1 to 65535 (0: any free one), not {settings.port}.")


def _check_secrets(settings: Settings) -> None:
    """A page that others can reach has a password; a public one, a password worth its name."""
    key = settings.api_key
    if key is not None and (not key or not key.isascii() or not key.isprintable() or " " in key):
        raise SettingsError("--api-key is printable ASCII without spaces.")
    if settings.auth is None and settings.share:
        raise SettingsError(
            "--share opens the page to the whole internet: it needs --auth USER:PASSWORD "
            f"(password of {SHARED_SECRET_LENGTH} characters or more)."
        )
    if settings.auth is None and not is_loopback(settings.host):
        raise SettingsError(
            f"--host {settings.host} opens the page to other machines: it needs "
            "--auth USER:PASSWORD."
        )
    if settings.share:
        _check_length("--auth's password", settings.auth.password if settings.auth else "")
        _check_length("--api-key", key)


def _check_length(name: str, secret: str | None) -> None:
    if secret is not None and len(secret) < SHARED_SECRET_LENGTH:
        raise SettingsError(
            f"{name} has {len(secret)} of the {SHARED_SECRET_LENGTH} characters that --share needs."
        )
