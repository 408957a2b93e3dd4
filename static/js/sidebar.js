// The list of conversations: open, search, rename in place, delete after a question.

import { confirmRemoval } from "./dialogs.js";
import { isEnter } from "./keys.js";

const SEARCH_PAUSE = 180; // ms after the last key before the server is asked

export function listenToSearch(chat) {
  const input = document.querySelector(".search input");
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => chat.act("search"), SEARCH_PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !input.value) return;
    event.stopPropagation();
    input.value = "";
    chat.act("search");
  });
}

function rename(row, chat) {
  const link = row.querySelector(".chat-link");
  const tools = row.querySelector(".chat-tools");
  const input = document.createElement("input");
  input.value = link.textContent;
  input.maxLength = 120;
  input.setAttribute("aria-label", "Name of this chat");
  let done = false;
  const finish = (keep) => {
    if (done) return;
    done = true;
    const title = input.value.trim();
    input.remove();
    link.hidden = tools.hidden = false;
    if (!keep || !title || title === link.textContent) return;
    chat.act("rename", { target: row.dataset.chat, title });
  };
  input.addEventListener("keydown", (event) => {
    if (isEnter(event)) finish(true);
    if (event.key === "Escape") { event.stopPropagation(); finish(false); }
  });
  input.addEventListener("blur", () => finish(true));
  link.hidden = tools.hidden = true;
  row.append(input);
  input.select();
}

async function remove(row, chat) {
  const yes = await confirmRemoval(row.querySelector(".chat-link").textContent);
  if (yes) chat.act("remove", { target: row.dataset.chat });
}

export function sidebarActions(chat) {
  return {
    "open-chat": (link) => chat.open(link.closest("li").dataset.chat),
    "rename": (button) => rename(button.closest("li"), chat),
    "remove": (button) => remove(button.closest("li"), chat),
  };
}
