// Where a film lies on its stage. Pure geometry: sizes and points in, views and points out.
//
// A view is { zoom, x, y, turns, flipped }: with `zoom` 1 the whole film is seen; (x, y), in
// fractions of the upright film, is what lies in the middle of the stage; `turns` are quarter turns
// clockwise; `flipped` then mirrors left and right as they are seen. Points of the stage are pixels
// from its middle. `space` holds the sizes: { film: { width, height }, stage: { width, height } }.

export const WHOLE = Object.freeze({ zoom: 1, x: 0.5, y: 0.5, turns: 0, flipped: false });

const MIN_MAX_ZOOM = 8;
const MAX_SCALE = 4;
const REGION_SHARE = 0.72;

/** Pixels of the screen for a pixel of the film. */
export function scaleOf(view, { film, stage }) {
  const [across, along] = view.turns % 2 ? [film.height, film.width] : [film.width, film.height];
  return view.zoom * Math.min(stage.width / across, stage.height / along);
}

/** The CSS matrix [a, b, c, d, e, f] from pixels of the film, times `scale`, to those of the stage. */
export function matrixOf(view, space) {
  const { film, stage } = space;
  const scale = scaleOf(view, space);
  const [a, b, c, d] = directions(view);
  const [x, y] = [view.x * film.width * scale, view.y * film.height * scale];
  return [a, b, c, d, stage.width / 2 - a * x - c * y, stage.height / 2 - b * x - d * y];
}

/** The point of the film, in fractions, under a point of the stage; outside the film beyond 0–1. */
export function filmPoint(view, space, point) {
  const { u, v } = shift(view, space, point.x, point.y);
  return { x: view.x + u, y: view.y + v };
}

/** The view after zooming by `factor`, with the same point of the film under `point`. */
export function zoomed(view, space, factor, point) {
  const held = filmPoint(view, space, point);
  const zoom = clamp(view.zoom * factor, 1, maxZoom(view, space));
  const { u, v } = shift({ ...view, zoom }, space, point.x, point.y);
  return kept({ ...view, zoom, x: held.x - u, y: held.y - v }, space);
}

/** The view after the film was dragged by so many pixels. */
export function panned(view, space, dx, dy) {
  const { u, v } = shift(view, space, dx, dy);
  return kept({ ...view, x: view.x - u, y: view.y - v }, space);
}

/** The view after a quarter turn clockwise, as it is seen. */
export function turned(view) {
  return { ...view, turns: (view.turns + (view.flipped ? 3 : 1)) % 4 };
}

/** The view that shows a region [x, y, width, height] with something around it. */
export function framed(view, space, [x, y, width, height]) {
  const { film, stage } = space;
  const [across, along] = view.turns % 2 ? [height * film.height, width * film.width]
    : [width * film.width, height * film.height];
  const scale = REGION_SHARE * Math.min(stage.width / across, stage.height / along);
  const zoom = clamp(scale / scaleOf({ ...view, zoom: 1 }, space), 1, maxZoom(view, space));
  return kept({ ...view, zoom, x: x + width / 2, y: y + height / 2 }, space);
}

/** The view within its limits: the whole film stays in the middle, a larger one on the stage. */
export function kept(view, space) {
  const zoom = clamp(view.zoom, 1, maxZoom(view, space));
  const { film, stage } = space;
  const scale = scaleOf({ ...view, zoom }, space);
  const [across, along] = view.turns % 2 ? [stage.height, stage.width] : [stage.width, stage.height];
  return {
    ...view,
    zoom,
    x: 0.5 + within(view.x - 0.5, film.width * scale, across, zoom),
    y: 0.5 + within(view.y - 0.5, film.height * scale, along, zoom),
  };
}

/** A distance from the middle of the film: its edge may come to the middle of the stage from zoom 2 on. */
function within(distance, film, stage, zoom) {
  const overhang = Math.max(0, film - stage) / 2;
  const slack = (Math.min(film, stage) / 2) * Math.min(1, zoom - 1);
  const limit = (overhang + slack) / film;
  return clamp(distance, -limit, limit);
}

function maxZoom(view, space) {
  return Math.max(MIN_MAX_ZOOM, MAX_SCALE / scaleOf({ ...view, zoom: 1 }, space));
}

/** Pixels of the stage as fractions of the film. */
function shift(view, space, dx, dy) {
  const [a, b, c, d] = directions(view);
  const scale = scaleOf(view, space);
  return {
    u: (a * dx + b * dy) / (scale * space.film.width),
    v: (c * dx + d * dy) / (scale * space.film.height),
  };
}

/** Where the film's axes point on the stage. */
function directions({ turns, flipped }) {
  const cos = [1, 0, -1, 0][turns];
  const sin = [0, 1, 0, -1][turns];
  const side = flipped ? -1 : 1;
  return [side * cos, sin, -side * sin, cos];
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
