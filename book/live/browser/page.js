// The live page: it reads claim and parameters, asks the worker, and shows what the worker says as it is said.
(() => {
  const data = JSON.parse(document.getElementById("live-data").textContent);
  const claims = new Map(data.claims.map(claim => [claim.id, claim]));
  const [form, chosen, typed, runButton, stopButton, copyButton, progress, output, allowed] = [
    "form", "claim", "parameters", "run", "stop", "copy", "progress", "output", "allowed",
  ].map(name => document.getElementById(`live-${name}`));
  const here = new URL(".", document.currentScript.src);
  let worker = null;
  let began = 0;
  let clock = 0;
  let shown = {};

  // Elements. Text is always set as text, so nothing that a reader or a link gives is read as HTML.

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter(child => child !== null));
    return made;
  }

  function table(heads, rows, caption) {
    const head = element("tr", {}, ...heads.map(text => element("th", { scope: "col" }, text)));
    const body = rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row" }, first), ...rest));
    const made = element("table", { class: "live-table" }, caption ? element("caption", {}, caption) : null,
      element("thead", {}, head), element("tbody", {}, ...body));
    return element("div", { class: "live-wide", tabindex: "0", role: "group", "aria-label": caption || heads.join(", ") }, made);
  }

  // Text of the suite, in which $…$ is a formula and ``…`` is code.
  function prose(text) {
    return text.split(/(\$[^$]+\$|``[^`]+``)/).map(part => {
      if (part.startsWith("$")) return element("span", { class: "math notranslate nohighlight" }, `\\(${part.slice(1, -1)}\\)`);
      return part.startsWith("``") ? element("code", {}, part.slice(2, -2)) : part;
    });
  }

  function append(place, ...parts) {
    place.append(...parts);
    const formulas = parts.filter(part => part instanceof Element && part.querySelector(".math") !== null);
    if (formulas.length) window.MathJax?.typesetPromise?.(formulas);
  }

  const cell = text => element("td", {}, text);
  const words = name => name.replaceAll("_", " ");
  const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
  const yesNo = flag => (flag ? "yes" : "no");
  const seconds = number => (number < 0.0995 ? `${Math.max(1, Math.round(1000 * number))} ms` : `${number.toFixed(1)} s`);

  function short(number) {
    if (number === null) return "–";
    if (typeof number === "boolean") return yesNo(number);
    return String(Number(number.toPrecision(6)));
  }

  // The form.

  function showAllowed() {
    const claim = claims.get(chosen.value);
    const rows = claim.parameters.map(p => [element("code", {}, p.name), cell(p.says), cell(p.means + (p.optional ? " (optional)" : ""))]);
    allowed.replaceChildren(table(["Parameter", "Allowed", "Meaning"], rows));
  }

  function choose() {
    typed.value = claims.get(chosen.value).example;
    showAllowed();
  }

  function link() {
    const address = new URL(location.href);
    address.search = new URLSearchParams({ claim: chosen.value, parameters: typed.value.trim() });
    address.hash = "";
    return address.href;
  }

  async function copy() {
    const address = link();
    try {
      await navigator.clipboard.writeText(address);
      say("The link is copied.");
    } catch {
      progress.replaceChildren("The link: ", element("a", { href: address }, address));
    }
  }

  // Refuse before anything is loaded: return the line, or null where the page can run.
  function refusal() {
    if (location.protocol === "file:") {
      return "A browser runs no Python in a page that is opened as a file. Serve the book with one command in the folder of "
        + "index.html, python -m http.server 8000, and open http://localhost:8000/live.html.";
    }
    if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
      return "This browser has no WebAssembly or no workers, which the live page needs.";
    }
    return null;
  }

  // The worker.

  function say(text) {
    progress.textContent = text;
  }

  function working(on, text = "") {
    clearInterval(clock);
    runButton.disabled = on;
    stopButton.hidden = !on;
    output.setAttribute("aria-busy", String(on));
    say(text);
    if (!on) return;
    began = performance.now();
    progress.dataset.says = text;
    clock = setInterval(() => say(`${progress.dataset.says} … ${Math.floor((performance.now() - began) / 1000)} s`), 500);
  }

  function startWorker() {
    worker = new Worker(new URL(data.worker, here), { type: "module" });
    worker.onmessage = ({ data: message }) => receive[message.kind](message);
    worker.onerror = event => receive.failed({ line: event.message || "the worker of this page could not be started" });
    const parts = Object.entries(data.parts).map(([name, path]) => [name, new URL(path, here).href]);
    worker.postMessage({ kind: "start", ...Object.fromEntries(parts) });
  }

  function end(state, text) {
    output.dataset.state = state;
    working(false, text);
  }

  function stop() {
    worker.terminate();
    worker = null;
    end("stopped", "Stopped. Python is loaded again at the next run.");
  }

  function run(event) {
    event.preventDefault();
    if (runButton.disabled) return;
    output.replaceChildren();
    const line = refusal();
    if (line !== null) {
      fail(line);
      return;
    }
    history.replaceState(null, "", link());
    output.dataset.state = "running";
    working(true, worker === null ? "Loading Python" : "Deriving");
    if (worker === null) startWorker();
    worker.postMessage({ kind: "run", claim: chosen.value, parameters: typed.value });
  }

  function fail(line) {
    output.append(element("p", { class: "live-error", role: "alert" }, line));
    end("error", "");
  }

  // What the worker says, by kind of message.

  const receive = {
    progress: message => { progress.dataset.says = message.says; },
    note: message => output.append(element("p", { class: "live-note" }, message.line)),
    claim: message => {
      progress.dataset.says = "Deriving";
      shown = { claim: message, steps: [] };
      output.append(element("p", { class: "live-head" },
        element("span", { class: `live-verdict live-${message.verdict.toLowerCase()}` }, message.verdict), ` ${message.title}. `,
        element("a", { href: `claims/${message.id}.html` }, "The claim's page")));
    },
    derived: message => { shown.derived = message; },
    predicted: message => {
      progress.dataset.says = "Checking the steps";
      showPrediction(message.prediction);
      shown.count = element("p", { id: "live-count" });
      shown.list = element("ol", { class: "live-steps" });
      output.append(element("h3", {}, "Steps"), shown.count, shown.list);
      count("Each step is now checked again.");
    },
    step: message => {
      shown.steps.push(message);
      append(shown.list, stepItem(message));
      count("Each step is now checked again.");
    },
    checked: message => count(`All hold, checked in ${seconds(message.seconds)}`
      + (message.separable ? ", and the last bound is the minimum of a sum of scalar problems." : ".")),
    statement: showStatement,
    error: message => fail(message.line),
    failed: message => {
      worker?.terminate();
      worker = null;
      fail(`Python ended: ${message.line}`);
    },
    done: message => {
      if (message.of === "run" && output.dataset.state === "running") {
        end("done", `Done in ${seconds((performance.now() - began) / 1000)}.`);
      }
    },
  };

  function count(after) {
    const { steps, seconds: taken } = shown.derived;
    shown.count.textContent = steps === 0 ? "This claim has no derivation."
      : `${shown.steps.length} of ${steps} steps hold. The derivation took ${seconds(taken)}. ${after}`;
  }

  // The prediction.

  function showPrediction(prediction) {
    const claim = claims.get(prediction.id);
    const value = prediction.value === null ? "no closed form" : String(prediction.value);
    output.append(element("h3", {}, "Prediction"),
      element("p", {}, "Predicted value: ", element("strong", { id: "live-value" }, value)));
    const levels = Object.entries(prediction.collapses);
    for (const [of, collapsed] of levels) output.append(collapseTable(prediction, claim, of, collapsed, levels.length > 1));
    for (const [name, found] of Object.entries(prediction.invariants)) append(output, invariant(name, found, claim));
    const named = Object.entries(prediction.named);
    if (named.length) {
      output.append(table(["Named result", "Value"], named.map(([name, found]) => [words(name), cell([found].flat().map(short).join(", "))])));
    }
    output.append(element("details", {}, element("summary", {}, "As JSON, as the command line prints it"),
      element("pre", { id: "live-json", tabindex: "0" }, JSON.stringify(prediction))));
  }

  function collapseTable(prediction, claim, of, collapsed, several) {
    const ratios = prediction.ratios[of] ?? [];
    const zero = prediction.zero[of] ?? [];
    const rows = collapsed.map((flag, i) => [`${claim.noun} ${i + 1}`,
      cell(ratios.length === collapsed.length ? short(ratios[i]) : "–"), cell(zero.length ? yesNo(!zero[i]) : "–"), cell(yesNo(flag))]);
    return table([capital(claim.noun), "Ratio to the threshold", "Alive", "Collapsed"], rows,
      several ? `Which directions of ${of} have collapsed` : `Which ${claim.noun === "class" ? "classes" : "directions"} have collapsed`);
  }

  function invariant(name, found, claim) {
    const says = shown.claim.invariants[name] ?? "";
    const about = element("p", { class: "live-name" }, element("strong", {}, capital(words(name))), ...(says ? [": ", ...prose(says)] : []));
    return element("div", {}, about, ...grids(found).map(grid => numbers(grid, capital(words(name)))));
  }

  // Split nested lists into grids: rows of numbers.
  function grids(found) {
    if (!Array.isArray(found)) return [[[found]]];
    if (!Array.isArray(found[0])) return [[found]];
    return Array.isArray(found[0][0]) ? found.flatMap(grids) : [found];
  }

  function numbers(rows, name) {
    const largest = Math.max(...rows.flat().map(Math.abs)) || 1;
    const filled = rows.map(row => element("tr", {}, ...row.map(number => {
      const share = Math.round((45 * Math.abs(number)) / largest);
      return element("td", { style: `--share: ${share}%`, class: number < 0 ? "live-below" : "live-above" }, short(number));
    })));
    return element("div", { class: "live-wide", tabindex: "0", role: "group", "aria-label": name },
      element("table", { class: "live-grid" }, element("tbody", {}, ...filled)));
  }

  // The steps.

  function stepItem(step) {
    const place = element("div", { class: "live-statement" }, "…");
    const details = element("details", { "data-number": step.number },
      element("summary", {}, `${capital(step.name)}: holds `, element("span", { class: "live-seconds" }, seconds(step.seconds))),
      element("p", {}, ...prose(step.says)), place);
    const claim = shown.claim.id;
    details.addEventListener("toggle", () => {
      if (!details.open || details.dataset.asked) return;
      if (worker === null) place.textContent = "Python was stopped; run the claim again to see the statement.";
      else {
        details.dataset.asked = "yes";
        worker.postMessage({ kind: "statement", claim, number: step.number });
      }
    });
    return element("li", { class: "live-step" }, details);
  }

  function showStatement(message) {
    const place = output.querySelector(`details[data-number="${message.number}"] .live-statement`);
    if (place === null || shown.claim.id !== message.claim) return;
    const formula = element("div", { class: "math notranslate nohighlight" }, `\\[${message.latex}\\]`);
    place.replaceChildren(formula, element("pre", { tabindex: "0" }, message.parts.join("\n")));
    window.MathJax?.typesetPromise?.([formula]);
  }

  // The address gives claim and parameters; nothing is run before the reader presses the button.

  function fromAddress() {
    const given = new URLSearchParams(location.search);
    const id = given.get("claim");
    if (id !== null && !claims.has(id)) {
      choose();
      fail(`error: claim: '${id}' is not known; the claims are ${[...claims.keys()].sort().join(", ")}`);
      return;
    }
    if (id !== null) chosen.value = id;
    choose();
    if (given.has("parameters")) typed.value = given.get("parameters");
  }

  chosen.addEventListener("change", choose);
  form.addEventListener("submit", run);
  stopButton.addEventListener("click", stop);
  copyButton.addEventListener("click", copy);
  typed.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  fromAddress();
})();
