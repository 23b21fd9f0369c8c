// The words of the page's keys, from the template.

export const texts = JSON.parse(document.getElementById("key-texts").textContent);
