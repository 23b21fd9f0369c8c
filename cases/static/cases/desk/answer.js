// The answer that the dentist will read, rendered by the server from what is filled in right now,
// and edited here before it goes.

const AFTER_MS = 350;
const AGAIN_MS = 3000;

export class AnswerText {
  #asked = 0;
  #timer = 0;

  /** `decision` is "approve" or "reject": the answer differs. */
  constructor(desk, element, decision = "approve") {
    this.desk = desk;
    this.element = element;
    this.address = `${desk.dataset.preview}?decision=${decision}`;
    element.addEventListener("input", () => this.#drawEdited());
    element.addEventListener("click", ({ target }) => this.#use(target.closest("[data-use]")));
  }

  /** "ready", "missing", "outdated", "empty", or "" while it is not there. */
  get state() {
    const shown = this.element.querySelector("[data-answer-state]");
    if (this.#text && !this.#text.value.trim()) return "empty";
    return shown?.dataset.answerState ?? "";
  }

  /** Keep up with what is filled in. */
  follow() {
    const later = ({ target }) => {
      if (target.closest("[data-answer], dialog")) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.refresh(), AFTER_MS);
    };
    this.desk.addEventListener("input", later);
    this.desk.addEventListener("change", later);
  }

  /** Ask for the answer anew; `extra` pairs stand in for fields of the form. The state then. */
  async refresh(extra = []) {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    const body = new URLSearchParams(new FormData(this.desk));
    for (const [name, value] of extra) body.set(name, value);
    const before = this.#text?.value;
    const html = await this.#fetch(body);
    if (asked !== this.#asked) return "";
    // What was typed meanwhile is not written over: it goes into the answer.
    if (html && this.#text?.value !== before) return this.refresh();
    if (html) this.#draw(html);
    else this.#tellUnreachable();
    this.element.dispatchEvent(new CustomEvent("rx:answer", { bubbles: true }));
    return this.state;
  }

  #draw(html) {
    const { selectionStart, selectionEnd } = this.#text ?? {};
    const isTyped = this.#text === document.activeElement && Boolean(this.#text);
    this.element.innerHTML = html;
    if (!isTyped || !this.#text) return;
    this.#text.focus({ preventScroll: true });
    this.#text.setSelectionRange(selectionStart, selectionEnd);
  }

  /** What is shown stays, for it may have been edited; it is only known no more to be the answer. */
  #tellUnreachable() {
    const shown = this.element.querySelector("[data-answer-state]");
    if (shown) shown.dataset.answerState = "";
    this.element.querySelector("ul.rx-missing")?.remove();
    if (!this.element.querySelector("[data-answer-failed]")) {
      const failed = document.querySelector("template[data-answer-unreachable]").content;
      this.element.prepend(failed.cloneNode(true));
    }
    this.#timer = setTimeout(() => this.refresh(), AGAIN_MS);
  }

  async #fetch(body) {
    try {
      const answer = await fetch(this.address, { method: "POST", body, redirect: "manual" });
      return answer.ok ? await answer.text() : "";
    } catch {
      return "";
    }
  }

  get #text() {
    return this.element.querySelector("textarea");
  }

  get #source() {
    return this.element.querySelector("[name$='-source']");
  }

  #drawEdited() {
    if (!this.#text) return;
    const isEmpty = !this.#text.value.trim();
    this.element.querySelector("[data-empty]").hidden = !isEmpty;
    this.element.querySelector("[data-edited]").hidden = isEmpty || this.#text.value === this.#source.value;
    this.element.dispatchEvent(new CustomEvent("rx:answer", { bubbles: true }));
  }

  /** Take the generated text, or keep the edited one beside what is generated now. */
  async #use(button) {
    if (!button) return;
    const source = this.#source;
    const text = this.element.querySelector("[name$='-text']");
    if (button.dataset.use === "generated") text.value = source.dataset.generated;
    source.value = source.dataset.generated;
    text.dispatchEvent(new Event("change", { bubbles: true }));
    await this.refresh();
    this.#text?.focus();
  }
}
