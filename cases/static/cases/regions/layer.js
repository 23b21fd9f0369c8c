// The marked parts on a viewer's film: boxes with a number, drawn, moved and resized.
//
// They lie in a layer of their own in pixels of the stage, so that numbers and handles keep their size
// and stay upright whatever the view. A film turns by quarters only: a part is a box on every view.
//
// Events on the layer's element: rx:box-select (detail: the id or null), rx:box-change (detail:
// { id, region }) while a box is changed, rx:box-enter and rx:box-cancel (detail: the id).

const SVG = "http://www.w3.org/2000/svg";
const MIN_SIDE = 0.02;
const STEP = 4;
const GRIP = 5;
const TOUCH_GRIP = 14;
const GRIPS = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class RegionLayer {
  #boxes = new Map();
  #selected = null;
  #draft = null;

  constructor(viewer, { name, label }) {
    this.viewer = viewer;
    this.words = { name, label };
    this.isEditable = false;
    this.element = make("svg", { class: "rx-regions" });
    viewer.stage.append(this.element);
    viewer.element.addEventListener("rx:view", () => this.draw());
    viewer.element.addEventListener("rx:image", () => this.select(null));
    viewer.stage.addEventListener("pointerdown", ({ target, button }) => {
      if (!target.closest(".rx-box") && button === 0 && !viewer.tool) this.select(null);
    });
  }

  get selected() {
    return this.#selected;
  }

  /** What is marked: `[{ id, number, image, region, isDirty }]`. */
  set boxes(boxes) {
    this.#boxes = new Map(boxes.map((box) => [box.id, box]));
    this.draw();
  }

  select(id) {
    if (id === this.#selected) return;
    this.#selected = id;
    this.draw();
    this.#tell("rx:box-select", id);
  }

  focus(id) {
    this.element.querySelector(`[data-box="${id}"]`)?.focus();
  }

  /** The part that is being drawn, or null. */
  set draft(region) {
    this.#draft = region;
    this.draw();
  }

  draw() {
    const shown = [...this.#boxes.values()].filter((box) => box.region && box.image === this.viewer.imageId);
    const known = new Map([...this.element.querySelectorAll("[data-box]")].map((group) => [group.dataset.box, group]));
    for (const box of shown) {
      const group = known.get(box.id) ?? this.#newBox(box.id);
      known.delete(box.id);
      this.#place(group, box);
    }
    for (const group of known.values()) group.remove();
    this.#drawDraft();
  }

  /** The part of the film between two points of the window, within the film. */
  between(from, to) {
    const [one, other] = [this.viewer.toImage(from.x, from.y), this.viewer.toImage(to.x, to.y)];
    const [left, right] = [one.x, other.x].map(clamped).sort((a, b) => a - b);
    const [top, bottom] = [one.y, other.y].map(clamped).sort((a, b) => a - b);
    return rounded([left, top, right - left, bottom - top]);
  }

  #newBox(id) {
    const group = make("g", { class: "rx-box", tabindex: 0, role: "button", "data-box": id });
    group.append(make("rect", { class: "rx-box-reach" }), make("rect", { class: "rx-box-under" }));
    group.append(make("rect", { class: "rx-box-edge" }), make("rect", { class: "rx-box-tag", rx: 4 }));
    group.append(make("text", { class: "rx-box-number" }));
    group.addEventListener("focus", () => this.select(id));
    group.addEventListener("keydown", (event) => this.#press(event, id));
    group.addEventListener("pointerdown", (event) => this.#grab(event, id));
    return this.element.appendChild(group);
  }

  #place(group, { id, number, region, isDirty }) {
    const { left, top, width, height } = this.#onStage(region);
    const isSelected = id === this.#selected;
    group.classList.toggle("rx-box-selected", isSelected);
    group.classList.toggle("rx-box-dirty", Boolean(isDirty));
    group.setAttribute("aria-label", `${this.words.name} ${number}: ${this.words.label}`);
    for (const rect of group.querySelectorAll(".rx-box-reach, .rx-box-under, .rx-box-edge")) {
      set(rect, { x: left, y: top, width, height });
    }
    const tagTop = top >= 22 ? top - 22 : top + 2;
    set(group.querySelector(".rx-box-tag"), { x: left, y: tagTop, width: 22, height: 20 });
    const text = group.querySelector("text");
    set(text, { x: left + 11, y: tagTop + 14.5 });
    text.textContent = number;
    this.#placeGrips(group, isSelected && this.isEditable, { left, top, width, height });
  }

  #placeGrips(group, areShown, { left, top, width, height }) {
    if (!areShown) {
      for (const grip of group.querySelectorAll("[data-grip]")) grip.remove();
      return;
    }
    for (const name of GRIPS) {
      const x = left + width * (name.includes("w") ? 0 : name.includes("e") ? 1 : 0.5);
      const y = top + height * (name.includes("n") ? 0 : name.includes("s") ? 1 : 0.5);
      const grip = group.querySelector(`[data-grip="${name}"]`) ?? group.appendChild(newGrip(name));
      set(grip.firstChild, { cx: x, cy: y, r: TOUCH_GRIP });
      set(grip.lastChild, { x: x - GRIP, y: y - GRIP, width: 2 * GRIP, height: 2 * GRIP });
    }
  }

  #drawDraft() {
    const known = this.element.querySelector(".rx-box-draft");
    if (!this.#draft) return known?.remove();
    const group = known ?? this.element.appendChild(make("g", { class: "rx-box-draft" }));
    if (!known) group.append(make("rect", { class: "rx-box-under" }), make("rect", { class: "rx-box-edge" }));
    const { left, top, width, height } = this.#onStage(this.#draft);
    for (const rect of group.children) set(rect, { x: left, y: top, width, height });
  }

  /** A box is taken by its edge, its number or, once it is selected, anywhere. */
  #grab(event, id) {
    if (event.button !== 0 || this.viewer.tool) return;
    event.stopPropagation();
    event.preventDefault();
    this.focus(id);
    this.select(id);
    if (!this.isEditable) return;
    const grip = event.target.closest("[data-grip]")?.dataset.grip ?? "";
    const group = event.currentTarget;
    const start = { x: event.clientX, y: event.clientY, rect: this.#onStage(this.#boxes.get(id).region) };
    const move = (moved) => {
      if (moved.pointerId !== event.pointerId) return;
      const rect = changed(start.rect, grip, moved.clientX - start.x, moved.clientY - start.y);
      this.#change(id, rect, !grip);
    };
    const end = (ended) => {
      if (ended.pointerId !== event.pointerId) return;
      group.removeEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) group.removeEventListener(name, end);
    };
    group.setPointerCapture(event.pointerId);
    group.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) group.addEventListener(name, end);
  }

  #press(event, id) {
    const acts = { Enter: "rx:box-enter", Escape: "rx:box-cancel" };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS && this.isEditable) {
      const [dx, dy] = ARROWS[event.key].map((part) => part * STEP);
      const grip = event.shiftKey ? "se" : "";
      this.#change(id, changed(this.#onStage(this.#boxes.get(id).region), grip, dx, dy), !grip);
    } else if (event.key in acts) {
      this.#tell(acts[event.key], id);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keep a change unless the box would become too small. */
  #change(id, { left, top, width, height }, isMove) {
    const frame = this.viewer.stage.getBoundingClientRect();
    const from = { x: frame.left + left, y: frame.top + top };
    const region = this.between(from, { x: from.x + width, y: from.y + height });
    const box = this.#boxes.get(id);
    if (isMove) keepSize(region, box.region);
    if (!isLargeEnough(region)) return;
    box.region = region;
    this.draw();
    this.#tell("rx:box-change", { id, region });
  }

  #onStage([x, y, width, height]) {
    const { matrix, scale } = this.viewer.transform;
    const { film } = this.viewer.space;
    const [a, b, c, d, e, f] = matrix;
    const at = (u, v) => {
      const [across, along] = [u * film.width * scale, v * film.height * scale];
      return [a * across + c * along + e, b * across + d * along + f];
    };
    const [one, other] = [at(x, y), at(x + width, y + height)];
    const [left, top] = [Math.min(one[0], other[0]), Math.min(one[1], other[1])];
    return { left, top, width: Math.abs(one[0] - other[0]), height: Math.abs(one[1] - other[1]) };
  }

  #tell(name, detail) {
    this.element.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

export function isLargeEnough([, , width, height]) {
  return Math.min(width, height) >= MIN_SIDE;
}

/** A box of the stage after its grip, or all of it, was dragged. */
function changed({ left, top, width, height }, grip, dx, dy) {
  if (!grip) return { left: left + dx, top: top + dy, width, height };
  const edges = { left, top, right: left + width, bottom: top + height };
  if (grip.includes("w")) edges.left = Math.min(edges.left + dx, edges.right - 1);
  if (grip.includes("e")) edges.right = Math.max(edges.right + dx, edges.left + 1);
  if (grip.includes("n")) edges.top = Math.min(edges.top + dy, edges.bottom - 1);
  if (grip.includes("s")) edges.bottom = Math.max(edges.bottom + dy, edges.top + 1);
  return { left: edges.left, top: edges.top, width: edges.right - edges.left, height: edges.bottom - edges.top };
}

/** A part that was moved against the film's edge is not cut off there. */
function keepSize(region, [, , width, height]) {
  if (region[0] === 0 || region[0] + region[2] >= 1) region[0] = region[0] === 0 ? 0 : 1 - width;
  if (region[1] === 0 || region[1] + region[3] >= 1) region[1] = region[1] === 0 ? 0 : 1 - height;
  [region[2], region[3]] = [width, height];
}

/** Five places are a hundredth of a pixel of the largest films; never beyond the film. */
function rounded([x, y, width, height]) {
  const round = (value) => Math.round(value * 1e5) / 1e5;
  const [left, top] = [round(x), round(y)];
  return [left, top, round(Math.min(width, 1 - left)), round(Math.min(height, 1 - top))];
}

function clamped(value) {
  return Math.min(1, Math.max(0, value));
}

function newGrip(name) {
  const grip = make("g", { class: `rx-grip rx-grip-${name}`, "data-grip": name });
  grip.append(make("circle", {}), make("rect", { rx: 2 }));
  return grip;
}

function make(name, attributes) {
  return set(document.createElementNS(SVG, name), attributes);
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
