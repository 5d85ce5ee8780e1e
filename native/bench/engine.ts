// What the engine is worth: `npm run bench:engine -- [--rounds N] [--only TEXT] [--json FILE] [--check]`.
//
// Each figure is taken in turns with its peer in the same run, so that what else the machine does meets both; the
// median of the rounds is told with its confidence interval, and what stays inconclusive gets more rounds. Needs what
// `npm run test:prepare` brings. `--check` ends with 3 when a bound is not met.
import Table from 'cli-table3'
import {writeFileSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {createRequire} from 'node:module'
import {cpus, tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import type {Engine, InferenceOperation} from '../../src/core/engine/engine.ts'
import type {Measurement} from './row.ts'

import {createNativeEngine, type NativeEngineOptions} from '../../src/core/engine/native.ts'
import {resolvePaths} from '../../src/core/paths.ts'
import {discoverRuntimes} from '../../src/core/runtime/discover.ts'
import {benchmarkApp} from './benchmark-app.ts'
import {buildPrograms} from './build.ts'
import {joined, judge, type Judged} from './judge.ts'
import {magikaInput, minilmInputs, sileroInputs, writeTinyModel} from './models.ts'
import {alone, awaited, batched, underFlood} from './rows/coordination.ts'
import {deadlines} from './rows/deadlines.ts'
import {memoryOverTime, queueGrowth, tinyInRust} from './rows/growth.ts'
import {beside, tiny} from './rows/inference.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
/** How often an inconclusive figure is measured again. */
const EXTRA_RUNS = 2
const APP_SECONDS = 2
/** V8 enlarges its young generation several times in the first millions; that growth is not the engine's. */
const FIXED_HEAP = ['--min-semi-space-size=16', '--max-semi-space-size=16']
const {values: flags} = parseArgs({
  options: {
    check: {type: 'boolean', default: false},
    json: {type: 'string', default: path.join(ROOT, 'native', 'target', 'bench-engine.json')},
    only: {type: 'string', default: ''},
    rounds: {type: 'string', default: '7'},
  },
})
const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 3) throw new Error(`--rounds ${flags.rounds} is not a whole number from 3 on`)

const runtime = (await discoverRuntimes()).find(({problem}) => problem === null)
if (!runtime) throw new Error('no OpenVINO runtime: npubridge setup')
const programs = await buildPrograms(ROOT)
const folder = await mkdtemp(path.join(tmpdir(), 'npubridge-bench-'))
const engines: Engine[] = []
// Nothing else holds the event loop while only the bare thread is waited for.
const keepAlive = setInterval(() => {}, 2 ** 30)

async function start(options: Partial<NativeEngineOptions> = {}): Promise<Engine> {
  const fixed = {devices: ['CPU'], modelsFolder: resolvePaths().models, runtimeFolder: runtime!.folder}
  const engine = await createNativeEngine({...fixed, profile: 'throughput', ...options})
  engines.push(engine)
  return engine
}

/** A round trip through a thread that does nothing else. */
function bareRoundTrip(): (pauseMs: number) => Promise<void> {
  const {Echo} = createRequire(import.meta.url)(programs.bare) as {
    Echo: new (callback: () => void) => {ask(pauseMs: number): void}
  }
  let resolveNext = () => {}
  const echo = new Echo(() => {
    resolveNext()
  })
  return async (pauseMs) =>
    new Promise((resolve) => {
      resolveNext = resolve
      echo.ask(pauseMs)
    })
}

async function measurements(): Promise<Measurement[]> {
  const [engine, plain, tinyModel] = [await start(), await start({metrics: false}), writeTinyModel(folder)]
  const operation = (model: string, inputs: InferenceOperation['inputs']) =>
    ({type: 'inference', model, inputs}) as const
  const model = (...names: string[]) => path.join(resolvePaths().models, ...names)
  const peer = (file: string, requests: number, shapes?: string) => async () =>
    benchmarkApp(ROOT, {model: file, requests, seconds: APP_SECONDS, ...(shapes === undefined ? {} : {shapes})})
  const silero = operation('silero-vad', sileroInputs())
  const roundTrip = bareRoundTrip()
  const magika = await start({batching: {max: 1}})
  const minilm = await start({batching: {max: 1}})
  const tokens = Object.keys(minilmInputs())
  // The same fixed shape as on the other side.
  await minilm.submit({
    type: 'load_model',
    model: 'minilm',
    shapes: Object.fromEntries(tokens.map((name) => [name, [1, 32]])),
  })
  return [
    awaited(engine),
    batched(engine, plain),
    alone(engine, roundTrip),
    underFlood(engine),
    deadlines(engine, silero, roundTrip),
    tinyInRust(programs.bareLoop, runtime!.folder),
    tiny(engine, operation(tinyModel.file, tinyModel.inputs), peer(tinyModel.file, 16, 'a[1,64]')),
    beside(engine, {
      name: 'silero-vad',
      operation: silero,
      requests: 16,
      operations: 4096,
      bound: 0.92,
      goal: 0.97,
      peer: peer(model('silero-vad', 'silero_vad_openvino_16k.onnx'), 16),
    }),
    beside(magika, {
      name: 'magika, not batched',
      operation: operation('magika', magikaInput()),
      requests: 4,
      operations: 128,
      bound: 0.97,
      peer: peer(model('magika', 'model.onnx'), 4, 'bytes[1,2048]'),
    }),
    beside(minilm, {
      name: 'minilm int8, 1 x 32, not batched',
      operation: operation('minilm', minilmInputs()),
      requests: 4,
      operations: 1024,
      bound: 0.97,
      peer: peer(model('minilm', 'model.onnx'), 4, tokens.map((name) => `${name}[1,32]`).join(',')),
    }),
    queueGrowth(programs.queueGrowth),
    memoryOverTime([...FIXED_HEAP, '--expose-gc', path.join(import.meta.dirname, 'memory-child.ts')]),
  ]
}

async function measured(measurement: Measurement): Promise<Judged[]> {
  process.stderr.write(`${measurement.name} …\n`)
  let rows = await measurement.measure(rounds)
  for (let extra = 0; extra < EXTRA_RUNS && rows.some((row) => judge(row).verdict === 'inconclusive'); extra++)
    rows = joined(rows, await measurement.measure(rounds))
  return rows.map((row) => judge(row))
}

const short = new Intl.NumberFormat('en', {maximumSignificantDigits: 3, notation: 'compact'})

function print(rows: readonly Judged[]): void {
  const table = new Table({head: ['what', 'beside', 'median', '95 % of it in', 'bound (goal)', 'verdict', 'behind it']})
  for (const {behind, better, bound, ci95, goal, median, name, peer, unit, values, verdict} of rows) {
    const suffix = unit === 'x' ? ' x' : ` ${unit}`
    const interval = ci95 ? `${short.format(ci95[0])} to ${short.format(ci95[1])}` : 'one value'
    const limit = `${better === 'higher' ? '≥' : '≤'} ${short.format(bound)}${goal ? ` (${short.format(goal)})` : ''}`
    const details = Object.entries(behind).map(([key, value]) => `${short.format(value)} ${key}`)
    table.push([
      name,
      peer ?? '',
      short.format(median) + suffix,
      `${interval}, n=${values.length}`,
      limit,
      verdict,
      details.join(', '),
    ])
  }

  process.stdout.write(`${table.toString()}\n`)
}

try {
  const rows: Judged[] = []
  for (const measurement of await measurements())
    if (measurement.name.includes(flags.only)) rows.push(...(await measured(measurement)))
  print(rows)
  const machine = {cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version}
  writeFileSync(flags.json, `${JSON.stringify({machine, runtime: runtime.version, rounds, rows}, null, 2)}\n`)
  process.stderr.write(`written to ${path.relative(process.cwd(), flags.json)}\n`)
  if (flags.check && rows.some(({verdict}) => verdict === 'not met')) process.exitCode = 3
} finally {
  clearInterval(keepAlive)
  for (const engine of engines) await engine.shutdown()
  await rm(folder, {recursive: true})
}
