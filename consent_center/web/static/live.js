// Live progress of a run: each server-sent event draws the page's own part anew; without it the reader reloads.
"use strict";

const live = document.getElementById("live");
if (live && live.dataset.events && window.EventSource) {
  const events = new EventSource(live.dataset.events);
  let first = true;
  events.onmessage = async (event) => {
    const now = JSON.parse(event.data);
    if (!first || now.outcome) {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const drawn = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (drawn) live.replaceChildren(...drawn.childNodes);
    }
    first = false;
    if (now.outcome) events.close();
  };
}
