// Files that are dropped on, or pasted into, any place of the page.

export function listenForFiles({ onFiles, onFolder }) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (is) => document.body.toggleAttribute("data-drop", is);
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
  document.addEventListener("drop", (event) => {
    over(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer, onFiles, onFolder);
  });
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    if (!carriesText(event.clipboardData)) event.preventDefault();
    take(event.clipboardData, onFiles, onFolder);
  });
}

function take(transfer, onFiles, onFolder) {
  const entries = [...transfer.items].filter((item) => item.kind === "file");
  const folders = entries.map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  const names = folders.map((folder) => folder.name);
  const files = [...transfer.files].filter((file) => !names.includes(file.name));
  if (files.length) onFiles(files);
  if (names.length) onFolder(names[0]);
}

// Words beside a picture are pasted too, unless they are only the file's name.
function carriesText(transfer) {
  const text = transfer.getData("text/plain").trim();
  return text && text !== [...transfer.files].map((file) => file.name).join("\n");
}
