import {expect} from 'chai'
import {execFileSync, spawn} from 'node:child_process'
import {chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'

import type {Operation, WorkflowReport, WorkflowTask} from '../../../src/core/engine/engine.ts'

import {createLegacyEngine, type LegacyEngine, type LegacyOptions} from '../../../src/core/engine/legacy.ts'
import {pythonCommands} from '../../../src/core/engine/python.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {codeOf, itKeepsTheContract} from './contract.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const FIXTURES = path.join(ROOT, 'test/fixtures/legacy')
const ECHO: Operation = {type: 'echo', data: [1, 2, 3]}
/** What the engine itself takes here. */
const DEFAULT_PYTHON = pythonCommands(process.env)
const DEBIAN = {platform: 'linux', osRelease: 'ID=debian\n'} as const

/** A module of the first generation whose agent is chosen by running the description as Python. */
const MODULE = String.raw`
import os, sys, time
from pathlib import Path

HERE = Path(__file__).parent

class CoordinationMode: pass

class WorkflowTask:
    def __init__(self, *arguments): pass

class NPUCoordinationBridge:
    async def execute_workflow(self, *arguments): pass
    async def execute_single_task(self, task): pass
    async def npu_select_agent(self, description):
        with open(HERE / "runs.txt", "a") as runs:
            runs.write(description + "\n")
        exec(description)
        return "done"
`

describe('legacy engine', () => {
  let folder: string
  const started: LegacyEngine[] = []

  async function start(options: LegacyOptions = {}): Promise<LegacyEngine> {
    const engine = await createLegacyEngine(options)
    started.push(engine)
    return engine
  }

  /** The engine over a module of this text. */
  async function startModule(text: string, options: LegacyOptions = {}): Promise<LegacyEngine> {
    return start({...options, module: write('npu_coordination_bridge.py', text)})
  }

  function write(name: string, text: string): string {
    const file = path.join(folder, name)
    writeFileSync(file, text)
    return file
  }

  /** A command that stands in for Python. */
  function script(text: string): NodeJS.ProcessEnv {
    const file = write('python', `#!/bin/sh\n${text}\n`)
    chmodSync(file, 0o755)
    return {...process.env, NPUBRIDGE_PYTHON: file}
  }

  async function failureOf(promise: Promise<unknown>): Promise<NpuBridgeError> {
    const outcome = await promise.catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(NpuBridgeError)
    return outcome as NpuBridgeError
  }

  const run = (code: string): Operation => ({type: 'route', description: code})
  const trialsOf = async (engine: LegacyEngine, codes: readonly string[]) =>
    Promise.all(codes.map(async (code) => codeOf(engine.submit(run(code)))))

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npubridge-legacy-'))
  })

  afterEach(async () => {
    for (const engine of started) await engine.shutdown({drainMs: 0})
    started.length = 0
    rmSync(folder, {recursive: true})
  })

  for (const module of [undefined, 'v1']) {
    describe(`over ${module ? `the ${module} module` : 'the reference'}`, () => {
      itKeepsTheContract(() => ({
        kind: 'legacy',
        create: async (options) =>
          start({...options, module: module && path.join(FIXTURES, module, 'npu_coordination_bridge.py')}),
        occupy: (ms) => [{type: 'benchmark', kind: 'echo', durationMs: ms}],
        canRoute: module === undefined,
        canMultiply: hasNumpy(DEFAULT_PYTHON[0]!),
        runsModels: false,
      }))
    })
  }

  it('says what runs: performance mode legacy, Python, module and generations', async () => {
    const engine = await start()
    expect(await engine.health()).to.deep.include({performanceMode: 'legacy', devices: [], runtime: null})
    expect(engine.about.generations).to.deep.equal(['v1', 'v2'])
    expect(engine.about.python).to.match(/^3\.\d+\.\d+$/)
    expect(path.basename(engine.about.module)).to.equal('npu_coordination_bridge.py')
    const archived = await start({module: path.join(FIXTURES, 'v1/npu_coordination_bridge.py')})
    expect(archived.about.generations).to.deep.equal(['v1'])
  })

  it('serves a module of the second generation alone', async () => {
    const engine = await start({module: path.join(FIXTURES, 'v2/npu_coordination_bridge.py')})
    expect(engine.about.generations).to.deep.equal(['v2'])
    expect((await engine.submit(ECHO)).data).to.deep.equal([1, 2, 3])
    expect((await failureOf(engine.submit(run('x')))).message).to.include('does not choose agents')
    expect((await failureOf(engine.measureWorkflow(1))).code).to.equal('UNSUPPORTED_OPERATION')
  })

  it('multiplies with numpy', async function () {
    // The one that `npm run test:prepare` makes, else whichever has it.
    const python = [path.join(ROOT, '.venv/bin/python'), ...DEFAULT_PYTHON].find((each) => hasNumpy(each))
    if (python === undefined) this.skip()
    const engine = await start({env: {...process.env, NPUBRIDGE_PYTHON: python}})
    const a = {data: Float32Array.from({length: 64 * 32}, (_, index) => index % 7), shape: [64, 32]}
    const b = {data: Float32Array.from({length: 32}, (_, index) => index % 5), shape: [32, 1]}
    const {outputs} = await engine.submit({type: 'matrix_multiply', inputs: {a, b}})
    const product = outputs!.product!.data as Float32Array
    const expected = Array.from({length: 64}, (_, row) =>
      b.data.reduce((sum, value, index) => sum + value * a.data[row * 32 + index]!, 0),
    )
    expect([...product]).to.deep.equal(expected)
    const {data} = await engine.submit({type: 'benchmark', kind: 'matrix_multiply', durationMs: 50})
    expect((data as {operations: number}).operations).to.be.above(0)
  })

  it('coordinates a workflow and says that nothing was executed', async () => {
    const tasks: WorkflowTask[] = [
      {id: 'late', priority: 1, dependencies: ['first', 'nobody']},
      {id: 'first', agent: 'a', priority: 90},
      {id: 'urgent', priority: 5},
      {id: 'x', priority: 50, dependencies: ['y']},
      {id: 'y', priority: 60, dependencies: ['x']},
    ]
    for (const module of [undefined, path.join(FIXTURES, 'v1/npu_coordination_bridge.py')]) {
      const engine = await start({module})
      const {data} = await engine.submit({type: 'workflow', tasks: module ? tasks.slice(0, 3) : tasks, maxParallel: 2})
      const report = data as WorkflowReport
      const {order, levels, status} = report
      expect({order, levels, status}).to.deep.equal(
        module
          ? {order: [2, 1, 0], levels: [1, 0, 0], status: ['routed', 'routed', 'routed']}
          : {order: [2, 3, 1, 0, 4], levels: [1, 0, 0, 0, 1], status: Array.from({length: 5}, () => 'routed')},
      )
      expect(report).to.deep.include({
        completed: 0,
        skipped: 0,
        successRate: 1,
        unknown: [{task: 'late', id: 'nobody'}],
      })
      expect(report.broken).to.deep.equal(module ? [] : [{task: 'x', dropped: ['y']}])
      expect(report.agents.a).to.equal(1)
    }
  })

  it('refuses a workflow in which two tasks have one id', async () => {
    const engine = await start()
    const error = await failureOf(engine.submit({type: 'workflow', tasks: [{id: 'a'}, {id: 'a'}]}))
    expect(error).to.include({code: 'INVALID_ARGUMENT'})
    expect(error.message).to.include('tasks[1].id is "a"')
  })

  it('echoes typed arrays as what they are, and refuses what has no form in JSON', async () => {
    const engine = await start()
    const {data} = await engine.submit({type: 'echo', data: Float32Array.of(0.5, -1)})
    expect(data).to.deep.equal(Float32Array.of(0.5, -1))
    expect((await failureOf(engine.submit({type: 'echo', data: 1n}))).code).to.equal('INVALID_ARGUMENT')
    expect(await codeOf(engine.submit(ECHO))).to.equal('ok')
  })

  it('sleeps only when asked to, also in a module that knows no switch', async () => {
    for (const module of [undefined, path.join(FIXTURES, 'v1/npu_coordination_bridge.py')]) {
      const shipped = await start({module, sleep: true})
      const bare = await start({module})
      const {executeUs: asleep} = await shipped.measureWorkflow(20)
      const {executeUs: awake} = await bare.measureWorkflow(20)
      expect(asleep).to.be.above(190_000)
      expect(awake).to.be.below(asleep / 2)
    }
  })

  it('measures coordination one at a time, with the memory it takes', async () => {
    const engine = await start()
    const measured = await engine.measureCoordination({operations: 200, elements: 4096})
    expect(measured.latenciesUs).to.have.lengthOf(200)
    expect(Math.min(...measured.latenciesUs)).to.be.above(0)
    if (measured.rssBefore !== undefined) expect(measured.rssAfter).to.be.above(measured.rssBefore)
    const timed = await engine.measureCoordination({durationMs: 100})
    expect(timed.latenciesUs.length).to.be.above(10)
  })

  it('benchmarks echo inside the process', async () => {
    const engine = await start()
    const {data} = await engine.submit({type: 'benchmark', kind: 'echo', durationMs: 100})
    const result = data as {durationMs: number; operations: number; operationsPerSecond: number}
    expect(result.operations).to.be.above(10)
    expect(result.operationsPerSecond).to.be.closeTo((result.operations / result.durationMs) * 1000, 1)
  })

  it('does not remember the results of operations', async () => {
    const engine = await start()
    const big: Operation = {type: 'echo', data: Array.from({length: 4096}, (_, index) => index / 3)}
    const rss = async () => {
      await Promise.all(Array.from({length: 100}, async () => engine.submit(big)))
      return (await engine.measureCoordination({operations: 1})).rssAfter!
    }

    const before = await rss()
    // 400 results are 50 MB when they are kept.
    for (let round = 0; round < 4; round++) await rss()
    expect((await rss()) - before).to.be.below(20e6)
  })

  it('writes its fallback into every result', async () => {
    const fallback = {from: 'native', to: 'legacy', reason: 'the binding is not there'}
    const engine = await start({fallback})
    expect((await engine.submit(ECHO)).fallback).to.deep.equal(fallback)
    expect((await engine.health()).fallback).to.deep.equal(fallback)
  })

  it('refuses what runs models before it waits, with the way to run it', async () => {
    const engine = await start()
    const error = await failureOf(engine.submit({type: 'load_model', model: 'silero-vad'}))
    expect(error.code).to.equal('UNSUPPORTED_OPERATION')
    expect(error.suggestions.join(' ')).to.include('--engine native')
  })

  describe('where Python is not as it should be', () => {
    it('says that there is none, and how to get it', async () => {
      const error = await failureOf(start({...DEBIAN, env: {PATH: folder}}))
      expect(error.code).to.equal('LEGACY_FAILED')
      expect(error.message).to.equal('there is no Python on PATH (tried python3, python)')
      expect(error.suggestions).to.deep.equal(['sudo apt-get install python3'])
    })

    it('says that the one which was named cannot be run', async () => {
      const error = await failureOf(start({...DEBIAN, env: {...process.env, NPUBRIDGE_PYTHON: '/nowhere/python'}}))
      expect(error.message).to.equal('NPUBRIDGE_PYTHON is /nowhere/python, which cannot be run')
      expect(error.suggestions).to.include('unset NPUBRIDGE_PYTHON')
    })

    it('says that it is too old, with both versions', async () => {
      const pretend = [
        'import runpy, sys',
        'sys.version_info = (3, 9, 2, "final", 0)',
        'sys.argv = sys.argv[1:]',
        'runpy.run_path(sys.argv[0], run_name="__main__")',
      ].join('; ')
      const error = await failureOf(start({...DEBIAN, env: script(`exec python3 -c '${pretend}' "$@"`)}))
      expect(error.code).to.equal('LEGACY_FAILED')
      expect(error.message).to.match(/ is Python 3\.9\.2, the legacy engine needs 3\.10 or newer$/)
      expect(error.suggestions).to.include('sudo apt-get install python3')
    })

    it('says that a module needs numpy, which is not there', async () => {
      const env = script('exec python3 -S "$@"')
      const error = await failureOf(startModule(`import numpy\n${MODULE}`, {...DEBIAN, env}))
      expect(error.code).to.equal('LEGACY_FAILED')
      expect(error.message).to.match(/needs numpy, which .+ does not have$/)
      expect(error.suggestions.join('\n')).to.include('-m pip install numpy')
    })

    it('runs everything but products without numpy, and says how to get it', async () => {
      const engine = await start({...DEBIAN, env: script('exec python3 -S "$@"')})
      const one = {data: Float32Array.of(1), shape: [1, 1]}
      const error = await failureOf(engine.submit({type: 'matrix_multiply', inputs: {a: one, b: one}}))
      expect(error.code).to.equal('UNSUPPORTED_OPERATION')
      expect(error.suggestions.join('\n')).to.include('-m pip install numpy')
      expect(await codeOf(engine.submit(ECHO))).to.equal('ok')
    })

    it('says that it is no Python at all', async () => {
      const silent = await failureOf(start({env: script('exit 7')}))
      expect(silent.message).to.match(/exited with code 7$/)
      const chatty = await failureOf(start({env: script('echo Hello; sleep 60')}))
      expect(chatty.message).to.include('it wrote "Hello" instead of an answer')
      expect(chatty.cause).to.include({code: 'PROTOCOL_ERROR'})
    })
  })

  describe('with a module that cannot be loaded', () => {
    it('says that there is no such file', async () => {
      const error = await failureOf(start({module: path.join(folder, 'none.py')}))
      expect(error.code).to.equal('INVALID_ARGUMENT')
      expect(await codeOf(start({module: folder}))).to.equal('INVALID_ARGUMENT')
    })

    for (const [name, text, message] of [
      [
        'raises at import',
        'raise RuntimeError("not today")',
        /RuntimeError: not today \(npu_coordination_bridge\.py:1\)$/,
      ],
      ['is no Python', 'def (', /SyntaxError: /],
      ['imports what is not there', 'import no_such_thing', /No module named 'no_such_thing'/],
      ['exits at import', 'import sys; sys.exit(3)', /the module called sys\.exit\(3\)$/],
      ['is another module', 'x = 1', /it has no class NPUCoordinationBridge/],
      ['has a class of neither generation', 'class NPUCoordinationBridge: pass', /of neither generation$/],
      [
        'raises in its constructor',
        'class NPUCoordinationBridge:\n    def __init__(self): self.missing()',
        /AttributeError/,
      ],
      ['dies at import', 'import os; os._exit(9)', /exited with code 9$/],
      ['is killed at import', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)', /was killed by SIGKILL$/],
    ] as const) {
      it(`tells when it ${name}`, async () => {
        const error = await failureOf(startModule(text))
        expect(error.code).to.equal('LEGACY_FAILED')
        expect(error.message).to.match(message)
        expect(error.suggestions).to.deep.equal(['Leave this module out: the reference module takes its place.'])
      })
    }

    it('tells what it said last when it dies', async () => {
      const error = await failureOf(startModule('import os; print("disk on fire"); os._exit(1)'))
      expect(error.message).to.match(/it said last: disk on fire$/)
    })

    it('stops one that never finishes loading', async () => {
      const error = await failureOf(startModule('while True: pass', {startLimitMs: 1500}))
      expect(error.message).to.match(/was not loaded within 1500 ms$/)
    })
  })

  describe('with a module that misbehaves', () => {
    it('is not disturbed by what it prints, reads and starts', async () => {
      const noise = [
        'print("loading"); print("rubbish {", flush=True)',
        'import os, subprocess, sys',
        String.raw`os.write(1, b"raw rubbish\n")`,
        'assert sys.stdin.read() == ""',
        'subprocess.run(["sh", "-c", "echo rubbish of a child; cat"], check=True)',
      ].join('\n')
      const engine = await startModule(`${noise}\n${MODULE}`)
      const code = 'print("x" * 100000); os.system("echo more"); sys.stdout.flush(); sys.__stdout__.write("old")'
      for (let round = 0; round < 3; round++) expect((await engine.submit(run(code))).data).to.include({agent: 'done'})
    })

    it('tells what an operation raised and where, and goes on with the same process', async () => {
      const engine = await startModule(MODULE)
      const error = await failureOf(engine.submit(run('{}["key"]')))
      expect(error.code).to.equal('LEGACY_FAILED')
      expect(error.message).to.match(/^KeyError: 'key' \(/)
      expect(await codeOf(engine.submit(run('pass')))).to.equal('ok')
    })

    it('tells that an answer has no form in JSON', async () => {
      const engine = await startModule(MODULE.replace('return "done"', 'return float("nan")'))
      expect((await failureOf(engine.submit(run('pass')))).message).to.include('no JSON')
      expect(await codeOf(engine.submit(ECHO))).to.equal('ok')
    })

    it('answers an operation that exits, and starts anew', async () => {
      const engine = await startModule(MODULE)
      const error = await failureOf(engine.submit(run('sys.exit(4)')))
      expect(error.message).to.equal('the module called sys.exit(4)')
      expect(await codeOf(engine.submit(ECHO))).to.equal('ok')
      expect(await engine.health()).to.include({status: 'ok'})
    })

    it('runs an operation once more when the process dies under it, and what stood behind it once', async () => {
      const engine = await startModule(MODULE)
      const marker = JSON.stringify(path.join(folder, 'marker'))
      const dieOnce = `if not os.path.exists(${marker}): open(${marker}, "w").close(); os._exit(3)`
      await Promise.all([1, 2, 3].map(async () => engine.submit(run('first = 1'))))
      const codes = await trialsOf(engine, [dieOnce, 'x = 1', 'x = 2'])
      expect(codes).to.deep.equal(['ok', 'ok', 'ok'])
      const runs = readFileSync(path.join(folder, 'runs.txt'), 'utf8').trimEnd().split('\n').slice(3)
      expect(runs).to.deep.equal([dieOnce, dieOnce, 'x = 1', 'x = 2'])
      expect(engine.metrics()).to.include({submitted: 6, completed: 6, failed: 0})
    })

    it('gives up on an operation that kills the process twice, and on none else', async () => {
      const engine = await startModule(MODULE)
      const codes = Promise.all(['x = 1', 'os._exit(3)', 'x = 2'].map(async (code) => codeOf(engine.submit(run(code)))))
      expect(await codes).to.deep.equal(['ok', 'LEGACY_FAILED', 'ok'])
    })

    it('does not repeat what may have had an effect', async () => {
      const engine = await startModule(
        MODULE.replace('execute_single_task(self, task): pass', 'execute_single_task(self, task): os._exit(3)'),
      )
      const error = await failureOf(engine.submit({type: 'benchmark', kind: 'echo', durationMs: 10}))
      expect(error.code).to.equal('LEGACY_FAILED')
      expect(error.message).to.match(/exited with code 3$/)
    })

    it('stops an operation that hangs, tells so, and goes on', async () => {
      const engine = await startModule(MODULE, {operationLimitMs: 1000})
      const hung = failureOf(engine.submit(run('while True: pass')))
      const behind = codeOf(engine.submit(ECHO))
      expect((await hung).message).to.match(/did not finish route within 1000 ms and was stopped$/)
      expect(await behind).to.equal('ok')
      expect(readFileSync(path.join(folder, 'runs.txt'), 'utf8')).to.equal('while True: pass\n')
    })

    it('gives each operation its own time, however long those before it took', async () => {
      const engine = await startModule(MODULE, {operationLimitMs: 1200})
      const codes = await trialsOf(
        engine,
        Array.from({length: 4}, () => 'time.sleep(0.5)'),
      )
      expect(codes).to.deep.equal(['ok', 'ok', 'ok', 'ok'])
    })

    it('notices rubbish among the answers', async () => {
      const greeting = '{"ready": true, "generations": ["v1"], "numpy": false, "python": "3.11.0", "executable": "x"}'
      for (const rubbish of ['rubbish', '{"id": 99, "ok": true}', '[]', 'null']) {
        const env = script(`echo '${greeting}'; read line; echo '${rubbish}'; sleep 60`)
        const engine = await start({env, restarts: 0})
        const error = await failureOf(engine.submit({type: 'benchmark', kind: 'echo', durationMs: 1}))
        expect(error.code, rubbish).to.equal('LEGACY_FAILED')
        expect(error.cause, rubbish).to.include({code: 'PROTOCOL_ERROR'})
      }
    })

    it('gives up after so many restarts without an answer, and then says so at once', async () => {
      const engine = await startModule(MODULE, {restarts: 2})
      const codes = await trialsOf(
        engine,
        Array.from({length: 5}, () => 'os._exit(3)'),
      )
      expect(new Set(codes)).to.deep.equal(new Set(['LEGACY_FAILED']))
      const error = await failureOf(engine.submit(ECHO))
      expect(error.message).to.match(/^the legacy engine gave up after 2 restarts without an answer: /)
      expect(await engine.health()).to.include({status: 'failed'})
    })

    it('shuts down while it restarts', async () => {
      const engine = await startModule(MODULE)
      const crash = codeOf(engine.submit(run('os._exit(3)')))
      await setTimeout(100)
      await engine.shutdown({drainMs: 0})
      expect(await crash).to.be.oneOf(['CANCELLED', 'LEGACY_FAILED'])
    })

    it('leaves no process behind when ours is killed, even in an endless loop', async () => {
      const module = write('npu_coordination_bridge.py', MODULE)
      const parent = spawn(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import {createLegacyEngine} from ${JSON.stringify(path.join(ROOT, 'src/core/engine/legacy.ts'))}
           const engine = await createLegacyEngine({module: ${JSON.stringify(module)}})
           await engine.submit({type: 'route', description: 'print(os.getpid(), file=open(HERE / "pid", "w")); HERE'})
           console.log('ready')
           await engine.submit({type: 'route', description: 'while True: pass'})`,
        ],
        {stdio: ['ignore', 'pipe', 'inherit']},
      )
      await new Promise((resolve) => {
        parent.stdout.once('data', resolve)
      })
      const pid = Number(readFileSync(path.join(folder, 'pid'), 'utf8'))
      expect(isAlive(pid)).to.equal(true)
      parent.kill('SIGKILL')
      for (let waited = 0; waited < 10_000 && isAlive(pid); waited += 100) await setTimeout(100)
      expect(isAlive(pid)).to.equal(false)
    })
  })
})

function hasNumpy(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import numpy'], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

/** Whether the process runs; one that has ended and waits for its parent does not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
