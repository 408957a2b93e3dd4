"""The fixed pieces of the page as HTML: top bar, sidebar head, composer, icons.

Constants of our own only; nothing from a user or a model passes through here. What changes
while one talks is in `render.py`.
"""


def icon(name: str) -> str:
    """A drawing of `static/icons/icons.svg`; what it stands for is said by the button's label."""
    return (
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">'
        f'<use href="/ui/icons/icons.svg#{name}"></use></svg>'
    )


def icon_button(act: str, label: str, name: str, attributes: str = "") -> str:
    """A button with a drawing; `act` names the action in `static/js`."""
    return (
        f'<button type="button" class="icon-button" data-act="{act}" aria-label="{label}" '
        f'title="{label}" {attributes}>{icon(name)}</button>'
    )


RAIL_HEAD = f"""
<div class="rail-head">
  <div class="brand"><img src="/ui/icons/logo.svg" alt=""><strong>LLaVA Chat</strong>
    {icon_button("rail", "Close sidebar", "menu")}</div>
  <button type="button" class="new-chat" data-act="new-chat">
    {icon("compose")}New chat<kbd aria-hidden="true">Ctrl K</kbd></button>
  <label class="search">{icon("search")}
    <input type="search" placeholder="Search chats" aria-label="Search chats" maxlength="200"
      autocomplete="off"></label>
</div>
"""

RAIL_FOOT = (
    '<div class="rail-foot">Chats and pictures stay on the machine that runs this page.</div>'
)

TITLE_BAR = f"""
<header class="topbar">{icon_button("rail", "Open sidebar", "menu")}
  {icon_button("new-chat", "New chat", "compose")}<h1 dir="auto">New chat</h1></header>
"""

TOOL_BAR = f"""
<div class="topbar">
  {icon_button("theme", "Use dark colours", "moon")}
  {icon_button("panel", "Settings", "sliders")}
</div>
"""

PANEL_HEAD = f"""
<div class="panel-head"><h2>Settings</h2>{icon_button("panel", "Close settings", "close")}</div>
"""

PANEL_NOTE = '<p class="panel-note">They hold from the next message on.</p>'

ACCEPTED = (
    "image/png,image/jpeg,image/webp,image/gif,image/heic,image/heif,image/avif,.heic,.avif,"
    "video/mp4,video/quicktime,video/webm,video/x-matroska,video/x-msvideo,.mkv"
)

COMPOSER = f"""
<button type="button" class="to-end" data-act="to-end" aria-label="To the newest message" hidden>
  {icon("down")}</button>
<div class="notice" role="alert" data-testid="notice" hidden>{icon("warn")}<p></p>
  {icon_button("dismiss", "Close this message", "close")}</div>
<p class="spoken unseen" role="status"></p>
<form class="composer" data-busy="false" aria-label="Your message">
  <div class="queued" hidden><p>Goes out when the answer is finished.</p>
    <button type="button" class="link-button" data-act="unqueue">Not yet</button></div>
  <ul class="attached" aria-label="Pictures of your message"></ul>
  <div class="composer-row">
    {icon_button("attach", "Add pictures", "picture", 'data-testid="upload-button"')}
    <input type="file" accept="{ACCEPTED}" multiple hidden data-testid="file-upload"
      aria-label="Pictures" tabindex="-1">
    <textarea rows="1" placeholder="Ask about a picture" aria-label="Message" maxlength="65536"
      dir="auto" enterkeyhint="send" data-testid="textbox" autofocus></textarea>
    <button type="submit" class="icon-button send" aria-label="Send" title="Send"
      data-testid="submit-button" disabled>{icon("send")}</button>
    <button type="button" class="icon-button stop-button" data-act="stop" aria-label="Stop"
      title="Stop (Esc)">{icon("stop")}</button>
  </div>
</form>
<p class="hint">Enter sends, Shift+Enter begins a new line. Pictures can be dropped anywhere.</p>
<div class="drop" aria-hidden="true"><p>Drop to add the picture</p></div>
"""

SCRIM = '<div class="scrim" data-act="close-sides"></div>'
