/**
 * Pulls the cable between a worker and Redis while it runs operations: another worker takes them, each is answered once,
 * and the one that was cut off comes back when the cable does. Then a caller is cut off, and is told. As root, in a
 * network namespace.
 *
 *   node scripts/test-cluster-cut.js [--operations 200]
 */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'

import {connectCluster} from '../dist/index.js'
import {startRedis} from '../test/support/redis.ts'
import {OtherHost} from './cluster/network.js'

const BIN = path.resolve(import.meta.dirname, '../bin/run.js')
const SETTINGS = {attempts: 3, heartbeatMs: 300, recoverMs: 3000, unreachableMs: 60_000}
const ENVIRONMENT = {
  NPUBRIDGE_CLUSTER_HEARTBEAT_MS: '300',
  NPUBRIDGE_CLUSTER_RECOVER_MS: '3000',
  NPUBRIDGE_CLUSTER_UNREACHABLE_MS: '3000',
}
const PATIENCE_MS = 180_000
const LONG_MS = 4000
const {values} = parseArgs({options: {operations: {type: 'string', default: '200'}}})
const operations = Number(values.operations)

const host = new OtherHost()
const children = []
let redis
let failed
try {
  redis = await startRedis({args: () => ['--bind', '127.0.0.1', host.address, '--protected-mode', 'no']})
  failed = !(await cutWorker(redis)) || !(await cutCaller(redis))
} finally {
  for (const child of children) child.kill('SIGKILL')
  await redis?.close()
  host.remove()
}

process.exit(failed ? 1 : 0)

async function cutWorker({port, url}) {
  await worker('near', process.execPath, workerArgs('near', url))
  await drain(url)
  await worker('far', ...host.command(process.execPath, workerArgs('far', urlFrom(port))))
  const caller = await connectCluster({queue: url, ...SETTINGS})
  const started = performance.now()
  const answers = []
  const submit = async (operation) => {
    const own = []
    answers.push(own)
    try {
      own.push(await caller.submit(operation))
    } catch (error) {
      own.push(error)
    }
  }

  // These are begun by the one that is cut off, and not ended by it.
  const long = Array.from({length: 4}, async () => submit({type: 'benchmark', kind: 'echo', durationMs: LONG_MS}))
  await until(() => nodeOf(caller, 'far')?.running === long.length)
  host.cut()
  const cutAt = performance.now()
  console.log(`${Math.round(cutAt - started)} ms: the cable is pulled; ${long.length} operations run behind it`)
  await drain(url, '--undo')
  const short = Array.from({length: operations}, async (_, i) => submit({type: 'echo', data: i}))
  await Promise.all([...long, ...short])
  console.log(`${Math.round(performance.now() - cutAt)} ms after the cut: all ${answers.length} are answered`)
  const all = answers.map((each) => each[0])
  const gone = nodeOf(caller, 'far') === undefined
  host.mend()
  const mendedAt = performance.now()
  await until(() => nodeOf(caller, 'far')?.state === 'ready')
  console.log(`${Math.round(performance.now() - mendedAt)} ms after it was mended: the worker is back`)
  // What it had when it was cut off, and tells now, is for nobody.
  await sleep(LONG_MS)
  children.find(({name}) => name === 'near').kill('SIGTERM')
  await until(() => nodeOf(caller, 'near') === undefined)
  const again = await caller.submit({type: 'echo', data: 'again'})
  const {duplicates} = caller
  await caller.shutdown()
  return check({
    'every operation was answered once, with a result': all.every(
      (answer, i) => answers[i].length === 1 && !(answer instanceof Error),
    ),
    'those that were cut off were begun by the other one': all
      .slice(0, long.length)
      .every(({attempt, node}) => node === 'near' && attempt === 2),
    'the pool forgot the node while it was cut off': gone,
    'it works again afterwards': again.node === 'far',
    [`what it told late was dropped (${duplicates})`]: duplicates <= long.length,
  })
}

async function cutCaller({port}) {
  const args = [BIN, 'run', '-', '--cluster', urlFrom(port)]
  const child = start('caller', ...host.command(process.execPath, args), {stdio: ['pipe', 'pipe', 'pipe']})
  child.stdin.end('{"type": "benchmark", "kind": "echo", "duration_ms": 60000}')
  let printed = ''
  child.stdout.on('data', (text) => {
    printed += text
  })
  const watching = await connectCluster({queue: redis.url, ...SETTINGS})
  await until(() => nodeOf(watching, 'far')?.running === 1)
  host.cut()
  const cutAt = performance.now()
  const [code] = await once(child, 'exit')
  console.log(`${Math.round(performance.now() - cutAt)} ms after the cut: the caller ends with ${code}`)
  await watching.shutdown()
  return check({'a caller that is cut off is told so': code === 1 && /has been away for 3000 ms/.test(printed)})
}

/** Keeps the near one from taking anything, until that is undone. */
async function drain(url, ...args) {
  const [code] = await once(
    start('drain', process.execPath, [BIN, 'cluster', 'drain', 'near', '--queue', url, ...args]),
    'exit',
  )
  if (code !== 0) throw new Error(`cluster drain ended with ${code}`)
}

function urlFrom(port) {
  return `redis://${host.address}:${port}`
}

function workerArgs(name, url) {
  return [BIN, 'worker', '--queue', url, '--name', name, '--device', 'cpu', '--capacity', '8']
}

async function worker(name, program, args) {
  const child = start(name, program, args)
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the worker ${name} did not join`)
    }),
  ])
}

function start(name, program, args, {stdio = ['ignore', 'pipe', 'inherit']} = {}) {
  const child = spawn(program, args, {env: {...process.env, ...ENVIRONMENT}, stdio})
  child.name = name
  children.push(child)
  return child
}

function nodeOf({nodes}, wanted) {
  return nodes.find(({name}) => name === wanted)
}

async function until(isSo) {
  const end = performance.now() + PATIENCE_MS
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`it did not come to pass within ${PATIENCE_MS / 1000} s: ${isSo}`)
    await sleep(50)
  }
}

function check(checks) {
  for (const [what, holds] of Object.entries(checks)) console.log(`${holds ? '✔' : '✖'} ${what}`)
  return Object.values(checks).every(Boolean)
}
