// Any implant of the catalogue by typing: names, manufacturers and aliases, whatever the accents.

import { onKey } from "../keys.js";
import { closeNow, prepareDialog } from "./dialog.js";
import { unlocked } from "./findings.js";
import { texts } from "./texts.js";

const SHOWN = 60;

export function prepareFinder(desk, findings) {
  const finder = new Finder(document.getElementById("find"), desk.dataset.catalogue, (implant) =>
    findings.say((finding) => finding.chooseOther(implant.id, `${implant.manufacturer} ${implant.name}`)),
  );
  // Before the suggestions are shown, the first impression is what is looked for.
  const open = () => {
    const impression = findings.current.element.querySelector("[data-find-impression]");
    if (impression) impression.click();
    else finder.open();
  };
  onKey("b", { label: texts.keys.find, group: texts.groups.finding, run: unlocked(desk, open) });
  for (const button of desk.querySelectorAll("[data-find]")) {
    button.addEventListener("click", () => finder.open());
  }
  // Other parts of the page find an implant too, for something else than the verdict.
  document.addEventListener("rx:find", ({ detail }) => finder.open(detail));
}

class Finder {
  #implants = null;
  #shown = [];
  #active = 0;

  constructor(dialog, address, choose) {
    this.dialog = dialog;
    this.address = address;
    this.choose = choose;
    this.taker = choose;
    this.input = dialog.querySelector("input");
    this.list = dialog.querySelector("[role=listbox]");
    this.input.addEventListener("input", () => this.#search());
    this.input.addEventListener("keydown", (event) => this.#press(event));
    this.list.addEventListener("click", ({ target }) => this.#take(target.closest("[role=option]")));
    prepareDialog(dialog);
  }

  /** `choose` hears what is found, once; the finding in work hears of it otherwise. */
  async open(choose = this.choose) {
    this.taker = choose;
    this.input.value = "";
    this.dialog.showModal();
    this.input.focus();
    this.#implants ??= await this.#load();
    this.dialog.querySelector("[data-failed]").hidden = this.#implants !== null;
    this.#search();
  }

  async #load() {
    try {
      const answer = await fetch(this.address);
      const { implants } = await answer.json();
      return implants.map(([id, manufacturer, name, aliases, isDemo]) => {
        const words = plain([manufacturer, name, ...aliases].join(" "));
        return { id, manufacturer, name, aliases, isDemo, words, plainName: plain(name) };
      });
    } catch {
      return null;
    }
  }

  #search() {
    const words = plain(this.input.value).split(/\s+/).filter(Boolean);
    const fits = (this.#implants ?? []).filter((implant) => words.every((word) => implant.words.includes(word)));
    const rank = ({ plainName, words: all }) =>
      words.length === 0 ? 0 : plainName.startsWith(words[0]) ? 0 : all.includes(` ${words[0]}`) ? 1 : 2;
    this.#shown = fits.sort((one, other) => rank(one) - rank(other)).slice(0, SHOWN);
    this.list.replaceChildren(...this.#shown.map((implant, place) => this.#option(implant, place)));
    this.dialog.querySelector("[data-none]").hidden = this.#shown.length > 0 || this.#implants === null;
    this.#activate(0);
  }

  #option({ manufacturer, name, aliases, isDemo }, place) {
    const option = document.createElement("li");
    option.role = "option";
    option.id = `find-${place}`;
    option.append(part("span", "rx-quiet", manufacturer), " ", part("strong", "", name));
    if (aliases.length) option.append(" ", part("small", "rx-quiet", aliases.join(", ")));
    if (isDemo) option.append(" ", part("span", "rx-badge rx-demo", this.dialog.querySelector("[data-demo]").dataset.demo));
    return option;
  }

  #press(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in moves) this.#activate(this.#active + moves[event.key]);
    else if (event.key === "Enter") this.#take(this.list.children[this.#active]);
    else return;
    event.preventDefault();
  }

  #activate(place) {
    this.#active = Math.max(0, Math.min(place, this.#shown.length - 1));
    [...this.list.children].forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === this.#active));
    });
    const active = this.list.children[this.#active];
    this.input.setAttribute("aria-activedescendant", active?.id ?? "");
    active?.scrollIntoView({ block: "nearest" });
  }

  #take(option) {
    if (!option) return;
    closeNow(this.dialog);
    this.taker(this.#shown[[...this.list.children].indexOf(option)]);
  }
}

/** Small letters without accents. */
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function part(tag, classes, text) {
  const element = document.createElement(tag);
  element.className = classes;
  element.textContent = text;
  return element;
}
