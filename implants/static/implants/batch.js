// Whoever fills in a field means it: its box is ticked by itself.
for (const row of document.querySelectorAll(".rx-batch > div")) {
    const box = row.querySelector('input[type="checkbox"]');
    const fields = [...row.querySelectorAll("input, select, textarea")].filter((it) => it !== box);
    // Somebody quick may have filled it in before this ran.
    if (fields.some(isChanged)) {
        box.checked = true;
    }
    row.addEventListener("input", (event) => {
        if (event.target !== box) {
            box.checked = true;
        }
    });
}

function isChanged(field) {
    if (!field.options) {
        return field.value !== field.defaultValue;
    }
    const preset = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(preset, 0);
}
