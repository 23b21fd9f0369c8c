// The queue: keys to move through it, and a word when new cases have come. Nothing moves under the
// reviewer's hand: the list changes when she says so, or when there is nothing on it.

import { onKey } from "./keys.js";

const POLL_MS = 20_000;

const search = document.getElementById("searchbar");
const news = document.getElementById("queue-news");
const links = [...document.querySelectorAll("#result_list tbody .field-dentist a")];

onKey("j", { run: () => move(1) });
onKey("k", { run: () => move(-1) });
onKey("/", { run: () => { search.focus(); search.select(); } });
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape") search.blur();
});
news.querySelector("button").addEventListener("click", () => location.reload());
document.addEventListener("visibilitychange", lookForNews);
setInterval(lookForNews, POLL_MS);

/** Moves the focus through the rows, so that Enter opens the one it is on. */
function move(step) {
  if (!links.length) return;
  const row = document.activeElement.closest("#result_list tbody tr");
  const here = links.findIndex((link) => row?.contains(link));
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step;
  const link = links[Math.min(Math.max(next, 0), links.length - 1)];
  link.focus();
  link.closest("tr").scrollIntoView({ block: "nearest" });
}

/** Asks while the page is looked at; a queue without rows shows new cases by itself. */
async function lookForNews() {
  if (document.hidden) return;
  const answer = await fetch(news.dataset.url).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { count, text } = await answer.json();
  if (!count) return;
  if (!links.length && !isBusy()) {
    location.reload();
    return;
  }
  const button = news.querySelector("button");
  button.querySelector("strong").textContent = text;
  button.hidden = false;
}

/** Whether something is ticked or typed that a reload would lose. */
function isBusy() {
  const isTyping = search.value !== search.defaultValue || document.activeElement === search;
  return isTyping || Boolean(document.querySelector("input.action-select:checked"));
}
