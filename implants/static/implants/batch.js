// Whoever fills in a field means it: its box is ticked by itself.
for (const row of document.querySelectorAll(".rx-batch > div")) {
    const box = row.querySelector('input[type="checkbox"]');
    row.addEventListener("input", (event) => {
        if (event.target !== box) {
            box.checked = true;
        }
    });
}
