document.addEventListener("click", event => {
  const button = event.target.closest(".legend button");
  if (!button) return;
  const shown = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", shown);
  for (const chart of button.closest(".charts").querySelectorAll(".js-plotly-plot")) {
    const traces = chart.data.flatMap(
      (trace, i) => (trace.legendgroup || trace.name) === button.dataset.group ? [i] : []);
    if (traces.length) Plotly.restyle(chart, {visible: shown}, traces);
  }
});

const PRINTED_PX = 660;
for (const [event, layout] of [
  ["beforeprint", {autosize: false, width: PRINTED_PX}],
  ["afterprint", {autosize: true, width: null}],
]) {
  addEventListener(event, () => {
    for (const chart of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(chart, layout);
  });
}

// A chart is drawn as soon as its element is there, when those beside it are not yet.
for (const chart of document.querySelectorAll(".panel:not(:only-child) .js-plotly-plot")) {
  Plotly.Plots.resize(chart);
}
