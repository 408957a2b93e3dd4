// What one can do with a message: copy, edit in place, answer again, turn its versions over, look
// at its pictures closely.

import { zoom } from "./dialogs.js";
import { isEnter } from "./keys.js";

const TOLD = 1500; // ms for which a button says what it has done

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyByHand(text); // no clipboard API where the page isn't a secure context
  }
  showCopied(button, true);
  setTimeout(() => showCopied(button, false), TOLD);
}

function showCopied(button, done) {
  const use = button.querySelector("use");
  if (use) use.setAttribute("href", `/ui/icons/icons.svg#${done ? "check" : "copy"}`);
  else button.textContent = done ? "Copied" : "Copy code";
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
    '<textarea dir="auto" aria-label="Edit your message"></textarea><div class="row">' +
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
    if (isEnter(event)) { event.preventDefault(); editor.requestSubmit(); }
  });
  turn.classList.add("being-edited");
  turn.append(editor);
  area.style.height = `${Math.max(72, area.scrollHeight)}px`;
  area.focus();
}

export function threadActions(chat) {
  const turnOf = (button) => button.closest(".turn");
  const message = (button) => turnOf(button).dataset.message;
  const take = (text, button) => { copy(text, button); chat.composer.say("Copied"); };
  return {
    "copy": (button) => take(turnOf(button).dataset.text, button),
    "copy-code": (button) => take(button.closest(".code").querySelector("code").textContent, button),
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
