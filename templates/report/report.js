"use strict";
// The page is complete without this: it only filters, opens and moves. No state leaves the page.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const findings = all(".finding");
  const chips = all(".chip[data-severity]");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const root = document.documentElement;
  const texts = new Map(findings.map((one) => [one, one.textContent.toLowerCase()]));

  const apply = () => {
    const on = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "true").map((c) => c.dataset.severity));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of findings) {
      one.hidden = !on.has(one.dataset.severity) || !words.every((word) => texts.get(one).includes(word));
      count += one.hidden ? 0 : 1;
    }
    for (const group of all(".group")) {
      const own = [...group.querySelectorAll(".finding")];
      group.hidden = own.length > 0 && own.every((one) => one.hidden);
    }
    shown.textContent = count === findings.length ? `${count} shown` : `${count} of ${findings.length} shown`;
  };
  const only = (names) => {
    for (const chip of chips) chip.setAttribute("aria-pressed", String(names.includes(chip.dataset.severity)));
    apply();
  };
  const names = chips.map((chip) => chip.dataset.severity);
  const step = (by) => {
    const open = findings.filter((one) => !one.hidden).map((one) => one.querySelector("summary"));
    if (!open.length) return;
    const at = open.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : open.length - 1) : Math.min(Math.max(at + by, 0), open.length - 1);
    open[next].focus();
    open[next].scrollIntoView({ block: "nearest" });
  };
  // A link may carry the view: #severity=critical,high&search=adminer&theme=dark, or #f-FINGERPRINT.
  const follow = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.matches("details")) target.open = true;
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (wanted.has("search")) search.value = wanted.get("search");
    if (["dark", "light"].includes(wanted.get("theme"))) root.dataset.theme = wanted.get("theme");
    if (wanted.has("severity")) only(wanted.get("severity").split(","));
    else apply();
  };

  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  search.addEventListener("input", apply);
  document.getElementById("open").addEventListener("click", (event) => {
    const open = event.target.textContent === "Open all";
    for (const one of findings) one.open = open && !one.hidden;
    event.target.textContent = open ? "Close all" : "Open all";
  });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === search) {
      if (event.key === "Escape") search.blur();
      return;
    }
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "0") only(names);
    else if (event.key >= "1" && event.key <= "5") only([names[Number(event.key) - 1]]);
  });
  window.addEventListener("hashchange", follow);
  window.addEventListener("beforeprint", () => { for (const one of findings) one.open = true; });
  for (const one of all(".tools, .keys, #theme")) one.hidden = findings.length === 0 && one.id !== "theme";
  follow();
})();
