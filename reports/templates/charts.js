"use strict";
(() => {
  const PAPER_WIDTH = 680; // px between the margins of an A4 sheet
  const root = document.documentElement;
  const narrow = window.matchMedia("(max-width: 680px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const menu = { displaylogo: false, responsive: true, displayModeBar: false };

  const colours = () => {
    const css = getComputedStyle(root);
    return (name) => css.getPropertyValue(name).trim();
  };

  const clotheAxis = (name, axis, colour, timed) => {
    Object.assign(axis, { gridcolor: colour("--grid"), linecolor: colour("--rule"), zeroline: false, tickcolor: colour("--rule") });
    Object.assign(axis, { tickfont: { color: colour("--soft") }, fixedrange: !(timed && name[0] === "x") });
    if (name[0] === "x") Object.assign(axis, { showgrid: false, ticks: "outside", ticklen: 4, showline: true });
    if (name[0] === "x" && timed) axis.nticks = narrow.matches ? 5 : 12;
    if (axis.title) axis.title.font = { color: colour("--soft"), size: 12.5 };
  };

  // A chart takes its ink from the page, so light, dark and print stay one look.
  const clothe = (chart) => {
    const { data, layout } = structuredClone(chart.figure);
    const colour = colours();
    layout.font = { family: colour("--text"), size: 12.5, color: colour("--ink") };
    layout.showlegend = !narrow.matches && data.filter((trace) => trace.showlegend !== false && trace.name).length > 1;
    if (narrow.matches && layout.margin.l <= 64) layout.margin.l = 44;
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: colour("--raised"), bordercolor: colour("--rule"), font: { color: colour("--ink"), size: 12.5 } };
    for (const [name, axis] of Object.entries(layout)) if (/^[xy]axis\d*$/.test(name)) clotheAxis(name, axis, colour, chart.timed);
    for (const note of layout.annotations || []) note.font = { color: colour("--soft"), size: 12 };
    for (const trace of data) {
      if (trace.meta === "ink") trace.line.color = colour("--soft");
      if (trace.meta === "stay") trace.line.color = colour("--stay");
      if (trace.mode === "markers" && trace.marker.line.width) trace.marker.line.color = colour("--paper");
    }
    if ("printing" in root.dataset) Object.assign(layout, { width: PAPER_WIDTH, autosize: false });
    if (chart.timed && report.selection) layout.xaxis.range = report.selection.map((millis) => new Date(millis).toISOString().replace("Z", ""));
    return { data, layout };
  };

  const draw = (chart) => {
    const { data, layout } = clothe(chart);
    return window.Plotly.react(chart.id, data, layout, menu);
  };
  const drawAll = () => Promise.all(report.data.charts.map(draw));

  const millis = (text) => Date.parse(String(text).replace(" ", "T") + (/Z$/.test(text) ? "" : "Z"));

  // A stretch of time chosen in one chart is the stretch shown in all, and in the table.
  const link = (chart) => {
    report.byId(chart.id).on("plotly_relayout", (change) => {
      if (report.zooming) return;
      const key = Object.keys(change).find((name) => /^xaxis\d*\.range\[0\]$/.test(name));
      if (key) report.select([millis(change[key]), millis(change[key.replace("[0]", "[1]")])]);
      else if (Object.keys(change).some((name) => /^xaxis\d*\.autorange$/.test(name))) report.select(null);
    });
  };

  const zoom = async (span) => {
    report.zooming = true;
    const timed = report.data.charts.filter((chart) => chart.timed);
    for (const chart of timed) {
      const range = span ? span.map((at) => new Date(at).toISOString().replace("Z", "")) : chart.figure.layout.xaxis.range;
      await window.Plotly.relayout(chart.id, { "xaxis.range": [...range] });
    }
    report.zooming = false;
  };

  const startImages = () => {
    for (const button of document.querySelectorAll("[data-image]")) {
      const { image, of } = button.dataset;
      button.addEventListener("click", () => window.Plotly.downloadImage(of, { format: image, filename: of, width: 1200, height: Number(report.byId(of).dataset.height), scale: image === "png" ? 2 : 1 }));
    }
  };

  report.startCharts = async () => {
    const script = document.createElement("script");
    try {
      script.textContent = await report.unpacked("plotly-bundle");
      document.head.append(script);
      const [first, ...others] = report.data.charts;
      await draw(first);
      document.body.dataset.chart = "drawn";
      for (const chart of others) {
        await new Promise((next) => setTimeout(next));
        await draw(chart);
      }
      report.data.charts.filter((chart) => chart.timed).forEach(link);
    } catch (problem) {
      for (const place of document.querySelectorAll(".chart:empty")) place.textContent = "This browser cannot draw the chart; the numbers are in the tables.";
      console.error(problem);
    }
    startImages();
    report.listeners.push(zoom);
    dark.addEventListener("change", drawAll);
    narrow.addEventListener("change", drawAll);
    window.addEventListener("beforeprint", () => { root.dataset.printing = ""; drawAll(); });
    window.addEventListener("afterprint", () => { delete root.dataset.printing; drawAll(); });
    document.body.dataset.charts = "drawn";
  };
})();
