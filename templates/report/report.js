"use strict";
// The page is complete without this: it filters, groups, sorts, opens and moves. No state leaves the page.
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const theme = byId("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const make = (tag, kind, text) => {
    const one = document.createElement(tag);
    if (kind) one.className = kind;
    if (text !== undefined) one.textContent = text;
    return one;
  };

  // Tables: a click on a head sorts; a number or `data-sort` sorts by value.
  const valueOf = (row, at) => {
    const cell = row.cells[at];
    const said = cell ? cell.dataset.sort ?? cell.textContent.trim() : "";
    return said !== "" && !isNaN(said) ? Number(said) : said;
  };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, at) => {
      const button = make("button", "sort");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "ascending";
        for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "ascending" : "descending");
        const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => (down ? 1 : -1) * compare(valueOf(a, at), valueOf(b, at)));
        body.append(...rows);
      });
    });
    if (table.tBodies[0].rows.length > 5) {
      const filter = make("input", "filter");
      filter.type = "search";
      filter.placeholder = "Filter the rows";
      const named = byId(table.closest("[aria-labelledby]").getAttribute("aria-labelledby")).textContent;
      filter.setAttribute("aria-label", `Filter the rows of ${named}`);
      table.parentElement.before(filter);
      filter.addEventListener("input", () => {
        const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const row of table.tBodies[0].rows) {
          const text = row.textContent.toLowerCase();
          row.hidden = !words.every((word) => text.includes(word));
        }
      });
    }
  }

  if (!byId("data")) return;
  const data = JSON.parse(byId("data").textContent);
  const { rules, cards, places, subjects, requirements } = data;
  const LEVELS = ["info", "low", "medium", "high", "critical"];
  const SURE = ["low", "medium", "high"];
  const CARD = 0, SUBJECT = 1, PATH = 2, LINE = 3, EVIDENCE = 4, PRINT = 5, VIOLATES = 6, MORE = 7;
  const list = byId("list");
  const chips = all(".chip[data-severity]");
  const names = chips.map((chip) => chip.dataset.severity);
  const search = byId("search");
  const group = byId("group");
  const shown = byId("shown");
  const clear = byId("clear");
  const kindOf = (card) => (card[2] ? "accepted" : LEVELS[card[1]]);
  const kinds = cards.map(kindOf);
  let subject = null, requirement = null;

  const own = cards.map((c) => `${rules[c[0]][0]} ${rules[c[0]][1]} ${c[3]}`);
  const texts = [];
  const textOf = (i) => (texts[i] ??= textFor(places[i]));
  const textFor = (p) => `${own[p[CARD]]} ${subjects[p[SUBJECT]]} ${p[PATH]} ${p[EVIDENCE]} ${p[MORE] ? p[MORE].join(" ") : ""}`.toLowerCase();
  // The texts are made while nothing else is to be done, so that the first key waits for none.
  const idle = window.requestIdleCallback ?? ((task) => setTimeout(task, 50, { timeRemaining: () => 5 }));
  const prepare = (deadline, from = 0) => {
    let i = from;
    for (; i < places.length && (i % 64 || deadline.timeRemaining() > 1); i += 1) textOf(i);
    if (i < places.length) idle((next) => prepare(next, i));
  };
  const GROUPS = {
    rule: (p) => [`${rules[cards[p[CARD]][0]][0]}: ${rules[cards[p[CARD]][0]][1]}`],
    requirement: (p) => (p[VIOLATES].length ? p[VIOLATES].map((at) => requirements[at]) : ["of no standard"]),
    file: (p) => [p[PATH]],
    subject: (p) => [subjects[p[SUBJECT]]],
    cause: (p) => [cards[p[CARD]][4]],
  };

  // The view: groups in order, each with its cards, each with its places; rendered in slices as one scrolls.
  let queue = [], boxes = [], at = 0;
  const SLICE = 15;
  const view = () => {
    const on = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "true").map((c) => c.dataset.severity));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const keys = GROUPS[group.value];
    const groups = new Map();
    let count = 0, last = null;
    queue = [];
    for (let i = 0; i < places.length; i += 1) {
      const p = places[i];
      if (!on.has(kinds[p[CARD]])) continue;
      if (subject !== null && subjects[p[SUBJECT]] !== subject && !(p[MORE] || []).some((row) => row[0] === "Also" && row[1].split(", ").includes(subject))) continue;
      if (requirement !== null && !p[VIOLATES].some((r) => requirements[r] === requirement) && rules[cards[p[CARD]][0]][0] !== requirement) continue;
      if (words.length && !words.every((word) => textOf(i).includes(word))) continue;
      count += 1;
      if (!keys) {  // places come in the order of their cards
        if (last === null || last.card !== p[CARD]) queue.push((last = { card: p[CARD], mine: [] }));
        last.mine.push(i);
        continue;
      }
      for (const key of keys(p)) {
        let own = groups.get(key);
        if (!own) groups.set(key, (own = new Map()));
        const mine = own.get(p[CARD]);
        if (mine) mine.push(i);
        else own.set(p[CARD], [i]);
      }
    }
    for (const [key, own] of groups) {
      let total = 0;
      for (const mine of own.values()) total += mine.length;
      queue.push({ key, total });
      for (const [card, mine] of own) queue.push({ card, mine });
    }
    const filters = [subject && `subject ${subject}`, requirement && `requirement ${requirement}`].filter(Boolean);
    shown.textContent = (count === places.length ? `${count} shown` : `${count} of ${places.length} shown`) + (filters.length ? ` (${filters.join(", ")})` : "");
    clear.hidden = !filters.length;
    at = 0;
    boxes = [];
    list.replaceChildren();
    grow();
  };
  const grow = (limit = SLICE) => {
    for (const stop = Math.min(queue.length, at + limit); at < stop;) {
      const part = make("div", "slice");
      for (const end = Math.min(stop, at + SLICE); at < end; at += 1) {
        const one = queue[at];
        boxes.push(one.key === undefined ? cardOf(one.card, one.mine) : headOf(one));
        part.append(boxes[at]);
      }
      list.append(part);
    }
  };
  const spans = (text) => text.split(/`([^`\n]+)`/).map((part, n) => (n % 2 ? make("code", "", part) : part));
  const headOf = ({ key, total }) => {
    const head = make("h3");
    head.append(...spans(key));
    head.append(make("em", "", total === 1 ? "1 finding" : `${total} findings`));
    return head;
  };
  const cardOf = (number, mine) => {
    const card = cards[number], rule = rules[card[0]], first = places[mine[0]];
    const box = make("details", `finding ${LEVELS[card[1]]}${card[2] ? " off" : ""}`);
    box.dataset.severity = kinds[number];
    const head = make("summary"), what = make("span", "what");
    what.append(...spans(card[3]));
    if (card[2]) what.append(" ", make("span", "tag", card[2]));
    const many = new Set(mine.map((i) => places[i][SUBJECT])).size;
    const where = mine.length === 1 ? first[PATH] + first[LINE] : `${mine.length} places in ${many} subject${many === 1 ? "" : "s"}`;
    what.append(make("span", "where", where));
    head.append(make("span", "badge", LEVELS[card[1]]), what, make("code", "rule", rule[0]));
    box.append(head);
    box.fill = () => {
      if (box.children.length > 1) return;
      box.append(bodyOf(card, rule, mine));
    };
    box.addEventListener("toggle", () => box.open && box.fill());
    return box;
  };
  const bodyOf = (card, rule, mine) => {
    const body = make("dl");
    const say = (name, ...content) => {
      const value = make("dd");
      value.append(...content);
      body.append(make("dt", "", name), value);
    };
    say("Rule", ...spans(rule[1]));
    say("Why it matters", ...spans(rule[2]));
    say("Remedy", ...spans(card[4]));
    if (rule[3].length) {
      say("References", ...rule[3].flatMap((link) => {
        if (!/^https?:\/\//.test(link)) return [link, make("br")];
        const a = make("a", "", link);
        a.href = link;
        a.rel = "noreferrer noopener";
        return [a, make("br")];
      }));
    }
    say("Confidence", SURE[card[5]]);
    const where = make("ul", "places");
    let done = 0;
    const button = make("button", "chip plain");
    button.type = "button";
    const next = () => {
      for (const end = Math.min(mine.length, done + 50); done < end; done += 1) where.append(placeOf(places[mine[done]]));
      button.hidden = done >= mine.length;
      button.textContent = `Show more (${mine.length - done})`;
    };
    button.addEventListener("click", next);
    next();
    say(mine.length === 1 ? "Place" : "Places", where, button);
    return body;
  };
  const placeOf = (p) => {
    const one = make("li");
    one.id = `f-${p[PRINT]}`;
    one.append(make("b", "", p[PATH] + p[LINE]));
    if (!p[PATH].includes(subjects[p[SUBJECT]])) one.append(" ", make("small", "", subjects[p[SUBJECT]]));
    const more = p[MORE] || [];
    const [, before, mark, behind] = more.length && more[0][0] === "Line" ? more[0] : [];
    if (mark || p[EVIDENCE]) {
      const code = make("code", "snippet");
      if (p[LINE]) code.append(make("i", "", p[LINE].split(":")[1]));
      code.append(...(mark ? [before, make("mark", "", mark), behind] : [p[EVIDENCE]]));
      one.append(code);
    }
    for (const [name, text] of mark ? more.slice(1) : more) {
      const row = make("small");
      row.append(make("span", "name", name), " ", ...(name === "Remedy" ? spans(text) : [text]));
      one.append(row);
    }
    return one;
  };

  const only = (wanted) => {
    for (const chip of chips) chip.setAttribute("aria-pressed", String(wanted.includes(chip.dataset.severity)));
  };
  const step = (by) => {
    if (by > 0 && document.activeElement === all(".finding > summary", list).at(-1)) grow();
    const heads = all(".finding > summary", list);
    if (!heads.length) return;
    const now = heads.indexOf(document.activeElement);
    const next = now < 0 ? (by > 0 ? 0 : heads.length - 1) : Math.min(Math.max(now + by, 0), heads.length - 1);
    heads[next].focus();
    heads[next].scrollIntoView({ block: "nearest" });
  };
  // A link may carry the view: #severity=critical,high&search=adminer&theme=dark&group=rule&subject=a.zip, or #f-FINGERPRINT.
  const reveal = (print) => {
    const number = places.findIndex((p) => p[PRINT] === print);
    if (number < 0) return;
    if (!queue.some((one) => one.mine && one.mine.includes(number))) {
      only(names);
      search.value = "";
      subject = requirement = null;
      view();
    }
    const stop = queue.findIndex((one) => one.mine && one.mine.includes(number));
    if (stop >= at) grow(stop - at + SLICE);
    const box = boxes[stop];
    box.open = true;
    box.fill();
    (byId(`f-${print}`) || box).scrollIntoView({ block: "center" });
    box.querySelector("summary").focus({ preventScroll: true });
  };
  const follow = () => {
    const hash = location.hash.slice(1);
    if (hash.startsWith("f-")) return reveal(hash.slice(2));
    const target = hash.includes("=") ? null : byId(hash);
    if (target) {
      const folded = target.querySelector(":scope > details");
      if (folded) folded.open = true;
      return undefined;
    }
    const wanted = new URLSearchParams(hash);
    if (wanted.has("search")) search.value = wanted.get("search");
    if (["dark", "light"].includes(wanted.get("theme"))) root.dataset.theme = wanted.get("theme");
    if (wanted.has("severity")) only(wanted.get("severity").split(","));
    if (wanted.has("group")) group.value = wanted.get("group");
    subject = wanted.get("subject");
    requirement = wanted.get("requirement");
    view();
    if (subject !== null || requirement !== null) byId("findings").scrollIntoView();
    return undefined;
  };

  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      view();
    });
  }
  search.addEventListener("input", view);
  group.addEventListener("change", view);
  clear.addEventListener("click", () => {
    subject = requirement = null;
    history.replaceState(null, "", location.pathname);
    view();
  });
  byId("open").addEventListener("click", (event) => {
    const open = event.target.textContent === "Open all";
    for (const one of all(".finding", list)) one.open = open;
    event.target.textContent = open ? "Close all" : "Open all";
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "0") { only(names); view(); }
    else if (event.key >= "1" && event.key <= "5") { only([names[Number(event.key) - 1]]); view(); }
  });
  window.addEventListener("hashchange", follow);
  window.addEventListener("beforeprint", () => { if (at < 300) grow(300 - at); });
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) grow(); }, { rootMargin: "1500px" }).observe(byId("more"));
  for (const one of all(".tools, .keys")) one.hidden = places.length === 0;
  if (byId("left")) byId("left").hidden = true;
  view();
  if (location.hash) follow();
  idle(prepare);
})();
