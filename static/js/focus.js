// What is drawn anew loses the focus: it goes back to the same button of the same message.

const turns = () => [...document.querySelectorAll("#thread .turn")];

// Called before something is drawn; `otherwise` is done where that button is gone.
export function keepFocus(otherwise) {
  const focused = document.activeElement;
  if (focused === document.body) return;
  const at = turns().indexOf(focused.closest("#thread .turn"));
  const label = focused.getAttribute("aria-label");
  afterDrawing(() => {
    if (document.activeElement !== document.body) return;
    const buttons = [...turns()[at]?.querySelectorAll("button:enabled") ?? []];
    const same = buttons.find((button) => button.getAttribute("aria-label") === label);
    if (same) same.focus();
    else otherwise();
  });
}

const afterDrawing = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
