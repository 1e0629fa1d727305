"use strict";
(() => {
  const ROW = 46; // px: every row is as high, so that the place of each is known without drawing it
  const HEAD = 44; // px of the table's head and the frame
  const TALLEST = 660;
  const SPARE = 8; // rows drawn beyond either edge
  const AROUND = 600_000; // ms of the evidence timeline on either side
  const byId = report.byId;
  let order = []; // places of the errors that match, in the order shown
  let sort = { by: "time", down: false };
  let texts = []; // what the search looks in, by place

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const percent = (share) => (share > 0 && share < 0.01 ? "<1%" : share < 1 && share >= 0.995 ? ">99%" : `${Math.round(share * 100)}%`);
  const drawing = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const hue = (cause) => report.data.looks[cause]?.hue || "#8b9199";
  const swatch = (cause) => {
    const square = drawing("svg", { class: "swatch", viewBox: "0 0 11 11", "aria-hidden": "true" });
    square.append(drawing("rect", { width: 11, height: 11, fill: hue(cause) }));
    if (report.data.looks[cause]?.hatched) square.append(drawing("path", { d: "M0 11L11 0", stroke: "#fff", "stroke-width": 2.5 }));
    return square;
  };
  const seconds = (value) => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(Math.abs(value) < 1 ? 3 : 1));
  const target = (errors, at) => (errors.target_ip[at] ? errors.target_ip[at] + (errors.target_port[at] ? `:${errors.target_port[at]}` : "") : "–");
  const moment = (errors, at) => `${report.day(errors.time[at])} ${report.clock(errors.time[at])}.${String(errors.time[at] % 1000).padStart(3, "0")}`;

  const textOf = (at) => {
    const errors = report.data.errors;
    texts[at] ??= [errors.request_id[at], errors.trace_id[at], target(errors, at), errors.cause[at], errors.evidence[at], errors.missing_sources[at], errors.path[at], errors.object_key[at], errors.elb_status_code[at]].join(" ").toLowerCase();
    return texts[at];
  };

  const matching = () => {
    const errors = report.data.errors;
    const causes = new Set(Array.from(document.querySelectorAll("[name=cause]:checked"), (box) => box.value));
    const wanted = byId("search").value.trim().toLowerCase();
    const span = report.selection;
    const found = [];
    for (let at = 0; at < errors.time.length; at += 1) {
      if (causes.size && !causes.has(errors.cause[at])) continue;
      if (span && (errors.time[at] < span[0] || errors.time[at] > span[1])) continue;
      if (wanted && !textOf(at).includes(wanted)) continue;
      found.push(at);
    }
    const values = errors[sort.by];
    const compare = (one, other) => (values[one] ?? "") < (values[other] ?? "") ? -1 : (values[one] ?? "") > (values[other] ?? "") ? 1 : one - other;
    if (sort.by !== "time") found.sort(compare);
    return sort.down ? found.reverse() : found;
  };

  const rowOf = (place) => {
    const errors = report.data.errors;
    const at = order[place];
    const row = element("tr");
    row.dataset.cause = errors.cause[at];
    row.setAttribute("aria-rowindex", place + 2);
    const time = element("td", "time");
    const link = element("a", "", moment(errors, at));
    link.href = `#req-${errors.request_id[at]}`;
    time.append(link);
    const cause = element("td", "cause");
    const named = element("span", "", `${errors.cause[at]} `);
    named.append(element("b", "", percent(errors.confidence[at])));
    if (errors.runner_up_confidence[at] >= 0.01) named.append(element("small", "", `else ${errors.runner_up[at]} ${percent(errors.runner_up_confidence[at])}`));
    cause.append(swatch(errors.cause[at]), named);
    const evidence = element("td", "evidence", errors.evidence[at]);
    if (errors.missing_sources[at]) evidence.append(" ", element("em", "", `Not watched: ${errors.missing_sources[at]}.`));
    row.append(time, element("td", "", errors.elb_status_code[at]), element("td", "mono", target(errors, at)), cause, evidence);
    return row;
  };

  const pad = (rows) => {
    const row = element("tr", "pad");
    row.setAttribute("aria-hidden", "true");
    const cell = element("td");
    cell.colSpan = 5;
    cell.style.height = `${rows * ROW}px`;
    row.append(cell);
    return rows ? [row] : [];
  };

  // Only the rows in sight exist: a hundred thousand errors scroll like a hundred.
  const fill = () => {
    const grid = byId("grid");
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - SPARE);
    const last = Math.min(order.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + SPARE);
    const rows = [];
    for (let place = first; place < last; place += 1) rows.push(rowOf(place));
    byId("virtual").replaceChildren(...pad(first), ...rows, ...pad(order.length - last));
  };

  const apply = () => {
    order = matching();
    const grid = byId("grid");
    grid.style.height = `${Math.min(TALLEST, order.length * ROW + HEAD)}px`;
    grid.scrollTop = 0;
    grid.querySelector("table").setAttribute("aria-rowcount", order.length + 1);
    byId("count").textContent = `${order.length.toLocaleString("en")} shown`;
    byId("none").hidden = order.length > 0;
    fill();
  };

  const sortBy = (button) => {
    sort = { by: button.dataset.sort, down: sort.by === button.dataset.sort ? !sort.down : false };
    for (const head of byId("grid").querySelectorAll("th")) head.removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    for (const one of byId("grid").querySelectorAll("[data-sort]")) one.toggleAttribute("data-on", one === button);
    apply();
  };

  const guarded = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const saveShown = () => {
    const errors = report.data.errors;
    const names = Object.keys(errors);
    const lines = order.map((at) => names.map((name) => guarded(name === "time" ? new Date(errors.time[at]).toISOString() : errors[name][at])).join(","));
    report.save("errors.csv", [names.join(","), ...lines].join("\n") + "\n", "text/csv");
  };

  // One error: its line, every candidate with what speaks for it, and what happened around it.
  const facts = (errors, at) => {
    const list = element("dl");
    const add = (name, value, className) => {
      if (value === null || value === undefined || value === "") return;
      const pair = element("div", className);
      pair.append(element("dt", "", name), element("dd", "", value));
      list.append(pair);
    };
    add("answered", `${moment(errors, at)} UTC, ${errors.elb_status_code[at]}`);
    add("request", [errors.request_verb[at], errors.path[at]].filter(Boolean).join(" "));
    add("target", target(errors, at));
    add("ALB node", errors.elb_node_ip[at]);
    add("what failed", (errors.failure_class[at] || "").replaceAll("_", " "));
    if (errors.duration_s[at] !== null) add("took", `${seconds(errors.duration_s[at])} s`);
    if (errors.gap_s[at] !== null) add("pair idle for", `${seconds(errors.gap_s[at])} s`);
    add("trace", errors.trace_id[at], "whole");
    add("line", `${errors.object_key[at]}:${errors.line_number[at]}`, "whole");
    add("explain", `forensics explain ${errors.request_id[at]}`, "whole");
    return list;
  };

  const candidatesOf = (at) => {
    const all = report.data.candidates;
    const first = all.error.indexOf(at);
    const found = [];
    for (let place = first; place >= 0 && all.error[place] === at; place += 1) found.push(place);
    return found;
  };

  // A candidate's score is fit + rate; relative to the best one they add up to its odds against it.
  const waterfall = (at) => {
    const all = report.data.candidates;
    const places = candidatesOf(at);
    if (!places.length) return element("p", "note", "Candidates of this error are not in the page; forensics explain shows them.");
    const [best] = places;
    const table = element("table", "waterfall");
    const head = element("tr");
    for (const name of ["Candidate", "Probability", "Fit", "Rate", "Evidence"]) head.append(element("th", "", name));
    const header = element("thead");
    header.append(head);
    const body = element("tbody");
    for (const place of places) {
      const row = element("tr");
      const cause = element("td", "cause");
      cause.append(swatch(all.cause[place]), element("span", "", all.cause[place]));
      const bar = element("td", "probability");
      const svg = drawing("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
      svg.append(drawing("rect", { width: Math.max(0.5, 100 * all.probability[place]), height: 8, fill: hue(all.cause[place]) }));
      bar.append(svg, element("b", "", percent(all.probability[place])));
      const relative = (name) => (place === best ? "0" : (all[name][place] - all[name][best]).toFixed(1).replace("-", "−"));
      row.append(cause, bar, element("td", "n", relative("log_likelihood")), element("td", "n", relative("log_rate")), element("td", "", all.evidence[place]));
      body.append(row);
    }
    table.append(header, body);
    return table;
  };

  const around = (at) => {
    const { errors, events } = report.data;
    const centre = errors.time[at];
    const found = [];
    for (let place = 0; place < events.occurred_at.length; place += 1) {
      if (Math.abs(events.occurred_at[place] - centre) <= AROUND) found.push(place);
    }
    const near = (place) => Number(events.event_id[place] !== errors.event_id[at]) * 4 + Number(events.address[place] !== errors.target_ip[at]) * 2;
    return found.sort((one, other) => near(one) - near(other) || Math.abs(events.occurred_at[one] - centre) - Math.abs(events.occurred_at[other] - centre)).slice(0, 12).sort((one, other) => events.occurred_at[one] - events.occurred_at[other]);
  };

  const timeline = (at) => {
    const { errors, events } = report.data;
    const centre = errors.time[at];
    const list = element("ol", "around");
    const add = (millis, text, className) => {
      const lag = (millis - centre) / 1000;
      const entry = element("li", className);
      entry.append(element("time", "mono", report.clock(millis)), element("span", "n", lag === 0 ? "0 s" : `${lag > 0 ? "+" : "−"}${seconds(Math.abs(lag))} s`), element("span", "", text));
      list.append(entry);
    };
    let told = false;
    for (const place of around(at)) {
      if (!told && events.occurred_at[place] > centre) { add(centre, "this error", "self"); told = true; }
      const who = [events.entity[place], events.node_group[place]].filter(Boolean).join(", ");
      const cited = events.event_id[place] === errors.event_id[at];
      add(events.occurred_at[place], `${events.kind[place].replaceAll("_", " ")}: ${who}${events.reason[place] ? ` (${events.reason[place]})` : ""}${cited ? " (cited by the verdict)" : ""}`, cited ? "cited" : "");
    }
    if (!told) add(centre, "this error", "self");
    return list;
  };

  const show = (at) => {
    const errors = report.data.errors;
    const dialog = byId("detail");
    const title = element("h2", "", `${errors.cause[at]}, ${percent(errors.confidence[at])} sure`);
    title.id = "detail-title";
    const close = element("button", "close", "Close");
    close.type = "button";
    close.addEventListener("click", () => dialog.close());
    const head = element("div", "head");
    head.append(title, close);
    dialog.replaceChildren(head, element("p", "lead", errors.evidence[at]), facts(errors, at), element("h3", "", "Candidates"), waterfall(at), element("p", "note", "Fit: how well it explains this very error. Rate: how often it strikes here. Both against the best candidate, as natural logarithms: −2.3 is ten times less likely. Several events of one cause add up."), element("h3", "", "Around it"), timeline(at));
    if (!dialog.open) dialog.showModal();
  };

  const follow = () => {
    const id = decodeURIComponent(window.location.hash).replace(/^#req-/, "");
    const at = window.location.hash.startsWith("#req-") ? report.data.errors.request_id.indexOf(id) : -1;
    if (at >= 0) show(at);
    else if (byId("detail").open) byId("detail").close();
  };

  report.startEvidence = () => {
    byId("static").classList.add("paper");
    byId("grid").hidden = false;
    byId("filter").addEventListener("input", apply);
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    byId("errors-csv").addEventListener("click", saveShown);
    byId("grid").addEventListener("scroll", () => requestAnimationFrame(fill), { passive: true });
    for (const button of byId("grid").querySelectorAll("[data-sort]")) button.addEventListener("click", () => sortBy(button));
    byId("detail").addEventListener("close", () => history.replaceState(null, "", window.location.pathname + window.location.search));
    window.addEventListener("hashchange", follow);
    report.listeners.push(apply);
    apply();
    follow();
  };
})();
