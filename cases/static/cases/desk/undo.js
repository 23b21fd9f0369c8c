// The offer to take the last decision back: counts down honestly, and asks before it does it.

import { onKey } from "../keys.js";
import { armDialog } from "./arming.js";
import { texts } from "./texts.js";

export function prepareUndo() {
  const offer = document.getElementById("undo-offer");
  if (!offer) return;
  const dialog = document.getElementById("arm-undo");
  const form = document.getElementById("undo-form");
  let isSent = false;
  armDialog(dialog, () => {
    if (!isSent) form.submit();
    isSent = true;
  });
  const open = () => {
    dialog.showModal();
    dialog.querySelector("[data-confirm]").focus();
  };
  offer.querySelector("[data-arm-undo]").addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });
  onKey("z", { label: texts.keys.undo, group: texts.groups.case, run: open });
  countDown(offer, dialog);
}

function countDown(offer, dialog) {
  const number = offer.querySelector("[data-countdown]");
  const end = performance.now() + Number(number?.textContent ?? 0) * 1000;
  const draw = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    if (number && left > 0) number.textContent = left;
    else if (number) {
      offer.querySelector("[data-before]").hidden = true;
      offer.querySelector("[data-after]").hidden = false;
    }
    const said = [...offer.querySelectorAll("[data-before], [data-after]")].find((text) => !text.hidden);
    dialog.querySelector("[data-slot]").textContent = said?.textContent ?? "";
    if (number && left > 0) setTimeout(draw, 250);
  };
  draw();
}
