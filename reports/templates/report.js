"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const PAPER_WIDTH = 680; // px between the margins of an A4 sheet
  const root = document.documentElement;
  const narrow = window.matchMedia("(max-width: 680px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // The chart takes its ink from the page, so light, dark and print stay one look.
  const clothe = (figure) => {
    const css = getComputedStyle(root);
    const colour = (name) => css.getPropertyValue(name).trim();
    const layout = figure.layout;
    layout.font = { family: colour("--text"), size: 12.5, color: colour("--ink") };
    layout.showlegend = !narrow.matches;
    layout.margin.l = narrow.matches ? 44 : 64;
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: colour("--raised"), bordercolor: colour("--rule"), font: { color: colour("--ink"), size: 12.5 } };
    for (const [name, axis] of Object.entries(layout)) {
      if (!/^[xy]axis\d*$/.test(name)) continue;
      Object.assign(axis, { gridcolor: colour("--grid"), linecolor: colour("--rule"), zeroline: false, tickcolor: colour("--rule") });
      Object.assign(axis, { tickfont: { color: colour("--soft") }, fixedrange: name[0] === "y" });
      if (name[0] === "x") Object.assign(axis, { showgrid: false, ticks: "outside", ticklen: 4, showline: true, nticks: narrow.matches ? 5 : 12 });
      if (axis.title) axis.title.font = { color: colour("--soft"), size: 12.5 };
    }
    for (const note of layout.annotations || []) note.font = { color: colour("--soft"), size: 12 };
    for (const trace of figure.data) {
      if (trace.meta === "ink") trace.line.color = colour("--soft");
      if (trace.mode === "markers" && trace.marker.line.width) trace.marker.line.color = colour("--paper");
    }
    return figure;
  };

  const draw = () => {
    const figure = clothe(JSON.parse(byId("chart-data").textContent));
    if ("printing" in root.dataset) Object.assign(figure.layout, { width: PAPER_WIDTH, autosize: false });
    const menu = { displaylogo: false, responsive: true, displayModeBar: false };
    return window.Plotly.react("chart", figure.data, figure.layout, menu);
  };

  // Plotly comes compressed: a third of the size, and still inside this file.
  const unpacked = async () => {
    const bytes = Uint8Array.from(atob(byId("plotly-bundle").textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const startChart = async () => {
    try {
      const script = document.createElement("script");
      script.textContent = await unpacked();
      document.head.append(script);
      await draw();
    } catch (problem) {
      byId("chart").textContent = "This browser cannot draw the chart; all numbers are in the tables.";
      console.error(problem);
    }
    dark.addEventListener("change", draw);
    narrow.addEventListener("change", draw);
    window.addEventListener("beforeprint", () => { root.dataset.printing = ""; draw(); });
    window.addEventListener("afterprint", () => { delete root.dataset.printing; draw(); });
    document.body.dataset.chart = "drawn";
  };

  const startFilter = () => {
    const rows = Array.from(byId("rows").tBodies[0].rows, (row) => ({ row, cause: row.dataset.cause, text: "" }));
    const apply = () => {
      const causes = new Set(Array.from(document.querySelectorAll("[name=cause]:checked"), (box) => box.value));
      const wanted = byId("search").value.trim().toLowerCase();
      let shown = 0;
      for (const entry of rows) {
        if (wanted && !entry.text) entry.text = entry.row.textContent.toLowerCase();
        const fits = (!causes.size || causes.has(entry.cause)) && (!wanted || entry.text.includes(wanted));
        entry.row.hidden = !fits;
        shown += fits ? 1 : 0;
      }
      byId("count").textContent = shown.toLocaleString("en") + " shown";
      byId("none").hidden = shown > 0;
    };
    byId("filter").addEventListener("input", apply);
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    apply();
  };

  if (byId("rows")) startFilter();
  if (byId("chart-data")) startChart();
})();
