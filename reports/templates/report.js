"use strict";
// The page's data and its start; charts.js and evidence.js add what they show to `report`.
const report = {
  byId: (id) => document.getElementById(id),
  data: null,
  selection: null, // [from, to] in milliseconds since 1970, or null for all of the window
  listeners: [],
};

// Data and Plotly come compressed: a third of the size, and still inside this file.
report.unpacked = async (id) => {
  const text = report.byId(id).textContent;
  // Browsers before 2025 lack fromBase64, which is ten times as fast.
  const bytes = Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
};

report.save = (name, text, type) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

report.two = (number) => String(number).padStart(2, "0");
report.clock = (millis) => {
  const at = new Date(millis);
  return `${report.two(at.getUTCHours())}:${report.two(at.getUTCMinutes())}:${report.two(at.getUTCSeconds())}`;
};
report.day = (millis) => {
  const at = new Date(millis);
  return `${report.two(at.getUTCMonth() + 1)}-${report.two(at.getUTCDate())}`;
};

report.select = (span) => {
  report.selection = span;
  report.byId("selection").hidden = !span;
  if (span) report.byId("selection-text").textContent = `Showing ${report.day(span[0])} ${report.clock(span[0])} to ${report.clock(span[1])} UTC in every chart and in the table.`;
  for (const listener of report.listeners) listener(span);
};

report.start = async () => {
  const bundle = report.unpacked("plotly-bundle"); // inflates on another thread meanwhile
  report.data = JSON.parse(await report.unpacked("report-data"));
  report.startEvidence();
  report.byId("selection-clear").addEventListener("click", () => report.select(null));
  for (const button of document.querySelectorAll("[data-csv]")) {
    const name = button.dataset.csv;
    button.addEventListener("click", () => report.save(`${name}.csv`, report.data.csv[name], "text/csv"));
  }
  await report.startCharts(bundle);
};

document.addEventListener("DOMContentLoaded", () => { if (report.byId("report-data")) report.start(); });
