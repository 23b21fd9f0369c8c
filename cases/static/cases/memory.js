// How a case was looked at survives a reload of its page in the same tab; another case begins anew.

const PLACE = "rx-viewer";

/** Restore the views of the viewer's case, and keep them when the page goes. */
export function rememberViews(viewer) {
  const { case: pk } = viewer.element.dataset;
  const kept = JSON.parse(sessionStorage.getItem(PLACE));
  if (kept?.case === pk) viewer.memory = kept;
  window.addEventListener("pagehide", () => {
    sessionStorage.setItem(PLACE, JSON.stringify({ case: pk, ...viewer.memory }));
  });
}
