// What is filled in and not on the server yet, kept in this browser for this person and case: it
// outlives a crash, a conflict, a log-out and a lost network.

const PREFIX = "raiox-draft:";
const KEPT_MS = 7 * 24 * 3600 * 1000;
const NOT_OF_THE_SHEET = /^(csrfmiddlewaretoken|last_seen|impression-|postponement-|rejection-answer-)/;

export class Draft {
  constructor(desk) {
    this.desk = desk;
    this.key = `${PREFIX}${desk.dataset.user}:${desk.dataset.case}`;
    this.offerBox = document.getElementById("draft-offer");
    forgetOldOnes();
  }

  /** What is filled in, as one text. */
  contents() {
    return JSON.stringify(this.#entries());
  }

  write() {
    const names = [...this.desk.querySelectorAll("[data-other-name]")].map((name) => name.textContent);
    store(this.key, { at: Date.now(), entries: this.#entries(), names });
  }

  /** The server has the sheet; the words of a rejection it gets with the decision only. */
  settle() {
    if (this.desk.elements["rejection-text"].value.trim()) this.write();
    else this.clear();
  }

  clear() {
    localStorage.removeItem(this.key);
  }

  /** The whole form goes: a decision that arrives makes the draft needless. */
  markSent() {
    this.write();
    store(this.key, { ...this.#read(), isSent: true });
  }

  /** Offer it back when it differs from what the page shows. `redraw` takes an edited answer. */
  offer(redraw) {
    const kept = this.#read();
    if (!kept) return;
    const isSame = JSON.stringify(kept.entries) === this.contents();
    if (isSame && !this.desk.hasAttribute("data-unsaved")) this.clear();
    if (isSame) return;
    this.#show(kept);
    this.offerBox.querySelector("[data-restore]").addEventListener("click", () => {
      this.#restore(kept, redraw);
      this.offerBox.hidden = true;
    });
  }

  /** On a page without a form: a decision of hers took the draft along; another's did not. */
  offerOnDecidedCase() {
    const kept = this.#read();
    if (!kept) return;
    if (kept.isSent && this.desk.hasAttribute("data-mine")) this.clear();
    else this.#show(kept);
  }

  #show({ at }) {
    const time = this.offerBox.querySelector("[data-draft-time]");
    time.textContent = new Date(at).toLocaleString(document.documentElement.lang, {
      dateStyle: "short",
      timeStyle: "short",
    });
    this.offerBox.hidden = false;
    this.offerBox.querySelector("[data-discard]").addEventListener("click", () => {
      this.clear();
      this.offerBox.hidden = true;
    });
  }

  #restore({ entries, names }, redraw) {
    this.desk.querySelectorAll("[data-other-name]").forEach((name, place) => {
      name.textContent = names[place] ?? "";
    });
    for (const radio of this.desk.querySelectorAll("[data-finding] [type=radio]")) radio.checked = false;
    for (const [name, value] of entries) setField(this.desk.elements[name], value);
    for (const other of this.desk.querySelectorAll("[data-pick][value=other]")) {
      other.closest("label").hidden = !other.checked;
    }
    this.desk.dispatchEvent(new Event("change", { bubbles: true }));
    redraw(entries.filter(([name]) => name.startsWith("answer-")));
  }

  /** Every field but those that decide nothing; an answer counts only once it was edited. */
  #entries() {
    const { elements } = this.desk;
    const isEdited = elements["answer-text"]?.value !== elements["answer-source"]?.value;
    // Not by FormData: it leaves out what is locked while a colleague has the case.
    return [...elements]
      .filter(({ name, type, checked }) => name && type !== "submit" && (type !== "radio" || checked))
      .filter(({ name }) => !NOT_OF_THE_SHEET.test(name) && (isEdited || !name.startsWith("answer-")))
      .map(({ name, value }) => [name, value]);
  }

  #read() {
    try {
      return JSON.parse(localStorage.getItem(this.key));
    } catch {
      return null;
    }
  }
}

function setField(field, value) {
  if (field instanceof RadioNodeList || field instanceof HTMLElement) field.value = value;
}

/** A browser without room keeps no draft; the server's copy follows at once. */
function store(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
  }
}

function forgetOldOnes() {
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
    const at = JSON.parse(localStorage.getItem(key))?.at ?? 0;
    if (Date.now() - at > KEPT_MS) localStorage.removeItem(key);
  }
}
