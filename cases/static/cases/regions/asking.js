// What the page asks the server about one implant, and waiting for a search until it has ended.

const LOOK_MS = 1000;
const LATE_AFTER = 45;
const SELDOM_MS = 5000;
const GIVE_UP_AFTER = 165;

/** POST some fields; `{ ok, status, said }`, with status 0 when the server can't be reached. */
export async function post(address, fields) {
  const data = new FormData();
  const token = document.querySelector("#desk [name=csrfmiddlewaretoken]").value;
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, ...fields })) data.set(name, value);
  return ask(address, { method: "POST", body: data });
}

/** Look until the search has ended; `tell` hears "late" and "unreachable", and "" when that is over. */
export async function waitForSearch(address, tell) {
  for (let looks = 1; looks <= GIVE_UP_AFTER; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, looks > LATE_AFTER ? SELDOM_MS : LOOK_MS));
    const answer = await ask(address);
    if (answer.ok && !answer.said.is_searching) return answer;
    if (answer.status >= 400) return answer;
    tell(answer.ok ? (looks > LATE_AFTER ? "late" : "") : "unreachable");
  }
  return { ok: false, status: 0, said: {} };
}

export async function ask(address, options = {}) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, redirect: "manual", ...options });
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    return { ok: answer.ok && isJson, status: answer.status, said: isJson ? await answer.json() : {} };
  } catch {
    return { ok: false, status: 0, said: {} };
  }
}
