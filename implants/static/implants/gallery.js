// The gallery of an implant: while vectors are being computed, their states are shown as they come.

const LOOK_AGAIN_MS = 4000;

if (document.querySelector("#gallery[data-waiting]")) {
  const timer = setInterval(async () => {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("gallery");
    if (!fresh) return;
    document.getElementById("gallery").replaceWith(fresh);
    if (!fresh.hasAttribute("data-waiting")) clearInterval(timer);
  }, LOOK_AGAIN_MS);
}
