// The page's conductor. The server renders all messages; what happens here is: the conversation's
// id in the address, keys, handing what one does to Gradio's events, and drawing what comes back.
// Each action has a number, `view`, which comes back with what is to be drawn: what belongs to an
// earlier action than the last is out of date and not drawn.

import { Composer } from "./composer.js";
import { showSheet } from "./dialogs.js";
import { keepFocus } from "./focus.js";
import { Scroll } from "./scroll.js";
import { Shelf } from "./shelf.js";
import { listenToSearch, sidebarActions } from "./sidebar.js";
import { Sides } from "./sides.js";
import { threadActions } from "./thread.js";

const NAME = "LLaVA Chat";
const REPAIR_AFTER = 2000; // ms
const PAGE = crypto.randomUUID?.() ?? String(Math.random()); // tells this page from others

class Chat {
  constructor(element, trigger) {
    this.trigger = trigger;
    this.conversation = null;
    this.view = 0; // number of the last action
    this.all = false; // of a long conversation: all messages, not only the last
    this.drawn = 0; // number of the last action that was drawn
    this.ahead = ""; // the pictures that the server was told to look at already, and for which chat
    this.composer = new Composer(element, {
      onSend: () => this.sender(),
      onPictures: () => this.readAhead(),
    });
    this.scroll = new Scroll(document.querySelector("#scroller"), element.querySelector(".to-end"));
    this.sides = new Sides();
    this.shelf = new Shelf((data) => trigger("shelf", data));
    this.actions = { ...threadActions(this), ...sidebarActions(this), ...this.frameActions() };
  }

  // Every event tells which conversation is shown, and what the list of chats is searched for.
  act(name, data) {
    const query = document.querySelector(".search input").value;
    if (!["follow", "search", "ahead"].includes(name) && data?.view !== 0) {
      this.view += 1;
      this.composer.notice("");
    }
    this.trigger(name, { conversation: this.conversation, query, view: this.view, all: this.all, ...data });
  }

  // What sends a message to the chat that is shown now, also when its pictures arrive only after
  // one has gone on to another.
  sender() {
    const { conversation } = this;
    return (message) => {
      const left = conversation !== this.conversation;
      this.act("send", { ...message, conversation, ...(left && { view: 0 }) });
    };
  }

  frameActions() {
    return {
      "new-chat": () => this.open(null),
      "rail": () => this.sides.toggle("rail"),
      "panel": () => this.sides.toggle("panel"),
      "close-sides": () => this.sides.uncover(),
      "theme": () => window.llavaFrame.toggleTheme(),
      "about-model": () => this.aboutModel(),
      "example": (card) => this.composer.example(card.dataset.picture, card.dataset.question),
      "attach": () => this.composer.file.click(),
      "stop": () => this.stop(),
      "unqueue": () => { this.composer.queue(false); this.composer.focus(); },
      "dismiss": () => this.composer.notice(""),
    };
  }

  // The shelf of models where one may choose, else what is to be said of the model that answers.
  aboutModel() {
    if (document.querySelector("#model [data-shelf=open]")) this.shelf.open();
    else showSheet(document.querySelector("#about-model"));
  }

  open(conversation) {
    this.sides.uncover();
    this.act("show", { conversation });
    this.composer.focus();
  }

  stop() {
    if (!this.composer.isBusy) return;
    this.composer.queue(false);
    this.act("stop");
  }

  // What the server says after an event: only what is there is drawn.
  update(state) {
    // That a message was taken holds, wherever one has gone since.
    const taken = Boolean(state.sent) && this.composer.settle(state.sent);
    if (state.view < this.view) {
      if (taken) this.act("search"); // the list that was drawn may be without it
      else if (state.refused) this.composer.refuse(state.notice);
      return this.repair();
    }
    this.drawn = state.view;
    keepFocus(() => this.composer.focus());
    for (const part of ["thread", "live", "chats"]) {
      if (part in state) window.llavaParts[part].value = state[part];
    }
    const moved = "conversation" in state && this.move(state.conversation);
    if ("title" in state) this.writeTitle(state.title);
    if (state.notice) this.composer.refuse(state.notice);
    else if (moved && !taken) this.composer.notice("");
    if (!("busy" in state)) return;
    this.tell(state, moved);
    this.composer.setBusy(state.busy);
    this.readAhead();
    if (moved || taken || state.busy) this.scroll.toEnd();
    if (state.busy) this.act("follow");
  }

  // An answer is read out when it is whole: in pieces nobody could follow it.
  tell({ busy, thread }, moved) {
    if (moved) return this.composer.say("");
    if (busy === this.composer.isBusy) return;
    this.composer.say(busy ? "The answer is being written" : lastAnswer(thread));
  }

  // The pictures reach the model as soon as they are here: it looks at them while one types.
  readAhead() {
    if (!this.drawn || this.composer.isBusy) return;
    const pictures = this.composer.pictures.digests;
    const wanted = pictures.length ? JSON.stringify([this.conversation, ...pictures]) : "";
    if (wanted === this.ahead) return;
    this.ahead = wanted;
    this.act("ahead", { pictures, page: PAGE });
  }

  // Gradio may hand over only the newest of two answers, and that may be the one out of date.
  repair() {
    const wanted = this.view;
    setTimeout(() => {
      if (this.drawn < wanted && this.view === wanted) this.act("show");
    }, REPAIR_AFTER);
  }

  move(conversation) {
    const moved = conversation !== this.conversation;
    if (moved) {
      this.all = false;
      this.composer.queue(false);
    }
    this.conversation = conversation;
    this.writeAddress(moved);
    return moved;
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
      if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) this.stop();
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.open(null);
    });
    addEventListener("popstate", () => this.act("show", { conversation: inAddress() }));
    listenToSearch(this);
  }
}

function lastAnswer(html) {
  const drawn = document.createElement("template");
  drawn.innerHTML = html ?? "";
  const last = [...drawn.content.querySelectorAll(".turn")].pop();
  return [...last?.querySelectorAll(".answer, .ending") ?? []].map((part) => part.textContent).join(" ");
}

const inAddress = () => new URLSearchParams(location.search).get("c");

// Gradio builds the pieces of the page in an order of its own.
const PIECES = ["#topbar h1", "#toolbar button", "#rail-head input", "#panel-head button", "#scroller"];
const isBuilt = () =>
  PIECES.every((piece) => document.querySelector(piece)) &&
  ["thread", "live", "chats"].every((part) => window.llavaParts?.[part]);

export async function start({ element, trigger, watch, props }) {
  while (!isBuilt()) await new Promise(requestAnimationFrame);
  const chat = new Chat(element, trigger);
  watch("value", () => chat.update(props.value));
  document.addEventListener("llava-news", (event) => chat.update(event.detail));
  chat.listen();
  window.llavaFrame.applyTheme();
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelector(".new-chat kbd").textContent = "⌘K";
  chat.act("show", { conversation: inAddress() });
}
