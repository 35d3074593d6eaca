// What the live page shows, as elements. Text is always set as text, so nothing that a reader or a link gives is read as HTML.
window.liveRendering = (() => {
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter(child => child !== null));
    return made;
  }

  // Text of the suite, in which $…$ is a formula and ``…`` is code.
  function prose(text) {
    return text.split(/(\$[^$]+\$|``[^`]+``)/).map(part => {
      if (part.startsWith("$")) return element("span", { class: "math notranslate nohighlight" }, `\\(${part.slice(1, -1)}\\)`);
      return part.startsWith("``") ? element("code", {}, part.slice(2, -2)) : part;
    });
  }

  // Append elements, and set the formulas in them.
  function append(place, ...parts) {
    place.append(...parts);
    const formulas = parts.filter(part => part instanceof Element && (part.matches(".math") || part.querySelector(".math") !== null));
    if (formulas.length) window.MathJax?.typesetPromise?.(formulas);
  }

  const cell = (...parts) => element("td", {}, ...parts);
  const words = name => name.replaceAll("_", " ");
  const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
  const yesNo = flag => (flag ? "yes" : "no");
  const signed = text => text.replace(/^-/, "−").replace("e-", "e−");
  const seconds = number => (number < 0.0995 ? `${Math.max(1, Math.round(1000 * number))} ms` : `${number.toFixed(1)} s`);

  function short(number) {
    if (number === null) return "–";
    return typeof number === "boolean" ? yesNo(number) : signed(String(Number(number.toPrecision(6))));
  }

  // Parts with data-moves show numbers, and are exchanged when the reader moves a parameter.
  function scrolling(name, inside) {
    return element("div", { class: "live-wide", "data-moves": true, tabindex: "0", role: "group", "aria-label": name }, inside);
  }

  function table(heads, rows, caption) {
    const head = element("tr", {}, ...heads.map(text => element("th", { scope: "col" }, text)));
    const body = rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row" }, first), ...rest));
    return scrolling(caption || heads.join(", "), element("table", { class: "live-table" },
      caption ? element("caption", {}, caption) : null, element("thead", {}, head), element("tbody", {}, ...body)));
  }

  function allowed(parameters) {
    const rows = parameters.map(p => [element("code", {}, p.name), cell(p.says),
      cell(...prose(p.means), p.optional ? " (optional)" : "")]);
    return table(["Parameter", "Allowed", "Meaning"], rows);
  }

  // A table with a row for each class or direction: what the reader gave for it, its ratio to the threshold, alive, collapsed.
  function collapse(prediction, claim, of, caption) {
    const collapsed = prediction.collapses[of];
    const columns = [
      [words(claim.sorted), claim.ordered ? prediction.parameters[claim.sorted] : []],
      ["Ratio", prediction.ratios[of] ?? []],
      ["Alive", (prediction.zero[of] ?? []).map(flag => !flag)],
      ["Collapsed", collapsed],
    ].filter(([, column]) => column.length === collapsed.length);
    const rows = collapsed.map((_, i) => [`${claim.noun} ${i + 1}`, ...columns.map(([, column]) => cell(short(column[i])))]);
    return table([capital(claim.noun), ...columns.map(([head]) => capital(head))], rows, caption);
  }

  function invariant(name, found, says) {
    const title = capital(words(name));
    const about = element("p", { class: "live-name" }, element("strong", {}, title), ...(says ? [": ", ...prose(says)] : []));
    if (!Array.isArray(found)) about.append(says ? ", is " : " is ", element("strong", { "data-moves": true }, short(found)));
    return element("div", {}, about, ...(Array.isArray(found) ? grids(found) : []).map(grid => numbers(grid, title)));
  }

  // Split nested lists into grids: rows of numbers.
  function grids(found) {
    if (!Array.isArray(found[0])) return [[found]];
    return Array.isArray(found[0][0]) ? found.flatMap(grids) : [found];
  }

  function numbers(rows, name) {
    const largest = Math.max(...rows.flat().map(Math.abs)) || 1;
    const filled = rows.map(row => element("tr", {}, ...row.map(number => {
      const share = Math.round((45 * Math.abs(number)) / largest);
      return element("td", { style: `--share: ${share}%`, class: number < 0 ? "live-below" : "live-above" }, short(number));
    })));
    return scrolling(name, element("table", { class: "live-grid" }, element("tbody", {}, ...filled)));
  }

  function named(results) {
    return table(["Named result", "Value"],
      Object.entries(results).map(([name, found]) => [words(name), cell([found].flat().map(short).join(", "))]));
  }

  function json(prediction) {
    return element("details", {}, element("summary", {}, "As JSON, as the command line prints it"),
      element("pre", { id: "live-json", "data-moves": true, tabindex: "0" }, JSON.stringify(prediction)));
  }

  // All of a prediction that depends on the parameters. ``says`` has what each invariant is.
  function prediction(told, claim, says) {
    const value = told.value === null ? "no closed form" : String(told.value);
    const levels = Object.keys(told.collapses);
    const plural = claim.noun === "class" ? "classes" : "directions";
    return element("div", {},
      element("p", {}, "Predicted value: ", element("strong", { id: "live-value", "data-moves": true }, value)),
      ...levels.map(of => collapse(told, claim, of, `Which ${plural}${levels.length > 1 ? ` of ${of}` : ""} have collapsed`)),
      ...Object.entries(told.invariants).map(([name, found]) => invariant(name, found, says[name])),
      Object.keys(told.named).length ? named(told.named) : null,
      json(told));
  }

  // Exchange the numbers of a prediction for those of another one, and leave its formulas as they are set.
  function exchange(old, made) {
    const parts = [...made.querySelectorAll("[data-moves]")];
    [...old.querySelectorAll("[data-moves]")].forEach((part, i) => part.replaceWith(parts[i]));
  }

  function step(told) {
    return element("li", { class: "live-step" }, element("details", { "data-number": told.number },
      element("summary", {}, `${capital(told.name)}: holds `, element("span", { class: "live-seconds" }, seconds(told.seconds))),
      element("p", {}, ...prose(told.says)), element("div", { class: "live-statement" }, "…")));
  }

  function statement(told) {
    return [element("div", { class: "math notranslate nohighlight" }, `\\[${told.latex}\\]`),
      element("pre", { tabindex: "0" }, told.parts.join("\n"))];
  }

  // The verdict of ball arithmetic: proved bounds on the minimum, or the line that says why there are none.
  function bounds(told, upper) {
    if (told.line !== undefined) return [element("p", { class: "live-error" }, told.line)];
    const gap = told.gap < 0 ? "The bound exceeds it, so the claim is false here." : `The bound is below it by ${told.gap.toPrecision(2)} of its size.`;
    return [
      table(["Proved in ball arithmetic", "Value"], [
        ["Lower bound on the minimum", cell(String(told.lower))],
        [upper, cell(String(told.upper))],
      ]),
      element("p", {}, signed(gap), ` The dual point is feasible: all pivots of the decomposition are positive, and the least is ${told.pivot}.`),
    ];
  }

  return { allowed, append, bounds, element, exchange, prediction, seconds, statement, step };
})();
