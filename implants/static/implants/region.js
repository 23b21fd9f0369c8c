// Marks a part of a film: by mouse, pen or finger, and by keyboard. Markup in region_stage.html.
//
//   const tool = new RegionTool(stage)   the element with [data-stage]; the film is its first child
//   tool.value                           [x, y, width, height] in fractions of the film, or null
//   tool.show(element, width, height, value, area)
//                                        puts a film (img or canvas) under the layer, as large as fits
//
// Events on the stage: rx:region when the region has changed by hand (not while it is being dragged).

const MIN_SIDE = 0.02;
const STEP = 0.01;
const FIRST = [0.35, 0.2, 0.3, 0.6];
const LARGEST_SCALE = 4;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class RegionTool {
  #value = null;
  #drag = null;
  #film = null;
  #size = [1, 1];
  #area = null;

  constructor(stage) {
    this.stage = stage;
    this.layer = stage.querySelector("[data-layer]");
    this.box = stage.querySelector("[data-box]");
    this.said = stage.querySelector("[data-said]");
    this.layer.addEventListener("pointerdown", (event) => this.#start(event));
    this.layer.addEventListener("pointermove", (event) => this.#follow(event));
    this.layer.addEventListener("pointerup", (event) => this.#finish(event));
    this.layer.addEventListener("pointercancel", () => this.#cancel());
    this.layer.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#fit()).observe(document.documentElement);
  }

  get value() {
    return this.#value;
  }

  set value(region) {
    this.#value = region;
    this.#draw();
    this.#say();
  }

  get readOnly() {
    return this.layer.hasAttribute("data-read-only");
  }

  set readOnly(isReadOnly) {
    this.layer.toggleAttribute("data-read-only", isReadOnly);
    this.layer.tabIndex = isReadOnly ? -1 : 0;
  }

  show(film, width, height, value, area) {
    this.#film?.remove();
    this.#film = film;
    this.#size = [width, height];
    this.#area = area;
    film.classList.add("rx-stage-film");
    this.stage.prepend(film);
    this.stage.hidden = false;
    this.#fit();
    this.value = value;
  }

  #fit() {
    if (!this.#film || !this.#area) return;
    const [width, height] = this.#size;
    const scale = Math.min(this.#area.clientWidth / width, this.#area.clientHeight / height, LARGEST_SCALE);
    if (scale <= 0) return;
    this.stage.style.width = `${Math.floor(width * scale)}px`;
    this.stage.style.height = `${Math.floor(height * scale)}px`;
  }

  #start(event) {
    if (this.readOnly || event.button > 0 || !event.isPrimary) return;
    event.preventDefault();
    this.layer.focus({ preventScroll: true });
    this.layer.setPointerCapture(event.pointerId);
    const from = this.#point(event);
    const handle = event.target.dataset?.handle;
    const mode = handle ?? (this.box.contains(event.target) ? "move" : "draw");
    this.#drag = { mode, from, before: this.#value };
  }

  #follow(event) {
    if (!this.#drag || !event.isPrimary) return;
    const { mode, from, before } = this.#drag;
    const to = this.#point(event);
    if (mode === "draw") this.#value = between(from, to);
    else if (mode === "move") this.#value = moved(before, to[0] - from[0], to[1] - from[1]);
    else this.#value = resized(before, mode, to);
    this.#draw();
  }

  #finish(event) {
    if (!this.#drag || !event.isPrimary) return;
    const { before } = this.#drag;
    this.#drag = null;
    // A click draws nothing: the region before stays.
    const isTooSmall = this.#value && Math.min(this.#value[2], this.#value[3]) < MIN_SIDE;
    if (isTooSmall) this.value = before;
    else if (!same(this.#value, before)) this.#change(tidy(this.#value));
  }

  #cancel() {
    if (!this.#drag) return;
    this.value = this.#drag.before;
    this.#drag = null;
  }

  #key(event) {
    if (this.readOnly || event.ctrlKey || event.metaKey) return;
    const move = MOVES[event.key];
    if (move) {
      const step = event.altKey ? STEP / 5 : STEP;
      const [dx, dy] = [move[0] * step, move[1] * step];
      const now = this.#value;
      if (!now) this.#change(FIRST);
      else this.#change(tidy(event.shiftKey ? grown(now, dx, dy) : moved(now, dx, dy)));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      if (this.#value) this.#change(null);
    } else return;
    event.preventDefault();
  }

  #change(region) {
    this.value = region;
    this.stage.dispatchEvent(new CustomEvent("rx:region", { bubbles: true }));
  }

  #point(event) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  }

  #draw() {
    this.box.hidden = !this.#value;
    if (!this.#value) return;
    const [x, y, width, height] = this.#value.map((part) => `${part * 100}%`);
    Object.assign(this.box.style, { left: x, top: y, width, height });
  }

  #say() {
    if (!this.said) return;
    const { says, saysNone } = this.layer.dataset;
    const names = ["x", "y", "width", "height"];
    const parts = Object.fromEntries(names.map((name, at) => [name, this.#value && Math.round(this.#value[at] * 100)]));
    const text = says.replace(/\{(\w+)\}/g, (_, name) => parts[name]);
    this.said.textContent = this.#value ? text : saysNone;
  }
}

function within(part) {
  return Math.min(1, Math.max(0, part));
}

function between([x1, y1], [x2, y2]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.abs(x2 - x1), Math.abs(y2 - y1)];
}

function moved([x, y, width, height], dx, dy) {
  return [Math.min(Math.max(0, x + dx), 1 - width), Math.min(Math.max(0, y + dy), 1 - height), width, height];
}

function grown([x, y, width, height], dx, dy) {
  const side = (length, from, change) => Math.min(Math.max(MIN_SIDE, length + change), 1 - from);
  return [x, y, side(width, x, dx), side(height, y, dy)];
}

function resized([x, y, width, height], handle, [toX, toY]) {
  let [left, top, right, bottom] = [x, y, x + width, y + height];
  if (handle.includes("w")) left = Math.min(toX, right - MIN_SIDE);
  if (handle.includes("e")) right = Math.max(toX, left + MIN_SIDE);
  if (handle.includes("n")) top = Math.min(toY, bottom - MIN_SIDE);
  if (handle.includes("s")) bottom = Math.max(toY, top + MIN_SIDE);
  return [left, top, right - left, bottom - top];
}

/** Four decimals, and never beyond the film: more would say more than a hand can. */
function tidy(region) {
  const [x, y] = region.slice(0, 2).map((part) => Math.floor(within(part) * 10000) / 10000);
  const [width, height] = [region[2], region[3]].map((side) => Math.max(side, MIN_SIDE));
  const side = (length, from) => Math.min(Math.round(length * 10000), Math.round((1 - from) * 10000)) / 10000;
  return [x, y, side(width, x), side(height, y)];
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
