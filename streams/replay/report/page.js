"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 760px)");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // What every plot looks like is decided here, so that it follows the reader's light or dark, wide or narrow.
  const looks = (layout) => {
    const axis = (own) => ({
      gridcolor: css("--grid"), linecolor: css("--line"), zerolinecolor: css("--line"), automargin: true,
      fixedrange: true, ...own, title: { standoff: 8, ...(own && own.title) },
    });
    const axes = Object.keys({ xaxis: 0, yaxis: 0, ...layout }).filter((name) => /^[xy]axis\d*$/.test(name));
    return {
      ...layout,
      ...Object.fromEntries(axes.map((name) => [name, axis(layout[name])])),
      template: {},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: narrow.matches ? 11 : 13, color: css("--ink") },
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink") } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", ...layout.legend },
      margin: { l: 8, r: 12, t: 28, b: 8, ...layout.margin },
      autosize: true,
    };
  };
  const draw = (place, plot) => {
    place.dataset.drawn = "";
    return Plotly.react(place, plot.data, looks(plot.layout), { displayModeBar: false, responsive: true })
      .then(() => { place.dataset.drawn = "yes"; });
  };
  const drawn = new Map();
  const show = (place, plot) => { drawn.set(place, plot); return draw(place, plot); };
  const again = () => drawn.forEach((plot, place) => draw(place, plot));
  dark.addEventListener("change", again);
  narrow.addEventListener("change", again);
  document.querySelectorAll("[data-plot]").forEach((place) => show(place, data.plots[place.dataset.plot]));

  // Text goes into the page as text, never as HTML: product ids and names are the shoppers' own.
  const make = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    made.append(...children);
    return made;
  };
  const two = (number) => String(number).padStart(2, "0");
  const when = (ms) => {
    const at = new Date(ms);
    return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ` +
      `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  };
  const WORDS = { event: "event", decision: "score", sent: "sent", held_back: "held back", taken_back: "taken back" };
  const step = (row) => make("li", {},
    make("time", { datetime: new Date(row.at_ms).toISOString() }, when(row.at_ms)),
    make("span", { class: "kind", style: `color: var(--${row.kind})` }, WORDS[row.kind]),
    make("div", {}, row.what, " ", make("span", { class: "detail" }, row.detail)));

  // Plotly reads a little HTML in text, so what shoppers wrote never goes into a plot: only numbers and our own words.
  const scores = (rows) => {
    const line = (name, field, color) => {
      const known = rows.filter((row) => row[field] !== null && row[field] !== undefined);
      return { type: "scatter", mode: "lines+markers", name, x: known.map((row) => new Date(row.at_ms).toISOString()),
        y: known.map((row) => row[field]), line: { color, width: 2, shape: "hv" }, marker: { size: 5 },
        hovertemplate: "%{y:.2f}, %{x}<extra></extra>" };
    };
    const marks = (kind, name, symbol, y) => {
      const found = rows.filter((row) => row.kind === kind);
      return { type: "scatter", mode: "markers", name, x: found.map((row) => new Date(row.at_ms).toISOString()),
        y: found.map(() => y), marker: { symbol, size: 11, color: css(`--${kind}`) },
        hovertemplate: `${name}, %{x}<extra></extra>` };
    };
    const data = [
      line("abandons", "abandon_30m", "#d1495b"), line("buys within a day", "purchase_24h", "#2e8b57"),
      marks("event", "event", "line-ns-open", -0.08), marks("sent", "sent", "triangle-up", 1.1),
      marks("held_back", "held back", "x", 1.1), marks("taken_back", "taken back", "circle-x", 1.1),
    ].filter((trace) => trace.x.length);
    return { data, layout: {
      yaxis: { title: { text: "probability" }, range: [-0.16, 1.2], tickvals: [0, 0.25, 0.5, 0.75, 1] },
      xaxis: { title: { text: "time (UTC)" }, type: "date" } } };
  };

  document.querySelectorAll("[data-timelines]").forEach((place) => {
    const shoppers = data.timelines[place.dataset.timelines];
    if (!shoppers.length) { place.append(make("p", { class: "words" }, "No shopper to show.")); return; }
    const list = make("div", { class: "list card", role: "listbox", "aria-label": "Shoppers" });
    const title = make("h3", { "aria-live": "polite" });
    const plot = make("div", { class: "plot", role: "img" });
    const steps = make("ol", { class: "steps", tabindex: "0", "aria-label": "Events, scores and interventions in order" });
    const back = make("button", { type: "button" }, "← Previous");
    const next = make("button", { type: "button" }, "Next →");
    const card = make("div", { class: "card" }, make("div", { class: "moves" }, title, back, next), plot, steps);
    let chosen = 0;
    const choose = (nth) => {
      chosen = (nth + shoppers.length) % shoppers.length;
      const shopper = shoppers[chosen];
      [...list.children].forEach((button, place) => button.setAttribute("aria-selected", String(place === chosen)));
      const { offsetTop, offsetHeight } = list.children[chosen];
      const above = offsetTop - list.offsetTop; // not scrollIntoView: the page itself stays where it is
      if (above < list.scrollTop || above + offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = above;
      title.textContent = shopper.name;
      plot.setAttribute("aria-label", `Scores over time of shopper ${shopper.name}; the list below holds the same.`);
      steps.replaceChildren(...shopper.rows.map(step));
      steps.scrollTop = 0;
      return show(plot, scores(shopper.rows));
    };
    shoppers.forEach((shopper, nth) => {
      const button = make("button", { type: "button", role: "option", "aria-selected": "false" },
        make("b", {}, shopper.name), make("span", {}, shopper.note));
      button.addEventListener("click", () => choose(nth));
      list.append(button);
    });
    back.addEventListener("click", () => choose(chosen - 1));
    next.addEventListener("click", () => choose(chosen + 1));
    place.className = "shopper";
    place.append(list, card);
    choose(0);
  });
})();
