// The table of machines: filters while one types, sorts, and shows what changed without a reload.
"use strict";
(() => {
  const body = document.querySelector("#machines tbody");
  const box = document.querySelector("#q");
  const shown = document.querySelector("#shown");
  const chosen = document.querySelector("#chosen");
  const EVERY = 10000;
  let texts = new Map(); // row -> what the filter looks into

  const rows = () => [...body.rows];
  const textOf = (row) => {
    if (!texts.has(row)) texts.set(row, (row.textContent + " " + [...row.querySelectorAll(".state.bad[title]")].map((one) => one.title).join(" ")).toLowerCase());
    return texts.get(row);
  };

  // Rows that come back: as many as fill a window at once, the others with the next pictures.
  const AT_ONCE = 100;
  let coming = [];
  let picture = 0;
  function show(most) {
    for (const row of coming.splice(0, most)) row.hidden = false;
    cancelAnimationFrame(picture);
    if (coming.length) picture = requestAnimationFrame(() => show(AT_ONCE));
  }

  function filter() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    coming = [];
    for (const row of body.rows) {
      const isIn = words.every((word) => textOf(row).includes(word));
      if (isIn && row.hidden) coming.push(row);
      if (!isIn && !row.hidden) row.hidden = true;
      count += isIn;
    }
    show(AT_ONCE);
    shown.textContent = count === body.rows.length ? `${count} machines` : `${count} of ${body.rows.length} machines`;
  }

  function remember() {
    const url = new URL(location);
    url.searchParams.set("q", box.value);
    history.replaceState(null, "", url);
    for (const link of document.querySelectorAll("th[data-column] a")) {
      const to = new URL(link.href);
      to.searchParams.set("q", box.value);
      link.href = to;
    }
  }

  function sort(header) {
    const isTurned = header.getAttribute("aria-sort") === "ascending";
    const at = header.cellIndex;
    const key = (row) => row.cells[at].textContent.trim();
    const sorted = rows().sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (!x || !y) return !x - !y;
      return (isTurned ? -1 : 1) * x.localeCompare(y, undefined, { numeric: true });
    });
    body.append(...sorted);
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isTurned ? "descending" : "ascending");
    const url = new URL(location);
    url.searchParams.set("sort", (isTurned ? "-" : "") + header.dataset.column);
    history.replaceState(null, "", url);
  }

  function choose() {
    if (!chosen) return;
    const count = body.querySelectorAll("input:checked").length;
    chosen.textContent = count ? `${count} chosen:` : "Choose machines above, then";
    document.querySelector("#none").hidden = !count;
  }

  // What was sent of each row, to see which ones another answer changes.
  const sent = new Map(rows().map((row) => [row.dataset.name, row.innerHTML]));
  async function renew() {
    const live = document.querySelector("#live");
    let page;
    try {
      const answer = await fetch(body.dataset.rows, { headers: { "HX-Request": "true" }, cache: "no-store" });
      if (answer.headers.get("HX-Redirect")) return location.assign(answer.headers.get("HX-Redirect"));
      if (!answer.ok) throw new Error(answer.statusText);
      page = new DOMParser().parseFromString(`<table><tbody>${await answer.text()}</tbody></table>`, "text/html");
    } catch {
      live.textContent = "(no answer, trying again)";
      return;
    }
    live.textContent = "";
    const old = new Map(rows().map((row) => [row.dataset.name, row]));
    for (const row of page.querySelectorAll("tr")) {
      const name = row.dataset.name;
      const before = old.get(name);
      old.delete(name);
      if (before && sent.get(name) === row.innerHTML) continue;
      sent.set(name, row.innerHTML);
      if (!before) { body.append(row); continue; }
      if (before.contains(document.activeElement)) { sent.delete(name); continue; }
      const box = before.querySelector("input");
      if (box && box.checked) row.querySelector("input").checked = true;
      texts.delete(before);
      before.replaceWith(row);
    }
    for (const row of old.values()) { row.remove(); texts.delete(row); }
    document.querySelector(".end time").textContent = new Date().toLocaleTimeString();
    drydock.localise(document);
    filter();
    choose();
  }

  let later = 0;
  box.addEventListener("input", () => { filter(); clearTimeout(later); later = setTimeout(remember, 400); });
  box.addEventListener("change", remember);
  box.form.addEventListener("submit", (event) => { event.preventDefault(); remember(); });
  body.addEventListener("change", choose);
  for (const header of document.querySelectorAll("th[data-column]")) {
    header.addEventListener("click", (event) => { event.preventDefault(); sort(header); });
  }
  const all = document.querySelector("#all");
  if (all) {
    const none = document.querySelector("#none");
    all.hidden = false;
    all.addEventListener("click", () => { show(coming.length); for (const row of body.rows) if (!row.hidden) row.querySelector("input").checked = true; choose(); });
    none.addEventListener("click", () => { for (const one of body.querySelectorAll("input:checked")) one.checked = false; choose(); });
    document.querySelector("#choice").addEventListener("submit", (event) => {
      if (!body.querySelector("input:checked")) { event.preventDefault(); chosen.textContent = "Choose at least one machine, then"; }
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); box.focus(); box.select(); }
    if (event.key === "j" || event.key === "k") {
      const links = rows().filter((row) => !row.hidden).map((row) => row.querySelector("th a"));
      const at = links.indexOf(document.activeElement);
      const next = links[Math.max(0, at + (event.key === "j" ? 1 : -1))];
      if (next) next.focus();
    }
  });
  filter();
  choose();
  setInterval(() => { if (!document.hidden) renew(); }, EVERY);
})();
