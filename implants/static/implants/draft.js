// One dropped file on its way into the catalogue: examined, looked at, marked, saved.

import { post } from "./post.js";

const AGAIN_AFTER_MS = [2000, 5000, 10000];
const OPEN = ["waiting", "sending", "comparing", "good", "warn", "failed", "saving"];

export class Draft {
  state = "waiting";
  region = null;
  sha256 = "";
  #ticket = "";
  #bitmap = null;
  #asked = 0;

  /** `desk` gives texts, addresses and the queue; `card` is the draft's element. */
  constructor(desk, file, card) {
    this.desk = desk;
    this.file = file;
    this.card = card;
    this.part("name").textContent = this.title = file.name;
    this.part("name").title = file.name;
    this.part("save").addEventListener("click", () => this.save());
    this.part("retry").addEventListener("click", () => this.examine());
    this.show("waiting");
  }

  part(name) {
    return this.card.querySelector(`[data-${name}]`);
  }

  get mayMark() {
    return Boolean(this.#bitmap) && this.isOpen && this.state !== "saving";
  }

  get isOpen() {
    return OPEN.includes(this.state);
  }

  get canvas() {
    return this.card.querySelector("canvas");
  }

  /** Sends the file to be looked at; again when its region has changed. */
  examine() {
    if (this.file.size > this.desk.maxBytes) return this.refuse(this.desk.texts.tooLarge);
    const question = ++this.#asked;
    this.show("waiting");
    return this.desk.queue(async () => {
      if (question !== this.#asked) return;
      const found = await this.#send(this.desk.texts.examine, "sending", "comparing");
      if (question === this.#asked) await this.#take(found);
    });
  }

  /** Makes it a reference; resolves when the service has answered. */
  save() {
    this.show("saving");
    return this.desk.queue(async () => {
      const { answer } = await this.#send(this.desk.texts.save, "saving", "saving", {
        ticket: this.#ticket,
        diameter_mm: this.#size("diameter_mm"),
        length_mm: this.#size("length_mm"),
      });
      if (answer?.state === "saved") this.show("saved");
      else if (answer?.state === "duplicate") this.#judge(answer);
      else this.#complain(answer?.reason ?? this.desk.texts.unreachable, answer?.code ? "refused" : "warn");
      this.desk.changed(this);
    });
  }

  /** Takes the region that was drawn and has the film compared anew. */
  use(region) {
    this.region = region;
    this.draw();
    this.examine();
    return "";
  }

  load() {
    const canvas = document.createElement("canvas");
    canvas.width = this.#bitmap.width;
    canvas.height = this.#bitmap.height;
    canvas.getContext("2d").drawImage(this.#bitmap, 0, 0);
    return { element: canvas, width: canvas.width, height: canvas.height };
  }

  refuse(reason) {
    this.show("refused");
    this.#say(reason, "bad");
    this.desk.changed(this);
  }

  forget() {
    this.#asked++;
    this.#bitmap?.close();
    this.card.remove();
  }

  /** The film, small, with its region. */
  draw() {
    const context = this.canvas.getContext("2d");
    const { width, height } = this.#bitmap;
    const scale = Math.min(1, 320 / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    context.drawImage(this.#bitmap, 0, 0, this.canvas.width, this.canvas.height);
    if (!this.region) return;
    const [x, y, w, h] = this.region;
    context.lineWidth = 3;
    context.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--rx-region");
    context.strokeRect(x * this.canvas.width, y * this.canvas.height, w * this.canvas.width, h * this.canvas.height);
  }

  show(state) {
    this.state = this.card.dataset.state = state;
    const badge = this.part("badge");
    badge.textContent = this.desk.texts[state];
    badge.className = `rx-badge ${TONES[state] ?? ""}`;
    this.part("progress").hidden = !["sending", "saving"].includes(state);
    this.part("retry").hidden = state !== "failed";
    this.part("save").hidden = !["good", "warn"].includes(state);
    this.part("sizes").hidden = !["good", "warn", "comparing", "saving"].includes(state);
    this.part("remove").hidden = ["saving", "saved"].includes(state);
    this.part("mark").disabled = !this.mayMark;
    this.desk.tally();
  }

  async #send(address, sending, sent, more = {}) {
    const fields = { file: this.file, region: this.region && JSON.stringify(this.region), ...more };
    for (const pause of [...AGAIN_AFTER_MS, null]) {
      this.show(sending);
      this.part("progress").value = 0;
      const found = await post(address, fields, (part) => {
        this.part("progress").value = part;
        if (part === 1 && this.state === sending) this.show(sent);
      });
      if (found.answer?.state !== "busy" || pause === null) return found;
      this.show("waiting");
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #take({ answer }) {
    if (!answer || answer.state === "busy") {
      this.#complain(answer?.reason ?? this.desk.texts.unreachable, "failed");
    } else if (answer.state === "refused") {
      this.refuse(answer.reason);
    } else {
      this.sha256 = answer.sha256;
      this.#bitmap ??= await decoded(answer.film);
      this.draw();
      this.#judge(answer);
      for (const other of this.desk.repetitionsOf(this)) other.repeat();
    }
    this.desk.changed(this);
  }

  repeat() {
    this.#complain(this.desk.texts.twice, "duplicate");
  }

  #judge(answer) {
    this.#ticket = answer.ticket;
    this.part("verdict").innerHTML = answer.html; // rendered and escaped by our own template
    this.show(answer.state);
  }

  #complain(reason, state) {
    this.show(state);
    this.#say(reason, "bad");
  }

  #say(text, tone) {
    const said = document.createElement("p");
    said.className = `rx-verdict-${tone}`;
    said.textContent = text;
    this.part("verdict").replaceChildren(said);
  }

  #size(name) {
    return this.card.querySelector(`[name=${name}]`).value.trim();
  }
}

const TONES = {
  good: "rx-good", saved: "rx-good", warn: "rx-warn", failed: "rx-bad", refused: "rx-bad", duplicate: "rx-bad",
};

async function decoded(film) {
  const bytes = Uint8Array.from(atob(film), (letter) => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
}
