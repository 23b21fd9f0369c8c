// Sends a form to the service and gives its JSON answer; a file's way is told as it goes.

/**
 * Resolves to { status, answer }; `answer` is null when none came, or none of ours (a log-in page).
 * `told` is called with the part that has been sent, 0 to 1.
 */
export function post(address, fields, told = () => {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== null) form.set(name, value);
  form.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) told(event.loaded / event.total);
    });
    request.addEventListener("loadend", () => {
      const answer = request.response;
      resolve({ status: request.status, answer: answer?.state ? answer : null });
    });
    request.send(form);
  });
}
