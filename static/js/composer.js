// Where one writes: text, pictures by button, drop and paste, keys, and a draft that survives a
// reload. What is sent while an answer is written goes out after it. Knows nothing of the messages
// above it.

import { listenForFiles } from "./handed.js";
import { isEnter } from "./keys.js";
import { Pictures } from "./pictures.js";

const DRAFT = "llava-draft";
const ANSWER_WITHIN = 30000; // ms until a sending counts as lost

export class Composer {
  constructor(element, { onSend, onPictures }) {
    this.onSend = onSend;
    this.onPictures = onPictures;
    this.form = element.querySelector("form");
    this.text = element.querySelector("textarea");
    this.sendButton = element.querySelector(".send");
    this.noticeBox = element.querySelector(".notice");
    this.queuedBox = element.querySelector(".queued");
    this.spoken = element.querySelector(".spoken");
    this.file = element.querySelector("input[type=file]");
    this.pictures = new Pictures(element.querySelector(".attached"), {
      onChange: () => { this.changed(); this.onPictures(); },
      onError: (message) => this.notice(message),
      onEmptied: () => this.focus(),
    });
    this.sending = null; // { token, text }: the token tells the answer to this sending from others
    this.listen();
    this.restore();
  }

  get isBusy() {
    return this.form.dataset.busy === "true";
  }

  get isNothing() {
    return !this.text.value.trim() && this.pictures.isEmpty;
  }

  setBusy(busy) {
    this.form.dataset.busy = String(busy);
    if (busy || this.queuedBox.hidden) return;
    this.queue(false);
    this.send();
  }

  // Whether what stands here goes out by itself when the answer is finished.
  queue(waits) {
    this.queuedBox.hidden = !waits;
    if (waits) this.say(this.queuedBox.querySelector("p").textContent);
  }

  // For those who hear the page.
  say(words) {
    this.spoken.textContent = words;
  }

  // Where there is no keyboard, the focus would bring one up that covers half of the page.
  focus() {
    if (!matchMedia("(pointer: coarse)").matches) this.text.focus();
  }

  listen() {
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => {
      if (!isEnter(event)) return;
      event.preventDefault();
      this.send();
    });
    this.file.addEventListener("change", () => { this.attach([...this.file.files]); this.file.value = ""; });
    listenForFiles({
      onFiles: (files) => this.attach(files),
      onFolder: (name) => this.notice(`${name} is a folder. Drop the pictures that are in it.`),
    });
  }

  attach(files) {
    this.notice("");
    this.focus();
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
    if (this.sending || this.isNothing) return;
    if (this.isBusy) return this.queue(true);
    this.notice("");
    const token = crypto.randomUUID?.() ?? String(Math.random());
    this.sending = { token, text: this.text.value };
    this.changed();
    const send = this.onSend();
    const pictures = await this.pictures.send();
    if (!pictures) return this.release();
    send({ text: this.sending.text, pictures, token });
    setTimeout(() => {
      if (this.sending?.token === token) this.refuse("The server did not answer. Send it again.");
    }, ANSWER_WITHIN);
  }

  // The server's word on the last sending: taken, or refused with everything left in place. What
  // was typed or added after it stays.
  settle(token) {
    if (token !== this.sending?.token) return false;
    const { text } = this.sending;
    if (this.text.value.startsWith(text)) this.text.value = this.text.value.slice(text.length);
    this.pictures.removeSent();
    this.release();
    return true;
  }

  // The last sending, if there was one, failed: everything is left in place.
  refuse(message) {
    this.queue(false);
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
    this.fit();
    this.form.toggleAttribute("data-sending", Boolean(this.sending));
    this.sendButton.disabled = Boolean(this.sending) || this.isNothing;
    if (this.isNothing) this.queue(false);
    const draft = { text: this.text.value, pictures: this.pictures.draft };
    try { sessionStorage.setItem(DRAFT, JSON.stringify(draft)); } catch { /* private window */ }
  }

  // As high as its text. The form is held meanwhile: were it lower for a moment, the messages above
  // would be scrolled.
  fit() {
    this.form.style.height = `${this.form.offsetHeight}px`;
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    this.form.style.height = "";
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
