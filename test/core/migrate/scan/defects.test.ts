import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import {DEFECT_KINDS, type DefectKind} from '../../../../src/core/migrate/scan/defects/defect.ts'
import {findDefects} from '../../../../src/core/migrate/scan/defects/index.ts'
import {decodeSource} from '../../../../src/core/migrate/scan/source.ts'
import {PyModule} from '../../../../src/core/migrate/scan/tree.ts'
import {fixture} from '../workspace.ts'

function defects(source: string, kind?: DefectKind) {
  const file = new PyModule(decodeSource(Buffer.from(source)))
  const found = findDefects(file)
  return found.filter((defect) => kind === undefined || defect.kind === kind)
}

function places(source: string, kind: DefectKind): string[] {
  return defects(source, kind).map(({line, column}) => `${line}:${column}`)
}

const method = (body: string, init = 'pass') => `class B:
    def __init__(self):
        ${init}
    def run(self, task):
        ${body.replaceAll('\n', '\n        ')}
`

const dependencies = (body: string) => `def order(tasks):\n${body.replaceAll(/^/gm, '    ')}\n`

const CASES: Record<DefectKind, {readonly found: readonly string[]; readonly clean: readonly string[]}> = {
  'shell-syntax-in-path': {
    found: [
      `from pathlib import Path\np = Path('\${HOME}/x')`,
      `import os\nos.path.join("\${ROOT:-/srv}", "a")`,
      `open("$(dirname $0)/x")`,
      `AGENTS_DIR = '\${ROOT:-$(pwd)}/agents'`,
      `def get_root():\n    return "$(pwd)"`,
      `import sys\nsys.path.insert(0, "\${HOME}/lib")`,
    ],
    clean: [
      `import subprocess\nsubprocess.run("echo \${HOME} $(date)", shell=True)`,
      `from string import Template\nt = Template("\${name}/x")`,
      `x = 1\nroot_dir = f"\${x}/a"`,
      `price = "$5"; text = "\${HOME}"`,
      `from pathlib import Path\np = Path("costs $5")`,
    ],
  },
  'missing-import': {
    found: ['print(os.getcwd())', 'def f():\n    return json.dumps({})', 'x = undefined_name'],
    clean: [
      'import os\nprint(os.getcwd(), __file__)',
      'from a import *\nprint(os)',
      'def f(a, *b, c=1, **d):\n    return [a, b, c, d, [e for e in b], (lambda g: g)(1)]',
      'try:\n    import os\nexcept ImportError as problem:\n    print(problem)',
      'with open("x") as f, open("y") as g:\n    print(f, g)\nfor i, (j, k) in []:\n    print(i, j, k)',
      'def f():\n    global G\n    G = 1\nprint(G, (n := 2), n)',
      'class A:\n    x: int = 1\n    def m(self) -> "B": return self.x\nprint(x for x in [])',
      'def f(a: int, /, b: str = "", *, c) -> bool:\n    print(a, b, c, key=1)',
      'match x0:\n    case [a, *rest] if rest:\n        print(a)\nx0 = 1',
    ],
  },
  'unbounded-cache': {
    found: [
      method('self.history.append(task)', 'self.history = []'),
      method('self.cache[task.id] = 1', 'self.cache: dict = {}'),
      method('self.seen.add(task)', 'self.seen = set()'),
      method('self.q.append(1)', 'self.q = deque(maxlen=None)'),
      'CACHE = {}\ndef f(key):\n    CACHE[key] = 1\n',
    ],
    clean: [
      method('self.history.append(task)', 'self.history = deque(maxlen=10)'),
      method('self.cache[task.id] = 1\nif len(self.cache) > 9:\n    self.cache.popitem()', 'self.cache = {}'),
      method('self.cache[task.id] = 1\ndel self.cache[1]', 'self.cache = {}'),
      method('self.metrics["count"] += 1\nself.metrics["a"]["b"] = 2', 'self.metrics = {}'),
      method('self.all = []\nself.all.append(1)', 'self.all = []'),
      'NAMES = []\nNAMES.append(1)\n',
      'def f():\n    found = []\n    found.append(1)\n',
    ],
  },
  'swallowed-exception': {
    found: [
      'try:\n    f()\nexcept:\n    pass',
      'try:\n    f()\nexcept Exception:\n    pass',
      'def g():\n    try:\n        f()\n    except Exception as error:\n        return None',
      'def g():\n    try:\n        f()\n    except (KeyError, Exception):\n        return []',
      'for x in y:\n    try:\n        f()\n    except BaseException:\n        continue',
      'try:\n    f()\nexcept Exception:\n    ...',
    ],
    clean: [
      'try:\n    f()\nexcept KeyError:\n    pass',
      'try:\n    import x\nexcept ImportError:\n    x = None',
      'try:\n    f()\nexcept Exception as error:\n    log.error(error)\n    return_value = None',
      'def g():\n    try:\n        f()\n    except Exception as error:\n        return [error]',
      'try:\n    f()\nexcept Exception:\n    raise',
    ],
  },
  'unguarded-shared-state': {
    found: [
      'class B:\n    async def one(self, t):\n        self.count += 1\n    async def all(self, ts):\n        await asyncio.gather(*[self.one(t) for t in ts])\n',
      'class B:\n    def work(self):\n        self.items.append(1)\n    def start(self):\n        threading.Thread(target=self.work).start()\n',
      'class B:\n    def deep(self):\n        self.x = 1\n    def work(self):\n        self.deep()\n    def start(self, pool):\n        pool.submit(self.work)\n',
      'class B:\n    async def all(self, ts):\n        async def limited(t):\n            self.done[t] = 1\n        await asyncio.gather(*map(limited, ts))\n',
    ],
    clean: [
      'class B:\n    async def one(self, t):\n        async with self._lock:\n            self.count += 1\n    async def all(self, ts):\n        await asyncio.gather(*[self.one(t) for t in ts])\n',
      'class B:\n    def work(self):\n        with self.mutex:\n            self.items.append(1)\n    def start(self):\n        threading.Thread(target=self.work).start()\n',
      'class B:\n    async def one(self, t):\n        self.count += 1\n    async def all(self, ts):\n        for t in ts:\n            await self.one(t)\n',
    ],
  },
  'cyclic-dependencies': {
    found: [
      dependencies('def level(t):\n    return 1 + max(level(d) for d in t.dependencies)\nreturn level(tasks[0])'),
      dependencies(
        'def level(t, memo):\n    if t in memo: return memo[t]\n    memo[t] = level(t.dependencies[0], memo)\n    return memo[t]',
      ),
      dependencies(
        'left = list(tasks)\nwhile left:\n    for t in left:\n        if not t.dependencies:\n            done(t)',
      ),
      dependencies(
        'left = list(tasks)\nwhile left:\n    for t in tasks:\n        if t.dependencies: left.remove(t)\n    if not left:\n        break',
      ),
    ],
    clean: [
      dependencies(
        'def level(t, seen):\n    if t in seen: return 0\n    seen.add(t)\n    return 1 + max(level(d, seen) for d in t.dependencies)',
      ),
      dependencies(
        'queue = deque(tasks)\nwhile queue:\n    t = queue.popleft()\n    for d in t.dependencies:\n        if d in seen: continue\n        seen.add(d)\n        queue.append(d)',
      ),
      'def walk(node):\n    return [walk(child) for child in node.children]\n',
      dependencies(
        'left = {t.id: set(t.dependencies) for t in tasks}\nwhile left:\n    ready = [t for t in left if not left[t]]\n    if not ready:\n        raise ValueError("cycle")\n    for t in ready:\n        del left[t]',
      ),
    ],
  },
}

describe('the known defects', () => {
  for (const kind of DEFECT_KINDS) {
    describe(kind, () => {
      for (const source of CASES[kind].found) {
        it(`is found in ${JSON.stringify(source)}`, () => {
          expect(defects(source, kind)).to.have.length(1)
        })
      }

      for (const source of CASES[kind].clean) {
        it(`is not found in ${JSON.stringify(source)}`, () => {
          expect(defects(source, kind)).to.deep.equal([])
        })
      }
    })
  }

  it('are all found in a module of the first generation, each at its place', () => {
    const source = fixture('v1')
    expect(new Set(defects(source).map(({kind}) => kind))).to.deep.equal(new Set(DEFECT_KINDS))
    const lines = source.split('\n')
    const textAt = (kind: DefectKind) =>
      defects(source, kind).map(({line, column}) => lines[line - 1]!.slice(column - 1))
    expect(textAt('shell-syntax-in-path')[0]).to.match(/^'\$\{CLAUDE_PROJECT_ROOT/)
    expect(textAt('missing-import').map((text) => text.split('.', 1)[0])).to.deep.equal(['os', 'json'])
    expect(textAt('unbounded-cache')).to.deep.equal([
      'self.agent_cache[name] = {',
      'self.workflow_history.append(result)',
      'self.results_cache[task.task_id] = outcome',
    ])
    expect(textAt('swallowed-exception')).to.deep.equal(['except Exception:', 'except Exception:', 'except:'])
    expect(textAt('unguarded-shared-state').map((text) => text.slice(5, 24))).to.deep.equal([
      'results_cache[task.',
      'performance_metrics',
    ])
    expect(textAt('cyclic-dependencies')).to.deep.equal([
      'while remaining:',
      'level_of(by_id[d]) for d in task.dependencies if d in by_id]',
    ])
  })

  it('are explained with the names that they are about', () => {
    for (const {explanation} of defects(fixture('v1'))) expect(explanation).to.match(/"[^"]+"/)
  })

  it('are the few that the second generation kept', () => {
    const kinds = defects(fixture('v2')).map(({kind}) => kind)
    expect(new Set(kinds)).to.deep.equal(new Set(['swallowed-exception', 'unbounded-cache', 'unguarded-shared-state']))
    expect(places(fixture('v2'), 'unbounded-cache')).to.have.length(1)
  })
})
