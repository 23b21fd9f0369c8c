// The viewer of radiographs: `<div class="rx-viewer" data-viewer>`, markup in films.html.
//
//   viewerOf(element)            the Viewer of an element with [data-viewer]; the page makes its own
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
//
// Events on the element: rx:image (another image is shown), rx:view (the view changed; detail is
// viewer.transform: the view of geometry.js with the scale and the CSS matrix from the image's pixels
// to the stage), rx:tool (the tool changed).

import { followGestures } from "./gestures.js";
import * as geometry from "./geometry.js";

const LEVELS = Object.freeze({ brightness: 1, contrast: 1, inverted: false });
const SVG = "http://www.w3.org/2000/svg";
const viewers = new WeakMap();

/** The viewer of an element, or undefined. */
export function viewerOf(element) {
  return viewers.get(element);
}

export class Viewer {
  #films;
  #states = new Map();
  #tool = null;
  #drawing = 0;

  constructor(element) {
    this.element = element;
    this.stage = element.querySelector("[data-stage]");
    this.#films = new Map([...element.querySelectorAll("[data-film]")].map((film) => [film.dataset.film, film]));
    this.overlay = this.stage.appendChild(newOverlay());
    viewers.set(element, this);
    element.classList.add("rx-viewer-on");
    followGestures(this);
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

  /** The image element shown. */
  get image() {
    return this.#films.get(this.imageId).querySelector("img");
  }

  /** The view and the levels of the image shown. */
  get state() {
    return this.#states.get(this.imageId) ?? { ...geometry.WHOLE, ...LEVELS };
  }

  /** Sizes of the image and of the stage, for geometry.js. */
  get space() {
    const { image, stage } = this;
    return {
      film: { width: image.naturalWidth || image.width || 1, height: image.naturalHeight || image.height || 1 },
      stage: { width: stage.clientWidth || 1, height: stage.clientHeight || 1 },
    };
  }

  /** What rx:view tells. */
  get transform() {
    const { state, space } = this;
    return {
      ...state,
      imageId: this.imageId,
      scale: geometry.scaleOf(state, space),
      matrix: geometry.matrixOf(state, space),
    };
  }

  show(imageId) {
    if (!this.#films.has(imageId) || imageId === this.imageId) return;
    this.imageId = imageId;
    for (const [id, film] of this.#films) film.hidden = id !== imageId;
    if (!this.image.complete) this.image.addEventListener("load", () => this.#draw(), { once: true });
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

  zoom(factor, point = { x: 0, y: 0 }) {
    this.#view(geometry.zoomed(this.state, this.space, factor, point));
  }

  pan(dx, dy) {
    this.#view(geometry.panned(this.state, this.space, dx, dy));
  }

  rotate() {
    this.#view(geometry.turned(this.state, this.space));
  }

  flip() {
    this.#view({ flipped: !this.state.flipped });
  }

  invert() {
    this.#view({ inverted: !this.state.inverted });
  }

  reset() {
    this.#view({ ...geometry.WHOLE, ...LEVELS });
  }

  frame(region) {
    this.#view(geometry.framed(this.state, this.space, region));
  }

  #view(change) {
    this.#states.set(this.imageId, { ...this.state, ...change });
    this.#draw();
  }

  /** Drawn once a frame, however many events came. */
  #draw() {
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      const { film } = this.space;
      const { scale, matrix, brightness, contrast, inverted } = this.transform;
      const [a, b, c, d, e, f] = matrix;
      this.image.style.transform = `matrix(${[a, b, c, d].map((part) => part * scale)}, ${e}, ${f})`;
      this.image.style.filter = `invert(${Number(inverted)}) brightness(${brightness}) contrast(${contrast})`;
      this.overlay.style.width = `${film.width * scale}px`;
      this.overlay.style.height = `${film.height * scale}px`;
      this.overlay.style.transform = `matrix(${matrix})`;
      this.#tell("rx:view", this.transform);
    });
  }

  #tell(name, detail = null) {
    this.element.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function newOverlay() {
  const overlay = document.createElementNS(SVG, "svg");
  overlay.classList.add("rx-overlay");
  overlay.setAttribute("viewBox", "0 0 1 1");
  overlay.setAttribute("preserveAspectRatio", "none");
  return overlay;
}

for (const element of document.querySelectorAll("[data-viewer]")) new Viewer(element);
