// The scrolling that follows an answer while it is written.

const NEAR = 60; // pixels from the end that count as the end

// Keeps the end in view while it grows, unless the reader has scrolled away from it.
export class Scroll {
  constructor(box, button) {
    this.box = box;
    this.button = button;
    this.following = true;
    this.top = 0; // where the box was last seen
    this.held = 0; // pixels from the end to the present place, while more comes above it
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Conversation");
    box.addEventListener("scroll", () => this.look(), { passive: true });
    const grown = new ResizeObserver(() => this.grown());
    for (const part of [box, ...box.children]) grown.observe(part);
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

  // Who goes up wants to read there; that there is more below says nothing, an answer grows.
  look() {
    const atEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
    if (atEnd || this.box.scrollTop < this.top) this.following = atEnd;
    this.top = this.box.scrollTop;
    this.button.hidden = this.following;
  }

  toEnd() {
    this.following = true;
    this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop;
    this.button.hidden = true;
  }
}
