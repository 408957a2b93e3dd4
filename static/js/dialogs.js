// Dialogs: a picture in full size, a question before something is lost, how to load a full model.

export function openDialog(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  return dialog;
}

export const closeButton =
  '<button type="button" class="icon-button corner" data-close aria-label="Close">' +
  '<svg class="icon" viewBox="0 0 24 24"><use href="/ui/icons/icons.svg#close"></use></svg></button>';

export function zoom(address, label) {
  const dialog = document.createElement("dialog");
  dialog.className = "zoom";
  dialog.setAttribute("aria-label", label);
  dialog.innerHTML = closeButton;
  const image = document.createElement("img");
  image.src = address;
  image.alt = label;
  image.dataset.close = "";
  dialog.prepend(image);
  openDialog(dialog);
}

export const confirmRemoval = (title) =>
  confirmLoss("Delete this chat?", `“${title}” and its pictures will be gone for good.`, "Delete");

export function confirmLoss(question, what, yes) {
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  dialog.setAttribute("aria-label", question);
  dialog.innerHTML =
    "<h2></h2><p></p>" +
    '<div class="row"><button type="button" class="plain-button" data-close>Cancel</button>' +
    '<button type="button" class="danger-button" data-close data-yes></button></div>';
  dialog.querySelector("h2").textContent = question;
  dialog.querySelector("p").textContent = what;
  dialog.querySelector("[data-yes]").textContent = yes;
  return new Promise((resolve) => {
    dialog.querySelector("[data-yes]").addEventListener("click", () => resolve(true));
    dialog.addEventListener("close", () => resolve(false));
    openDialog(dialog);
  });
}

export function showSheet(template) {
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  dialog.append(template.content.cloneNode(true));
  dialog.insertAdjacentHTML("beforeend", closeButton);
  dialog.setAttribute("aria-label", dialog.querySelector("h2").textContent);
  openDialog(dialog);
}
