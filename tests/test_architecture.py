"""The rooms of the code, and the imports between them."""

import ast
import graphlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("theory", "numerics", "proofs_check", "book")
LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_IN_A_CLAIM = 400, 70, 60
"""Lines of a module, of a function, and of a function of a claim or of the code that claims of a family share."""
TOO_LONG = {}
"""Modules and functions that are longer. A module or function that has become short enough must leave this list."""
FORBIDDEN = {
    "theory": {"torch", "numpy", "scipy", "numerics", "proofs_check", "book"},
    "numerics": {"proofs_check", "book"},
}


def imported(path):
    """Return the packages that a file imports, anywhere in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name.split(".")[0] for name in names)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_arrows_run_one_way(room):
    files = (ROOT / room).rglob("*.py")
    wrong = [f"{path.name}: {name}" for path in files for name in imported(path) if name in FORBIDDEN[room]]
    assert wrong == []


def test_theory_stands_on_sympy_alone():
    """No file of ``theory`` imports another package, and a claim is derived in a process that loads no other package."""
    outside = {name for path in (ROOT / "theory").rglob("*.py") for name in imported(path)} - sys.stdlib_module_names
    assert outside == {"sympy", "mpmath", "theory"}  # mpmath is SymPy's own arithmetic
    code = "import sys, theory.claim; theory.claim.find('mse-imbalanced').derivation; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def modules(path):
    """Return the full names of the modules from which a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        yield from ([a.name for a in node.names] if isinstance(node, ast.Import) else [])
        yield from ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])


OPTIONAL = {"xarray", "zarr", "dask", "distributed"}
"""The packages of the extra for sweeps."""


def test_packages_of_an_extra_are_loaded_where_results_are_stored():
    """No module imports them when it is loaded; sweeps and runs of experiments ask for them where they are used."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "_build" not in path.parts]
    assert [f"{path.name}: {name}" for path in paths for name in imported(path) if name in OPTIONAL] == []
    asking = {path.parent for path in paths if "optional_packages import needed" in path.read_text(encoding="utf-8")}
    assert asking == {ROOT / "numerics" / "sweeps", ROOT / "numerics" / "networks" / "runs"}


def test_numerics_knows_no_family_of_claims():
    """``numerics`` asks the problem itself, and imports from no family of claims."""
    families = ("theory.neural_collapse", "theory.posterior_collapse")
    files = list((ROOT / "numerics").rglob("*.py"))
    assert [f"{path.name}: {name}" for path in files for name in modules(path) if name.startswith(families)] == []


EXPERIMENTS = ROOT / "numerics" / "networks" / "experiments"
"""An experiment repeats one of a paper, so this room names the claim whose prediction a network is held against, and its parameters."""


def generic_files():
    """Return the files of ``numerics`` that must serve every claim alike."""
    return [path for path in (ROOT / "numerics").rglob("*.py") if EXPERIMENTS not in path.parents]


def test_numerics_knows_no_claim_by_name():
    from theory.claim import registry

    mentions = [
        (path.name, claim_id) for path in generic_files() for claim_id in registry() if claim_id in path.read_text()
    ]
    assert mentions == []


LANGUAGE = {"k", "j", "R"}
"""Symbols of the formulas of every claim: the indices, and the limit of a rank."""
LABELS = {"n_k"}
"""Symbols that define the labels, which the array namespaces of ``numerics/backends`` make."""


def vocabulary():
    """Return the names of all variables, those of all parameters, and the symbols that claims bind to values."""
    from theory.claim import registry

    variables, parameters, symbols = set(), set(), set()
    for claim in registry().values():
        problem, values = claim.problem, {}
        for parameter in problem.in_dependency_order:
            values[parameter.name] = parameter.domain.example(values)
        variables |= {variable.name for variable in problem.variables}
        parameters |= set(values)
        symbols |= {getattr(symbol, "base", symbol) for symbol in problem.instance(**values).bindings}
    return variables, parameters, symbols


def named(tree, variables, parameters):
    """Yield the names of variables and parameters that occur in a module."""
    stems = {re.sub(r"\d+$", "", name) for name in variables if re.search(r"_\d+$", name)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if text in variables | parameters | stems:
                yield text
            case ast.keyword(arg=name) if name in variables | parameters:
                yield name
            case ast.Attribute(attr=name, value=of) if name in variables and ast.unparse(of) != "sp":
                yield f".{name}"


def imported_symbols(tree, symbols, allowed):
    """Yield the symbols that a module imports although claims bind them, and the module of symbols itself."""
    import theory.symbols

    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="theory.symbols", names=names):
                yield from (a.name for a in names if a.name not in allowed and vars(theory.symbols)[a.name] in symbols)
            case ast.ImportFrom(module="theory", names=names):
                yield from (a.name for a in names if a.name == "symbols")
            case ast.Import(names=names):
                yield from (a.name for a in names if a.name == "theory.symbols")


def test_numerics_knows_no_variable_or_parameter_by_name():
    """``numerics`` asks the problem, its variables or the refutation.

    Data sources name parameters, since they return them. ``networks`` gives arrays and decays of a reader's network to
    the claims by the names that these have, since nothing else says which array is the classifier.
    """
    variables, parameters, symbols = vocabulary()
    assert {"W", "H", "b", "U"} <= variables
    assert {"theta", "weight_decay", "class_counts"} <= parameters
    assert {"K", "M", "N", "D", "lambda_W"} <= set(map(str, symbols))
    mentions = []
    for path in (ROOT / "numerics").rglob("*.py"):
        room, tree = path.relative_to(ROOT / "numerics").parts[0], ast.parse(path.read_text())
        if room not in ("data", "networks"):
            allowed = LANGUAGE | LABELS if room == "backends" else LANGUAGE
            found = [*named(tree, variables, parameters), *imported_symbols(tree, list(symbols), allowed)]
            mentions += [f"{path.name}: {name}" for name in found]
    assert mentions == []


OWN = ("neural_collapse", "posterior_collapse", "domains")
"""Where claims and domains are written."""


def generic_modules():
    """Yield the files that know no domain, each with its syntax tree."""
    for room in ("theory", "numerics", "proofs_check", "book", "tests"):
        for path in (ROOT / room).rglob("*.py"):
            if not (room == "theory" and path.relative_to(ROOT / room).parts[0] in OWN):
                yield path, ast.parse(path.read_text())


def told_apart(tree, domains):
    """Yield the domains that a module tells apart by their class."""
    for node in ast.walk(tree):
        match node:
            case ast.MatchClass(cls=kind):
                yield from {ast.unparse(kind).split(".")[-1]} & domains
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]):
                yield from {part.id for part in ast.walk(kinds) if isinstance(part, ast.Name)} & domains


def test_domains_answer_for_themselves():
    """No module tells domains apart by their class."""
    from theory.domains import Domain

    domains = {kind.__name__ for kind in Domain.__subclasses__()}
    assert [f"{path.name}: {name}" for path, tree in generic_modules() for name in told_apart(tree, domains)] == []


def rules_on_names(tree, names):
    """Yield the parts of these names for which a module looks in a string, at its start, or at its end."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="startswith" | "endswith" as method), args=[ast.Constant(value=str(part))]
            ):
                if len(part) > 1 and any(getattr(name, method)(part) for name in names):
                    yield part
            case ast.Compare(left=ast.Constant(value=str(part)), ops=[ast.In() | ast.NotIn()]):
                if len(part) > 1 and any(part in name and part != name for name in names):
                    yield part


def test_no_rule_depends_on_how_a_parameter_is_called():
    """The domain of a parameter says what the parameter is for, such as a decay."""
    _, parameters, _ = vocabulary()
    assert [
        f"{path.name}: {part}" for path, tree in generic_modules() for part in rules_on_names(tree, parameters)
    ] == []


def test_readme_shows_every_claim_with_its_verdict():
    from theory.claim import registry

    readme = (ROOT / "README.md").read_text()
    rows = {
        line.split("`")[1]: line.rstrip(" |").split("| ")[-1] for line in readme.splitlines() if line.startswith("| `")
    }
    assert rows == {claim.id: str(claim.verdict) for claim in registry().values()}


def test_the_python_example_of_the_readme_runs(capsys):
    """The example prints the predicted and the trained value, and the two agree."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("In Python:\n\n")[2].partition("\n**")[0]
    exec(compile(textwrap.dedent(block), "README.md", "exec"), {})
    predicted, trained = re.findall(r"\d+\.\d+", capsys.readouterr().out)[:2]
    assert float(trained) == pytest.approx(float(predicted), rel=1e-3)  # a tensor is printed with four digits


def rooms_below(room):
    """Return the other rooms of ``numerics`` from which the files of a room import."""
    found = {
        name.split(".")[1] for path in room.rglob("*.py") for name in modules(path) if name.startswith("numerics.")
    }
    return found & {path.name for path in (ROOT / "numerics").iterdir() if path.is_dir()} - {room.name}


def test_the_rooms_of_numerics_form_no_circle():
    arrows = {room.name: rooms_below(room) for room in (ROOT / "numerics").iterdir() if (room / "__init__.py").exists()}
    assert len(arrows) > 5
    graphlib.TopologicalSorter(arrows).prepare()  # raises CycleError, which names the rooms


def too_long(path):
    """Yield the name of a file if it is too long, and of each function of the file that is too long, decorators included."""
    parts = path.relative_to(ROOT).parts
    name = "/".join(parts)
    text = path.read_text(encoding="utf-8")
    if len(text.splitlines()) > LONGEST_MODULE:
        yield name
    in_a_claim = any(folder.endswith("_collapse") or folder == "tutorial" for folder in parts)
    longest = LONGEST_IN_A_CLAIM if in_a_claim else LONGEST_FUNCTION
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if node.end_lineno - first + 1 > longest:
                yield f"{name}: {node.name}"


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_and_no_function_is_too_long(room):
    """A module with one job can be read at one sitting."""
    paths = [path for path in sorted((ROOT / room).rglob("*.py")) if "_build" not in path.parts]
    found = [name for path in paths for name in too_long(path)]
    assert found == [name for name in found if name in TOO_LONG]
    assert {name for name in TOO_LONG if name.startswith(f"{room}/")} == set(found)


def test_what_is_too_long_is_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "long.py"
    path.write_text("@decorated\ndef f():\n" + "    x = 1\n" * 69 + "\n" * 400)
    assert list(too_long(path)) == ["long.py", "long.py: f"]
    path.write_text("def f():\n" + "    x = 1\n" * 69 + "\n" * 330)
    assert list(too_long(path)) == []
