// A task's page while it is live: whether it still is, following the messages, how many stay.
"use strict";
(() => {
  const MOST_LINES = 2000;
  // The daemon says something every ten seconds; who is silent so long is gone without a word.
  const SILENCE_MS = 30000;
  const RETRY_MS = 2000;
  const live = document.getElementById("live");
  const word = document.getElementById("live-state");
  const box = document.getElementById("log-box");
  const lines = document.getElementById("log-lines");
  const follow = document.getElementById("follow");
  const earlier = document.getElementById("log-earlier");
  let connection = null, heard = Date.now(), isOver = false;

  function say(name, text, link) {
    if (word.dataset.word === name && word.textContent.trim() === (text || name)) return;
    word.dataset.word = name;
    word.textContent = text || name;
    if (!link) return;
    word.append(" ", link);
  }

  function sayLoggedOut() {
    const link = document.createElement("a");
    const base = location.pathname.replace(/\/tasks\/.*$/, "");
    link.href = `${base}/login?next=${encodeURIComponent(location.pathname)}`;
    link.target = "_blank";
    link.textContent = "Log in";
    if (word.dataset.word !== "logged out") {
      say("logged out", "Your session has ended.", link);
      word.append(" in another tab and this page goes on where it is.");
    }
  }

  function sayRemoved() {
    isOver = true;
    say("removed", "This task has been removed from the record.");
  }

  function toTheEnd() {
    if (follow.checked) box.scrollTop = box.scrollHeight;
  }

  function trim() {
    const surplus = lines.children.length - MOST_LINES;
    for (let n = 0; n < surplus; n++) lines.firstElementChild.remove();
    if (surplus <= 0) return;
    const first = lines.firstElementChild.id.slice(1);
    let link = earlier.querySelector("a");
    if (!link) {
      link = document.createElement("a");
      link.textContent = "Load earlier messages";
      earlier.replaceChildren(link);
    }
    const query = new URLSearchParams(location.search);
    query.set("before", first);
    link.href = `${location.pathname}?${query}#log`;
  }

  // Where a link leads that is in the page already, one need not go.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-jump]");
    const line = link && document.getElementById(link.dataset.jump);
    if (!line) return;
    event.preventDefault();
    follow.checked = false;
    line.tabIndex = -1;
    line.classList.add("found");
    line.scrollIntoView({ block: "center" });
    line.focus({ preventScroll: true });
  });

  if (!live) return;

  document.getElementById("follow-label").hidden = false;
  const setVoice = () => box.setAttribute("aria-live", follow.checked ? "polite" : "off");
  follow.addEventListener("change", () => { setVoice(); toTheEnd(); });
  box.addEventListener("wheel", (event) => { if (event.deltaY < 0) { follow.checked = false; setVoice(); } }, { passive: true });
  box.addEventListener("keydown", (event) => {
    if (["ArrowUp", "PageUp", "Home"].includes(event.key)) { follow.checked = false; setVoice(); }
  });
  setVoice();
  toTheEnd();
  say("reconnecting", "connecting");

  live.addEventListener("htmx:sse:after:connection", (event) => {
    connection = event.detail.connection;
    heard = Date.now();
    say("live");
  });
  live.addEventListener("htmx:sse:before:message", () => { heard = Date.now(); say("live"); });
  live.addEventListener("htmx:sse:before:connection", (event) => {
    if (isOver) event.detail.connection.cancelled = true;
    else if (connection && word.dataset.word === "live") say("reconnecting");
  });
  live.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 404) sayRemoved();
    else if (event.detail.status === 401 || event.detail.status === 403) sayLoggedOut();
    else if (word.dataset.word !== "logged out") say("reconnecting");
  });
  live.addEventListener("htmx:after:swap", () => { trim(); toTheEnd(); });
  live.addEventListener("logged-out", sayLoggedOut);
  live.addEventListener("ended", () => { isOver = true; say("ended"); });

  // The first request is an ordinary one: what becomes of it is for us to mend.
  function again() {
    if (connection || isOver) return;
    setTimeout(() => {
      if (!connection) htmx.ajax("GET", live.getAttribute("hx-sse:connect"), { source: live, swap: "none" });
    }, RETRY_MS);
  }
  live.addEventListener("htmx:error", () => { if (!connection) { say("reconnecting"); again(); } });
  live.addEventListener("htmx:response:error", (event) => {
    if (connection) return;
    const status = event.detail.ctx.response.status;
    if (status === 404) sayRemoved();
    else if (status === 401) sayLoggedOut();
    else say("reconnecting");
    again();
  });

  setInterval(() => {
    if (isOver || document.hidden || !connection || Date.now() - heard < SILENCE_MS) return;
    heard = Date.now();
    say("reconnecting");
    connection.reader?.cancel();
  }, 5000);
})();
