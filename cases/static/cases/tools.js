// A viewer's buttons, sliders, tabs and keys. The markup is in viewer_tools.html: a button carries
// what it does in data-act and its key in data-key, and its label is that of the key in the help.

import { onKey } from "./keys.js";

const STEP = 1.3;
const PAN_PIXELS = 60;
const PAN = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const ACTS = {
  zoomIn: (viewer) => viewer.zoom(STEP),
  zoomOut: (viewer) => viewer.zoom(1 / STEP),
  levels: (viewer) => (viewer.tool = viewer.tool === "levels" ? null : "levels"),
  invert: (viewer) => viewer.invert(),
  rotate: (viewer) => viewer.rotate(),
  flip: (viewer) => viewer.flip(),
  reset: (viewer) => viewer.reset(),
  fullScreen: (viewer) =>
    document.fullscreenElement ? document.exitFullscreen() : viewer.element.requestFullscreen(),
};

/** Let the controls inside a viewer's element work, and show its state. */
export function equip(viewer) {
  for (const button of viewer.element.querySelectorAll("[data-act]")) {
    button.addEventListener("click", () => ACTS[button.dataset.act](viewer));
  }
  keepFocus(viewer.element);
  equipFullScreen(viewer.element);
  equipLevels(viewer);
  equipTabs(viewer);
  viewer.stage.addEventListener("keydown", (event) => panByKey(viewer, event));
  viewer.element.addEventListener("rx:view", ({ detail }) => {
    press(viewer, "invert", detail.inverted);
    press(viewer, "flip", detail.flipped);
  });
}

/** Register the keys of the buttons in `element`, for the viewer that `current()` names. */
export function bindKeys(element, current, { isSilent = false } = {}) {
  const { group } = element.querySelector("[data-tools]").dataset;
  for (const { dataset, ariaLabel } of element.querySelector("[data-tools]").querySelectorAll("[data-act]")) {
    onKey(dataset.key, {
      label: isSilent ? "" : ariaLabel,
      group,
      within: element,
      run: () => ACTS[dataset.act](current()),
    });
  }
  // The plus without Shift.
  onKey("=", { within: element, run: () => ACTS.zoomIn(current()) });
}

/** Move the film of a viewer by an arrow key. */
export function panByKey(viewer, event) {
  const direction = PAN[event.key];
  if (!direction || event.target.matches("input")) return;
  event.preventDefault();
  viewer.pan(...direction.map((part) => part * PAN_PIXELS));
}

/** A click on a tool leaves the focus where it was: the space bar would press the tool again. */
function keepFocus(element) {
  for (const tools of element.querySelectorAll("[data-tools], [role=tablist]")) {
    tools.addEventListener("mousedown", (event) => event.preventDefault());
  }
}

function equipFullScreen(element) {
  const button = element.querySelector("[data-act=fullScreen]");
  if (!button) return;
  button.hidden = !document.fullscreenEnabled;
}

function equipLevels(viewer) {
  const { element } = viewer;
  const panel = element.querySelector("[data-levels]");
  const sliders = [...panel.querySelectorAll("[data-level]")];
  for (const slider of sliders) {
    slider.addEventListener("input", () => viewer.change({ [slider.dataset.level]: slider.valueAsNumber }));
  }
  // Sliders have no names: the form around them must neither send them nor take them for edits.
  for (const kind of ["input", "change", "pointerdown"]) panel.addEventListener(kind, (event) => event.stopPropagation());
  element.addEventListener("rx:view", ({ detail }) => {
    for (const slider of sliders) slider.value = detail[slider.dataset.level];
  });
  element.addEventListener("rx:tool", () => {
    panel.hidden = viewer.tool !== "levels";
    press(viewer, "levels", !panel.hidden);
  });
}

function equipTabs(viewer) {
  const tabs = [...viewer.element.querySelectorAll("[data-show]")];
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => viewer.show(tab.dataset.show));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (!step) return;
      const next = tabs.at((index + step) % tabs.length);
      viewer.show(next.dataset.show);
      next.focus();
    });
  }
  viewer.element.addEventListener("rx:image", () => {
    for (const tab of tabs) {
      const isShown = tab.dataset.show === viewer.imageId;
      tab.ariaSelected = String(isShown);
      tab.tabIndex = isShown ? 0 : -1;
    }
  });
}

function press(viewer, act, isPressed) {
  const button = viewer.element.querySelector(`[data-act=${act}]`);
  if (button) button.ariaPressed = String(isPressed);
}
