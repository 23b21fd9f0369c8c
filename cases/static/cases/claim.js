// A reserved case: keeps it while the page is open and looked at, lets it go on leaving, and says
// within seconds when a colleague has it. Tells the other modules by the event `rx:claim` on
// document, with `detail.isMine`.

const LOOK_MS = 4000;
const RENEW_MS = 4 * 60 * 1000;

const root = document.querySelector("[data-claim]");
const desk = document.getElementById("desk");
const hasForm = Boolean(desk.querySelector("[name=last_seen]"));

if (root) follow();

/** Looks who has the case for as long as the page is open. */
function follow() {
  const claim = { until: root.dataset.until, holder: root.dataset.holder, renewedAt: Date.now() };
  let wasMine = root.dataset.claim === "yours";
  let isLeaving = false;

  const show = (answer) => {
    claim.until = answer.until ?? "";
    claim.holder = answer.holder ?? "";
    const isMine = answer.state === "yours";
    const notice = noticeFor(answer.state, wasMine);
    if (isMine && !hasForm) return location.reload();
    if (isMine) wasMine = true;
    const isHeldBack = !isMine && !(wasMine && answer.state === "free");
    for (const element of root.querySelectorAll("[data-claim-notice]")) {
      element.hidden = element.dataset.claimNotice !== notice;
    }
    fill("[data-claim-who]", answer.who);
    fill("[data-claim-until]", answer.until_text);
    root.dataset.claim = answer.state;
    if (hasForm) lock(isHeldBack);
    document.dispatchEvent(new CustomEvent("rx:claim", { detail: { isMine: !isHeldBack } }));
  };

  const ask = async (fields) => {
    const answer = await fetch(root.dataset.claimUrl, fields && { method: "POST", body: body(fields) });
    // A session that ended or a network that failed says nothing about the claim.
    if (answer.ok && !answer.redirected && !isLeaving) show(await answer.json());
  };

  const look = async () => {
    if (document.hidden || root.dataset.claim === "closed") return;
    // Nobody took a claim that ran out while the page was out of sight: it is hers again.
    const isDue = Date.now() - claim.renewedAt > RENEW_MS;
    const keeps = wasMine && root.dataset.claim !== "taken" && (isDue || !claim.until);
    if (keeps) claim.renewedAt = Date.now();
    await ask(keeps ? {} : null).catch(() => {});
  };

  for (const button of root.querySelectorAll("[data-claim-take]")) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      ask(claim.holder ? { holder: claim.holder } : {}).catch(() => {});
    });
  }
  if (hasForm && root.dataset.claim === "taken") lock(true);
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
  // The answer to what she sends now comes with the next page, not from a look in between.
  desk.addEventListener("submit", (event) => {
    setTimeout(() => (isLeaving = !event.defaultPrevented));
  });
  window.addEventListener("pagehide", () => {
    isLeaving = true;
    if (root.dataset.claim === "yours" && claim.until) {
      navigator.sendBeacon(root.dataset.releaseUrl, body({ until: claim.until }));
    }
  });
  // Back from the browser's memory of pages: the claim was let go.
  window.addEventListener("pageshow", (event) => {
    isLeaving = false;
    if (!event.persisted) return;
    claim.until = "";
    look();
  });
}

/** Which notice says it; the empty one when there is nothing to say. */
function noticeFor(state, wasMine) {
  if (state === "taken") return wasMine && hasForm ? "lost" : "taken";
  if (state === "yours") return "";
  return state === "free" && wasMine ? "" : state;
}

/** Nothing can be filled in or sent, and nothing that was filled in is lost. */
function lock(isLocked) {
  desk.toggleAttribute("data-locked", isLocked);
  for (const field of desk.elements) {
    if (field.closest("[data-claim]") || field.type === "hidden") continue;
    if (isLocked && !field.disabled) {
      field.disabled = true;
      field.dataset.lockedByClaim = "";
    } else if (!isLocked && "lockedByClaim" in field.dataset) {
      field.disabled = false;
      delete field.dataset.lockedByClaim;
    }
  }
}

function fill(selector, text) {
  for (const element of root.querySelectorAll(selector)) element.textContent = text ?? "";
}

function body(fields) {
  const data = new FormData();
  data.set("csrfmiddlewaretoken", desk.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}
