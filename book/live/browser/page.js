// The live page: it reads claim and parameters, asks the worker, and shows what the worker says as it is said.
(() => {
  const show = window.liveRendering;
  const { element } = show;
  const data = JSON.parse(document.getElementById("live-data").textContent);
  const claims = new Map(data.claims.map(claim => [claim.id, claim]));
  const [form, chosen, typed, runButton, stopButton, copyButton, progress, output, allowed, checkForm, stored, checked] = [
    "form", "claim", "parameters", "run", "stop", "copy", "progress", "output", "allowed", "check-form", "stored", "checked",
  ].map(name => document.getElementById(`live-${name}`));
  const here = new URL(".", document.currentScript.src);
  let worker = null;
  let began = 0;
  let clock = 0;
  let place = output; // where errors are shown: the output of what was asked last
  let shown = {};

  // The form.

  function choose() {
    const claim = claims.get(chosen.value);
    typed.value = claim.example;
    allowed.replaceChildren();
    show.append(allowed, show.allowed(claim.parameters));
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
    for (const button of document.querySelectorAll(".live-starts")) button.disabled = on;
    stopButton.hidden = !on;
    place.setAttribute("aria-busy", String(on));
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
    worker.postMessage({ kind: "start", ...Object.fromEntries(Object.keys(data.parts).map(name => [name, part(name)])) });
  }

  const part = name => new URL(data.parts[name], here).href;

  // Ask the worker, which is started where there is none, and show the answer in an empty place.
  function ask(where, text, message) {
    if (!stopButton.hidden) return;
    place = where;
    place.replaceChildren();
    const line = refusal();
    if (line !== null) {
      fail(line);
      return;
    }
    place.dataset.state = "running";
    working(true, worker === null ? "Loading Python" : text);
    if (worker === null) startWorker();
    worker.postMessage(message);
  }

  function end(state, text) {
    place.dataset.state = state;
    working(false, text);
  }

  function fail(line) {
    place.append(element("p", { class: "live-error", role: "alert" }, line));
    end("error", "");
  }

  function stop() {
    worker.terminate();
    worker = null;
    end("stopped", "Stopped. Python is loaded again at the next run.");
  }

  function run(event) {
    event.preventDefault();
    if (refusal() === null && stopButton.hidden) history.replaceState(null, "", link());
    ask(output, "Deriving", { kind: "run", claim: chosen.value, parameters: typed.value });
  }

  function check(event) {
    event.preventDefault();
    const address = new URL(`certificates/${stored.value}.json`, here).href;
    ask(checked, "Checking in ball arithmetic", { kind: "check", address, wheel: part("flint") });
  }

  function certify(where) {
    const { claim, parameters } = shown;
    ask(where, "Checking in ball arithmetic", { kind: "certify", claim: claim.id, parameters, wheel: part("flint") });
  }

  // What the worker says, by kind of message.

  const receive = {
    progress: message => { progress.dataset.says = message.says; },
    note: message => place.append(element("p", { class: "live-note" }, message.line)),
    claim: message => {
      progress.dataset.says = "Deriving";
      shown = { claim: message, parameters: typed.value, held: 0 };
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
      output.append(element("h2", {}, "Steps"), shown.count, shown.list);
      count("Each step is now checked.");
    },
    step: message => {
      shown.held += 1;
      const item = show.step(message);
      item.firstChild.addEventListener("toggle", event => askStatement(event.target, message.number));
      show.append(shown.list, item);
      count("Each step is now checked.");
    },
    checked: message => count(`All hold, checked in ${show.seconds(message.seconds)}`
      + (message.separable ? ", and the last bound is the minimum of a sum of scalar problems." : ".")),
    statement: message => {
      const empty = output.querySelector(`details[data-number="${message.number}"] .live-statement`);
      if (empty === null || shown.claim.id !== message.claim) return;
      empty.replaceChildren();
      show.append(empty, ...show.statement(message));
    },
    moved: message => {
      shown.moving = false;
      say(message.line ?? "");
      if (message.prediction !== undefined) {
        show.exchange(shown.prediction, show.prediction(message.prediction, claims.get(message.prediction.id), shown.claim.invariants));
      }
      sendMove();
    },
    certified: message => place.append(...show.bounds(message, "Predicted minimum")),
    checked_certificate: message => place.append(...show.bounds(message, "Loss at the trained point")),
    error: message => fail(message.line),
    failed: message => {
      worker?.terminate();
      worker = null;
      fail(`Python ended: ${message.line}`);
    },
    done: message => {
      if (["run", "check", "certify"].includes(message.of) && place.dataset.state === "running") {
        end("done", `Done in ${show.seconds((performance.now() - began) / 1000)}.`);
      }
    },
  };

  function count(after) {
    const { steps, seconds } = shown.derived;
    shown.count.textContent = steps === 0 ? "This claim has no derivation."
      : `${shown.held} of ${steps} steps hold. The derivation took ${show.seconds(seconds)}. ${after}`;
  }

  function askStatement(details, number) {
    if (!details.open || details.dataset.asked) return;
    if (worker === null) {
      details.lastChild.textContent = "Python was stopped; run the claim again to see the statement.";
      return;
    }
    details.dataset.asked = "yes";
    worker.postMessage({ kind: "statement", claim: shown.claim.id, number });
  }

  function showPrediction(prediction) {
    const claim = claims.get(prediction.id);
    shown.prediction = show.prediction(prediction, claim, shown.claim.invariants);
    output.append(element("h2", {}, "Prediction"));
    for (const name of claim.movable) output.append(slider(name, prediction.parameters[name]));
    show.append(output, shown.prediction);
    if (prediction.value !== null && claim.certifiable && data.parts.flint !== undefined) offerCertificate();
  }

  // A slider that takes a parameter from a tenth to ten times its value. The prediction follows; nothing is derived again.
  function slider(name, value) {
    const says = element("output", { for: `live-move-${name}` }, String(value));
    const moves = element("input", { id: `live-move-${name}`, class: "live-starts", type: "range", min: "-1", max: "1", step: "0.02", value: "0", disabled: true });
    moves.addEventListener("input", () => {
      const text = String(Number((value * 10 ** Number(moves.value)).toPrecision(4)));
      says.textContent = text;
      move(name, text);
    });
    return element("p", { class: "live-slider" }, element("label", { for: moves.id }, `Move ${name} `, says), moves);
  }

  function move(name, value) {
    chosen.value = shown.claim.id;
    const others = shown.parameters.split(/\s+/).filter(word => word !== "" && !word.startsWith(`${name}=`));
    typed.value = [...others, `${name}=${value}`].join(" ");
    history.replaceState(null, "", link());
    shown.parameters = typed.value;
    document.getElementById("live-certified")?.replaceChildren();
    shown.waiting = typed.value;
    sendMove();
  }

  // At most one move is with the worker, and only the last of those that wait follows.
  function sendMove() {
    if (shown.moving || shown.waiting === undefined || worker === null) return;
    shown.moving = true;
    worker.postMessage({ kind: "move", claim: shown.claim.id, parameters: shown.waiting });
    delete shown.waiting;
  }

  function offerCertificate() {
    const where = element("div", { id: "live-certified", class: "live-answer" });
    const button = element("button", { id: "live-certify", type: "button", class: "live-starts", disabled: true },
      "Bound the minimum from below, without the derivation");
    button.addEventListener("click", () => certify(where));
    output.append(element("p", { class: "live-buttons" }, button), where);
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
  checkForm?.addEventListener("submit", check);
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
