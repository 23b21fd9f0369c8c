// The page that takes a film into the catalogue: the implant is marked, then compared, then sent.

import { post } from "../implants/post.js";
import { RegionTool } from "../implants/region.js";

const form = document.getElementById("promotion");
const tool = new RegionTool(form.querySelector("[data-stage]"));
const field = form.querySelector("[name=region]");
const verdict = form.querySelector("[data-verdict]");
const submit = form.querySelector("[data-submit]");
const toBegin = verdict.innerHTML;
let asked = 0;

/** What the film resembles is on the page before it can be sent. */
async function examine() {
  const question = ++asked;
  submit.disabled = true;
  field.value = tool.value ? JSON.stringify(tool.value) : "";
  if (!tool.value) {
    verdict.innerHTML = toBegin;
    return;
  }
  say(form.dataset.comparing, "quiet");
  const { answer } = await post(form.dataset.examine, { region: field.value });
  if (question !== asked) return;
  if (answer?.html) verdict.innerHTML = answer.html; // rendered and escaped by our own template
  else say(answer?.reason ?? form.dataset.unreachable, "verdict-bad");
  submit.disabled = !answer?.html || answer.state === "duplicate";
}

function say(text, tone) {
  const said = document.createElement("p");
  said.className = `rx-${tone}`;
  said.textContent = text;
  verdict.replaceChildren(said);
}

function show() {
  const region = field.value ? JSON.parse(field.value) : null;
  tool.show(film, film.naturalWidth, film.naturalHeight, region, form.querySelector("[data-area]"));
  if (region) examine();
}

const film = new Image();
film.alt = "";
film.src = form.dataset.film;
submit.disabled = true;
form.addEventListener("rx:region", examine);
film.decode().then(show, () => say(form.dataset.unreadable, "verdict-bad"));
