// The parts of the page about each implant, made anew in place: nothing that was filled in is lost.

/** The findings on the page: `[{ id, number, element, where }]`. */
export function findings() {
  return [...document.querySelectorAll("[data-finding]")].map((element, place) => ({
    id: element.id.replace("finding-", ""),
    number: place + 1,
    element,
    where: element.querySelector("[data-where]"),
  }));
}

/** Put what the server shows now in the place of what is there. */
export function refresh(element, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-finding]");
  if (!fresh) return;
  const picked = pickedIn(element);
  const isFocused = element.querySelector("[data-candidates]")?.contains(document.activeElement);
  for (const part of ["[data-where]", "[data-word]", "[data-candidates]"]) replace(element, fresh, part);
  if (picked) pickAgain(element, picked);
  if (isFocused) element.querySelector("[data-candidates] :is(input, button, select)")?.focus();
  element.dispatchEvent(new CustomEvent("rx:candidates", { bubbles: true }));
}

function replace(element, fresh, selector) {
  const [old, now] = [element.querySelector(selector), fresh.querySelector(selector)];
  // An impression that is being filled in stays as it is.
  if (!old || !now || (old.querySelector("[data-impression]") && now.querySelector("[data-impression]"))) return;
  if (old.isEqualNode(now)) return;
  old.replaceWith(document.adoptNode(now));
}

function pickedIn(element) {
  const radio = element.querySelector("[data-pick]:checked");
  if (!radio || !/^\d+$/.test(radio.value)) return null;
  return { id: radio.value, name: radio.closest("label").querySelector("[data-name]").dataset.name };
}

/** The chosen implant may be among the candidates no more: then it is another of the catalogue. */
function pickAgain(element, { id, name }) {
  const radio = element.querySelector(`[data-pick][value="${id}"]`);
  if (radio) {
    radio.checked = true;
    return;
  }
  element.dispatchEvent(new CustomEvent("rx:keep-choice", { bubbles: true, detail: { id, name } }));
}
