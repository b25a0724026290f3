// Comfort for those who have scripts; every page works without.
"use strict";

// Live: the newest numbers of Today. The server says when there is something new, and the page is asked for again.
const live = document.getElementById("live");
if (live && "EventSource" in window) {
  const source = new EventSource(live.dataset.live);
  live.hidden = false;
  let mails = null;
  source.addEventListener("mails", async (event) => {
    if (mails === event.data) return;
    const first = mails === null;
    mails = event.data;
    // Somebody who reads or types is not disturbed.
    if (first || document.hidden || document.querySelector("details[open]")) return;
    const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [old, now] = [document.querySelectorAll("main > :not(.note)"), fresh.querySelectorAll("main > :not(.note)")];
    if (old.length !== now.length) return;
    old.forEach((part, at) => {
      // Here it says that it is live, which stays; what stands beside it names the hours that the new numbers are of.
      if (part.contains(live)) {
        part.firstElementChild.replaceWith(now[at].firstElementChild);
        return;
      }
      part.replaceWith(now[at]);
      now[at].classList.add("fresh");
    });
  });
  addEventListener("pagehide", () => source.close());
}

// Keyboard: "/" leads to the search, "j" and "k" through the rows of a list, as in a mail program.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/") {
    const field = document.querySelector("main form input:not([type=hidden])");
    if (field) { field.focus(); event.preventDefault(); }
  }
  if (event.key === "j" || event.key === "k") {
    const links = [...document.querySelectorAll("table.rows tbody tr td:first-child a")];
    const at = links.indexOf(document.activeElement);
    const next = links[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
    if (next) next.focus();
  }
});

// Drop: a file that is dragged onto the sheet is put into the form's own field.
const drop = document.querySelector(".drop");
if (drop) {
  const field = drop.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) { field.files = event.dataTransfer.files; field.form.requestSubmit(); }
  });
}
