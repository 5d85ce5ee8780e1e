/**
 * The Python program that answers what can be verified: whether sources parse, and whether files import. It reads one
 * JSON object from its standard input and prints one. Python 3.7 or newer, standard library only.
 *
 * Importing a file executes it, so a file whose top level does more than define things is not executed: only its imports
 * are, with what they depend on. Every check has a process of its own: what one does to sys.path or sys.modules, or a
 * crash, does not reach the next.
 */
export const RUNNER = String.raw`
import ast, base64, importlib, importlib.machinery, importlib.util, json, os, signal, subprocess, sys, time

QUIET_CALLS = ("logging.", "warnings.", "sys.path.", "os.environ.")
AT_ONCE = 2


def dotted(node):
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return dotted(node.value) + "." + node.attr
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return "?"


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, type(...)))


def is_main_guard(node):
    return isinstance(node, ast.If) and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test))


def is_path_call(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and dotted(node.value.func).startswith("sys.path.")


def bodies(node):
    found = [node.body, node.orelse]
    if isinstance(node, ast.Try):
        found.append(node.finalbody)
        found.extend(handler.body for handler in node.handlers)
    return found


def is_loud(node):
    """Whether a statement does something when the file is imported, beside defining names."""
    if isinstance(node, ast.Expr):
        if is_text(node.value):
            return False
        return not (isinstance(node.value, ast.Call) and dotted(node.value.func).startswith(QUIET_CALLS))
    if is_main_guard(node):
        return False
    if isinstance(node, (ast.If, ast.Try)):
        return any(is_loud(inner) for body in bodies(node) for inner in body)
    return not isinstance(
        node,
        (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
         ast.AugAssign, ast.Pass, ast.Delete, ast.Global, ast.Raise, ast.Assert) + tuple(
            getattr(ast, name) for name in ("TypeAlias",) if hasattr(ast, name)),
    )


def names_in(node):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def only_imports(statements, needed):
    """The imports among the statements and what they depend on; 'needed' collects names on the way up."""
    kept = []
    for node in reversed(statements):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            kept.append(node)
        elif is_path_call(node):
            needed |= names_in(node)
            kept.append(node)
        elif isinstance(node, (ast.If, ast.Try)) and not is_main_guard(node):
            if not any(isinstance(n, (ast.Import, ast.ImportFrom)) or is_path_call(n) for n in ast.walk(node)):
                continue
            node.body = only_imports(node.body, needed) or [ast.copy_location(ast.Pass(), node)]
            node.orelse = only_imports(node.orelse, needed)
            if isinstance(node, ast.Try):
                node.finalbody = only_imports(node.finalbody, needed)
                if not node.handlers and not node.finalbody:
                    node.finalbody = [ast.copy_location(ast.Pass(), node)]
                for handler in node.handlers:
                    needed |= names_in(handler)
            else:
                needed |= names_in(node.test)
            kept.append(node)
        elif isinstance(node, (ast.For, ast.With)) and any(is_path_call(n) for n in ast.walk(node)):
            needed |= names_in(node)
            kept.append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(names_in(target) & needed for target in targets):
                needed |= names_in(node)
                kept.append(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in needed:
            needed |= names_in(node)
            kept.append(node)
    return kept[::-1]


def code_of(path, source, extent):
    if source is None:
        with open(path, "rb") as file:
            source = file.read()
    tree = ast.parse(source, path)
    if extent == "imports" or (extent is None and any(is_loud(node) for node in tree.body)):
        future = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
        rest = [n for n in tree.body if n not in future]
        tree.body = future + only_imports(rest, set())
    return compile(tree, path, "exec", dont_inherit=True)


def import_file(root, item):
    path = os.path.join(root, *item["path"].split("/"))
    name, folder = item["module"], os.path.dirname(path)
    sys.path[:] = ([root] if name else [folder, root]) + [p for p in sys.path if p]
    sys.argv[:] = [path]
    os.chdir(folder if item.get("source") else root)  # a notebook runs in its own folder
    code = code_of(path, item.get("source"), item.get("extent"))
    if name and "." in name:
        importlib.import_module(name.rpartition(".")[0])
    name = name or "npubridge_checks_" + "".join(c if c.isalnum() else "_" for c in os.path.basename(path))
    if name in sys.modules:
        module = sys.modules[name]
        spec = module.__spec__
    else:
        is_package = os.path.basename(path) == "__init__.py"
        spec = importlib.util.spec_from_file_location(
            name, path, submodule_search_locations=[folder] if is_package else None)
        if spec is None:  # no suffix that importlib knows
            loader = importlib.machinery.SourceFileLoader(name, path)
            spec = importlib.util.spec_from_loader(name, loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        exec(code, module.__dict__)
    return getattr(module, "__npubridge__", None)


def outcome_of(root, item):
    try:
        return {"ok": True, "problem": None, "wrapper": import_file(root, item)}
    except BaseException as error:  # whatever an import can end with, exits and interrupts included
        text = str(error).replace(root + os.sep, "").split("\n")[0][:300]
        return {"ok": False, "problem": "%s: %s" % (type(error).__name__, text) if text else type(error).__name__, "wrapper": None}


def silence():
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)


def start_fork(root, item):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.setsid()
        silence()
        answer = json.dumps(outcome_of(root, item)).encode()
        os.write(writer, answer[:60000])
        os._exit(0)
    os.close(writer)
    return pid, reader


def answer_of(pid, reader, status):
    """What the process of a check said; a status of None is one that had to be stopped."""
    if status is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        return {"ok": False, "problem": "took longer than allowed", "wrapper": None}
    # Children of the check may still hold the other end, so do not wait for the end of the stream.
    os.set_blocking(reader, False)
    try:
        answer = os.read(reader, 65536)
    except BlockingIOError:
        answer = b""
    os.close(reader)
    if answer:
        return json.loads(answer.decode())
    what = "killed by signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ended its process"
    return {"ok": False, "problem": what, "wrapper": None}


def check_by_fork(root, items, timeout):
    outcomes, running, waiting = [None] * len(items), {}, list(enumerate(items))[::-1]
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            index, item = waiting.pop()
            pid, reader = start_fork(root, item)
            running[pid] = (index, reader, time.monotonic() + timeout)
        for pid, (index, reader, deadline) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and time.monotonic() < deadline:
                continue
            outcomes[index] = answer_of(pid, reader, status if done else None)
            del running[pid]
        time.sleep(0.002)
    return outcomes


def check_by_process(root, items, timeout):
    outcomes = []
    for item in items:
        request = json.dumps({"root": root, "single": item})
        try:
            result = subprocess.run([sys.executable, "-c", SELF], input=request.encode(), stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, timeout=timeout)
            outcomes.append(json.loads(result.stdout.decode().splitlines()[-1]))
        except subprocess.TimeoutExpired:
            outcomes.append({"ok": False, "problem": "took longer than allowed", "wrapper": None})
        except (IndexError, ValueError):
            outcomes.append({"ok": False, "problem": "ended its process", "wrapper": None})
    return outcomes


def parse_problem(item):
    try:
        ast.parse(base64.b64decode(item["content"]), item["path"])
        return None
    except (SyntaxError, ValueError) as error:
        return "%s: %s" % (type(error).__name__, error)


SELF = sys.argv[1] if len(sys.argv) > 1 else ""
request = json.loads(sys.stdin.read())
if "single" in request:
    answer = outcome_of(request["root"], request["single"])
elif "parse" in request:
    answer = [parse_problem(item) for item in request["parse"]]
elif hasattr(os, "fork"):
    answer = check_by_fork(request["root"], request["items"], request["timeout"])
else:
    answer = check_by_process(request["root"], request["items"], request["timeout"])
print(json.dumps(answer))
`
