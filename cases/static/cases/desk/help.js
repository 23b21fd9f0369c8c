// The help on keys, made of what is registered at that moment.

import { onKey, registeredKeys } from "../keys.js";
import { prepareDialog } from "./dialog.js";
import { texts } from "./texts.js";

export function prepareHelp() {
  const dialog = document.getElementById("help");
  const open = () => {
    dialog.querySelector("[data-keys]").replaceChildren(...groups().map(drawn));
    dialog.showModal();
  };
  onKey("?", { label: texts.keys.help, group: texts.groups.page, run: open });
  document.querySelector("[data-open-help]")?.addEventListener("click", open);
  prepareDialog(dialog);
}

/** [group, [label, keys][]][], in the order of registration. */
function groups() {
  const found = new Map();
  for (const { key, label, group } of registeredKeys()) {
    const labels = found.get(group) ?? found.set(group, new Map()).get(group);
    labels.set(label, [...(labels.get(label) ?? []), key]);
  }
  return [...found];
}

function drawn([group, labels]) {
  const section = document.createElement("section");
  const rows = [...labels].map(([label, keys]) => {
    const row = document.createElement("div");
    const names = [...new Set(keys)].map((key) => made("kbd", texts.names[key] ?? key));
    row.append(made("dt", ...names), made("dd", label));
    return row;
  });
  section.append(made("h3", group), made("dl", ...rows));
  return section;
}

function made(tag, ...contents) {
  const element = document.createElement(tag);
  element.append(...contents);
  return element;
}
