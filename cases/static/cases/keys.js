// One register of the page's keys: what a key does, and what the help says of it.
//
//   onKey("i", { label, group, run })           a key of the page
//   onKey("i", { label, group, run, within })   a key of an element: a dialog, a viewer
//   registeredKeys()                            [{ key, label, group }] in the order of registration
//
// `key` is a `KeyboardEvent.key`; letters are meant small, whatever Shift or Caps Lock say. Labels and
// groups come from the template. Keys rest while somebody types, with Ctrl, Alt or Meta, and behind
// an open dialog or a film in full screen: there only keys of elements inside it work. Of several
// entries for a key the last registered that may run runs; one without a label is not in the help.

const entries = [];
const PRESSES = "button, a[href], summary, select, [role=button], [role=tab]";
const TYPES_INTO =
  "textarea, select, [contenteditable], [role=combobox], [role=searchbox], input:not([type=radio], [type=checkbox], [type=range], [type=button], [type=submit])";

/** Let `run` answer to `key`; returns a function that takes it back. */
export function onKey(key, { label = "", group = "", run, within = null }) {
  const entry = { key: normal(key), label, group, run, within };
  entries.push(entry);
  return () => entries.splice(entries.indexOf(entry), 1);
}

/** What was registered, for the help; keys with the same label in a group once each. */
export function registeredKeys() {
  return entries.filter((entry) => entry.label).map(({ key, label, group }) => ({ key, label, group }));
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (!mayAnswer(event)) return;
  const entry = entries.findLast(({ key, within }) => key === normal(event.key) && isReached(within));
  if (!entry) return;
  event.preventDefault();
  entry.run(event);
});

function normal(key) {
  return key.length === 1 ? key.toLowerCase() : key;
}

/** Typing stays typing; what presses a focused button presses it; arrows move radios and sliders. */
function mayAnswer({ target, key }) {
  if (target.matches(TYPES_INTO)) return false;
  if (target.matches(PRESSES)) return ![" ", "Enter"].includes(key);
  return !(target.matches("input") && key.startsWith("Arrow"));
}

function isReached(within) {
  const top = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.fullscreenElement;
  if (!within) return !top;
  return within.checkVisibility() && (!top || top.contains(within));
}
