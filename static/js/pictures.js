// The pictures that wait in the composer: each is sent to the server at once, which answers with
// its digest or with what is wrong with it. Knows nothing of messages.

const MOST = 8; // pictures in one message
const LARGEST = 25 * 1024 * 1024; // bytes of one picture

export class Pictures {
  constructor(list, { onChange, onError }) {
    this.list = list;
    this.onChange = onChange;
    this.onError = onError;
    this.items = []; // { digest, element, done }
  }

  get digests() {
    return this.items.filter((item) => item.digest).map((item) => item.digest);
  }

  get isEmpty() {
    return this.items.length === 0;
  }

  // Settles when nothing is on its way any more; false when one of them failed.
  async whenSent() {
    const results = await Promise.all(this.items.map((item) => item.done));
    return results.every(Boolean);
  }

  async add(files) {
    const problems = [];
    const accepted = [...files].slice(0, MOST - this.items.length);
    if (accepted.length < files.length) problems.push(`A message holds ${MOST} pictures at most; the others were left out.`);
    const results = await Promise.all(accepted.map((file) => this.send(file)));
    problems.push(...results.filter(Boolean));
    if (problems.length) this.onError(problems.join("\n"));
  }

  // What is wrong with this file, or nothing.
  async send(file) {
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
    this.show(item, answer.digest);
    return "";
  }

  restore(digests) {
    for (const digest of digests) {
      const item = this.place("Picture");
      item.done = Promise.resolve(true);
      this.show(item, digest);
    }
  }

  place(name) {
    const element = document.createElement("li");
    element.className = "thumbnail-item";
    element.innerHTML =
      '<div class="loading" role="status"><span class="unseen">Reading the picture</span></div>' +
      '<button type="button" class="remove"><svg class="icon" viewBox="0 0 24 24">' +
      '<use href="/ui/icons/icons.svg#close"></use></svg></button>';
    const item = { digest: null, element, done: null };
    const button = element.querySelector("button");
    button.setAttribute("aria-label", `Remove ${name}`);
    button.addEventListener("click", () => this.remove(item));
    this.items.push(item);
    this.list.append(element);
    this.onChange();
    return item;
  }

  show(item, digest) {
    item.digest = digest;
    const image = document.createElement("img");
    image.src = `/media/${digest}?thumb=1`;
    image.alt = "Picture to be sent";
    item.element.querySelector(".loading").replaceWith(image);
    this.onChange();
  }

  remove(item) {
    this.items = this.items.filter((other) => other !== item);
    item.element.remove();
    this.onChange();
  }

  clear() {
    this.items = [];
    this.list.replaceChildren();
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
