// The viewer of radiographs: `<div class="rx-viewer" data-viewer>`, markup in films.html.
//
//   viewerOf(element)            the Viewer of an element with [data-viewer]; the page's is made here
//   viewer.imageId               the pk of the image shown, a string
//   viewer.show(imageId)         shows another image of the case
//   viewer.toImage(x, y)         client pixels → { x, y } in fractions of the upright stored image
//                                (zoom, pan, rotation and flip undone; not clamped to 0–1)
//   viewer.overlay               an <svg viewBox="0 0 1 1"> lying exactly over the image in these
//                                fractions, whatever the view; strokes want
//                                vector-effect="non-scaling-stroke". It is emptied by nobody: who draws
//                                for one image draws anew on rx:image.
//   viewer.tool                  null, or the name of the tool that has taken over dragging with one
//                                finger or the left button; set it to take it, null to give it back.
//                                Two fingers, the wheel and the right button go on as ever.
//   viewer.stage                 the element on which the pointer moves
//   viewer.frame(region)         shows a region [x, y, width, height] with something around it
//   viewer.put(figure)           takes in another film: a <figure data-film="pk"> with its <img>;
//                                viewer.has(imageId) tells whether it is there
//   viewer.partner               another viewer that zooms, moves and is reset along with this one
//
// Events on the element: rx:image (another image is shown), rx:view (the view changed; detail is
// viewer.transform: the view of geometry.js with the scale and the CSS matrix from the image's pixels
// to the stage), rx:tool (the tool changed).

import { followGestures } from "./gestures.js";
import * as geometry from "./geometry.js";
import { rememberViews } from "./memory.js";
import { bindKeys, equip } from "./tools.js";

const LEVELS = Object.freeze({ brightness: 0, contrast: 0, inverted: false });
const MAX_LEVEL = 100;
const LEVELS_A_DOUBLING = 50;
const SVG = "http://www.w3.org/2000/svg";
const viewers = new WeakMap();

/** The viewer of an element, or undefined. */
export function viewerOf(element) {
  return viewers.get(element);
}

/** One film of a case at a time, in a view that people change. */
export class Viewer {
  #films = new Map();
  #states = new Map();
  #tool = null;
  #frame = 0;

  constructor(element) {
    this.element = element;
    this.stage = element.querySelector("[data-stage]");
    this.partner = null;
    /** Where the pointer hovers, in pixels from the middle of the stage. */
    this.pointer = null;
    for (const film of element.querySelectorAll("[data-film]")) this.#take(film);
    this.overlay = this.stage.appendChild(newOverlay());
    viewers.set(element, this);
    element.classList.add("rx-viewer-on");
    followGestures(this);
    equip(this);
    new ResizeObserver(() => this.#draw()).observe(this.stage);
    this.show(this.#films.keys().next().value);
  }

  get tool() {
    return this.#tool;
  }

  set tool(name) {
    if (name === this.#tool) return;
    this.#tool = name;
    this.#tell("rx:tool");
  }

  /** The image element shown, if there is one. */
  get image() {
    return this.#films.get(this.imageId)?.querySelector("img") ?? null;
  }

  /** The view of the image shown (see geometry.js), and its levels from -100 to 100. */
  get state() {
    return geometry.kept(this.#state, this.space);
  }

  /** Sizes of the image and of the stage, for geometry.js. */
  get space() {
    return { film: sizeOf(this.image), stage: { width: this.stage.clientWidth || 1, height: this.stage.clientHeight || 1 } };
  }

  /** What rx:view tells. */
  get transform() {
    const { state, space, imageId } = this;
    return {
      ...state,
      imageId,
      scale: geometry.scaleOf(state, space),
      matrix: geometry.matrixOf(state, space),
    };
  }

  /** Everything that a reload must not lose. */
  get memory() {
    return { imageId: this.imageId, states: [...this.#states] };
  }

  set memory({ imageId, states }) {
    this.#states = new Map(states);
    this.show(imageId);
    this.#draw();
  }

  has(imageId) {
    return this.#films.has(imageId);
  }

  put(figure) {
    figure.hidden = true;
    this.stage.insertBefore(figure, this.overlay);
    this.#take(figure);
  }

  show(imageId) {
    if (!this.#films.has(imageId) || imageId === this.imageId) return;
    this.imageId = imageId;
    for (const [id, film] of this.#films) film.hidden = id !== imageId;
    this.#tell("rx:image");
    this.#draw();
  }

  toImage(clientX, clientY) {
    return geometry.filmPoint(this.state, this.space, this.fromMiddle(clientX, clientY));
  }

  /** Client pixels as pixels from the middle of the stage. */
  fromMiddle(clientX, clientY) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  /** Zoom about a point, given in pixels from the middle of the stage. */
  zoom(factor, point = this.pointer ?? { x: 0, y: 0 }) {
    const before = this.state.zoom;
    this.#zoom(factor, point);
    // Where this film can't grow or shrink any more, the other must not go on alone.
    this.partner?.#zoom(this.state.zoom / before, point);
  }

  pan(dx, dy) {
    this.#pan(dx, dy);
    this.partner?.#pan(dx, dy);
  }

  rotate() {
    this.change(geometry.turned(this.state));
  }

  flip() {
    this.change({ flipped: !this.state.flipped });
  }

  invert() {
    this.change({ inverted: !this.state.inverted });
  }

  /** Brighter and richer in contrast by so much. */
  addLevels(brightness, contrast) {
    const { state } = this;
    this.change({
      brightness: limited(state.brightness + brightness),
      contrast: limited(state.contrast + contrast),
    });
  }

  reset() {
    this.change({ ...geometry.WHOLE, ...LEVELS });
    this.partner?.change({ ...geometry.WHOLE, ...LEVELS });
  }

  frame(region) {
    this.change(geometry.framed(this.state, this.space, region));
  }

  /** Take over parts of a state. */
  change(part) {
    this.#states.set(this.imageId, { ...this.#state, ...part });
    this.#draw();
  }

  #zoom(factor, point) {
    this.change(geometry.zoomed(this.state, this.space, factor, point));
  }

  #pan(dx, dy) {
    this.change(geometry.panned(this.state, this.space, dx, dy));
  }

  get #state() {
    return this.#states.get(this.imageId) ?? { ...geometry.WHOLE, ...LEVELS };
  }

  #take(film) {
    this.#films.set(film.dataset.film, film);
    const image = film.querySelector("img");
    const fail = () => {
      film.classList.add("rx-film-broken");
      film.querySelector(".rx-film-missing").hidden = false;
    };
    image.addEventListener("load", () => this.#draw());
    image.addEventListener("error", fail);
    if (image.complete && !image.naturalWidth) fail();
  }

  /** Once for each frame of the screen, however many events came. */
  #draw() {
    if (!this.image) return;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const { transform, image, overlay } = this;
      const { scale, matrix } = transform;
      const [a, b, c, d, e, f] = matrix;
      const { width, height } = sizeOf(image);
      image.style.transform = `matrix(${[a, b, c, d].map((part) => part * scale)}, ${e}, ${f})`;
      image.style.filter = filterOf(transform);
      overlay.style.width = `${width * scale}px`;
      overlay.style.height = `${height * scale}px`;
      overlay.style.transform = `matrix(${matrix})`;
      this.#tell("rx:view", transform);
    });
  }

  #tell(name, detail = null) {
    this.element.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The upright size in pixels; known before the film has come when the page says it. */
function sizeOf(image) {
  return {
    width: image?.naturalWidth || Number(image?.getAttribute("width")) || 1,
    height: image?.naturalHeight || Number(image?.getAttribute("height")) || 1,
  };
}

/** Inverted first: brighter then means what is seen. */
function filterOf({ brightness, contrast, inverted }) {
  const factor = (level) => 2 ** (level / LEVELS_A_DOUBLING);
  return [
    ...(inverted ? ["invert(1)"] : []),
    ...(brightness ? [`brightness(${factor(brightness)})`] : []),
    ...(contrast ? [`contrast(${factor(contrast)})`] : []),
  ].join(" ");
}

function limited(level) {
  return Math.min(MAX_LEVEL, Math.max(-MAX_LEVEL, level));
}

function newOverlay() {
  const overlay = document.createElementNS(SVG, "svg");
  overlay.classList.add("rx-overlay");
  overlay.setAttribute("viewBox", "0 0 1 1");
  overlay.setAttribute("preserveAspectRatio", "none");
  return overlay;
}

for (const element of document.querySelectorAll("[data-viewer]")) {
  const viewer = new Viewer(element);
  bindKeys(element, () => viewer);
  rememberViews(viewer);
}
