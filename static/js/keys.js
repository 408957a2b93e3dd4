// Keys that mean the same everywhere.

// Enter alone. While an input method is composing it chooses a word; Safari says so by 229 only.
export const isEnter = (event) =>
  event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
