// Marking implants on the film: draw a part, move it, resize it, search in it. The candidates are
// made anew in place when the search has ended; the page's other modules hear of it by
// rx:candidates on the finding, and of a choice that is among them no more by rx:keep-choice.

import { onKey } from "./keys.js";
import { post, waitForSearch } from "./regions/asking.js";
import { isLargeEnough, RegionLayer } from "./regions/layer.js";
import { findings, refresh } from "./regions/panels.js";
import { viewerOf } from "./viewer.js";

const TOOL = "mark";
const root = document.querySelector("[data-regions]");
const film = document.querySelector("[data-viewer]");

class Regions {
  #edits = new Map();
  #followed = new Set();
  #target = null;
  #start = null;
  #forgetEscape = null;

  constructor(element, viewer) {
    this.element = element;
    this.viewer = viewer;
    this.desk = document.getElementById("desk");
    this.bar = document.querySelector("[data-region-bar]");
    this.hint = document.querySelector("[data-region-hint]");
    this.layer = new RegionLayer(viewer, { name: element.dataset.name, label: element.dataset.regionLabel });
    this.layer.isEditable = this.isEditable;
    this.#redraw();
    this.desk.addEventListener("rx:candidates", () => this.#redraw());
    if (this.isEditable) this.#listen();
    for (const { id, where } of findings()) if (where?.hasAttribute("data-searching")) this.#follow(id);
  }

  /** Whether she may change anything here at this moment. */
  get isEditable() {
    return this.element.hasAttribute("data-editable") && !this.desk.hasAttribute("data-locked");
  }

  #listen() {
    const { layer, viewer, desk, element, bar } = this;
    layer.element.addEventListener("rx:box-select", ({ detail }) => this.#showBar(detail));
    layer.element.addEventListener("rx:box-change", ({ detail }) => this.#edited(detail));
    layer.element.addEventListener("rx:box-enter", ({ detail }) => this.#search(detail));
    layer.element.addEventListener("rx:box-cancel", ({ detail }) => this.#takeBack(detail));
    document.addEventListener("rx:claim", () => this.#claimed());
    viewer.element.addEventListener("rx:tool", () => viewer.tool !== TOOL && this.#stopDrawing());
    viewer.stage.addEventListener("pointerdown", (event) => this.#begin(event));
    viewer.stage.addEventListener("pointermove", (event) => this.#stretch(event));
    viewer.stage.addEventListener("pointerup", (event) => this.#finish(event));
    viewer.stage.addEventListener("pointercancel", () => this.#dropDraft());
    bar.addEventListener("pointerdown", (event) => event.stopPropagation());
    bar.querySelector("[data-search]").addEventListener("click", () => this.#search(layer.selected));
    bar.querySelector("[data-redraw]").addEventListener("click", () => this.#draw(layer.selected));
    bar.querySelector("[data-whole-selected]").addEventListener("click", () => this.#save(layer.selected, null));
    desk.addEventListener("click", ({ target }) => this.#clicked(target));
    const mark = element.querySelector("[data-mark]");
    onKey("d", { label: mark.dataset.keyLabel, group: mark.dataset.keyGroup, run: () => this.#toggle() });
  }

  #clicked(target) {
    const button = target.closest("[data-mark], [data-mark-finding], [data-whole], [data-search-again]");
    if (!button) return;
    if ("mark" in button.dataset) return this.#toggle();
    const id = button.closest("[data-finding]").id.replace("finding-", "");
    if ("markFinding" in button.dataset) this.#draw(id);
    else this.#save(id, "whole" in button.dataset ? null : regionOf(finding(id)));
  }

  // Drawing

  #toggle() {
    if (this.viewer.tool === TOOL) this.#stopDrawing();
    else this.#draw(this.#nextToMark());
  }

  /** The finding in work if it is not marked, or the first that is not; null for one more. */
  #nextToMark() {
    const unmarked = findings().filter((row) => row.where && !regionOf(row));
    const inWork = unmarked.find(({ element }) => element.checkVisibility());
    return (inWork ?? unmarked[0])?.id ?? null;
  }

  #draw(id) {
    if (!this.isEditable) return;
    this.#target = id;
    this.layer.select(null);
    this.viewer.tool = TOOL;
    this.#pressed(true);
    this.#say("draw");
    this.#forgetEscape ??= onKey("Escape", { run: () => this.#stopDrawing(), within: this.viewer.element });
    this.viewer.stage.scrollIntoView({ block: "nearest" });
  }

  #stopDrawing() {
    this.#dropDraft();
    this.#forgetEscape?.();
    this.#forgetEscape = null;
    this.#pressed(false);
    this.#say("");
    if (this.viewer.tool === TOOL) this.viewer.tool = null;
  }

  #pressed(isOn) {
    this.viewer.element.classList.toggle("rx-drawing", isOn);
    this.element.querySelector("[data-mark]").setAttribute("aria-pressed", String(isOn));
  }

  #begin(event) {
    if (this.viewer.tool !== TOOL || event.button !== 0) return;
    // A second finger zooms: it was no drawing.
    if (this.#start) return this.#dropDraft();
    if (event.isPrimary) this.#start = { x: event.clientX, y: event.clientY, pointer: event.pointerId };
  }

  #stretch(event) {
    if (this.#start?.pointer !== event.pointerId) return;
    this.layer.draft = this.layer.between(this.#start, { x: event.clientX, y: event.clientY });
  }

  #finish(event) {
    if (this.#start?.pointer !== event.pointerId) return;
    const region = this.layer.between(this.#start, { x: event.clientX, y: event.clientY });
    if (!isLargeEnough(region)) {
      this.#dropDraft();
      this.#say("small");
      return;
    }
    this.#start = null;
    const target = this.#target;
    this.#stopDrawing();
    if (target) this.#save(target, region);
    else this.#mark(region);
  }

  #dropDraft() {
    this.#start = null;
    this.layer.draft = null;
  }

  // Changing

  #edited({ id, region }) {
    this.#edits.set(id, region);
    this.#redraw();
    this.#showBar(id);
  }

  #takeBack(id) {
    this.#edits.delete(id);
    this.#redraw();
    this.layer.select(null);
    this.viewer.stage.focus({ preventScroll: true });
  }

  #search(id) {
    this.#save(id, this.#edits.get(id) ?? regionOf(finding(id)));
  }

  #showBar(id) {
    const row = id && finding(id);
    this.bar.hidden = !row || !this.isEditable;
    if (!row) return;
    this.bar.querySelector("[data-region-name]").textContent = `${this.element.dataset.name} ${row.number}`;
    this.bar.classList.toggle("rx-region-bar-dirty", this.#edits.has(id));
    document.querySelector(`[data-tab="${id}"][aria-current=false]`)?.click();
  }

  #redraw() {
    this.layer.boxes = findings().filter((row) => row.where).map((row) => ({
      id: row.id,
      number: row.number,
      image: row.where.dataset.image,
      region: this.#edits.get(row.id) ?? regionOf(row),
      isDirty: this.#edits.has(row.id),
    }));
  }

  // Asking

  /** One more implant: the page shows it when what is filled in has been saved. */
  async #mark(region) {
    const fields = { image: this.viewer.imageId, region: JSON.stringify(region) };
    this.layer.draft = region;
    const answer = await post(this.element.dataset.markUrl, fields);
    if (!answer.ok) {
      this.layer.draft = null;
      return this.#refused(answer);
    }
    const go = () => {
      location.hash = `finding-${answer.said.finding}`;
      location.reload();
    };
    if (document.dispatchEvent(new CustomEvent("rx:leave", { cancelable: true, detail: { go } }))) go();
  }

  /** Say where the implant lies, null for the whole films, and wait for the new candidates. */
  async #save(id, region) {
    if (!this.isEditable) return;
    const row = finding(id);
    if (region) this.#edits.set(id, region);
    const image = this.#imageOf(row, region);
    row.where.dataset.image = image;
    this.#redraw();
    const answer = await post(row.where.dataset.regionUrl, { image, region: region ? JSON.stringify(region) : "" });
    if (!answer.ok) return this.#refused(answer, id);
    this.#edits.delete(id);
    this.#say("");
    if (!region) this.layer.select(null);
    refresh(row.element, answer.said.html);
    this.#redraw();
    if (region) this.#showBar(this.layer.selected);
    this.#follow(id);
  }

  #imageOf(row, region) {
    return region ? this.viewer.imageId : row.where.dataset.image;
  }

  #refused(answer, id = null) {
    if (id) {
      this.#edits.delete(id);
      this.#redraw();
    }
    this.#say("failed", answer.said.message ?? root.querySelector("[data-unreachable]").content.textContent);
  }

  async #follow(id) {
    if (this.#followed.has(id)) return;
    this.#followed.add(id);
    const row = finding(id);
    const answer = await waitForSearch(row.where.dataset.candidatesUrl, (news) => this.#note(id, news));
    this.#followed.delete(id);
    this.#note(id, "");
    // Without the claim the server shows a page to be read: she gets the candidates with the claim.
    if (this.desk.hasAttribute("data-locked")) return;
    const now = finding(id);
    if (now && answer.ok && answer.said.html && answer.said.case === "pending") refresh(now.element, answer.said.html);
    else if (now && answer.status === 404) now.where.remove();
  }

  #note(id, news) {
    const row = finding(id);
    row?.where?.querySelector("[data-search-note]")?.remove();
    if (!row?.where || !news) return;
    const note = root.querySelector(`[data-${news}]`).content.firstElementChild.cloneNode(true);
    note.dataset.searchNote = "";
    row.where.append(note);
  }

  #claimed() {
    this.layer.isEditable = this.isEditable;
    if (!this.isEditable) this.#stopDrawing();
    this.#redraw();
    this.#showBar(this.layer.selected);
    if (!this.isEditable) return;
    for (const { id, where } of findings()) if (where?.hasAttribute("data-searching")) this.#follow(id);
  }

  #say(what, text = "") {
    this.hint.hidden = !what;
    for (const part of this.hint.children) {
      part.hidden = part.dataset.hint !== what;
      if (part.dataset.hint === "failed") part.textContent = text;
    }
  }
}

function finding(id) {
  return findings().find((row) => row.id === id);
}

function regionOf({ where }) {
  return where.dataset.region ? where.dataset.region.split(" ").map(Number) : null;
}

if (root && film) new Regions(root, viewerOf(film));
