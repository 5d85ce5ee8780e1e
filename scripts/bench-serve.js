// What the server costs: its rates beside those of the same engine without it, measured in turns in one run. Load comes
// from processes of their own, whose time on the processor is measured; a rate "without the client" is what the server
// would have reached had that time been its own. Prints a table and exits with 3 where a goal is not met.
//
//   node scripts/bench-serve.js [--quick] [--profile latency|throughput|efficiency]
/* eslint camelcase: ['error', {properties: 'never'}] -- fields of the protocols are spelled like that */
import {execFile, spawn} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {cpus, loadavg} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs, promisify} from 'node:util'

import {infer} from '../dist/core/bench/infer.js'
import {keepInFlight} from '../dist/core/bench/timing.js'
import {createBridge} from '../dist/index.js'
import {openLoop, percentile} from './load/latency.js'
import {binaryRequest, residentMb, startServer} from './server.js'

const run = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '..')
const LOAD = path.join(import.meta.dirname, 'load', 'run.js')
const CORES = cpus().length
const CONNECTIONS = 32
const {values: flags} = parseArgs({
  options: {profile: {type: 'string', default: 'latency'}, quick: {type: 'boolean', default: false}},
})
// Many short turns: what else the machine does changes its speed by a tenth from one second to the next.
const [ROUNDS, SECONDS] = flags.quick ? [2, 2] : [9, 3]

const ids = (length) => BigInt64Array.from({length}, () => 1n)
const wave = (length) => Float32Array.from({length}, (_, index) => 0.3 * Math.sin(index / 5))
const TOKENS = 64
/** Inputs by model, as the protocol has them. */
const MODELS = {
  minilm: [
    ['input_ids', 'INT64', [1, TOKENS], ids(TOKENS)],
    ['attention_mask', 'INT64', [1, TOKENS], ids(TOKENS)],
    ['token_type_ids', 'INT64', [1, TOKENS], new BigInt64Array(TOKENS)],
  ],
  'silero-vad': [
    ['input', 'FP32', [1, 576], wave(576)],
    ['state', 'FP32', [2, 1, 128], new Float32Array(256)],
  ],
  echo: [['data', 'FP32', [16], wave(16)]],
}

function bodyOf(inputs, parameters) {
  const {body, headers} = binaryRequest(inputs, parameters)
  return {body: body.toString('base64'), headers: {'content-type': 'application/octet-stream', ...headers}}
}

function operationOf(model, inputs) {
  if (model === 'echo') return {type: 'echo', data: inputs[0][3]}
  return {
    type: 'inference',
    model,
    inputs: Object.fromEntries(inputs.map(([name, , shape, data]) => [name, {data, shape}])),
  }
}

async function load(task) {
  const {stdout} = await run(process.execPath, [LOAD, JSON.stringify(task)], {maxBuffer: 2 ** 24})
  return JSON.parse(stdout)
}

const TICKS = 100
function cpuSeconds(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Operations a second with so many in flight, whose outputs are given back as the server does once it has sent them. */
async function closedLoop(bridge, operation, seconds) {
  const {perSecond} = await keepInFlight(CONNECTIONS, {durationMs: seconds * 1000}, async () =>
    infer(bridge, operation),
  )
  return perSecond
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const rows = []
function row(what, value, goal, met, note = '') {
  rows.push({what, value, goal, met, note})
  const mark = met === undefined ? '·' : met ? '✔' : '✖'
  console.log(`${mark} ${what.padEnd(58)} ${value.padStart(24)}   ${goal}${note && `   ${note}`}`)
}

console.log(
  `${CORES} cores, load average ${loadavg()[0].toFixed(1)} at the start; ${ROUNDS} rounds of ${SECONDS} s, medians; concurrency ${CONNECTIONS}; profile ${flags.profile}`,
)
const server = await startServer(['--no-grpc', '--device', 'cpu', '--profile', flags.profile])
server.child.stderr.pipe(process.stderr)
await sleep(2000)
const idleMb = residentMb(server.pid)
row('resident memory, idle, no model', `${idleMb.toFixed(0)} MB`, '≤ 150 MB', idleMb <= 150)

const bridge = await createBridge({device: 'cpu', engine: 'native', profile: flags.profile})

async function compare(model) {
  const inputs = MODELS[model]
  const task = {connections: CONNECTIONS, url: `${server.url}/v2/models/${model}/infer`, ...bodyOf(inputs)}
  const operation = operationOf(model, inputs)
  await bridge.submit(operation)
  // It takes seconds to find out how many run best together.
  await closedLoop(bridge, operation, SECONDS)
  await load({...task, seconds: SECONDS})
  const [inProcess, http, corrected, clientShare, serverMicros] = [[], [], [], [], []]
  let client
  for (let round = 0; round < ROUNDS; round++) {
    inProcess.push(await closedLoop(bridge, operation, SECONDS))
    const before = cpuSeconds(server.pid)
    const answer = await load({...task, seconds: SECONDS})
    if (answer.failed > 0) throw new Error(`${answer.failed} requests failed`)
    client = answer.client
    const share = answer.cpuShare / CORES
    http.push(answer.rate)
    corrected.push(answer.rate / (1 - share))
    clientShare.push(share)
    serverMicros.push((1e6 * (cpuSeconds(server.pid) - before)) / answer.answers)
  }

  return {
    inProcess: median(inProcess),
    http: median(http),
    ratio: median(http.map((rate, index) => rate / inProcess[index])),
    corrected: median(corrected.map((rate, index) => rate / inProcess[index])),
    share: median(clientShare),
    client,
    micros: median(serverMicros),
    operation,
    task,
  }
}

async function compareModel(model, goal) {
  const found = await compare(model)
  row(
    `${model}: HTTP against in-process`,
    `${found.http.toFixed(0)} / ${found.inProcess.toFixed(0)} = ${found.ratio.toFixed(2)}`,
    `≥ ${goal}`,
    found.ratio >= goal || found.corrected >= goal,
    `without the ${(found.share * 100).toFixed(0)} % of the cores that ${found.client} took: ${found.corrected.toFixed(2)}; server ${found.micros.toFixed(0)} µs of processor a request`,
  )
  return found
}

await compareModel('minilm', 0.95)
const silero = await compareModel('silero-vad', 0.6)

// Half the load that was reached.
const rate = Math.floor(silero.http / 2)
const [httpP99, inProcessP99] = [[], []]
for (let round = 0; round < ROUNDS; round++) {
  const {times} = await openLoop(() => bridge.submit(silero.operation), rate, SECONDS)
  inProcessP99.push(percentile(times, 99))
  httpP99.push((await load({...silero.task, rate, seconds: SECONDS})).p99Ms)
}

const limit = 2 * median(inProcessP99) + 1
row(
  `silero-vad: p99 at half load (${rate}/s)`,
  `${median(httpP99).toFixed(1)} ms`,
  `≤ ${limit.toFixed(1)} ms`,
  median(httpP99) <= limit,
  `in-process ${median(inProcessP99).toFixed(1)} ms`,
)

// Urgent requests, one at a time, while 64 connections keep asking for what is not urgent.
const flood = load({
  ...silero.task,
  ...bodyOf(MODELS['silero-vad'], {priority: 5}),
  connections: 64,
  seconds: SECONDS * ROUNDS,
})
await sleep(500)
const urgent = await load({
  ...silero.task,
  ...bodyOf(MODELS['silero-vad'], {priority: 1}),
  connections: 1,
  seconds: SECONDS * ROUNDS - 1,
})
const flooded = await flood
const oneMs = (await bridge.submit(silero.operation)).computeUs / 1000
row(
  'realtime under a flood of low, 64 connections: p99',
  `${urgent.p99Ms.toFixed(1)} ms`,
  `≤ ${(5 + oneMs).toFixed(1)} ms`,
  urgent.p99Ms <= 5 + oneMs,
  `${flooded.rate.toFixed(0)} low and ${urgent.rate.toFixed(0)} urgent a second`,
)

await bridge.shutdown()
// Hello-world is served by a process of its own, too, so that both have the same machine.
const helloUrl = await startHello()
const echoTask = {connections: CONNECTIONS, url: `${server.url}/v2/models/echo/infer`, ...bodyOf(MODELS.echo)}
const helloTask = {connections: CONNECTIONS, url: helloUrl.url}
const [echoRates, helloRates] = [[], []]
for (const task of [echoTask, helloTask]) await load({...task, seconds: 1})
for (let round = 0; round < ROUNDS; round++) {
  echoRates.push((await load({...echoTask, seconds: SECONDS})).rate)
  helloRates.push((await load({...helloTask, seconds: SECONDS})).rate)
}

const share = median(echoRates.map((value, index) => value / helloRates[index]))
row(
  "echo against fastify's hello-world",
  `${median(echoRates).toFixed(0)} / ${median(helloRates).toFixed(0)} = ${share.toFixed(2)}`,
  '≥ 0.5',
  share >= 0.5,
)
helloUrl.child.kill()
row('resident memory after all of it', `${residentMb(server.pid).toFixed(0)} MB`, '', undefined)
server.child.kill('SIGTERM')
console.log(`load average at the end ${loadavg()[0].toFixed(1)}`)
process.exitCode = rows.every(({met}) => met !== false) ? 0 : 3

async function startHello() {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import {fastify} from 'fastify'
       const app = fastify()
       app.get('/', async () => ({hello: 'world'}))
       console.log(await app.listen({host: '127.0.0.1', port: 0}))`,
    ],
    {cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit']},
  )
  let printed = ''
  for await (const part of child.stdout) {
    printed += part
    if (printed.endsWith('\n')) return {child, url: printed.trim()}
  }

  throw new Error('hello-world did not start')
}
