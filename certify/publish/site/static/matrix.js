// The matrix: filters, sorts, and draws only the rows in view, so that it stays fast with ten thousand.
"use strict";
(() => {
  const { data, node, byId, get, MARKS, CLASSES, OUTCOMES, plain, seconds, day, pageOf } = window.certify;
  const VERDICTS = { certified: "p", rejected: "f", inconclusive: "u", expired: "u" };
  const WEIGHT = "funsp.";

  const groups = new Map();
  data.checks.forEach((id, index) => {
    const group = id.split(".")[0];
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(index);
  });

  const verdictOf = (row) => window.certify.verdictOf(get(row, "status"), get(row, "expires"));
  const gradeOf = (row) => (verdictOf(row) === "certified" ? get(row, "grade") : "");
  const shownVerdict = (row) => `${verdictOf(row)} ${gradeOf(row)}`.trim();

  // What the last sweep found to be new about an image, from the list of changes above the table.
  const news = new Map([...document.querySelectorAll("#changes [data-stem]")].map((each) => [each.dataset.stem, each.dataset.kind]));
  const newsOf = (row) => news.get(get(row, "stem")) || "";
  const VERDICT_ORDER = ["rejected", "inconclusive", "expired", "certified"];
  // What a person should look at first: newly broken, rejected, other news, and so on.
  const urgency = (row) => {
    const verdict = verdictOf(row);
    if (verdict === "rejected") return newsOf(row) ? 0 : 1;
    return (newsOf(row) ? 2 : 10) + VERDICT_ORDER.indexOf(verdict) + (gradeOf(row) === "native" ? 0.5 : 0);
  };
  const RUNS = { c: "certified", r: "rejected", i: "inconclusive" };
  const runsOf = (row) => [...get(row, "runs")].map((letter) => RUNS[letter]);
  const whyOf = (row) => {
    const verdict = verdictOf(row);
    if (verdict === "expired") return `expired ${day(get(row, "expires"))}`;
    return [verdict === "certified" ? "" : get(row, "reason"), get(row, "hosts")].filter(Boolean).join(" · ");
  };
  // What all references begin with, up to a slash, is said once, above the table.
  const common = (() => {
    const names = data.rows.map((row) => get(row, "reference"));
    if (names.length < 2) return "";
    let [head] = names;
    for (const name of names) while (!name.startsWith(head)) head = head.slice(0, head.lastIndexOf("/", head.length - 2) + 1);
    return head.slice(0, head.lastIndexOf("/") + 1);
  })();

  // The cell for some checks: the worst mark first, as in the terminal. A capital letter means that
  // the check decides the verdict.
  const cell = (row, places) => {
    const letters = get(row, "checks");
    const counts = {};
    let total = 0;
    for (const place of places) {
      const letter = letters[place];
      if (letter === ".") continue;
      total += 1;
      counts[letter] = (counts[letter] || 0) + 1;
      if (letter !== plain(letter)) counts[plain(letter)] = (counts[plain(letter)] || 0) + 1;
    }
    if (!total) return { letter: ".", text: "" };
    const order = get(row, "status") === "certified" ? "fUnups" : "fUSnups";
    const letter = plain([...order].find((each) => counts[each]));
    const count = counts[letter];
    // Without a failure, what had to be asked and was not is the reason.
    const decides = get(row, "status") === "rejected" && counts.S > 0 && letter === "s" && !letters.includes("f");
    return { letter, decides, text: count === total ? `${MARKS[letter]} ${count}` : `${MARKS[letter]} ${count}/${total}`, count, total };
  };

  const COLUMNS = [
    { id: "reference", name: "reference", text: (row) => get(row, "reference"), key: (row) => get(row, "reference") },
    { id: "verdict", name: "verdict", text: shownVerdict, key: urgency },
    { id: "why", name: "why", text: whyOf, key: (row) => whyOf(row) || "\uffff" },
    { id: "runs", name: "runs", text: (row) => get(row, "runs"), key: (row) => -new Set(get(row, "runs")).size },
    { id: "profile", name: "profile", text: (row) => get(row, "profile"), key: (row) => get(row, "profile"), wide: true },
    { id: "os", name: "system", text: (row) => get(row, "os").replace(/ (GNU\/)?Linux\b/, "").replace(/ \(.*\)$/, ""), key: (row) => get(row, "os"), wide: true },
    { id: "checked", name: "checked", text: (row) => day(get(row, "finished")), key: (row) => -get(row, "finished"), wide: true },
    { id: "boot", name: "boot", text: (row) => seconds(get(row, "boot")), key: (row) => get(row, "boot") ?? Infinity, number: true },
    { id: "installed", name: "installed", text: (row) => seconds(get(row, "provision")), key: (row) => get(row, "provision") ?? Infinity, number: true, wide: true },
    { id: "trust", name: "trust", text: (row) => get(row, "trust"), key: (row) => get(row, "trust"), wide: true },
    { id: "platform", name: "platform", text: (row) => get(row, "platform"), key: (row) => get(row, "platform"), wide: true },
  ];
  const BEFORE_GROUPS = 7;
  const groupColumn = (name, places) => ({
    id: `check ${name}`, name, places, check: name,
    key: (row) => { const found = cell(row, places); return WEIGHT.indexOf(found.letter) * 1000 - (found.count || 0); },
  });
  // Only the checks that the chosen profile runs.
  const checksOf = new Map();
  const checksIn = (profile) => {
    if (!checksOf.has(profile)) {
      const rows = data.rows.filter((row) => !profile || get(row, "profile") === profile);
      checksOf.set(profile, new Set(data.checks.map((_, index) => index).filter((index) => rows.some((row) => get(row, "checks")[index] !== "."))));
    }
    return checksOf.get(profile);
  };
  const checkColumns = (every) => (every
    ? data.checks.map((id, index) => ({ ...groupColumn(id, [index]), begins: groups.get(id.split(".")[0])[0] === index }))
    : [...groups].map(([name, places]) => groupColumn(name, places))
  ).filter((column) => column.places.some((place) => checksIn(state.profile).has(place)));

  // ------------------------------------------------------------------ state, stored in the address

  const CONTROLS = { q: "filter-text", verdict: "filter-verdict", profile: "filter-profile", os: "filter-os", trust: "filter-trust" };
  const state = { q: "", verdict: "", profile: "", os: "", trust: "", sort: "verdict", dir: "asc", view: "groups" };
  const readAddress = () => {
    const address = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(state)) state[name] = address.get(name) ?? { sort: "verdict", dir: "asc", view: "groups" }[name] ?? "";
    for (const [name, id] of Object.entries(CONTROLS)) byId(id).value = state[name];
    for (const [name, id] of Object.entries(CONTROLS)) if (byId(id).value !== state[name]) state[name] = byId(id).value;
    byId("every-check").checked = state.view === "checks";
  };
  const writeAddress = () => {
    const address = new URLSearchParams();
    const usual = { sort: "verdict", dir: "asc", view: "groups" };
    for (const [name, value] of Object.entries(state)) if (value && value !== usual[name]) address.set(name, value);
    const hash = address.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };

  const fill = (id, values) => {
    for (const value of [...new Set(values)].filter(Boolean).sort()) byId(id).add(new Option(value, value));
  };
  fill("filter-verdict", data.rows.flatMap((row) => [verdictOf(row), shownVerdict(row)]));
  fill("filter-profile", data.rows.map((row) => get(row, "profile")));
  fill("filter-os", data.rows.map((row) => get(row, "family")));
  fill("filter-trust", data.rows.map((row) => get(row, "trust")));

  // ------------------------------------------------------------------------- rows in view

  const searchable = data.rows.map((row) => ["reference", "digest", "os", "reason", "platform"].map((name) => get(row, name)).join("\n").toLowerCase());
  let columns = [];
  let view = [];
  const matrix = byId("matrix");
  const head = matrix.tHead;
  const body = matrix.tBodies[0];
  const scroller = byId("scroller");

  const choose = () => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    view = [];
    data.rows.forEach((row, index) => {
      if (state.verdict && state.verdict !== verdictOf(row) && state.verdict !== shownVerdict(row)) return;
      if (state.profile && state.profile !== get(row, "profile")) return;
      if (state.os && state.os !== get(row, "family")) return;
      if (state.trust && state.trust !== get(row, "trust")) return;
      if (!words.every((word) => searchable[index].includes(word))) return;
      view.push(index);
    });
    const column = columns.find((each) => each.id === state.sort) || columns[0];
    const keys = new Map(view.map((index) => [index, column.key(data.rows[index])]));
    const sign = state.dir === "desc" ? -1 : 1;
    view.sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      return (x < y ? -sign : x > y ? sign : 0) || a - b;
    });
    const all = data.rows.length;
    byId("count").textContent = view.length === all ? `${all} result${all === 1 ? "" : "s"}` : `${view.length} of ${all} results`;
    matrix.setAttribute("aria-rowcount", String(view.length + 1));
  };

  const drawHead = () => {
    columns = [...COLUMNS.slice(0, BEFORE_GROUPS), ...checkColumns(state.view === "checks"), ...COLUMNS.slice(BEFORE_GROUPS)];
    matrix.classList.toggle("every", state.view === "checks");
    const row = node("tr", { "aria-rowindex": "1" });
    for (const column of columns) {
      const sorted = state.sort === column.id;
      const button = node("button", { type: "button", "data-sort": column.id }, node("span", {}, column.name));
      row.append(node("th", {
        scope: "col", class: `${column.places ? "group" : column.id}${column.wide ? " wide" : ""}${column.number ? " number" : ""}${column.begins ? " begins" : ""}`,
        "aria-sort": sorted ? (state.dir === "desc" ? "descending" : "ascending") : "none",
      }, button));
    }
    head.replaceChildren(row);
  };

  const drawRow = (index, position) => {
    const row = data.rows[index];
    const drawn = node("tr", {
      "aria-rowindex": String(position + 2), "data-index": String(index),
      "data-reference": get(row, "reference"), "data-profile": get(row, "profile"),
      "data-platform": get(row, "platform"), "data-verdict": verdictOf(row),
    });
    for (const column of columns) {
      if (column.id === "reference") {
        const name = get(row, "reference");
        const cut = name.lastIndexOf("/", name.includes("@") ? name.indexOf("@") : undefined) + 1;
        const link = node("a", { href: pageOf(get(row, "stem")), title: name, tabindex: "-1" },
          node("bdi", { class: "head" }, name.slice(common.length, cut)), node("bdi", { class: "tail" }, name.slice(cut)));
        drawn.append(node("th", { scope: "row", class: "reference" }, link));
      } else if (column.places) {
        const found = cell(row, column.places);
        const shown = node("td", { class: `group${column.begins ? " begins" : ""}`, "data-check": column.check, "data-outcome": CLASSES[found.letter] || "none" });
        if (found.letter !== ".") {
          const text = state.view === "checks" ? MARKS[found.letter] : found.text;
          shown.append(node("button", {
            type: "button", tabindex: "-1", class: `mark ${CLASSES[found.decides ? "f" : found.letter]}`,
            "aria-label": `${column.check}: ${found.count} of ${found.total} ${OUTCOMES[found.letter]}`,
          }, text));
        }
        drawn.append(shown);
      } else if (column.id === "verdict") {
        const verdict = verdictOf(row);
        const text = verdict === "certified" ? gradeOf(row) || verdict : verdict;
        const mark = node("b", { class: `mark ${verdict === "expired" ? "expired" : CLASSES[VERDICTS[verdict]]}`, "aria-hidden": "true" }, verdict === "expired" ? "○" : MARKS[VERDICTS[verdict]]);
        const fresh = newsOf(row);
        drawn.append(node("td", { class: "verdict", "data-outcome": verdict }, mark, " ", node("span", { class: "word" }, text), ...(fresh ? [" ", node("span", { class: "new", title: fresh }, "new")] : [])));
      } else if (column.id === "why") {
        const why = whyOf(row);
        drawn.append(node("td", { class: `why ${verdictOf(row)}`, title: why || undefined }, node("bdi", {}, why)));
      } else if (column.id === "runs") {
        const runs = runsOf(row);
        drawn.append(node("td", { class: "runs" }, node("span", { role: "img", "aria-label": `last runs, oldest first: ${runs.join(", ") || "none"}`, title: runs.join(", ") || undefined },
          ...runs.map((run) => node("i", { class: run })))));
      } else {
        const text = column.text(row);
        drawn.append(node("td", { class: `${column.id}${column.wide ? " wide" : ""}${column.number ? " number" : ""}`, title: column.id === "os" ? get(row, "os") : undefined }, text));
      }
    }
    return drawn;
  };

  const SPARE = 12;
  let height = 34;
  let shown = [-1, -1];
  const spacer = (rows) => {
    const row = node("tr", { class: "spacer", "aria-hidden": "true" }, node("td", { colspan: String(columns.length) }));
    row.style.height = `${rows * height}px`;
    return row;
  };
  const draw = (force) => {
    const first = Math.max(0, Math.floor(scroller.scrollTop / height) - SPARE);
    // An empty table has no row to measure; its height is at most that of the window.
    const last = Math.min(view.length, Math.ceil((scroller.scrollTop + innerHeight) / height) + SPARE);
    if (!force && first === shown[0] && last === shown[1]) return;
    shown = [first, last];
    const focused = document.activeElement && body.contains(document.activeElement) ? place(document.activeElement) : null;
    const rows = [];
    if (first > 0) rows.push(spacer(first));
    for (let position = first; position < last; position += 1) rows.push(drawRow(view[position], position));
    if (last < view.length) rows.push(spacer(view.length - last));
    if (!view.length) rows.push(node("tr", { class: "nothing" }, node("td", { colspan: String(columns.length) }, data.rows.length ? "No result matches." : "Nothing has been certified yet.")));
    body.replaceChildren(...rows);
    if (focused) focusCell(focused.position, focused.column);
    offerTab();
  };
  const redraw = () => { drawHead(); choose(); scroller.scrollTop = 0; draw(true); measure(); writeAddress(); };
  const measure = () => {
    const row = body.querySelector("tr[data-index]");
    const found = row ? row.getBoundingClientRect().height : 0;
    if (found && Math.abs(found - height) > 0.5) { height = found; draw(true); }
  };

  // --------------------------------------------------------------------------- keyboard

  const place = (element) => {
    const td = element.closest("td, th");
    const row = element.closest("tr[data-index]");
    if (!td || !row) return null;
    return { position: Number(row.getAttribute("aria-rowindex")) - 2, column: td.cellIndex };
  };
  const focusCell = (position, column) => {
    const target = targetAt(position, column);
    if (target) target.focus({ preventScroll: true });
    return target;
  };
  const move = (from, down, right) => {
    const position = Math.min(Math.max(from.position + down, 0), view.length - 1);
    const top = position * height;
    const room = scroller.clientHeight - head.offsetHeight - height;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top > scroller.scrollTop + room - height) scroller.scrollTop = top - room + height;
    draw(false);
    for (let column = from.column + right; column >= 0 && column < columns.length; column += right || columns.length) {
      const target = focusCell(position, column);
      if (target) { target.scrollIntoView({ block: "nearest", inline: "nearest" }); return; }
    }
  };
  // Tab reaches one cell of the table, the last one used; arrow keys move between cells.
  let current = { position: 0, column: 0 };
  const targetAt = (position, column) => body.querySelector(`tr[aria-rowindex="${position + 2}"]`)?.cells[column]?.querySelector("a, button");
  const offerTab = () => {
    for (const old of body.querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
    const offered = targetAt(current.position, current.column) || body.querySelector("tr[data-index] a");
    if (offered) offered.tabIndex = 0;
  };
  body.addEventListener("focusin", (event) => {
    const found = place(event.target);
    if (found) { current = found; offerTab(); }
  });
  const STEPS = {
    ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1],
    PageDown: [12, 0], PageUp: [-12, 0], Home: [-Infinity, 0], End: [Infinity, 0],
  };
  body.addEventListener("keydown", (event) => {
    const from = place(event.target);
    const step = STEPS[event.key];
    if (!from || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(from, ...step);
  });

  // ----------------------------------------------------------------------------- details

  const details = new Map();
  const waiting = new Map();
  window.certifyDetails = (stem, found) => { details.set(stem, found); };
  const detailsOf = (row) => {
    const stem = get(row, "stem");
    if (!get(row, "more")) return Promise.resolve({});
    if (details.has(stem)) return Promise.resolve(details.get(stem));
    if (!waiting.has(stem)) {
      waiting.set(stem, new Promise((resolve) => {
        const script = document.createElement("script");
        script.src = `images/${encodeURI(stem)}.js`;
        script.onload = () => resolve(details.get(stem) || {});
        script.onerror = () => { waiting.delete(stem); resolve({}); };
        document.head.append(script);
      }));
    }
    return waiting.get(stem);
  };
  const dialog = byId("detail");
  const open = async (row, column) => {
    const found = await detailsOf(row);
    byId("detail-title").replaceChildren(node("code", {}, column.check), " of ", node("bdi", {}, get(row, "reference")));
    const letterAt = (index) => plain(get(row, "checks")[index]);
    const shown = column.places.filter((index) => letterAt(index) !== ".");
    // Problems come first.
    shown.sort((one, other) => WEIGHT.indexOf(letterAt(one)) - WEIGHT.indexOf(letterAt(other)) || one - other);
    const parts = shown.map((index) => {
      const id = data.checks[index];
      const letter = letterAt(index);
      const detail = found[id];
      const part = node("section", { "data-check": id, "data-outcome": CLASSES[letter] },
        node("h3", {}, node("b", { class: `mark ${CLASSES[letter]}`, "aria-hidden": "true" }, MARKS[letter]), " ",
          node("a", { href: pageOf(get(row, "stem"), id) }, node("code", {}, id)), ` ${detail ? detail.outcome : OUTCOMES[letter]}`,
          node("span", { class: "quiet" }, detail ? ` · ${detail.level}` : "")));
      if (detail) {
        if (detail.message) part.append(node("p", {}, node("bdi", {}, detail.message)));
        if (detail.waiver) part.append(node("p", { class: "quiet" }, `waived: ${detail.waiver}`));
        if (detail.evidence) part.append(node("pre", { tabindex: "0", "aria-label": `Evidence of ${id}` }, detail.evidence));
        if (detail.remedy) part.append(node("p", { class: "remedy" }, "→ ", node("bdi", {}, detail.remedy)));
      }
      return part;
    });
    const page = node("p", {}, node("a", { href: pageOf(get(row, "stem")) }, "All about this image"));
    byId("detail-body").replaceChildren(...parts, page);
    dialog.showModal();
  };
  body.addEventListener("click", (event) => {
    const button = event.target.closest("td[data-check] button");
    if (!button) return;
    const row = data.rows[Number(button.closest("tr").dataset.index)];
    open(row, columns.find((each) => each.check === button.parentElement.dataset.check));
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // ------------------------------------------------------------------------------- tiles

  const tiles = () => {
    const kinds = [["certified native", "certified native", "p"], ["certified on-launch", "certified on-launch", "p"], ["rejected", "rejected", "f"], ["inconclusive", "inconclusive", "u"], ["expired", "expired", "u"]];
    const counts = {};
    for (const row of data.rows) counts[shownVerdict(row)] = (counts[shownVerdict(row)] || 0) + 1;
    for (const old of byId("tiles").querySelectorAll("[data-verdict]")) old.parentElement.remove();
    byId("tiles").prepend(...kinds.filter(([name]) => name !== "expired" || counts[name]).map(([name, value, letter]) => {
      const button = node("button", { type: "button", "data-verdict": value, "aria-pressed": String(state.verdict === value), disabled: counts[name] ? undefined : "" },
        node("b", {}, String(counts[name] || 0)), node("span", {}, node("i", { class: `mark ${CLASSES[letter]}`, "aria-hidden": "true" }, name === "expired" ? "○" : MARKS[letter]), ` ${name}`));
      return node("li", {}, button);
    }));
  };
  if (common) byId("prefix").append("· all references begin with ", node("bdi", {}, common));
  const best = data.best || [];
  if (best.length) {
    byId("best").hidden = false;
    byId("best").querySelector("summary").append(`Best for: ${[...new Set(best.map(([use]) => use))].join(", ")}`);
    byId("best").querySelector("ul").append(...best.map(([use, platform, stem, reference, measured, among, expires]) => node("li", {},
      node("b", {}, use), " ", node("a", { href: pageOf(stem) }, node("bdi", {}, reference)), " ",
      node("span", { class: "quiet" }, `${measured} · best of ${among}${platform && ` on ${platform}`}${window.certify.verdictOf("certified", expires) === "expired" ? " · expired since" : ""}`))));
  }
  const swept = document.querySelector("[data-age]");
  if (swept) {
    const minutes = Math.max(0, Math.floor((Date.now() / 1000 - Number(swept.dataset.age)) / 60));
    const hours = Math.floor(minutes / 60);
    swept.after(` (${hours < 2 ? `${minutes} min` : hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`} ago)`);
  }
  const changes = byId("changes");
  const changesTile = byId("changes-tile");
  if (changesTile) changesTile.hidden = false;
  if (changes) {
    changesTile.addEventListener("click", () => { changes.open = !changes.open; });
    changes.addEventListener("toggle", () => changesTile.setAttribute("aria-expanded", String(changes.open)));
  }
  byId("tiles").addEventListener("click", (event) => {
    const button = event.target.closest("[data-verdict]");
    if (!button) return;
    state.verdict = state.verdict === button.dataset.verdict ? "" : button.dataset.verdict;
    byId("filter-verdict").value = state.verdict;
    tiles();
    redraw();
    byId("tiles").querySelector(`[data-verdict="${CSS.escape(button.dataset.verdict)}"]`).focus();
  });

  // ------------------------------------------------------------------------------ events

  for (const [name, id] of Object.entries(CONTROLS)) byId(id).addEventListener("input", () => { state[name] = byId(id).value; tiles(); redraw(); });
  byId("every-check").addEventListener("change", (event) => { state.view = event.target.checked ? "checks" : "groups"; redraw(); });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(() => {
    Object.assign(state, { q: "", verdict: "", profile: "", os: "", trust: "", view: "groups" });
    tiles();
    redraw();
  }));
  head.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const id = button.dataset.sort;
    state.dir = state.sort === id && state.dir === "asc" ? "desc" : "asc";
    state.sort = id;
    redraw();
    head.querySelector(`[data-sort="${CSS.escape(id)}"]`).focus();
  });
  scroller.addEventListener("scroll", () => draw(false), { passive: true });
  addEventListener("resize", () => { measure(); draw(true); });
  addEventListener("hashchange", () => {
    if (location.hash === "#main") return; // the skip link was used
    readAddress();
    tiles();
    redraw();
  });
  addEventListener("beforeprint", () => { shown = [-1, -1]; body.replaceChildren(...view.map(drawRow)); });
  addEventListener("afterprint", () => draw(true));

  readAddress();
  tiles();
  redraw();
})();
