// What pointer and wheel do on a viewer's stage: the wheel and two fingers zoom, dragging pans.

const WHEEL_STEP = 0.0015;
const PINCH_STEP = 0.01;
const LINE_PIXELS = 16;
const LEFT = 0;

/** Let a viewer follow the pointers on its stage. */
export function followGestures(viewer) {
  const pointers = new Map();
  const { stage } = viewer;

  stage.addEventListener("wheel", (event) => zoomByWheel(viewer, event), { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== LEFT) return;
    pointers.set(event.pointerId, at(event));
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    pointers.set(event.pointerId, at(event));
    move(viewer, before, [...pointers.values()]);
  });
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

function move(viewer, before, after) {
  if (after.length === 1) {
    if (viewer.tool === null) viewer.pan(after[0].x - before[0].x, after[0].y - before[0].y);
  } else if (after.length === 2) {
    const [from, to] = [middle(before), middle(after)];
    viewer.pan(to.x - from.x, to.y - from.y);
    viewer.zoom(distance(after) / distance(before), viewer.fromMiddle(to.x, to.y));
  }
}

function middle([one, two]) {
  return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 };
}

function distance([one, two]) {
  return Math.max(1, Math.hypot(one.x - two.x, one.y - two.y));
}
