"""The bundled model through the page, end to end: it looks at the picture and is honest."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.running import Running, start
from tests.browser.chat import Chat
from tests.browser.conftest import NewContext

POCKET = Path(__file__).resolve().parents[2] / "model" / "pocket" / "model.safetensors"
pytestmark = pytest.mark.skipif(not POCKET.exists(), reason="model/pocket isn't there yet")


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("pocket")
    with start(["-m", "app"], data_dir, "--engine", "mlx", "--model", "pocket") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("LLaVA Chat: http://"), (line, process.communicate(timeout=30))
        yield Running(process, line.split()[2])
        process.kill()


def test_the_bundled_model_sees_the_example_and_follows_up(
    new_context: NewContext, pocket: Running
) -> None:
    chat = Chat.open(new_context(pocket.url), pocket.url)
    expect(chat.page.get_by_test_id("model")).to_contain_text("pocket")
    expect(chat.page.locator(".empty .note")).to_contain_text("tiny model")
    chat.page.locator(".card").nth(1).click()
    expect(chat.thumbnails).to_have_count(1)
    chat.ask("What color is the star?")
    expect(chat.answered(1)).to_contain_text("yellow", ignore_case=True)
    chat.ask("What color is the heart?")
    expect(chat.answered(2)).to_contain_text("red", ignore_case=True)
    chat.ask("Is there a blue circle?")
    expect(chat.answered(3)).to_contain_text("No")
