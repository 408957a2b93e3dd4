"""What every test shares: asynchronous tests run on asyncio alone, and nothing phones home."""

import os

import pytest

# Read by the libraries when they are imported, so before any test imports one.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
# Two test processes fill two cores; with two threads each, their products wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"


@pytest.fixture
def anyio_backend() -> str:
    """`@pytest.mark.anyio` runs on what the server runs on."""
    return "asyncio"
