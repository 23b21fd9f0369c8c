// A first impression before the suggestions: noted without leaving the page, then they come.

import { ask, post } from "./regions/asking.js";
import { refresh } from "./regions/panels.js";

const desk = document.getElementById("desk");

desk.addEventListener("change", ({ target }) => {
  const kind = target.closest("[data-goes-with]")?.dataset.goesWith;
  if (kind && target.value) radioOf(target.closest("[data-impression]"), kind).checked = true;
});

desk.addEventListener("click", (event) => {
  const part = event.target.closest("[data-impression]");
  if (!part) return;
  if (event.target.closest("[data-find-impression]")) findAnImplant(part);
  const button = event.target.closest("[data-note-impression]");
  if (!button) return;
  event.preventDefault();
  note(part, button);
});

/** The page's own field for any implant of the catalogue. */
function findAnImplant(part) {
  const choose = ({ id }) => {
    part.querySelector("[data-goes-with=implant] select").value = id;
    radioOf(part, "implant").checked = true;
    part.querySelector("[data-note-impression]").focus();
  };
  document.dispatchEvent(new CustomEvent("rx:find", { detail: choose }));
}

async function note(part, button) {
  const finding = part.closest("[data-finding]");
  const fields = Object.fromEntries(
    [...part.querySelectorAll("select, input:checked")].map((field) => [field.name, field.value]),
  );
  button.disabled = true;
  const answer = await post(button.formAction, fields);
  const shown = answer.ok && (await ask(finding.querySelector("[data-where]").dataset.candidatesUrl));
  button.disabled = false;
  if (shown?.ok && shown.said.html) refresh(finding, shown.said.html);
  else if (!answer.ok || !shown.ok) say(part, answer.said.message);
}

function say(part, message) {
  const line = part.querySelector("[data-impression-error]");
  line.textContent = message ?? line.dataset.unreachable;
  line.hidden = false;
}

function radioOf(part, kind) {
  return part.querySelector(`input[type=radio][value=${kind}]`);
}
