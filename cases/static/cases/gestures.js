// What pointers do on a viewer's stage: the wheel and two fingers zoom, dragging pans; the right
// button, or any dragging while the tool is "levels", changes brightness (up) and contrast (right).

const WHEEL_STEP = 0.0015;
const PINCH_STEP = 0.01;
const LINE_PIXELS = 16;
const LEVEL_PIXELS = 2;
const LEFT = 0;
const RIGHT = 2;

/** Let a viewer follow the pointers on its stage. */
export function followGestures(viewer) {
  const { stage } = viewer;
  const pointers = new Map();
  let button = LEFT;

  stage.addEventListener("wheel", (event) => zoomByWheel(viewer, event), { passive: false });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("pointerdown", (event) => {
    if (![LEFT, RIGHT].includes(event.button)) return;
    button = event.button;
    pointers.set(event.pointerId, at(event));
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    viewer.pointer = viewer.fromMiddle(event.clientX, event.clientY);
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    pointers.set(event.pointerId, at(event));
    move(viewer, button, before, [...pointers.values()]);
  });
  stage.addEventListener("pointerleave", () => (viewer.pointer = null));
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
}

function at(event) {
  return { x: event.clientX, y: event.clientY };
}

function zoomByWheel(viewer, event) {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1);
  // Pinching a touchpad comes as a wheel with Ctrl, in small steps.
  const step = event.ctrlKey ? PINCH_STEP : WHEEL_STEP;
  viewer.zoom(Math.exp(-pixels * step), viewer.fromMiddle(event.clientX, event.clientY));
}

function move(viewer, button, before, after) {
  if (after.length === 1) {
    drag(viewer, button, after[0].x - before[0].x, after[0].y - before[0].y);
  } else if (after.length === 2) {
    const [from, to] = [middle(before), middle(after)];
    viewer.pan(to.x - from.x, to.y - from.y);
    viewer.zoom(distance(after) / distance(before), viewer.fromMiddle(to.x, to.y));
  }
}

function drag(viewer, button, dx, dy) {
  if (button === RIGHT || viewer.tool === "levels") {
    viewer.addLevels(-dy / LEVEL_PIXELS, dx / LEVEL_PIXELS);
  } else if (viewer.tool === null) {
    viewer.pan(dx, dy);
  }
}

function middle([one, two]) {
  return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 };
}

function distance([one, two]) {
  return Math.max(1, Math.hypot(one.x - two.x, one.y - two.y));
}
