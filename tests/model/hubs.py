"""A stand-in hub for tests in this process: huggingface_hub reads its settings once, at import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from tests.hub_server import HubServer


@contextmanager
def hub_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that this process's huggingface_hub asks, with an empty cache in `tmp_path`."""
    with HubServer(tmp_path / "served") as hub:
        point_at(hub.url, tmp_path / "cache", monkeypatch)
        close_session()  # a client of another test's
        yield hub
        close_session()


def point_at(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process's huggingface_hub use another address and cache."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
