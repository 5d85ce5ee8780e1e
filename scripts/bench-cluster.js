/**
 * What a pool costs, on a Redis of its own on the loopback interface: echo through one lane beside BullMQ's own rate in
 * the same run, the time that it adds to one operation, an embedding model on two workers beside one engine, and a
 * placement.
 *
 *   node scripts/bench-cluster.js [--operations 5000] [--rounds 5]
 */
import {Queue, Worker} from 'bullmq'
import {Redis} from 'ioredis'
import {spawn} from 'node:child_process'
import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import {loadavg} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {candidatesOf} from '../dist/core/cluster/placement/candidates.js'
import {place} from '../dist/core/cluster/placement/place.js'
import {connectCluster, createBridge} from '../dist/index.js'
import {startRedis} from '../test/support/redis.ts'

const BIN = path.resolve(import.meta.dirname, '../bin/run.js')
const CONCURRENCY = 64
/** Enough that filling two workers, and waiting for the last of them, is a small part. */
const TEXTS = 600
const {values} = parseArgs({
  options: {
    'bullmq-worker': {type: 'string'},
    operations: {default: '5000', type: 'string'},
    rounds: {default: '5', type: 'string'},
  },
})
const operations = Number(values.operations)
const rounds = Number(values.rounds)

if (values['bullmq-worker']) await bullmqWorker(values['bullmq-worker'])
else await measure()

/** BullMQ as it comes, in a process of its own as ours has one. */
async function bullmqWorker(url) {
  const connection = new Redis(url, {maxRetriesPerRequest: null})
  const worker = new Worker('plain', async ({data}) => data, {concurrency: CONCURRENCY, connection})
  await worker.waitUntilReady()
  console.log('ready')
}

async function measure() {
  console.log(`load average before: ${loadavg()[0].toFixed(1)} · ${operations} operations × ${rounds} rounds`)
  placement()
  const redis = await startRedis()
  const children = []
  try {
    const plain = await child([import.meta.filename, '--bullmq-worker', redis.url])
    children.push(plain, await child(workerArgs(redis.url, 'bench-a')))
    const caller = await connectCluster({queue: redis.url})
    await echo(caller, redis.url)
    await latency(caller)
    children.push(await child(workerArgs(redis.url, 'bench-b')))
    await minilm(caller)
    await caller.shutdown()
  } finally {
    for (const each of children) each.kill('SIGKILL')
    await redis.close()
  }

  process.exit(0)
}

function workerArgs(url, name) {
  return [BIN, 'worker', '--queue', url, '--name', name, '--device', 'cpu', '--capacity', String(CONCURRENCY)]
}

async function child(args) {
  const process_ = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']})
  await once(process_.stdout, 'data')
  return process_
}

function placement() {
  const nodes = Array.from({length: 1000}, (_, i) => ({
    agents: [],
    capacity: 64,
    devices: [
      {name: 'CPU', thermal: 'normal'},
      {name: 'NPU', thermal: i % 50 === 0 ? 'throttled' : 'normal'},
    ],
    jobVersion: 1,
    models: i % 10 === 0 ? ['minilm'] : [],
    name: `node-${i}`,
    running: i % 64,
    state: 'ready',
  }))
  const candidates = candidatesOf(nodes)
  const times = Array.from({length: 20_000}, () => {
    const started = performance.now()
    place({device: 'npu', model: 'minilm'}, candidates)
    return (performance.now() - started) * 1000
  })
  report('placement with 1,000 nodes, µs', times, '≤ 50')
}

async function echo(caller, url) {
  const connection = new Redis(url, {maxRetriesPerRequest: null})
  const queue = new Queue('plain', {connection})
  const plain = []
  const ours = []
  // In turns, so that what else the machine does hits both.
  for (let round = 0; round <= rounds; round++) {
    const [ofBullmq, ofPool] = [await bullmqRate(queue, connection), await poolRate(caller)]
    if (round === 0) continue
    plain.push(ofBullmq)
    ours.push(ofPool)
  }

  report('BullMQ: bulk add and process, jobs/s', plain, '')
  report('pool: echo through one lane, operations/s', ours, '')
  report(
    'ratio, pool ÷ BullMQ',
    ours.map((rate, i) => rate / plain[i]),
    '≥ 0.6, goal 0.8',
  )
  await queue.close()
  connection.disconnect()
}

async function bullmqRate(queue, connection) {
  const started = performance.now()
  const jobs = Array.from({length: operations}, (_, i) => ({
    data: {i},
    name: 'echo',
    opts: {removeOnComplete: {count: 1}},
  }))
  const done = Number((await connection.get('bull:plain:id')) ?? 0) + operations
  for (let at = 0; at < jobs.length; at += 500) await queue.addBulk(jobs.slice(at, at + 500))
  for (;;) {
    const counts = await queue.getJobCounts('waiting', 'active')
    if (counts.waiting + counts.active === 0 && Number(await connection.get('bull:plain:id')) === done) break
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }

  return (operations / (performance.now() - started)) * 1000
}

async function poolRate(caller) {
  const started = performance.now()
  await caller.submitBatch(Array.from({length: operations}, (_, i) => ({data: {i}, type: 'echo'})))
  return (operations / (performance.now() - started)) * 1000
}

async function latency(caller) {
  const times = []
  for (let i = 0; i < 1000; i++) {
    const {computeUs, totalUs} = await caller.submit({data: i, type: 'echo'})
    times.push((totalUs - computeUs) / 1000)
  }

  report('added to one operation, ms', times, 'p50 ≤ 5')
}

async function minilm(caller) {
  // The profile of the workers, and what an engine has where nothing is set.
  await using same = await createBridge({device: 'cpu', profile: 'throughput'})
  await using usual = await createBridge({device: 'cpu'})
  const run = randomUUID()
  let told = 0
  const rate = async (engine) => {
    // Others each time, and in each run: engines remember what they have embedded, also on disk.
    const all = Array.from({length: TEXTS}, () => {
      told++
      return {texts: [`the quick brown fox number ${told} of ${run} jumps over the lazy dog`], type: 'embed'}
    })
    const started = performance.now()
    const failed = (await engine.submitBatch(all)).find(({ok}) => !ok)
    if (failed) throw failed.error
    return (TEXTS / (performance.now() - started)) * 1000
  }

  const engines = [same, usual, caller]
  const rates = engines.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < engines.length; turn++) {
      const at = (round + turn) % engines.length
      const found = await rate(engines[at])
      if (round > 0) rates[at].push(found)
    }
  }

  const [ofSame, ofUsual, ofTwo] = rates
  report('minilm on one engine, profile throughput, texts/s', ofSame, '')
  report('minilm on one engine, profile latency, texts/s', ofUsual, '')
  report('minilm on two workers, texts/s', ofTwo, '')
  const against = (one) => ofTwo.map((value, i) => value / one[i])
  report('ratio, two workers ÷ one engine of the same profile', against(ofSame), '≥ 0.9')
  report('ratio, two workers ÷ one engine as it is by default', against(ofUsual), '≥ 0.9')
}

function report(what, numbers, goal) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  const show = (value) => (value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en'))
  console.log(
    `${what}: p50 ${show(at(0.5))} · ${show(sorted[0])} to ${show(at(0.99))} · n ${sorted.length}${goal === '' ? '' : ` · goal ${goal}`}`,
  )
}
