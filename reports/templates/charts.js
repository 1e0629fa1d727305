"use strict";
(() => {
  const PAPER_WIDTH = 680; // px between the margins of an A4 sheet
  const root = document.documentElement;
  const narrow = window.matchMedia("(max-width: 680px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const menu = { displaylogo: false, responsive: true, displayModeBar: false };

  const LOW = 300; // px: a chart that is taller gives up most of the rest on paper
  const SIDE = 112; // px for the longest name of a row, where the window is narrow
  const ENTRY = 19; // px: entries of a legend lie below each other in a narrow window
  const WHOLE_ROW = 220; // px: no room for another entry beside this one
  const UPRIGHT = 70; // px for names that stand upright

  const colours = () => {
    const css = getComputedStyle(root);
    return (name) => css.getPropertyValue(name).trim();
  };

  // Where a chart is drawn: on a screen, in a narrow one, on paper, or into a file.
  const formNow = () => ("printing" in root.dataset ? "paper" : narrow.matches ? "narrow" : "screen");

  const clotheAxis = (name, axis, colour, timed, form) => {
    Object.assign(axis, { gridcolor: colour("--grid"), linecolor: colour("--rule"), zeroline: false, tickcolor: colour("--rule") });
    Object.assign(axis, { tickfont: { color: colour("--soft") }, fixedrange: !(timed && name[0] === "x") });
    if (name[0] === "x") Object.assign(axis, { showgrid: false, ticks: "outside", ticklen: 4, showline: true });
    if (name[0] === "x" && timed) Object.assign(axis, form === "narrow" ? { nticks: 4, tickangle: 0 } : { nticks: 12 });
    if (name[0] === "x" && !timed && form === "narrow" && !axis.tickvals) axis.nticks = 4;
    if (axis.title) axis.title.font = { color: colour("--soft"), size: 12.5 };
  };

  const clotheTrace = (trace, colour, form) => {
    if (trace.meta === "ink") trace.line.color = colour("--soft");
    if (trace.meta === "stay") trace.line.color = colour("--stay");
    if (trace.mode === "markers" && trace.marker.line.width) trace.marker.line.color = colour("--paper");
    if (trace.error_x) trace.error_x.color = colour("--ink");
    if (trace.type !== "heatmap") return;
    trace.textfont = { color: colour("--ink") };
    trace.colorscale = trace.colorscale.map(([at, shade]) => [at, shade.replace("0,114,178", colour("--heat"))]);
    if (trace.colorbar) trace.colorbar.tickfont = { color: colour("--soft") };
    if (form === "narrow") trace.showscale = false;
  };

  const narrowed = (layout, entries) => {
    layout.margin.l = layout.margin.l <= 64 ? 44 : SIDE;
    const { ticktext, tickangle } = layout.xaxis;
    // Names on several lines, where there is room for them, stand upright on one where there is none.
    if (ticktext && tickangle === undefined) {
      layout.height += UPRIGHT;
      Object.assign(layout.xaxis, { ticktext: ticktext.map((name) => name.replaceAll("_<br>", "_").replaceAll("<br>", " ")), tickangle: -90 });
    }
    if (!layout.showlegend) return;
    const room = entries * ENTRY + 16;
    layout.height += room;
    layout.margin.b += room;
    layout.legend = { ...layout.legend, xref: "container", x: 0.02, yref: "container", y: 0, yanchor: "bottom", entrywidth: WHOLE_ROW, tracegroupgap: 0 };
  };

  const printed = (layout) => {
    const spare = Math.max(0, layout.height - LOW);
    Object.assign(layout, { width: PAPER_WIDTH, autosize: false, height: layout.height - 0.5 * spare });
    layout.font.size = 11;
    if (layout.yaxis.type === "category") Object.assign(layout.yaxis, { dtick: 1, tickfont: { ...layout.yaxis.tickfont, size: 9 } });
  };

  // A chart takes its ink from the page, so light, dark and print stay one look.
  const clothe = (chart, form) => {
    const { data, layout } = structuredClone(chart.figure);
    const colour = colours();
    layout.font = { family: colour("--text"), size: 12.5, color: colour("--ink") };
    const entries = data.filter((trace) => trace.showlegend !== false && trace.name).length;
    layout.showlegend = entries > 1;
    layout.xaxis ??= {};
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: colour("--raised"), bordercolor: colour("--rule"), font: { color: colour("--ink"), size: 12.5 } };
    for (const [name, axis] of Object.entries(layout)) if (/^[xy]axis\d*$/.test(name)) clotheAxis(name, axis, colour, chart.timed, form);
    for (const note of layout.annotations || []) note.font = { color: colour("--soft"), size: 12 };
    for (const trace of data) clotheTrace(trace, colour, form);
    if (form === "narrow") narrowed(layout, entries);
    if (form === "paper") printed(layout);
    if (chart.timed && report.selection) layout.xaxis.range = report.selection.map((millis) => new Date(millis).toISOString().replace("Z", ""));
    return { data, layout };
  };

  const draw = (chart) => {
    const { data, layout } = clothe(chart, formNow());
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

  // An image leaves the page: it has the ink of paper, whatever the screen shows.
  const saveImage = (chart, format) => {
    root.dataset.printing = "";
    const { data, layout } = clothe(chart, "file");
    layout.paper_bgcolor = colours()("--paper");
    delete root.dataset.printing;
    window.Plotly.downloadImage({ data, layout }, { format, filename: chart.id, width: 1200, height: layout.height, scale: format === "png" ? 2 : 1 });
  };

  const startImages = () => {
    for (const button of document.querySelectorAll("[data-image]")) {
      const chart = report.data.charts.find((one) => one.id === button.dataset.of);
      button.addEventListener("click", () => saveImage(chart, button.dataset.image));
    }
  };

  report.startCharts = async (bundle) => {
    const script = document.createElement("script");
    try {
      script.textContent = await bundle;
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
