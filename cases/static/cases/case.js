// The page of a case: keeps verdict and implant together, and warns before work is lost.
// Everything works without it; then the server says what does not fit.

const NAMES_IMPLANT = ["identified", "probable"];
const FOLLOW_MS = 3000;

const desk = document.getElementById("desk");

for (const finding of desk.querySelectorAll("[data-finding]")) {
  keepTogether(finding);
}
guardUnsavedWork();
if (desk.hasAttribute("data-follow")) {
  setInterval(reloadWhenChanged, FOLLOW_MS);
}

/** Choosing an implant says "identified"; a verdict without an implant takes the choice back. */
function keepTogether(finding) {
  const picks = [...finding.querySelectorAll("[data-pick]")];
  const verdicts = [...finding.querySelectorAll(".rx-verdict input")];
  const none = picks.find((radio) => radio.value === "");
  const other = picks.find((radio) => radio.value === "other");
  if (!none) return;
  const namesImplant = () =>
    verdicts.some((radio) => radio.checked && NAMES_IMPLANT.includes(radio.value));

  const onPick = () => {
    if (none.checked) {
      if (namesImplant()) for (const radio of verdicts) radio.checked = false;
    } else if (!namesImplant()) {
      verdicts.find((radio) => radio.value === "identified").checked = true;
    }
  };
  for (const radio of picks) radio.addEventListener("change", onPick);
  for (const radio of verdicts) {
    radio.addEventListener("change", () => {
      if (!NAMES_IMPLANT.includes(radio.value)) none.checked = true;
    });
  }
  // The autocomplete field tells of its choice through jQuery alone.
  window.django.jQuery(finding.querySelector(".rx-other select")).on("change", (event) => {
    if (!event.target.value) return;
    other.checked = true;
    onPick();
    desk.dispatchEvent(new Event("change"));
  });
}

/** Says what is not saved, asks before the page is left, and sends the form once only. */
function guardUnsavedWork() {
  const mark = desk.querySelector("[data-unsaved]");
  let isUnsaved = Boolean(desk.querySelector(".rx-errors"));
  let isSent = false;
  const touched = () => {
    isUnsaved = true;
    if (mark) mark.hidden = false;
  };
  desk.addEventListener("change", touched);
  desk.addEventListener("input", touched);
  desk.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  window.addEventListener("pageshow", () => {
    isSent = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (isUnsaved && !isSent) event.preventDefault();
  });
}

/** While the case is being analysed there is nothing to type: show the result as it comes. */
async function reloadWhenChanged() {
  const answer = await fetch(location.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("#desk[data-follow]")) location.reload();
}
