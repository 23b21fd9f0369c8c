// Says to screen readers what Django's own widgets only show: which field a select2 box belongs to,
// which half of a date and time an input is, what the search box is for.

function nameSelect2(select) {
  const label = select.labels?.[0];
  const box = select.nextElementSibling?.querySelector(".select2-selection");
  if (!label || !box) return;
  label.id ||= `${select.id}-label`;
  const shown = box.querySelector(".select2-selection__rendered");
  box.setAttribute("aria-labelledby", [label.id, shown?.id].filter(Boolean).join(" "));
  shown?.setAttribute("aria-labelledby", [label.id, shown.id].join(" "));
}

function nameHalfOfDate(input) {
  const before = input.previousSibling?.textContent?.trim();
  const row = input.closest(".form-row, fieldset")?.querySelector("legend, label");
  const text = [row?.textContent, before].map((part) => part?.trim()).filter(Boolean).join(" ");
  if (text && !input.labels?.length) input.setAttribute("aria-label", text);
}

function nameSearch(input) {
  const picture = input.labels?.[0]?.querySelector("img[alt]");
  if (picture) input.setAttribute("aria-label", picture.alt);
}

function nameAll() {
  document.querySelectorAll("select.select2-hidden-accessible").forEach(nameSelect2);
  document.querySelectorAll(".datetime input").forEach(nameHalfOfDate);
  document.querySelectorAll("#searchbar").forEach(nameSearch);
  document.querySelectorAll(".help-tooltip[aria-label]").forEach((tip) => tip.setAttribute("role", "img"));
}

// Widgets appear after the page has loaded, and again with every added row.
new MutationObserver((changes) => {
  if (changes.some((change) => change.addedNodes.length)) nameAll();
}).observe(document.body, { childList: true, subtree: true });
nameAll();
