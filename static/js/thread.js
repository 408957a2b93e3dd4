// What one can do with a message: copy, edit in place, answer again, turn its versions over, look
// at its pictures closely. And the scrolling that follows an answer while it is written.

import { zoom } from "./dialogs.js";

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyByHand(text); // no clipboard API where the page isn't a secure context
  }
  const use = button.querySelector("use");
  if (!use) { button.textContent = "Copied"; return; }
  use.setAttribute("href", "/ui/icons/icons.svg#check");
  setTimeout(() => use.setAttribute("href", "/ui/icons/icons.svg#copy"), 1500);
}

function copyByHand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function closeEditor(turn) {
  turn.querySelector(".editing")?.remove();
  turn.classList.remove("being-edited");
}

function openEditor(turn, send) {
  document.querySelectorAll(".turn.being-edited").forEach(closeEditor);
  const editor = document.createElement("form");
  editor.className = "editing";
  editor.innerHTML =
    '<textarea aria-label="Edit your message"></textarea><div class="row">' +
    '<button type="button" class="plain-button" data-cancel>Cancel</button>' +
    '<button type="submit" class="main-button">Send</button></div>';
  const area = editor.querySelector("textarea");
  area.value = turn.dataset.text;
  editor.querySelector("[data-cancel]").addEventListener("click", () => closeEditor(turn));
  editor.addEventListener("submit", (event) => {
    event.preventDefault();
    send(area.value);
    closeEditor(turn);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); closeEditor(turn); }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); editor.requestSubmit(); }
  });
  turn.classList.add("being-edited");
  turn.append(editor);
  area.style.height = `${Math.max(72, area.scrollHeight)}px`;
  area.focus();
}

export function threadActions(chat) {
  const turnOf = (button) => button.closest(".turn");
  const message = (button) => turnOf(button).dataset.message;
  return {
    "copy": (button) => copy(turnOf(button).dataset.text, button),
    "copy-code": (button) => copy(button.closest(".code").querySelector("code").textContent, button),
    "zoom": (button) => zoom(button.dataset.full, button.getAttribute("aria-label")),
    "edit": (button) => openEditor(turnOf(button), (text) => chat.act("edit", { message: message(button), text })),
    "regenerate": (button) => chat.act("regenerate", { message: message(button) }),
    "version": (button) => chat.act("version", { message: button.dataset.to }),
    "earlier": () => {
      chat.all = true;
      chat.scroll.holdFromEnd();
      chat.act("show");
    },
    "to-end": () => chat.scroll.toEnd(),
  };
}

// Keeps the end in view while it grows, unless the reader has scrolled away from it.
export class Scroll {
  constructor(box, button) {
    this.box = box;
    this.button = button;
    this.following = true;
    this.held = 0; // pixels from the end to the present place, while more comes above it
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Conversation");
    box.addEventListener("scroll", () => this.look(), { passive: true });
    const grown = new ResizeObserver(() => this.grown());
    for (const part of box.children) grown.observe(part);
  }

  // What comes above the present place must not move it.
  holdFromEnd() {
    this.held = this.box.scrollHeight - this.box.scrollTop;
  }

  grown() {
    if (this.held) this.box.scrollTop = this.box.scrollHeight - this.held;
    else if (this.following) return this.toEnd();
    this.held = 0;
    this.look();
  }

  look() {
    this.following = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 60;
    this.button.hidden = this.following;
  }

  toEnd() {
    this.following = true;
    this.box.scrollTop = this.box.scrollHeight;
    this.button.hidden = true;
  }
}
