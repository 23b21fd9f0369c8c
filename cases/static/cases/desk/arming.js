// Deciding in two steps: the first press shows what will happen, Enter does it, Escape takes it back.

import { onKey } from "../keys.js";
import { AnswerText } from "./answer.js";
import { prepareDialog } from "./dialog.js";
import { texts } from "./texts.js";

/** The dialogs of the decisions, their keys and their buttons. */
export function armDecisions(desk, { answer, autosave, draft }) {
  const send = sendOnce(desk, autosave, draft);
  const open = {
    approve: prepareApproval(desk, answer, send),
    reject: prepareRejection(desk, send),
    postpone: preparePostponement(desk, send),
  };
  for (const [key, name] of [["a", "approve"], ["x", "reject"], ["p", "postpone"]]) {
    const button = desk.querySelector(`[data-arm=${name}]`);
    // A locked button (a colleague has the case) has no key either.
    const arm = () => button.disabled || open[name]();
    onKey(key, { label: texts.keys[name], group: texts.groups.case, run: arm });
    button.addEventListener("click", (event) => {
      event.preventDefault();
      arm();
    });
  }
  if (desk.querySelector("#arm-reject").hasAttribute("data-reopen")) open.reject();
}

/** A dialog that a person confirms; returns its button. */
export function armDialog(dialog, confirm) {
  const button = dialog.querySelector("[data-confirm]");
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (!button.disabled) confirm(button);
  });
  prepareDialog(dialog);
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const types = event.target.matches("textarea") && !event.ctrlKey && !event.metaKey;
    const presses = event.target.matches("button");
    if (types || (presses && !event.repeat)) return;
    // Held down it must not confirm, and in a field it must not send the form.
    event.preventDefault();
    if (!event.repeat) button.click();
  });
  return button;
}

function prepareApproval(desk, answer, send) {
  const dialog = desk.querySelector("#arm-approve");
  const approve = desk.querySelector("[data-arm=approve]");
  const home = desk.querySelector("[data-answer-home]");
  const button = armDialog(dialog, () => send(approve));
  const draw = () => {
    button.disabled = answer.state !== "ready";
  };
  dialog.addEventListener("rx:answer", draw);
  dialog.addEventListener("close", () => {
    // Told late: by then it may have been opened anew.
    if (dialog.open) return;
    home.append(answer.element);
    home.style.minHeight = "";
  });
  return async () => {
    // The page behind must not jump while the answer is away from it.
    home.style.minHeight = `${home.offsetHeight}px`;
    dialog.querySelector("[data-slot]").append(answer.element);
    button.disabled = true;
    dialog.showModal();
    dialog.focus();
    await answer.refresh();
    draw();
    if (dialog.open && !button.disabled && !answer.element.contains(document.activeElement)) button.focus();
  };
}

function prepareRejection(desk, send) {
  const dialog = desk.querySelector("#arm-reject");
  const answer = new AnswerText(desk, dialog.querySelector("[data-answer=reject]"), "reject");
  const button = armDialog(dialog, send);
  const text = dialog.querySelector("textarea");
  const draw = () => {
    button.disabled = answer.state !== "ready";
  };
  let timer = 0;
  dialog.addEventListener("rx:answer", draw);
  dialog.addEventListener("input", ({ target }) => {
    if (answer.element.contains(target)) return;
    button.disabled = true;
    clearTimeout(timer);
    timer = setTimeout(() => answer.refresh(), target === text ? 300 : 0);
  });
  chooseByNumber(dialog);
  onKey("t", { within: dialog, run: () => text.focus() });
  return () => {
    button.disabled = true;
    dialog.showModal();
    focusChoice(dialog);
    answer.refresh();
  };
}

function preparePostponement(desk, send) {
  const dialog = desk.querySelector("#arm-postpone");
  armDialog(dialog, send);
  chooseByNumber(dialog);
  return () => {
    dialog.showModal();
    const choice = focusChoice(dialog);
    choice.checked = true;
  };
}

function chooseByNumber(dialog) {
  dialog.querySelectorAll("[type=radio]").forEach((radio, place) => {
    const choose = () => {
      radio.focus();
      radio.checked = true;
      radio.dispatchEvent(new Event("input", { bubbles: true }));
    };
    onKey(String(place + 1), { within: dialog, run: choose });
  });
}

function focusChoice(dialog) {
  const choice = dialog.querySelector("[type=radio]:checked") ?? dialog.querySelector("[type=radio]");
  choice.focus();
  return choice;
}

/** Sends the form by a button, once, after what is on its way was saved. */
function sendOnce(desk, autosave, draft) {
  let isSent = false;
  window.addEventListener("pageshow", () => {
    isSent = false;
  });
  desk.addEventListener("submit", async (event) => {
    const isWaited = autosave.isIdle;
    const isSave = event.submitter?.matches(".rx-first-button");
    if (!isSave && isWaited && !isSent) {
      isSent = true;
      autosave.stop();
      draft.markSent();
      return;
    }
    event.preventDefault();
    if (isSave) autosave.flush();
    else if (!isSent) {
      await autosave.idle();
      desk.requestSubmit(event.submitter);
    }
  });
  return (button) => {
    if (navigator.onLine) desk.requestSubmit(button);
    else autosave.tellOffline();
  };
}
