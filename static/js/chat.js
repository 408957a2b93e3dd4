// The page's conductor. The server renders all messages; what happens here is: the conversation's
// id in the address, keys, and handing what one does to Gradio's events. `state` comes from the
// server with each answer to an event: {conversation, title, busy, notice, sent}.

import { Composer } from "./composer.js";
import { showSheet } from "./dialogs.js";
import { listenToSearch, sidebarActions } from "./sidebar.js";
import { Scroll, threadActions } from "./thread.js";

const NAME = "LLaVA Chat";

class Chat {
  constructor(element, trigger) {
    this.trigger = trigger;
    this.conversation = null;
    this.composer = new Composer(element, {
      onSend: (message) => this.act("send", message),
    });
    this.scroll = new Scroll(document.querySelector("#scroller"), element.querySelector(".to-end"));
    this.actions = { ...threadActions(this), ...sidebarActions(this), ...this.frameActions() };
  }

  // Every event tells which conversation is shown, and what the list of chats is searched for.
  act(name, data) {
    const query = document.querySelector(".search input").value;
    this.trigger(name, { conversation: this.conversation, query, ...data });
  }

  frameActions() {
    const frame = window.llavaFrame;
    return {
      "new-chat": () => this.open(null),
      "rail": () => frame.setRail(document.body.dataset.rail !== "open"),
      "panel": () => this.setPanel(document.body.dataset.panel !== "open"),
      "close-sides": () => { frame.setRail(false); this.setPanel(false); },
      "theme": () => frame.toggleTheme(),
      "about-model": () => showSheet(document.querySelector("#about-model")),
      "example": (card) => this.composer.example(card.dataset.picture, card.dataset.question),
      "attach": () => this.composer.file.click(),
      "stop": () => this.stop(),
      "dismiss": () => this.composer.notice(""),
    };
  }

  setPanel(open) {
    document.body.dataset.panel = open ? "open" : "closed";
    if (open && window.llavaFrame.isSmall()) window.llavaFrame.setRail(false);
  }

  open(conversation) {
    if (window.llavaFrame.isSmall()) window.llavaFrame.setRail(false);
    this.act("show", { conversation });
    this.composer.text.focus();
  }

  stop() {
    if (this.composer.isBusy) this.act("stop");
  }

  // What the server says after each event.
  update(state) {
    const moved = state.conversation !== this.conversation;
    this.conversation = state.conversation;
    this.writeAddress(moved);
    if (state.title !== null) this.writeTitle(state.title);
    this.composer.setBusy(state.busy);
    const taken = state.sent ? this.composer.settle(state.sent) : false;
    if (state.notice) { this.composer.notice(state.notice); this.composer.release(); }
    else if (moved && !taken) this.composer.notice("");
    if (moved || taken || state.busy) this.scroll.toEnd();
    if (state.busy) this.act("follow");
  }

  writeTitle(title) {
    document.querySelector("#topbar h1").textContent = title || "New chat";
    document.title = title ? `${title} · ${NAME}` : NAME;
  }

  writeAddress(moved) {
    const address = new URL(location.href);
    if (address.searchParams.get("c") === this.conversation) return;
    if (this.conversation) address.searchParams.set("c", this.conversation);
    else address.searchParams.delete("c");
    history[moved ? "pushState" : "replaceState"](null, "", address);
  }

  listen() {
    document.addEventListener("click", (event) => {
      const target = event.target.closest("[data-act]");
      const action = target && this.actions[target.dataset.act];
      if (!action || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      action(target);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) this.stop();
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.open(null);
    });
    addEventListener("popstate", () => this.act("show", { conversation: inAddress() }));
    listenToSearch(this);
  }
}

const inAddress = () => new URLSearchParams(location.search).get("c");

export function start({ element, trigger, watch, props }) {
  const chat = new Chat(element, trigger);
  watch("value", () => chat.update(props.value));
  chat.listen();
  window.llavaFrame.applyTheme();
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelector(".new-chat kbd").textContent = "⌘K";
  chat.act("show", { conversation: inAddress() });
}
