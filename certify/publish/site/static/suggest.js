// Certified images that fit what somebody needs, as `certify suggest` names them.
"use strict";
(() => {
  const { data, node, breakable, byId, get, plain, seconds, pageOf, verdictOf } = window.certify;
  const SHOWN = 100;
  const INPUTS = ["needs", "size", "platform", "order"];
  const places = new Map(data.checks.map((id, index) => [id, index]));
  const certified = data.rows.filter((row) => verdictOf(get(row, "status"), get(row, "expires")) === "certified");
  const words = (row, name) => get(row, name).split(" ").filter(Boolean);
  const decimal = (bytes) => (bytes === null ? "" : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

  // All certificates of one image stand together.
  const images = new Map();
  for (const row of certified) {
    const key = JSON.stringify(["reference", "platform", "digest"].map((name) => get(row, name)));
    images.set(key, [...(images.get(key) ?? []), row]);
  }

  const names = [...new Set(certified.flatMap((row) => [get(row, "profile"), ...words(row, "proven")])), ...places.keys()];
  byId("platform").append(...[...new Set(certified.map((row) => get(row, "platform")))].sort().map((name) => node("option", { value: name }, name)));

  // How one certificate meets a need; empty if it does not.
  const met = (row, need) => {
    if (get(row, "profile") === need) return `certified for ${need}`;
    if (words(row, "proven").includes(need)) return `checks of ${need} passed`;
    const shipped = !words(row, "missing").some((name) => need.split(".").includes(name));
    return shipped && places.has(need) && plain(get(row, "checks")[places.get(need)]) === "p" ? `${need} passed` : "";
  };
  const first = (rows, value) => rows.map(value).find(Boolean) ?? "";
  const least = (rows, name) => rows.map((row) => get(row, name)).filter((value) => value !== null).reduce((one, other) => Math.min(one, other), Infinity);

  const fitting = (needs, limit, platform, fastest) => {
    const found = [];
    for (const rows of images.values()) {
      const size = get(rows[0], "size");
      if ((platform && get(rows[0], "platform") !== platform) || (limit && (size === null || size > limit))) continue;
      const how = needs.map((need) => first(rows, (row) => met(row, need)));
      if (how.every(Boolean)) found.push({ rows, how, size, boot: least(rows, "boot") });
    }
    const keys = ({ rows, size, boot }) => [...(fastest ? [boot, size ?? Infinity] : [size ?? Infinity, boot]), get(rows[0], "reference")];
    const ordered = found.map((each) => [keys(each), each]).sort(([one], [other]) => {
      const place = one.findIndex((value, index) => value !== other[index]);
      return place < 0 ? 0 : one[place] < other[place] ? -1 : 1;
    });
    return ordered.map(([, each]) => each);
  };

  const line = ({ rows, how, size, boot }) => node("tr", {},
    node("th", { scope: "row" }, node("a", { href: pageOf(get(rows[0], "stem")) }, node("bdi", {}, ...breakable(get(rows[0], "reference"))))),
    node("td", { class: "number" }, decimal(size)), node("td", { class: "number" }, seconds(boot === Infinity ? null : boot)),
    node("td", {}, get(rows[0], "platform")), node("td", {}, [...new Set(rows.map((row) => get(row, "profile")))].sort().join(", ")),
    node("td", {}, how.join(", ")));

  const draw = () => {
    const needs = [...new Set(byId("needs").value.split(",").map((name) => name.trim()).filter(Boolean))];
    const megabytes = Number(byId("size").value);
    const [platform, fastest] = [byId("platform").value, byId("order").value === "fastest"];
    const found = fitting(needs, megabytes * 1e6, platform, fastest);
    byId("fitting").tBodies[0].replaceChildren(...found.slice(0, SHOWN).map(line));
    const unknown = needs.filter((need) => !names.includes(need));
    const shown = found.length > SHOWN ? `; the first ${SHOWN} are shown` : "";
    byId("count").textContent = `${found.length} of ${images.size} certified images fit${shown}${unknown.length ? `; no image is proven for ${unknown.join(", ")}` : ""}`;
    const quoted = /^[\w.,:+-]*$/.test(needs.join(",")) ? needs.join(",") : `'${needs.join(",").replaceAll("'", "'\\''")}'`;
    byId("command").textContent = ["certify suggest", needs.length && `--needs ${quoted}`, megabytes && `--size-max ${megabytes}MB`, platform && `--platform ${platform}`, fastest && "--fastest"].filter(Boolean).join(" ");
    const before = byId("needs").value.replace(/[^,]*$/, (last) => last.match(/^\s*/)[0]);
    byId("names").replaceChildren(...names.filter((name) => !needs.includes(name)).map((name) => node("option", { value: before + name })));
    history.replaceState(null, "", `#${new URLSearchParams(INPUTS.map((id) => [id, byId(id).value]).filter(([, value]) => value))}`);
  };
  const readAddress = () => {
    const requested = new URLSearchParams(location.hash.slice(1));
    for (const id of INPUTS) byId(id).value = requested.get(id) ?? "";
    draw();
  };

  byId("wanted").addEventListener("input", draw);
  byId("wanted").addEventListener("reset", () => setTimeout(draw));
  byId("wanted").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { if (location.hash !== "#main") readAddress(); });
  readAddress();
})();
