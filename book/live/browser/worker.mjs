// The worker of the live page: it loads Python, the theory and SymPy once, and then runs claims. Messages have a kind.
let python;
let session;
let certificate;

const post = message => self.postMessage(message);

async function download(address, what) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} cannot be loaded: ${answer.status} ${answer.statusText}`);
  const size = Number(answer.headers.get("Content-Length"));
  const parts = [];
  let loaded = 0;
  const reader = answer.body.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    parts.push(value);
    loaded += value.length;
    if (size >= loaded) post({ kind: "progress", says: `Loading ${what}: ${Math.round((100 * loaded) / size)} %` });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function start({ pyodide, sympy, theory }) {
  const archives = [await download(sympy, "SymPy (step 1 of 4)"), await download(theory, "the theory (step 1 of 4)")];
  post({ kind: "progress", says: "Starting Python (step 2 of 4)" });
  const { loadPyodide } = await import(pyodide + "pyodide.mjs");
  python = await loadPyodide({ indexURL: pyodide });
  python.FS.writeFile("/sympy.zip", archives[0]);
  python.FS.writeFile("/theory.zip", archives[1]);
  python.runPython("import sys; sys.path[:0] = ['/theory.zip', '/sympy.zip']");
  post({ kind: "progress", says: "Starting SymPy (step 3 of 4)" });
  python.runPython("import sympy");
  post({ kind: "progress", says: "Reading the claims (step 4 of 4)" });
  session = python.pyimport("book.live.session");
  for (const line of session.add_claims_of("/theory.zip", "/")) post({ kind: "note", line });
}

async function startBalls(wheel) {
  if (certificate !== undefined) return;
  post({ kind: "progress", says: "Loading ball arithmetic" });
  await python.loadPackage(wheel, { messageCallback: () => {} });
  certificate = python.pyimport("book.live.certificate");
}

async function text(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} cannot be loaded: ${answer.status} ${answer.statusText}`);
  return answer.text();
}

async function answer(message) {
  if (message.kind === "start") await start(message);
  else if (message.kind === "run") session.run(message.claim, message.parameters, text => post(JSON.parse(text)));
  else if (message.kind === "move") post(JSON.parse(session.moved(message.claim, message.parameters)));
  else if (message.kind === "statement") post(JSON.parse(session.statement(message.claim, message.number)));
  else {
    await startBalls(message.wheel);
    post({ kind: "progress", says: "Checking in ball arithmetic" });
    if (message.kind === "certify") post(JSON.parse(certificate.certify(message.claim, message.parameters)));
    else if (message.kind === "check") post(JSON.parse(certificate.check(await text(message.address))));
  }
  post({ kind: "done", of: message.kind });
}

let before = Promise.resolve();
self.onmessage = ({ data }) => {
  before = before.then(() => answer(data)).catch(error => post({ kind: "failed", of: data.kind, line: lastLine(error) }));
};

// The last line of a traceback says what went wrong.
function lastLine(error) {
  return String(error.message || error).trim().split("\n").pop();
}
