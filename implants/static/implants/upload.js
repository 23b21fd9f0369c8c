// The upload desk: files are dropped or chosen, three at a time are examined; nothing is saved by itself.

import { Draft } from "./draft.js";

const AT_ONCE = 3;

export class UploadDesk {
  #drafts = [];
  #running = 0;
  #waiting = [];
  #savedCount = 0;

  /** `dialog` shows a film large; `saved` is called when there are new references. */
  constructor(section, dialog, saved) {
    this.section = section;
    this.texts = section.dataset;
    this.maxBytes = Number(section.dataset.maxBytes);
    this.dialog = dialog;
    this.saved = saved;
    this.list = document.getElementById("drafts");
    this.foot = document.getElementById("drafts-foot");
    this.withWarnings = document.getElementById("with-warnings");
    this.#listen();
  }

  /** Runs `task` when fewer than three are running. */
  queue(task) {
    return new Promise((resolve) => {
      this.#waiting.push(async () => {
        await task();
        resolve();
      });
      this.#next();
    });
  }

  /** Of equal films the first in the list stays, whichever was answered first; these are the others. */
  repetitionsOf(draft) {
    const same = this.#drafts.filter((other) => other.isOpen && other.sha256 === draft.sha256);
    const kept = same.find(({ state }) => state === "saving") ?? same[0];
    return same.filter((other) => other !== kept);
  }

  changed(draft) {
    if (draft.state === "saved") {
      this.#savedCount++;
      this.#remove(draft);
      this.saved();
    }
    this.tally();
  }

  /** What is in the list, in numbers, and what the buttons would do. */
  tally() {
    const count = (...states) => this.#drafts.filter(({ state }) => states.includes(state)).length;
    this.foot.hidden = !this.#drafts.length && !this.#savedCount;
    this.#number("warn", count("warn"));
    this.#number("save", this.#ready().length);
    document.getElementById("save-all").disabled = !this.#ready().length;
    document.getElementById("clear-drafts").disabled = !this.#drafts.length;
    const { saysSaved, saysLeft } = this.texts;
    const parts = [];
    if (this.#savedCount) parts.push(`${saysSaved} ${this.#savedCount}`);
    if (this.#drafts.length) parts.push(`${saysLeft} ${this.#drafts.length}`);
    const text = parts.join(" · ");
    const tally = document.getElementById("tally");
    if (tally.textContent !== text) tally.textContent = text;
  }

  #listen() {
    const drop = document.getElementById("drop");
    const input = drop.querySelector("input");
    input.addEventListener("change", () => {
      this.#add(input.files);
      input.value = "";
    });
    for (const name of ["dragenter", "dragover"]) {
      window.addEventListener(name, (event) => this.#over(event, drop));
    }
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) drop.classList.remove("rx-drop-over");
    });
    window.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault(); // beside the field too: the browser would leave the page for the file
      drop.classList.remove("rx-drop-over");
      this.#add(event.dataTransfer.files);
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.#drafts.some((draft) => draft.isOpen)) event.preventDefault();
    });
    this.withWarnings.addEventListener("change", () => this.tally());
    document.getElementById("save-all").addEventListener("click", () => this.#ready().forEach((draft) => draft.save()));
    document.getElementById("clear-drafts").addEventListener("click", () => this.#clear());
    this.list.addEventListener("click", (event) => this.#click(event));
  }

  #over(event, drop) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    drop.classList.add("rx-drop-over");
  }

  #add(files) {
    const template = document.getElementById("draft-template");
    for (const file of files) {
      const card = template.content.firstElementChild.cloneNode(true);
      this.list.append(card);
      const draft = new Draft(this, file, card);
      this.#drafts.push(draft);
      draft.examine();
    }
    this.tally();
  }

  #click(event) {
    const card = event.target.closest(".rx-draft");
    const draft = this.#drafts.find((one) => one.card === card);
    if (!draft) return;
    if (event.target.closest("[data-remove]")) {
      this.#remove(draft);
      this.tally();
    } else if (event.target.closest("[data-mark]")) {
      const films = this.#drafts.filter((one) => one.mayMark);
      this.dialog.open(films, films.indexOf(draft));
    }
  }

  #remove(draft) {
    const next = draft.card.nextElementSibling ?? draft.card.previousElementSibling;
    const hadFocus = draft.card.contains(document.activeElement);
    this.#drafts = this.#drafts.filter((other) => other !== draft);
    draft.forget();
    if (hadFocus) (next?.querySelector("button:not([hidden]):not([disabled])") ?? document.getElementById("drop").control).focus();
  }

  #clear() {
    const kept = this.#drafts.filter(({ state }) => state === "saving");
    this.#drafts.filter((draft) => !kept.includes(draft)).forEach((draft) => draft.forget());
    this.#drafts = kept;
    this.#savedCount = 0;
    this.tally();
  }

  #ready() {
    const states = this.withWarnings.checked ? ["good", "warn"] : ["good"];
    return this.#drafts.filter(({ state }) => states.includes(state));
  }

  #number(name, number) {
    this.foot.querySelector(`[data-count=${name}]`).textContent = number;
  }

  async #next() {
    if (this.#running >= AT_ONCE || !this.#waiting.length) return;
    this.#running++;
    try {
      await this.#waiting.shift()();
    } finally {
      this.#running--;
      this.#next();
    }
  }
}

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}
