// The findings of a case: which one is in work, and what the keys and clicks say of it.
//
// rx:finding on the desk tells that another finding is in work; its detail is the finding's id.

import { onKey } from "../keys.js";
import { texts } from "./texts.js";

const NAMES_IMPLANT = ["identified", "probable"];

export class Findings {
  #current = 0;

  constructor(desk) {
    this.desk = desk;
    this.all = [...desk.querySelectorAll("[data-finding]")].map((element) => new Finding(element));
    this.tabs = [...desk.querySelectorAll("[data-tab]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.show(this.#placeOf(tab.dataset.tab)));
    }
    desk.addEventListener("change", () => this.#drawTabs());
    // New candidates without the implant that was chosen: then it is another of the catalogue.
    desk.addEventListener("rx:keep-choice", ({ target, detail: { id, name } }) => {
      this.all[this.#placeOf(target.dataset.finding)].keepOther(id, name);
    });
    desk.addEventListener("click", (event) => this.#goOnAfterClick(event));
    this.show(this.#first());
    if (desk.hasAttribute("data-open")) this.#registerKeys();
  }

  get current() {
    return this.all[this.#current];
  }

  /** Put a finding in work. */
  show(place) {
    if (!this.all.length) return;
    this.#current = (place + this.all.length) % this.all.length;
    if (this.tabs.length) {
      this.all.forEach(({ element }, at) => {
        element.hidden = at !== this.#current;
      });
    }
    this.#drawTabs();
    const id = this.current.id;
    this.desk.dispatchEvent(new CustomEvent("rx:finding", { detail: id }));
  }

  /** Say something of the finding in work, and go on to the next one that nothing was said of. */
  say(act) {
    if (act(this.current)) this.goOn();
  }

  /** Hear of an implant that was clicked while this page was still loading. */
  catchUp() {
    for (const finding of this.all) finding.catchUp();
  }

  goOn() {
    const later = this.all.map((_, at) => (this.#current + at) % this.all.length);
    const open = later.find((at) => !this.all[at].verdict);
    if (open !== undefined) this.show(open);
  }

  #first() {
    const named = this.all.findIndex(({ element }) => `#${element.id}` === location.hash);
    const wrong = this.all.findIndex(({ element }) => element.querySelector(".rx-errors"));
    const open = this.all.findIndex(({ verdict }) => !verdict);
    return [wrong, named, open].find((at) => at >= 0) ?? 0;
  }

  #placeOf(id) {
    return this.all.findIndex((finding) => finding.id === id);
  }

  #drawTabs() {
    for (const tab of this.tabs) {
      const finding = this.all[this.#placeOf(tab.dataset.tab)];
      tab.setAttribute("aria-current", String(finding === this.current));
      if (!finding.hasForm) continue;
      const said = tab.querySelector("[data-tab-said]");
      said.textContent = finding.said || said.dataset.tabSaid;
      tab.classList.toggle("rx-tab-open", !finding.verdict);
      const tooth = tab.querySelector("[data-tab-tooth]");
      tooth.textContent = finding.tooth && `${tooth.dataset.tabTooth} ${finding.tooth}`;
    }
  }

  /** As with the keys; an arrow key that moves through the choices makes a click without a detail. */
  #goOnAfterClick({ target, detail }) {
    if (!detail || this.all.length < 2) return;
    const decides = target.closest(".rx-card-pick, .rx-pill-not_in_catalogue, .rx-pill-not_identifiable");
    if (decides) setTimeout(() => this.goOn());
  }

  #registerKeys() {
    const group = texts.groups.finding;
    const add = (key, name, run) => onKey(key, { label: texts.keys[name], group, run: unlocked(this.desk, run) });
    for (const place of [1, 2, 3]) {
      add(String(place), "choose", () => this.say((finding) => finding.choose(place)));
    }
    add("u", "probable", () => this.current.toggleProbable());
    add("n", "none", () => this.say((finding) => finding.judge("not_in_catalogue")));
    add("m", "unidentifiable", () => this.say((finding) => finding.judge("not_identifiable")));
    if (this.all.length < 2) return;
    add("[", "previousFinding", () => this.show(this.#current - 1));
    add("]", "nextFinding", () => this.show(this.#current + 1));
  }
}

/** One finding: verdict and implant are kept together. */
class Finding {
  constructor(element) {
    this.element = element;
    this.id = element.dataset.finding;
    element.addEventListener("change", ({ target }) => {
      if (target.matches("[data-pick]")) this.#picked(target);
      if (target.matches(".rx-verdict input")) this.#judged(target);
    });
  }

  get hasForm() {
    return Boolean(this.element.querySelector(".rx-verdict"));
  }

  get verdict() {
    return this.#checked(".rx-verdict")?.value ?? "";
  }

  get tooth() {
    return this.element.querySelector("[name$='-tooth']").value.trim();
  }

  /** What was said of it, in a few words; "" before. */
  get said() {
    const name = this.#checked("")?.closest("label").querySelector("strong")?.textContent;
    const verdict = this.#checked(".rx-verdict");
    return verdict ? name || verdict.closest("label").textContent.trim().replace(/\s+\w$/, "") : "";
  }

  /** Choose the candidate in this place; false when there is none to be seen. */
  choose(place) {
    const radio = this.element.querySelectorAll(".rx-card [data-pick]")[place - 1];
    return Boolean(radio?.closest(".rx-card").checkVisibility()) && check(radio);
  }

  /** Choose any implant of the catalogue. */
  chooseOther(id, name) {
    const candidate = this.element.querySelector(`.rx-card [data-pick][value="${id}"]`);
    if (candidate) return check(candidate);
    this.element.querySelector("[name$='-other']").value = id;
    this.element.querySelector("[data-other-name]").textContent = name;
    return check(this.#pick("other"));
  }

  /** The same without a word to anybody: nothing was chosen anew. */
  keepOther(id, name) {
    this.element.querySelector("[name$='-other']").value = id;
    this.element.querySelector("[data-other-name]").textContent = name;
    this.#pick("other").checked = true;
    this.#drawOther();
  }

  /** Whoever chooses here gets a verdict too, so without one nobody has heard of the choice. */
  catchUp() {
    const radio = this.#checked("");
    if (radio?.value && !this.verdict) check(radio);
  }

  judge(verdict) {
    return check(this.#verdict(verdict));
  }

  toggleProbable() {
    this.judge(this.verdict === "probable" ? "identified" : "probable");
  }

  /** Choosing an implant says "identified"; taking the choice back takes such a verdict back. */
  #picked(radio) {
    this.#drawOther();
    const verdict = this.#checked(".rx-verdict");
    if (radio.value) {
      if (!NAMES_IMPLANT.includes(this.verdict)) this.#verdict("identified").checked = true;
    } else if (verdict && NAMES_IMPLANT.includes(verdict.value)) {
      verdict.checked = false;
    }
  }

  /** A verdict that names no implant takes the choice back. */
  #judged(radio) {
    if (!NAMES_IMPLANT.includes(radio.value)) this.#pick("").checked = true;
    this.#drawOther();
  }

  #drawOther() {
    const other = this.#pick("other");
    other.closest("label").hidden = !other.checked;
  }

  #pick(value) {
    return this.element.querySelector(`[data-pick][value="${value}"]`);
  }

  #verdict(value) {
    return this.element.querySelector(`.rx-verdict input[value="${value}"]`);
  }

  #checked(within) {
    return this.element.querySelector(within ? `${within} :checked` : "[data-pick]:checked");
  }
}

/** What a key does, unless a colleague has the case. */
export function unlocked(desk, run) {
  return () => desk.hasAttribute("data-locked") || run();
}

/** Check a radio as a click does. */
function check(radio) {
  if (radio.disabled) return false;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}
