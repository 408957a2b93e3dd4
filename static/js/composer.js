// Where one writes: text, pictures by button, drop and paste, keys, and a draft that survives a
// reload. Knows nothing of the messages above it.

import { Pictures } from "./pictures.js";

const DRAFT = "llava-draft";
const ANSWER_WITHIN = 30000; // ms until a sending counts as lost

export class Composer {
  constructor(element, { onSend, onStop, onPictures }) {
    this.onSend = onSend;
    this.onPictures = onPictures;
    this.onStop = onStop;
    this.form = element.querySelector("form");
    this.text = element.querySelector("textarea");
    this.sendButton = element.querySelector(".send");
    this.noticeBox = element.querySelector(".notice");
    this.file = element.querySelector("input[type=file]");
    this.pictures = new Pictures(element.querySelector(".attached"), {
      onChange: () => { this.changed(); this.onPictures(); },
      onError: (message) => this.notice(message),
    });
    this.sending = null; // what tells the server's answer to this sending from others
    this.listen();
    this.restore();
  }

  get isBusy() {
    return this.form.dataset.busy === "true";
  }

  setBusy(busy) {
    this.form.dataset.busy = String(busy);
  }

  listen() {
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send();
    });
    this.file.addEventListener("change", () => { this.attach([...this.file.files]); this.file.value = ""; });
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.attach(files);
    });
    this.listenForDrops();
  }

  listenForDrops() {
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      document.body.dataset.drop = "";
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) delete document.body.dataset.drop;
    });
    document.addEventListener("drop", (event) => {
      delete document.body.dataset.drop;
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.attach([...event.dataTransfer.files]);
    });
  }

  attach(files) {
    this.notice("");
    this.text.focus();
    return this.pictures.add(files);
  }

  async example(address, question) {
    const response = await fetch(address);
    const blob = await response.blob();
    this.text.value = question;
    this.changed();
    await this.attach([new File([blob], address.split("/").pop(), { type: blob.type })]);
  }

  async send() {
    if (this.sending || this.isBusy) return;
    if (!this.text.value.trim() && this.pictures.isEmpty) return;
    this.notice("");
    this.sending = crypto.randomUUID?.() ?? String(Math.random());
    this.changed();
    if (!(await this.pictures.whenSent())) return this.release();
    const token = this.sending;
    this.onSend({ text: this.text.value, pictures: this.pictures.digests, token });
    setTimeout(() => {
      if (this.sending === token) this.refuse("The server did not answer. Send it again.");
    }, ANSWER_WITHIN);
  }

  // The server's word on the last sending: taken, or refused with everything left in place.
  settle(token) {
    if (token !== this.sending) return false;
    this.text.value = "";
    this.pictures.clear();
    this.release();
    return true;
  }

  // The last sending, if there was one, failed: everything is left in place.
  refuse(message) {
    this.notice(message);
    this.release();
  }

  release() {
    this.sending = null;
    this.changed();
  }

  notice(message) {
    this.noticeBox.hidden = !message;
    this.noticeBox.querySelector("p").textContent = message;
  }

  changed() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.max(40, this.text.scrollHeight)}px`;
    this.sendButton.disabled = Boolean(this.sending) || (!this.text.value.trim() && this.pictures.isEmpty);
    const draft = { text: this.text.value, pictures: this.pictures.digests };
    try { sessionStorage.setItem(DRAFT, JSON.stringify(draft)); } catch { /* private window */ }
  }

  restore() {
    let draft = null;
    try { draft = JSON.parse(sessionStorage.getItem(DRAFT)); } catch { /* private window */ }
    if (draft) {
      this.text.value = draft.text;
      this.pictures.restore(draft.pictures);
    }
    this.changed();
  }
}
