// The pictures that wait in the composer: each is sent to the server at once, which answers with
// its digest or with what is wrong with it. Knows nothing of messages.

const MOST = 8; // pictures in one message
const LARGEST = 25 * 1024 * 1024; // bytes of one picture

export class Pictures {
  constructor(list, { onChange, onError, onEmptied }) {
    this.list = list;
    this.onChange = onChange;
    this.onError = onError;
    this.onEmptied = onEmptied;
    this.items = []; // { digest, kind, element, done }
    this.sent = []; // those of the message that is on its way
  }

  get digests() {
    return this.items.filter((item) => item.digest).map((item) => item.digest);
  }

  // What `restore` takes, for a draft.
  get draft() {
    return this.items.filter((item) => item.digest).map(({ digest, kind }) => ({ digest, kind }));
  }

  get isEmpty() {
    return this.items.length === 0;
  }

  // The digests for a message, when all have reached the server; nothing when one of them failed.
  async send() {
    this.sent = [...this.items];
    const arrived = await Promise.all(this.sent.map((item) => item.done));
    const kept = this.sent.filter((item) => this.items.includes(item));
    return arrived.every(Boolean) ? kept.map((item) => item.digest) : null;
  }

  removeSent() {
    this.remove(...this.sent);
    this.sent = [];
  }

  async add(files) {
    const problems = [];
    const accepted = [...files].slice(0, MOST - this.items.length);
    if (accepted.length < files.length) problems.push(`A message holds ${MOST} pictures at most; the others were left out.`);
    const results = await Promise.all(accepted.map((file) => this.take(file)));
    problems.push(...results.filter(Boolean));
    if (problems.length) this.onError(problems.join("\n"));
  }

  // What is wrong with this file, or nothing.
  async take(file) {
    const name = file.name || "The picture";
    if (file.size > LARGEST) return `${name} is larger than 25 MB. Save it smaller and try again.`;
    const item = this.place(name);
    const sent = upload(file, name);
    item.done = sent.then((answer) => Boolean(answer.digest));
    const answer = await sent;
    if (!this.items.includes(item)) return "";
    if (!answer.digest) {
      this.remove(item);
      return answer.error;
    }
    this.show(item, answer.digest, answer.frames ? "Video" : "Picture");
    return "";
  }

  restore(draft) {
    for (const { digest, kind } of draft) {
      const item = this.place(kind);
      item.done = Promise.resolve(true);
      const image = this.show(item, digest, kind);
      image.addEventListener("error", () => this.remove(item)); // gone since the draft was kept
    }
  }

  place(name) {
    const element = document.createElement("li");
    element.className = "thumbnail-item";
    element.innerHTML =
      '<div class="loading" role="status"><span class="unseen">Reading the picture</span></div>' +
      '<button type="button" class="remove"><svg class="icon" viewBox="0 0 24 24">' +
      '<use href="/ui/icons/icons.svg#close"></use></svg></button>';
    const item = { digest: null, kind: null, element, done: null };
    const button = element.querySelector("button");
    button.setAttribute("aria-label", `Remove ${name}`);
    button.addEventListener("click", () => {
      const next = element.nextElementSibling ?? element.previousElementSibling;
      this.remove(item);
      if (next) next.querySelector("button").focus();
      else this.onEmptied();
    });
    this.items.push(item);
    this.list.append(element);
    this.onChange();
    return item;
  }

  show(item, digest, kind) {
    Object.assign(item, { digest, kind });
    const image = document.createElement("img");
    image.src = `/media/${digest}?thumb=1`;
    image.alt = `${kind} to be sent`;
    item.element.querySelector(".loading").replaceWith(image);
    this.onChange();
    return image;
  }

  remove(...gone) {
    this.items = this.items.filter((item) => !gone.includes(item));
    for (const item of gone) item.element.remove();
    this.onChange();
  }
}

async function upload(file, name) {
  try {
    const response = await fetch("/pictures", {
      method: "POST",
      body: file,
      headers: { "Content-Type": file.type || "application/octet-stream", "X-File-Name": encodeURIComponent(name) },
    });
    const answer = await response.json();
    return answer.digest ? answer : { error: answer.error?.message ?? `${name} was refused. Try again.` };
  } catch {
    return { error: `${name} did not reach the server. Check that it runs and try again.` };
  }
}
