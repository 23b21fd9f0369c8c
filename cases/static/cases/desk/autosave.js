// Saves the desk in the background and says quietly how that went. What the server has not got
// yet lies in the draft.

const AFTER_MS = 800;
const AGAIN_MS = 4000;

export class Autosave {
  #timer = 0;
  #running = null;
  #saved;
  #isStopped = false;
  #isHeld = false;

  constructor(desk, draft) {
    this.desk = desk;
    this.draft = draft;
    this.line = document.getElementById("save-state");
    this.#saved = draft.contents();
    // Another window of hers on this case: what she saves there is shown here before it is
    // written over from here.
    this.siblings = new BroadcastChannel(draft.key);
    this.siblings.addEventListener("message", () => {
      if (!this.#isDirty && !document.querySelector("dialog:modal")) location.reload();
    });
    if (desk.hasAttribute("data-unsaved")) {
      this.#saved = null;
      draft.write();
    }
    desk.addEventListener("input", () => this.#touched());
    desk.addEventListener("change", () => this.#touched());
    window.addEventListener("online", () => this.#soon(0));
    window.addEventListener("pagehide", () => this.#sayGoodbye());
    window.addEventListener("pageshow", () => {
      this.#isStopped = false;
    });
    document.addEventListener("rx:claim", ({ detail }) => this.#claimed(detail.isMine));
  }

  /** Whether nothing is on its way to the server. */
  get isIdle() {
    return this.#running === null;
  }

  async idle() {
    await this.#running;
  }

  /** Save now what is not saved; whether the page may be left. */
  async flush() {
    clearTimeout(this.#timer);
    while (this.#running) await this.#running;
    if (!this.#isDirty || this.#rests) return true;
    const outcome = await this.#save();
    return outcome !== "offline" && outcome !== "loggedOut";
  }

  /** The whole form goes now; nothing may overtake it. */
  stop() {
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }

  tellOffline() {
    this.#say("offline", this.line.dataset.offline);
    this.#soon(AGAIN_MS);
  }

  /** While a colleague has the case nothing is sent; her notice says so, and the draft is kept. */
  #claimed(isMine) {
    if (isMine === !this.#isHeld) return;
    this.#isHeld = !isMine;
    if (isMine) this.#soon(0);
    else document.getElementById("save-trouble").hidden = true;
  }

  get #rests() {
    return this.#isStopped || this.#isHeld;
  }

  get #isDirty() {
    return this.draft.contents() !== this.#saved;
  }

  #touched() {
    if (!this.#isDirty) return;
    this.draft.write();
    this.#soon(AFTER_MS);
  }

  #soon(milliseconds) {
    clearTimeout(this.#timer);
    if (this.#rests) return;
    this.#timer = setTimeout(() => {
      if (!this.#running && this.#isDirty) this.#save();
    }, milliseconds);
  }

  #save() {
    this.#running = this.#send().finally(() => {
      this.#running = null;
      if (this.#isDirty && this.line.dataset.state === "saved") this.#soon(AFTER_MS);
    });
    return this.#running;
  }

  async #send() {
    const contents = this.draft.contents();
    this.#say("saving", this.line.dataset.saving);
    let answer;
    try {
      answer = await this.#post();
    } catch {
      this.tellOffline();
      return "offline";
    }
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      return this.#trouble("loggedOut", "login", this.line.dataset.loggedOut);
    }
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) {
      this.tellOffline();
      return "offline";
    }
    return this.#understand(answer.status, await answer.json(), contents);
  }

  #understand(status, said, contents) {
    if (status === 409) {
      this.#say("conflict", this.line.dataset.conflict);
      return this.#trouble("conflict", "conflict", said.text);
    }
    if (status !== 200) {
      this.#say("incomplete", said.text);
      return "incomplete";
    }
    this.desk.elements.last_seen.value = said.last_seen;
    this.#saved = contents;
    this.siblings.postMessage("saved");
    if (!this.#isDirty) this.draft.settle();
    this.#say("saved", said.text);
    return "saved";
  }

  #post(options = {}) {
    const body = new URLSearchParams(new FormData(this.desk));
    const headers = { Accept: "application/json" };
    return fetch(this.desk.action, { method: "POST", body, headers, redirect: "manual", ...options });
  }

  /** The last words of a page that is closed; nobody waits for the answer. */
  #sayGoodbye() {
    const isHopeless = this.#rests || this.#running || !navigator.onLine;
    if (!isHopeless && this.#isDirty) this.#post({ keepalive: true }).catch(() => {});
  }

  /** What a person has to settle: saving rests until then. */
  #trouble(state, link, text) {
    this.stop();
    this.#say(state, this.line.dataset.conflict);
    const box = document.getElementById("save-trouble");
    box.querySelector("[data-trouble]").textContent = text;
    for (const found of box.querySelectorAll("[data-trouble-link]")) {
      found.hidden = found.dataset.troubleLink !== link;
    }
    box.hidden = false;
    box.scrollIntoView({ block: "nearest" });
    return state;
  }

  #say(state, text) {
    this.line.dataset.state = state;
    this.line.textContent = text;
  }
}
