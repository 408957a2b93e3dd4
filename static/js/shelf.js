// The shelf of models in a dialog: the server draws it, again and again while something moves.

import { closeButton, confirmLoss, openDialog } from "./dialogs.js";

const SOON = 700; // ms between looks while something moves
const LATER = 4000; // ms, while nothing does

const frame =
  '<div class="inner"><h2 tabindex="-1" autofocus>Models</h2><p class="machine"></p>' +
  '<form class="get"><input type="text" name="model" maxlength="400" autocomplete="off" spellcheck="false" ' +
  'aria-label="A model of Hugging Face, or a folder" placeholder="OWNER/NAME on Hugging Face, or a folder">' +
  '<button type="submit" class="plain-button">Get</button></form>' +
  '<p class="said" role="alert" data-testid="shelf-said" hidden></p>' +
  '<ul class="model-list" aria-label="Models"><li class="none">Looking…</li></ul></div>';

export class Shelf {
  constructor(send) {
    this.send = send;
    this.number = 0; // of the last request
    this.timer = 0;
    this.dialog = null;
    document.addEventListener("llava-shelf", (event) => this.draw(event.detail));
  }

  open() {
    this.dialog = document.createElement("dialog");
    this.dialog.className = "sheet shelf";
    this.dialog.setAttribute("aria-label", "Models");
    this.dialog.innerHTML = frame + closeButton;
    this.dialog.addEventListener("click", (event) => this.click(event.target));
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.querySelector("form").addEventListener("submit", (event) => this.get(event));
    openDialog(this.dialog);
    this.act("look");
  }

  closed() {
    clearTimeout(this.timer);
    this.dialog = null;
  }

  act(act, model = "") {
    clearTimeout(this.timer);
    this.number += 1;
    this.send({ act, model, view: this.number });
    // An answer may be lost with the network: then this looks again.
    this.timer = setTimeout(() => this.act("look"), 2 * LATER);
  }

  get(event) {
    event.preventDefault();
    const field = event.target.elements.model;
    if (!field.value.trim()) return;
    this.act("get", field.value);
    this.dialog.querySelector(".model-list").scrollTop = 0; // there it will be
    field.value = "";
  }

  async click(target) {
    const button = target.closest("[data-shelf]");
    if (!button) return;
    const row = button.closest(".model-row");
    const what = button.dataset.shelf;
    if (what === "remove") {
      const text = `“${row.dataset.title}” is deleted from this machine. It can be downloaded again.`;
      if (!(await confirmLoss("Remove this model?", text, "Remove"))) return;
    }
    const warning = what === "use" && button.dataset.warning;
    if (warning && !(await confirmLoss("Use this model?", warning, "Use"))) return;
    button.disabled = true;
    this.act(what, row.dataset.model);
  }

  // Only what came last, and only rows that have changed: what is drawn anew loses the focus.
  draw(state) {
    if (!this.dialog || !state || state.number !== this.number) return;
    const said = this.dialog.querySelector(".said");
    said.textContent = state.said;
    said.hidden = !state.said;
    if (state.list !== undefined) {
      this.dialog.querySelector(".machine").textContent = state.machine;
      this.drawList(state.list);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act("look"), state.moving ? SOON : LATER);
  }

  drawList(html) {
    const list = this.dialog.querySelector(".model-list");
    const wanted = document.createElement("ul");
    wanted.innerHTML = html;
    const rows = [...wanted.children];
    const old = new Map([...list.children].map((row) => [row.dataset.model, row]));
    const focused = document.activeElement?.closest?.(".model-row")?.dataset.model;
    list.replaceChildren(...rows.map((row) => {
      const before = old.get(row.dataset.model);
      return before?.outerHTML === row.outerHTML ? before : row;
    }));
    if (focused && !list.contains(document.activeElement)) {
      [...list.children].find((row) => row.dataset.model === focused)?.querySelector("button")?.focus();
    }
  }
}
