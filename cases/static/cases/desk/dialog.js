// What all dialogs of the page have in common.

/** Wire the button that closes a dialog, and give the keys back to the page at once. */
export function prepareDialog(dialog) {
  // The browser takes the focus out of a closed dialog only later; a key may come before.
  const letGo = () => {
    if (dialog.contains(document.activeElement)) document.activeElement.blur();
  };
  dialog.querySelector("[data-close]").addEventListener("click", () => closeNow(dialog));
  dialog.addEventListener("cancel", letGo);
  dialog.addEventListener("close", () => dialog.open || letGo());
}

/** Close a dialog from inside: the next key is the page's already. */
export function closeNow(dialog) {
  if (dialog.contains(document.activeElement)) document.activeElement.blur();
  dialog.close();
}
