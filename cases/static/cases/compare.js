// A film of the case and a reference radiograph side by side, in the dialog of compare.html.
//
// Whatever carries data-compare="<pk of an implant>" opens it on a click, with the reference of
// data-reference if it says one; the space bar opens it for the candidate in focus, else the chosen
// one, else the first. The candidates are those with data-compare in the same [data-finding].

import { onKey } from "./keys.js";
import { bindKeys, panByKey } from "./tools.js";
import { Viewer, viewerOf } from "./viewer.js";

class Comparison {
  #parts = {};
  #answers = new Map();
  #finding = null;
  #implant = null;
  #references = [];
  #place = 0;
  #ready = Promise.resolve();

  constructor(dialog, original) {
    this.dialog = dialog;
    this.original = original;
    for (const part of dialog.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    [this.film, this.reference] = [...dialog.querySelectorAll("[data-side]")].map((side) => new Viewer(side));
    for (const viewer of [this.film, this.reference]) this.#activateOn(viewer);
    this.#activate(this.film);
    this.#link(true);
    this.#listen();
  }

  /** Compare with an implant's reference: that one, else its first. */
  open(trigger) {
    this.#finding = trigger.closest("[data-finding]");
    this.#listCandidates();
    if (!this.dialog.open) this.dialog.showModal();
    // Not on a button: the space bar would press it.
    this.dialog.focus();
    this.#showFilm();
    this.#turnTo(trigger);
  }

  /** The film that was searched, as it was being looked at, or what was marked on it. */
  #showFilm() {
    const where = this.#finding?.querySelector("[data-where]")?.dataset;
    const region = where?.region ? where.region.split(" ").map(Number) : null;
    if (region) this.original.show(where.image);
    const { imageId } = this.original;
    if (!this.film.has(imageId)) this.film.put(copyOf(this.original.image.closest("figure")));
    this.film.show(imageId);
    this.film.change(this.original.state);
    if (region) this.film.frame(region);
  }

  #turnTo({ dataset }) {
    this.#ready = this.#showImplant(dataset.compare, dataset.reference);
  }

  async #showImplant(pk, reference) {
    this.#implant = pk;
    this.#markCandidate();
    const found = await this.#askFor(pk);
    if (this.#implant !== pk) return;
    this.#parts.failed.hidden = Boolean(found);
    this.#parts.name.textContent = found?.implant ?? "";
    this.#references = found?.references ?? [];
    const place = this.#references.findIndex(({ id }) => id === reference);
    this.#showReference(Math.max(0, place));
  }

  /** The references of an implant, asked for once; nothing when they can't be had. */
  #askFor(pk) {
    const url = this.dialog.dataset.url.replace("/0/", `/${pk}/`);
    if (!this.#answers.has(pk)) this.#answers.set(pk, fetchJson(url));
    return this.#answers.get(pk).catch(() => {
      this.#answers.delete(pk);
      return null;
    });
  }

  #showReference(place) {
    this.#place = place;
    const reference = this.#references[place];
    this.reference.element.classList.toggle("rx-side-empty", !reference);
    this.#parts.count.textContent = reference ? this.#countText(reference) : "";
    this.#parts.demo.hidden = !reference?.is_demo;
    for (const step of [this.#parts.previous, this.#parts.next]) step.disabled = this.#references.length < 2;
    if (!reference) return;
    if (!this.reference.has(reference.id)) this.#take(reference);
    this.reference.show(reference.id);
  }

  #take({ id, image, region }) {
    const figure = this.#parts.figure.content.firstElementChild.cloneNode(true);
    figure.dataset.film = id;
    const picture = figure.querySelector("img");
    picture.alt = this.#parts.name.textContent;
    picture.src = image;
    picture.addEventListener("load", () => {
      figure.querySelector("figcaption").textContent = `${picture.naturalWidth} × ${picture.naturalHeight} px`;
      if (region && this.reference.imageId === id) this.reference.frame(region);
    });
    this.reference.put(figure);
  }

  #countText({ size }) {
    const { count } = this.dialog.dataset;
    const text = count.replace("{number}", this.#place + 1).replace("{total}", this.#references.length);
    return size ? `${text} · ${size}` : text;
  }

  /** To another reference of the implant, once they are known. */
  async #step(by) {
    await this.#ready;
    const { length } = this.#references;
    if (length) this.#showReference((this.#place + by + length) % length);
  }

  // --- Candidates ---

  get #candidates() {
    const triggers = [...(this.#finding?.querySelectorAll("[data-compare]") ?? [])];
    return triggers.filter(({ dataset }, place) => triggers.findIndex((other) => other.dataset.compare === dataset.compare) === place);
  }

  #listCandidates() {
    const buttons = this.#candidates.map((trigger, place) => {
      const button = this.#parts.candidate.content.firstElementChild.cloneNode(true);
      button.dataset.candidate = trigger.dataset.compare;
      button.querySelector("kbd").textContent = place + 1;
      button.querySelector("span").textContent = nameOf(trigger);
      button.addEventListener("click", () => this.#showCandidate(place));
      return button;
    });
    this.#parts.candidates.replaceChildren(...buttons);
  }

  #showCandidate(place) {
    const trigger = this.#candidates[place];
    if (trigger) this.#turnTo(trigger);
  }

  #markCandidate() {
    for (const button of this.#parts.candidates.children) {
      button.ariaPressed = String(button.dataset.candidate === this.#implant);
    }
    this.#parts.choose.hidden = !this.#radio;
  }

  get #radio() {
    return this.#finding?.querySelector(`[data-pick][value="${this.#implant}"]`) ?? null;
  }

  #choose() {
    this.dialog.close();
    this.#radio.click();
  }

  // --- Controls ---

  #listen() {
    const { previous, next, link, close, choose } = this.#parts;
    previous.addEventListener("click", () => this.#step(-1));
    next.addEventListener("click", () => this.#step(1));
    link.addEventListener("click", () => this.#link(!this.film.partner));
    close.addEventListener("click", () => this.dialog.close());
    choose.addEventListener("click", () => this.#choose());
    this.dialog.addEventListener("close", () => {
      for (const viewer of [this.film, this.reference]) viewer.tool = null;
    });
    this.#listenToKeys();
  }

  #listenToKeys() {
    const { dialog } = this;
    const { group } = dialog.dataset;
    bindKeys(dialog, () => this.active, { isSilent: true });
    const aside = (by) => (event) => (event.shiftKey ? panByKey(this.active, event) : this.#step(by));
    const { next, link } = this.#parts;
    onKey("ArrowLeft", { within: dialog, run: aside(-1) });
    onKey("ArrowRight", { within: dialog, run: aside(1), label: next.ariaLabel, group });
    for (const key of ["ArrowUp", "ArrowDown"]) {
      onKey(key, { within: dialog, run: (event) => panByKey(this.active, event) });
    }
    onKey(" ", { within: dialog, run: () => this.#step(1) });
    for (const place of [0, 1, 2]) {
      onKey(String(place + 1), { within: dialog, run: () => this.#showCandidate(place) });
    }
    onKey("v", { within: dialog, run: () => this.#link(!this.film.partner), label: link.textContent.trim(), group });
    onKey(" ", {
      label: dialog.dataset.label,
      group,
      run: () => {
        const trigger = triggerInWork();
        if (trigger) this.open(trigger);
      },
    });
  }

  #link(isLinked) {
    this.film.partner = isLinked ? this.reference : null;
    this.reference.partner = isLinked ? this.film : null;
    this.#parts.link.ariaPressed = String(isLinked);
  }

  /** Keys go to the side that was pointed at or focused last. */
  #activateOn(viewer) {
    for (const kind of ["pointerover", "pointerdown", "focusin"]) {
      viewer.element.addEventListener(kind, () => this.#activate(viewer));
    }
  }

  #activate(viewer) {
    this.active = viewer;
    for (const side of [this.film, this.reference]) {
      side.element.classList.toggle("rx-side-active", side === viewer);
    }
  }
}

/** The candidate that the space bar means. */
function triggerInWork() {
  const triggers = [...document.querySelectorAll("[data-finding] [data-compare]")].filter((trigger) => trigger.checkVisibility());
  const isIn = (selector) => (trigger) => trigger.closest(".rx-card")?.matches(selector);
  return triggers.find(isIn(":focus-within")) ?? triggers.find(isIn(":has([data-pick]:checked)")) ?? triggers[0];
}

function nameOf(trigger) {
  const name = trigger.closest(".rx-card")?.querySelector("[data-name]");
  return name?.dataset.name ?? trigger.textContent.trim().replaceAll(/\s+/g, " ");
}

function copyOf(figure) {
  const copy = figure.cloneNode(true);
  for (const name of ["id", "role", "aria-labelledby"]) copy.removeAttribute(name);
  return copy;
}

async function fetchJson(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

const page = document.querySelector("#desk [data-viewer]");
const dialog = document.getElementById("compare");
if (page && dialog) {
  const comparison = new Comparison(dialog, viewerOf(page));
  document.addEventListener("click", (event) => {
    const trigger = event.target.closest("[data-compare]");
    if (trigger) comparison.open(trigger);
  });
}
