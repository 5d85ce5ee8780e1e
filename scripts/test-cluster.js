/**
 * Kills workers of a pool, and restarts its Redis, while callers submit operations; then a journal is audited: every
 * operation was answered exactly once to its caller, none is lost, and urgent ones waited less.
 *
 *   node scripts/test-cluster.js [--operations 20000] [--seconds 60] [--workers 4]
 */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createWriteStream, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'

import {connectCluster} from '../dist/index.js'
import {startRedis} from '../test/support/redis.ts'

const BIN = path.resolve(import.meta.dirname, '../bin/run.js')
const PRIORITIES = ['low', 'normal', 'high', 'critical', 'realtime']
const KILL_EVERY_MS = 2000
const BURST_EVERY_MS = 1000
const MOST_STARTS = 5
/** Few, so that operations wait for workers in their lanes, where priorities count. */
const CAPACITY = 8
const SETTINGS = {attempts: 6, heartbeatMs: 300, recoverMs: 3000, unreachableMs: 60_000}
/** One in so many operations computes; the others measure coordination. */
const COMPUTES_EVERY = 10

const {values} = parseArgs({
  options: {
    operations: {type: 'string', default: '20000'},
    seconds: {type: 'string', default: '60'},
    workers: {type: 'string', default: '4'},
  },
})
const operations = Number(values.operations)
const seconds = Number(values.seconds)
const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-cluster-'))
const journalFile = path.join(folder, 'journal.jsonl')
const journal = createWriteStream(journalFile)
const note = (entry) => journal.write(`${JSON.stringify({at: Math.round(performance.now()), ...entry})}\n`)

const redis = await startRedis({persistent: true})
const workers = new Map()
let failed = false
try {
  await Promise.all(Array.from({length: Number(values.workers)}, (_, index) => startWorker(`node-${index}`)))
  const callers = await Promise.all([connect(), connect()])
  await Promise.all([killWorkers(), restartRedis(), submitAll(callers)])
  const duplicates = callers.reduce((sum, caller) => sum + caller.duplicates, 0)
  for (const caller of callers) await caller.shutdown()
  journal.end()
  await once(journal, 'finish')
  failed = !audit(duplicates)
} finally {
  for (const {child} of workers.values()) child.kill('SIGKILL')
  await redis.close()
  if (failed) console.log(`The journal is kept: ${journalFile}`)
  else rmSync(folder, {force: true, recursive: true})
}

process.exit(failed ? 1 : 0)

async function connect() {
  return connectCluster({queue: redis.url, ...SETTINGS})
}

async function startWorker(name) {
  const child = spawn(
    process.execPath,
    [BIN, 'worker', '--queue', redis.url, '--name', name, '--device', 'cpu', '--capacity', String(CAPACITY)],
    {
      env: {
        ...process.env,
        NPUBRIDGE_CLUSTER_ATTEMPTS: String(SETTINGS.attempts),
        NPUBRIDGE_CLUSTER_HEARTBEAT_MS: String(SETTINGS.heartbeatMs),
        NPUBRIDGE_CLUSTER_RECOVER_MS: String(SETTINGS.recoverMs),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  workers.set(name, {child, joinedAt: Infinity})
  const [joined] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => [null])])
  if (joined === null) throw new Error(`${name} did not join: ${said}`)
  workers.set(name, {child, joinedAt: performance.now()})
  note({event: 'joined', node: name})
}

/** Always the one that has been there for longest; where all are just starting, there is none to kill. */
async function killWorkers() {
  const started = performance.now()
  for (let turn = 0; turn < Math.floor((seconds * 1000) / KILL_EVERY_MS); turn++) {
    await sleep(Math.max(0, started + (turn + 1) * KILL_EVERY_MS - performance.now()))
    const joined = [...workers].filter(([, {joinedAt}]) => joinedAt < Infinity)
    const [oldest] = joined.toSorted(([, a], [, b]) => a.joinedAt - b.joinedAt)
    if (!oldest) {
      note({event: 'nobody to kill'})
      continue
    }

    const [name, {child}] = oldest
    workers.set(name, {child, joinedAt: Infinity})
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    note({event: 'killed', node: name})
    supervise(name)
  }
}

/** As systemd would: a worker that finds no Redis is started again. */
async function supervise(name) {
  for (let tries = 1; tries <= MOST_STARTS; tries++) {
    try {
      await startWorker(name)
      return
    } catch (error) {
      note({event: tries < MOST_STARTS ? 'start failed' : 'problem', message: error.message})
    }
  }
}

async function restartRedis() {
  await sleep((seconds * 1000) / 2)
  note({event: 'redis stopped'})
  await redis.stop()
  await sleep(500)
  await redis.start()
  note({event: 'redis started'})
}

/** In bursts, so that operations wait, and it matters which is taken first. */
async function submitAll(callers) {
  const bursts = Math.ceil((seconds * 1000) / BURST_EVERY_MS)
  const perBurst = Math.ceil(operations / bursts)
  const answered = []
  const started = performance.now()
  for (let id = 0; id < operations;) {
    for (let i = 0; i < perBurst && id < operations; i++, id++)
      answered.push(submitOne(callers[id % callers.length], id))
    await sleep(Math.max(0, started + (id / perBurst) * BURST_EVERY_MS - performance.now()))
  }

  await Promise.all(answered)
}

async function submitOne(caller, id) {
  const priority = PRIORITIES[id % PRIORITIES.length]
  const computes = id % COMPUTES_EVERY === 0
  const operation = computes
    ? {type: 'matrix_multiply', inputs: {a: column([id % 1000, 1]), b: row([2, 3])}}
    : {type: 'echo', data: {id}}
  const submittedAt = performance.now()
  note({event: 'submitted', id})
  try {
    const {attempt, computeUs, data, node, outputs} = await caller.submit(operation, {priority})
    const isRight = computes ? outputs.product.data[0] === (id % 1000) * 2 : data.id === id
    const waitMs = performance.now() - submittedAt - computeUs / 1000
    note({event: 'answered', id, ok: true, isRight, node, attempt, priority, waitMs})
  } catch (error) {
    note({event: 'answered', id, ok: false, message: error.message, priority})
  }
}

function column(numbers) {
  return {data: Float32Array.from(numbers), shape: [numbers.length, 1]}
}

function row(numbers) {
  return {data: Float32Array.from(numbers), shape: [1, numbers.length]}
}

function audit(duplicates) {
  const entries = readFileSync(journalFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (event) => entries.filter((entry) => entry.event === event)
  const answers = new Map()
  for (const entry of of('answered')) answers.set(entry.id, [...(answers.get(entry.id) ?? []), entry])
  const ids = of('submitted').map(({id}) => id)
  const all = [...answers.values()].flat()
  const waits = Object.fromEntries(
    PRIORITIES.map((name) => [
      name,
      median(all.filter(({ok, priority}) => ok && priority === name).map(({waitMs}) => waitMs)),
    ]),
  )
  const byNode = Object.groupBy(
    all.filter(({ok}) => ok),
    ({node}) => node,
  )
  const checks = {
    [`${operations} operations were submitted`]: ids.length === operations && new Set(ids).size === operations,
    'every one was answered exactly once':
      ids.every((id) => answers.get(id)?.length === 1) && answers.size === operations,
    'none failed': all.every(({ok}) => ok),
    'every answer is right': all.every(({isRight, ok}) => !ok || isRight),
    'a worker was killed every 2 s (where one was up)':
      of('killed').length >= Math.floor((seconds * 1000) / KILL_EVERY_MS) * 0.8,
    'Redis was restarted once': of('redis started').length === 1,
    'realtime waited less than low (medians)': waits.realtime < waits.low,
    'workers came back': of('problem').length === 0,
  }
  console.log(
    `${of('killed').length} workers killed · ${all.filter(({attempt}) => attempt > 1).length} operations begun more than once`,
  )
  console.log(
    `${duplicates} second answers dropped · by node ${Object.entries(byNode)
      .map(([name, list]) => `${name} ${list.length}`)
      .join(', ')}`,
  )
  console.log(`median wait, ms: ${PRIORITIES.map((name) => `${name} ${waits[name].toFixed(1)}`).join(' · ')}`)
  for (const {id, message} of all.filter(({ok}) => !ok).slice(0, 5)) console.log(`  operation ${id}: ${message}`)
  for (const {message} of of('problem').slice(0, 5)) console.log(`  ${message}`)
  for (const [what, holds] of Object.entries(checks)) console.log(`${holds ? '✔' : '✖'} ${what}`)
  return Object.values(checks).every(Boolean)
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
