// The page of a case: wires the parts of the desk, each in a module of its own in desk/.

import { onKey } from "./keys.js";
import { AnswerText } from "./desk/answer.js";
import { armDecisions } from "./desk/arming.js";
import { Autosave } from "./desk/autosave.js";
import { Draft } from "./desk/draft.js";
import { Findings } from "./desk/findings.js";
import { prepareFinder } from "./desk/find.js";
import { follow } from "./desk/follow.js";
import { prepareHelp } from "./desk/help.js";
import { texts } from "./desk/texts.js";
import { prepareUndo } from "./desk/undo.js";

const desk = document.getElementById("desk");
const findings = new Findings(desk);
const draft = new Draft(desk);

if (desk.hasAttribute("data-open")) {
  const autosave = new Autosave(desk, draft);
  const answer = new AnswerText(desk, desk.querySelector("[data-answer=approve]"));
  answer.follow();
  armDecisions(desk, { answer, autosave, draft });
  prepareFinder(desk, findings);
  prepareNeighbours(autosave);
  goWhenSaved(autosave);
  draft.offer((extra) => answer.refresh(extra));
  findings.catchUp();
} else {
  prepareNeighbours(null);
  draft.offerOnDecidedCase();
  sendOnce();
}
prepareUndo();
prepareHelp();
if (desk.hasAttribute("data-follow")) follow();

/** The buttons of a decided case: a double click presses once. */
function sendOnce() {
  let isSent = false;
  desk.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  window.addEventListener("pageshow", () => {
    isSent = false;
  });
}

/** Whoever leads away from this page waits until what is filled in has been saved. */
function goWhenSaved(autosave) {
  document.addEventListener("rx:leave", async (event) => {
    event.preventDefault();
    await autosave.flush();
    event.detail.go();
  });
}

/** j and k, and the links themselves: what is filled in is saved before the page is left. */
function prepareNeighbours(autosave) {
  for (const [key, name] of [["j", "next"], ["k", "previous"]]) {
    const link = document.querySelector(`[data-go=${name}]`);
    if (!link) continue;
    const go = async () => {
      if (!autosave || (await autosave.flush())) location.assign(link.href);
    };
    onKey(key, { label: texts.keys[name], group: texts.groups.queue, run: go });
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go();
    });
  }
}
