// Tooth numbers: a word beside one that is none, and nothing more, for people write what they know.

const TOOTH = /^([1-4][1-8]|[5-8][1-5])$/;
const hint = document.querySelector("[data-tooth-hint]");

if (hint) {
  const desk = document.getElementById("desk");
  for (const field of desk.querySelectorAll("[name$='-tooth']")) check(field);
  desk.addEventListener("change", ({ target }) => {
    if (target.matches("[name$='-tooth']")) check(target);
  });
}

function check(field) {
  const said = field.value.trim();
  const known = document.getElementById(`${field.id}-hint`);
  const isFine = !said || said.split(/[\s,;/]+/).every((tooth) => TOOTH.test(tooth));
  if (isFine) {
    known?.remove();
    field.removeAttribute("aria-describedby");
  } else if (!known) {
    const line = hint.content.firstElementChild.cloneNode(true);
    line.id = `${field.id}-hint`;
    field.after(line);
    field.setAttribute("aria-describedby", line.id);
  }
}
