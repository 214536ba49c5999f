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
      fixedrange: true, ...own,
      title: { standoff: 8, font: { size: narrow.matches ? 11 : 13 }, ...(own && own.title) },
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
  const draw = (place, made) => {
    const plot = made(); // again each time: its colours may have changed
    place.dataset.drawn = "";
    return Plotly.react(place, plot.data, looks(plot.layout), { displayModeBar: false, responsive: true })
      .then(() => { place.dataset.drawn = "yes"; });
  };
  const drawn = new Map();
  const show = (place, made) => { drawn.set(place, made); return draw(place, made); };
  const again = () => drawn.forEach((made, place) => draw(place, made));
  dark.addEventListener("change", again);
  narrow.addEventListener("change", again);
  document.querySelectorAll("[data-plot]").forEach((place) => show(place, () => data.plots[place.dataset.plot]));

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
  const step = (row) => make("li", { class: row.kind },
    make("time", { datetime: new Date(row.at_ms).toISOString() }, when(row.at_ms)),
    make("span", { class: "kind", style: `color: var(--${row.kind})` }, WORDS[row.kind]),
    make("div", {}, row.what, " ", make("span", { class: "detail" }, row.detail)));

  // Plotly reads a little HTML in text, so what shoppers wrote never goes into a plot: only numbers and our own words.
  const scores = (rows) => {
    const trace = (found, own) => ({
      type: "scatter", x: found.map(([row]) => new Date(row.at_ms).toISOString()),
      customdata: found.map(([, nth]) => nth), ...own,
    });
    const numbered = rows.map((row, nth) => [row, nth]);
    const line = (name, field, color) => {
      const known = numbered.filter(([row]) => row[field] !== null && row[field] !== undefined);
      return trace(known, { mode: "lines+markers", name, y: known.map(([row]) => row[field]),
        line: { color, width: 2, shape: "hv" }, marker: { size: 6 }, hovertemplate: `${name}: %{y:.2f}<br>%{x}<extra></extra>` });
    };
    const marks = (kind, symbol, y) => {
      const found = numbered.filter(([row]) => row.kind === kind);
      return trace(found, { mode: "markers", name: WORDS[kind], y: found.map(() => y),
        marker: { symbol, size: 12, color: css(`--${kind}`) }, hovertemplate: `${WORDS[kind]}<br>%{x}<extra></extra>` });
    };
    const data = [
      line("abandons the cart", "abandon_30m", css("--abandons")), line("buys within 24 h", "purchase_24h", css("--buys")),
      marks("event", "line-ns-open", -0.08), marks("sent", "triangle-up", 1.1), marks("held_back", "x", 1.1),
      marks("taken_back", "circle", 1.1),
    ].filter((one) => one.x.length);
    return { data, layout: {
      yaxis: { title: { text: "probability" }, range: [-0.16, 1.2], tickvals: [0, 0.25, 0.5, 0.75, 1] },
      xaxis: { title: { text: "time (UTC)" }, type: "date", fixedrange: narrow.matches } } };
  };

  const timelines = (place, shoppers) => {
    const list = make("div", { class: "list card", role: "listbox", "aria-label": "Shoppers", tabindex: "0" });
    const title = make("h3", { "aria-live": "polite" });
    const plot = make("div", { class: "plot", role: "img" });
    const steps = make("ol", { class: "steps", tabindex: "0", "aria-label": "Events, scores and interventions in order" });
    const back = make("button", { type: "button" }, "← Previous");
    const next = make("button", { type: "button" }, "Next →");
    const only = make("button", { type: "button", "aria-pressed": "false", class: "only" }, "Hide events");
    const card = make("div", { class: "card" }, make("div", { class: "moves" }, title, only, back, next), plot, steps);
    let chosen = 0;
    const choose = (nth) => {
      chosen = (nth + shoppers.length) % shoppers.length;
      const shopper = shoppers[chosen];
      [...list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
      list.setAttribute("aria-activedescendant", list.children[chosen].id);
      const { offsetTop, offsetHeight } = list.children[chosen];
      const above = offsetTop - list.offsetTop; // not scrollIntoView: the page itself stays where it is
      if (above < list.scrollTop || above + offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = above - 8;
      title.textContent = shopper.name;
      plot.setAttribute("aria-label", `Scores over time of shopper ${shopper.name}; the list below holds the same.`);
      steps.replaceChildren(...shopper.rows.map(step));
      steps.scrollTop = 0;
      show(plot, () => scores(shopper.rows)).then(() => {
        plot.removeAllListeners("plotly_click");
        plot.on("plotly_click", ({ points }) => point(steps.children[points[0].customdata]));
      });
    };
    const point = (row) => {
      if (row.classList.contains("event")) hide(false);
      [...steps.children].forEach((one) => one.classList.toggle("pointed", one === row));
      steps.scrollTop = row.offsetTop - steps.offsetTop - 40;
    };
    const hide = (pressed) => {
      only.setAttribute("aria-pressed", String(pressed));
      steps.classList.toggle("without-events", pressed);
    };
    const press = (event) => {
      const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (by) { event.preventDefault(); choose(chosen + by); }
    };
    shoppers.forEach((shopper, nth) => {
      const one = make("div", { role: "option", "aria-selected": "false", id: `${place.dataset.timelines}-shopper-${nth}` },
        make("b", {}, shopper.name), make("span", {}, shopper.note));
      one.addEventListener("click", () => choose(nth));
      list.append(one);
    });
    back.addEventListener("click", () => choose(chosen - 1));
    next.addEventListener("click", () => choose(chosen + 1));
    only.addEventListener("click", () => hide(only.getAttribute("aria-pressed") !== "true"));
    list.addEventListener("keydown", press);
    place.className = "shopper";
    place.append(list, card);
    choose(0);
  };
  document.querySelectorAll("[data-timelines]").forEach((place) => {
    const shoppers = data.timelines[place.dataset.timelines];
    if (shoppers.length) timelines(place, shoppers);
    else place.append(make("p", { class: "words" }, "There is no shopper to show."));
  });
})();
