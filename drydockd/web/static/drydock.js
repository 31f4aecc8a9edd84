// What the pages do in the browser; each works without it.
"use strict";
(() => {
  const all = (query, within = document) => within.querySelectorAll(query);

  // Times of records are UTC; people read theirs, and see UTC when they point at it.
  function localise(within) {
    for (const time of all("time[datetime]:not([data-local])", within)) {
      const at = new Date(time.dateTime);
      if (isNaN(at)) continue;
      const isToday = at.toDateString() === new Date().toDateString();
      time.textContent = isToday ? at.toLocaleTimeString() : at.toLocaleString();
      time.dataset.local = "";
    }
  }

  // <div class="copy"><code>…</code><button data-copy>Copy</button></div>
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
  });

  document.addEventListener("DOMContentLoaded", () => localise(document));
  document.addEventListener("htmx:after:swap", () => localise(document));
  window.drydock = { localise };
})();
