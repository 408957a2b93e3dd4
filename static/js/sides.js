// The two sides, list of chats and settings: open or closed, and where the focus goes. On a small
// screen a side lies over the messages, which can't be reached until it is closed.

const SIDES = ["rail", "panel"];
const OPENERS = { rail: "#topbar [data-act=rail]", panel: "#toolbar [data-act=panel]" };

export class Sides {
  constructor() {
    document.querySelector("#panel").setAttribute("role", "region");
    document.querySelector("#panel").setAttribute("aria-label", "Settings of the answers");
    window.llavaFrame.small.addEventListener("change", () => this.settle());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && this.escape()) event.preventDefault();
    });
    this.settle();
  }

  isOpen(side) {
    return document.body.dataset[side] === "open";
  }

  toggle(side) {
    if (this.isOpen(side)) return this.close(side);
    if (window.llavaFrame.small.matches) SIDES.forEach((other) => this.set(other, false));
    this.set(side, true);
    document.querySelector(`#${side} [data-act=${side}]`).focus();
  }

  close(side) {
    this.set(side, false);
    document.querySelector(OPENERS[side]).focus();
  }

  // What covers the messages goes, without a word about the focus: it is wanted elsewhere.
  uncover() {
    if (window.llavaFrame.small.matches) SIDES.forEach((side) => this.set(side, false));
  }

  // Escape closes what covers the messages, and the side in which the focus is.
  escape() {
    if (document.querySelector("dialog[open]")) return false;
    const side = SIDES.find((each) => this.isOpen(each) && (this.covers || this.holdsFocus(each)));
    if (side) this.close(side);
    return Boolean(side);
  }

  holdsFocus(side) {
    return side === "panel" && document.getElementById(side).contains(document.activeElement);
  }

  set(side, open) {
    window.llavaFrame.setSide(side, open);
    this.settle();
  }

  settle() {
    this.covers = window.llavaFrame.small.matches && SIDES.some((side) => this.isOpen(side));
    document.querySelector("#stage").inert = this.covers;
    for (const side of SIDES) {
      document.querySelector(OPENERS[side]).setAttribute("aria-expanded", String(this.isOpen(side)));
    }
  }
}
