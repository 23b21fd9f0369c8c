// One film at a time, large: to look at, and to mark the implant. Markup in film_dialog.html.
//
// A film is { title, region, mayMark, load() → { element, width, height }, use(region) → reason or "" }.

import { RegionTool } from "./region.js";

export class FilmDialog {
  #films = [];
  #at = 0;

  constructor(dialog) {
    this.dialog = dialog;
    this.unreachable = dialog.dataset.unreachable;
    this.tool = new RegionTool(dialog.querySelector("[data-stage]"));
    const buttons = {
      close: () => dialog.close(),
      previous: () => this.#open(this.#at - 1),
      next: () => this.#open(this.#at + 1),
      whole: () => this.#clear(),
      use: () => this.#use(false),
      "use-next": () => this.#use(true),
    };
    this.buttons = {};
    for (const [name, act] of Object.entries(buttons)) {
      this.buttons[name] = dialog.querySelector(`[data-${name}]`);
      this.buttons[name].addEventListener("click", act);
    }
    dialog.addEventListener("keydown", (event) => this.#key(event));
    dialog.addEventListener("rx:region", () => this.#offer());
  }

  /** Opens the film at a place of the list; the others are a key away. */
  open(films, at) {
    this.#films = films;
    this.dialog.showModal();
    this.#open(at);
  }

  get #film() {
    return this.#films[this.#at];
  }

  async #open(at) {
    if (!this.#films[at]) return;
    this.#at = at;
    const film = this.#film;
    this.#show("title", film.title);
    this.#show("place", this.#films.length > 1 ? `${at + 1} / ${this.#films.length}` : "");
    this.#show("error", "");
    this.tool.readOnly = !film.mayMark;
    this.dialog.toggleAttribute("data-read-only", !film.mayMark);
    this.tool.stage.hidden = true; // nothing is drawn on a film that is not there yet
    const { element, width, height } = await film.load();
    if (film !== this.#film || !this.dialog.open) return;
    this.tool.show(element, width, height, film.region, this.dialog.querySelector("[data-area]"));
    this.#offer();
    (film.mayMark ? this.tool.layer : this.buttons.close).focus();
  }

  #show(name, text) {
    this.dialog.querySelector(`[data-${name}]`).textContent = text;
  }

  #offer() {
    const hasNext = this.#at < this.#films.length - 1;
    this.buttons.previous.disabled = this.#at === 0;
    this.buttons.next.disabled = !hasNext;
    this.buttons.whole.disabled = !this.tool.value;
    this.buttons["use-next"].hidden = !hasNext;
    this.buttons.use.classList.toggle("rx-button-main", !hasNext);
  }

  #clear() {
    this.tool.value = null;
    this.#offer();
    this.tool.layer.focus();
  }

  async #use(goOn) {
    const film = this.#film;
    const isChanged = JSON.stringify(film.region) !== JSON.stringify(this.tool.value);
    const reason = isChanged ? await film.use(this.tool.value) : "";
    if (reason) return this.#show("error", reason);
    film.region = this.tool.value;
    if (goOn && this.#at < this.#films.length - 1) return this.#open(this.#at + 1);
    this.dialog.close();
  }

  #key(event) {
    if (event.key === "PageDown") this.#open(this.#at + 1);
    else if (event.key === "PageUp") this.#open(this.#at - 1);
    else if (event.key === "Enter" && event.target === this.tool.layer) this.#use(!this.buttons["use-next"].hidden);
    else return;
    event.preventDefault();
  }
}
