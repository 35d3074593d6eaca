// The worker of the live page: it loads Python, the theory and SymPy once, and then runs claims. Messages have a kind.
let python;
let session;

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
  post({ kind: "progress", says: "Loading Python (step 1 of 3)" });
  const archives = Promise.all([download(sympy, "SymPy (step 1 of 3)"), download(theory, "the theory (step 1 of 3)")]);
  const { loadPyodide } = await import(pyodide + "pyodide.mjs");
  python = await loadPyodide({ indexURL: pyodide });
  const [sympyArchive, theoryArchive] = await archives;
  python.FS.writeFile("/sympy.zip", sympyArchive);
  python.FS.writeFile("/theory.zip", theoryArchive);
  python.runPython("import sys; sys.path[:0] = ['/theory.zip', '/sympy.zip']");
  post({ kind: "progress", says: "Starting SymPy (step 2 of 3)" });
  python.runPython("import sympy");
  post({ kind: "progress", says: "Reading the claims (step 3 of 3)" });
  session = python.pyimport("book.live.session");
  for (const line of session.add_claims_of("/theory.zip")) post({ kind: "note", line });
}

async function answer(message) {
  if (message.kind === "start") await start(message);
  else if (message.kind === "run") session.run(message.claim, message.parameters, text => post(JSON.parse(text)));
  else if (message.kind === "statement") post(JSON.parse(session.statement(message.claim, message.number)));
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
