// What all dialogs of the page have in common.

/** Wire the button that closes a dialog, and give the keys back to the page afterwards. */
export function prepareDialog(dialog) {
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    // The browser takes the focus out of a closed dialog only later; a key may come before.
    if (dialog.contains(document.activeElement)) document.activeElement.blur();
  });
}
