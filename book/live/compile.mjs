// node compile.mjs PYODIDE SOURCES.zip COMPILED.zip COMPILING.py: run compiling.py in Pyodide on an archive of sources.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [pyodideFolder, sources, compiled, script] = process.argv.slice(2).map(name => path.resolve(name));
const { loadPyodide } = await import(pathToFileURL(path.join(pyodideFolder, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: pyodideFolder });
python.FS.writeFile("/sources.zip", fs.readFileSync(sources));
python.runPython(fs.readFileSync(script, "utf8"));
python.globals.get("compile_archive")("/sources.zip", "/compiled.zip");
fs.writeFileSync(compiled, python.FS.readFile("/compiled.zip"));
