// The gallery of an implant: films large, regions marked in place, states kept fresh.

import { post } from "./post.js";

const LOOK_AGAIN_MS = 4000;
const SOON_MS = 300;

export class GalleryView {
  #timer = null;

  constructor(desk, dialog) {
    this.address = desk.dataset.gallery + location.search;
    this.dialog = dialog;
    desk.addEventListener("click", (event) => this.#click(event));
    desk.addEventListener("change", (event) => this.#check(event));
    this.#follow();
  }

  get element() {
    return document.getElementById("gallery");
  }

  /** Asks for the gallery anew; what is selected stays selected, and the focus where it was. */
  async refresh() {
    const answer = await fetch(this.address).catch(() => null);
    if (answer?.ok && !answer.redirected) this.#replace(await answer.text());
    this.#follow();
  }

  /** The same in a moment: films are saved in rows. */
  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), SOON_MS);
  }

  #replace(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("gallery");
    if (!fresh) return;
    const focused = this.#focused();
    const action = this.element.querySelector("#gallery-action")?.value;
    for (const box of this.#boxes(":checked")) {
      const same = fresh.querySelector(`[name=_selected_action][value="${box.value}"]`);
      if (same) same.checked = true;
    }
    const select = fresh.querySelector("#gallery-action");
    if (select && action) select.value = action;
    this.element.replaceWith(fresh);
    if (focused) this.element.querySelector(focused)?.focus();
  }

  #focused() {
    const active = document.activeElement;
    if (!this.element.contains(active)) return "";
    if (active.id) return `#${active.id}`;
    const card = active.closest("[data-reference]");
    const at = card ? [...card.querySelectorAll("a, button, input")].indexOf(active) : -1;
    if (at < 0) return "";
    const same = active.matches("a") ? "a" : active.matches("button") ? "button" : "input";
    return `[data-reference="${card.dataset.reference}"] ${same}${active.hasAttribute("data-open") ? "[data-open]" : ""}`;
  }

  #boxes(which = "") {
    return this.element.querySelectorAll(`[name=_selected_action]${which}`);
  }

  #follow() {
    clearTimeout(this.#timer);
    if (this.element.hasAttribute("data-waiting")) {
      this.#timer = setTimeout(() => this.refresh(), LOOK_AGAIN_MS);
    }
  }

  #check(event) {
    if (event.target.matches("[data-check-all]")) {
      for (const box of this.#boxes()) box.checked = event.target.checked;
    }
  }

  #click(event) {
    const opener = event.target.closest("#gallery [data-open]");
    if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const cards = [...this.element.querySelectorAll("[data-reference]")];
    const films = cards.map((card) => this.#film(card));
    this.dialog.open(films, cards.indexOf(opener.closest("[data-reference]")));
  }

  #film({ dataset }) {
    return {
      title: dataset.title,
      region: dataset.region ? JSON.parse(dataset.region) : null,
      mayMark: "markUrl" in dataset,
      load: () => picture(dataset.film, dataset.title),
      use: (region) => this.#mark(dataset.markUrl, region),
    };
  }

  async #mark(address, region) {
    const { answer } = await post(address, { region: region ? JSON.stringify(region) : "" });
    if (answer?.state !== "saved") return answer?.reason ?? this.dialog.unreachable;
    this.refresh();
    return "";
  }
}

async function picture(address, title) {
  const element = new Image();
  element.alt = title;
  element.src = address;
  await element.decode().catch(() => {}); // gone from storage: its name stands there
  return { element, width: element.naturalWidth || 400, height: element.naturalHeight || 300 };
}
