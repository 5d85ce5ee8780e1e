import {Queue} from 'bullmq'
import {expect} from 'chai'
import {execa} from 'execa'
import {Redis} from 'ioredis'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {joinAsCaller} from '../../src/core/cluster/client/cluster-engine.ts'
import {bundleOf} from '../../src/core/cluster/job/job.ts'
import {type Live, readLive} from '../../src/core/dashboard/live.ts'
import {openSocket} from '../../src/core/serve/client/connection.ts'
import {failureOf} from '../support/failure.ts'
import {requireNative} from '../support/native.ts'
import {until} from '../support/pool.ts'
import {freePort, startRedis, type TestRedis} from '../support/redis.ts'
import {expectSchema} from '../support/schema.ts'

const BIN = path.resolve(import.meta.dirname, '../../bin/run.js')
const QUICK = {
  NPUBRIDGE_CLUSTER_ATTEMPTS: '2',
  NPUBRIDGE_CLUSTER_HEARTBEAT_MS: '100',
  NPUBRIDGE_CLUSTER_RECOVER_MS: '800',
}
const WORKFLOW = `name: shout
agents:
  shouter: {command: [echo, here]}
  adder: {operation: {type: matrix_multiply, inputs: {a: {data: [[2]]}, b: {data: [[3]]}}}}
tasks:
  - {id: product, agent: adder}
  - {id: said, agent: shouter, description: there, dependencies: [product]}
`

describe('a pool from the command line', () => {
  let redis: TestRedis
  let folder: string
  const workers: ChildProcess[] = []

  const run = async (args: readonly string[], options: {env?: Record<string, string>; input?: string} = {}) =>
    execa(process.execPath, [BIN, ...args], {
      cwd: folder,
      env: {...QUICK, ...options.env},
      reject: false,
      ...(options.input !== undefined && {input: options.input}),
    })
  const cluster = async (...args: string[]) => run(['cluster', ...args, '--queue', redis.url])

  async function startWorker(
    name: string,
    args: readonly string[] = [],
    env: Record<string, string> = {},
    {url}: Pick<TestRedis, 'url'> = redis,
  ) {
    const flags = ['--queue', url, '--name', name, '--device', 'cpu', '--json']
    const child = spawn(process.execPath, [BIN, 'worker', ...flags, ...args], {
      cwd: folder,
      env: {...process.env, ...QUICK, ...env},
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    workers.push(child)
    return {child, joined: expectSchema<{node: string; pid: number; profile: string}>('worker', await printedBy(child))}
  }

  before(async function () {
    await requireNative(this)
    folder = mkdtempSync(path.join(tmpdir(), 'npubridge-cluster-'))
    redis = await startRedis()
  })

  afterEach(async () => {
    for (const child of workers.splice(0)) child.kill('SIGKILL')
    const raw = new Redis(redis.port, '127.0.0.1')
    await raw.flushall()
    raw.disconnect()
  })

  after(async () => {
    await redis.close()
    rmSync(folder, {force: true, recursive: true})
  })

  it('runs lines on a worker, shows it, drains it, and lets it end what it has', async () => {
    const {child, joined} = await startWorker('a')
    expect(joined.profile).to.equal('throughput')
    const lines = Array.from({length: 100}, (_, i) =>
      JSON.stringify({data: i, id: `e${i}`, priority: 'high', type: 'echo'}),
    )
    const {exitCode, stdout} = await run(['run', '-', '--cluster', redis.url], {input: lines.join('\n')})
    expect(exitCode).to.equal(0)
    const results = stdout.split('\n').map((line) => JSON.parse(line) as {data: number; id: string; node: string})
    expect(results.map(({data, id, node}) => [data, id, node])).to.deep.equal(lines.map((_, i) => [i, `e${i}`, 'a']))

    expect((await cluster('status')).stdout)
      .to.contain('1 of 1 nodes take operations')
      .and.contain('loses everything at a restart')
    const status = expectSchema<{nodes: unknown[]}>('cluster-status', (await cluster('status', '--json')).stdout)
    expect(status.nodes).to.have.length(1)
    expect((await cluster('nodes')).stdout).to.match(/│ a +│ ✔ ready +│ CPU/)
    const {nodes} = expectSchema<{nodes: Array<{done: number}>}>(
      'cluster-nodes',
      (await cluster('nodes', '--json')).stdout,
    )
    expect(nodes[0]!.done).to.equal(100)

    expect(expectSchema('cluster-drain', (await cluster('drain', 'a', '--json')).stdout)).to.deep.equal({
      node: 'a',
      running: 0,
      state: 'drained',
    })
    expect((await cluster('drain', 'a', '--undo')).stdout).to.contain('a takes operations')
    const unknown = await cluster('drain', 'aa')
    expect(unknown.exitCode).to.equal(1)
    expect(unknown.stderr).to.contain('the pool has no node "aa"').and.contain('did you mean "a"?')

    child.kill('SIGTERM')
    expect(await once(child, 'exit')).to.deep.equal([0, null])
    expect((await cluster('nodes')).stdout).to.contain('No worker has joined')
  })

  it('serves a pool over HTTP, with figures of each node', async () => {
    await startWorker('a')
    const child = spawn(
      process.execPath,
      [BIN, 'serve', '--cluster', redis.url, '--port', '0', '--no-grpc', '--json', '--log-level', 'silent'],
      {cwd: folder, env: {...process.env, ...QUICK}, stdio: ['ignore', 'pipe', 'ignore']},
    )
    workers.push(child)
    const {url} = JSON.parse(await printedBy(child)) as {url: string}
    const input = {datatype: 'FP32', name: 'data', shape: [3]}
    const infer = await fetch(`${url}/v2/models/echo/infer`, {
      body: JSON.stringify({inputs: [{...input, data: [1, 2, 3]}]}),
      method: 'POST',
    })
    expect(infer.status, await infer.clone().text()).to.equal(200)
    expect(((await infer.json()) as {outputs: Array<{data: number[]}>}).outputs[0]!.data).to.deep.equal([1, 2, 3])
    const unknown = await fetch(`${url}/v2/models/no-such-model/infer`, {
      body: JSON.stringify({inputs: [{...input, data: [1, 2, 3]}]}),
      method: 'POST',
    })
    expect(await unknown.json()).to.have.property('code', 'MODEL_NOT_FOUND')

    const metrics = async () => (await fetch(`${url}/metrics`)).text()
    await until(async () => /npubridge_node_done_total\{node="a"\} [1-9]/.test(await metrics()))
    expect(await metrics()).to.match(/npubridge_node_ready\{node="a"\} 1/)
    const {nodes} = await liveOf(url)
    expect(nodes).to.have.length(1)
    expect(nodes![0]).to.deep.include({capacity: 64, name: 'a', state: 'ready'})

    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).to.deep.equal([0, null])
  })

  it('ends a worker that is told to, though Redis has gone meanwhile', async () => {
    const own = await startRedis()
    const {child, joined} = await startWorker('a', ['--profile', 'latency'], {}, own)
    expect(joined.profile).to.equal('latency')
    await own.close()
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).to.deep.equal([0, null])
  })

  it('gives what a killed worker had to another one, and gives it up when that is killed as well', async () => {
    await startWorker('a')
    const caller = await joinAsCaller({heartbeatMs: 100, queue: redis.url, unreachableMs: 60_000})
    try {
      const poison = failureOf(caller.submit({durationMs: 60_000, kind: 'echo', type: 'benchmark'}))
      const isRunning = (name: string) => async () => {
        await caller.health()
        return caller.nodes.some((node) => node.name === name && node.running === 1)
      }

      await until(isRunning('a'))
      const second = startWorker('b')
      workers[0]!.kill('SIGKILL')
      await second
      await until(isRunning('b'))
      const third = startWorker('c')
      workers[1]!.kill('SIGKILL')
      await third
      const error = await poison
      expect(error.message).to.contain('begun 2 times').and.contain('its worker died')
      expect(error.suggestions[0]).to.contain('npubridge cluster failed')

      const {failed} = expectSchema<{failed: Array<{id: string; what: string}>}>(
        'cluster-failed',
        (await cluster('failed', '--json')).stdout,
      )
      expect(failed.map(({what}) => what)).to.deep.equal(['benchmark'])
      expect((await cluster('failed')).stdout).to.contain(failed[0]!.id)
      const report = expectSchema('cluster-requeue', (await cluster('requeue', failed[0]!.id, '--json')).stdout)
      expect(report).to.deep.equal({requeued: [failed[0]!.id], skipped: []})
      await until(isRunning('c'))
    } finally {
      await caller.shutdown()
    }
  })

  it('does not requeue what is late, or is not there', async () => {
    await startWorker('a')
    const connection = new Redis(redis.port, '127.0.0.1', {maxRetriesPerRequest: null})
    const queue = new Queue('any', {connection, prefix: 'npubridge:queue'})
    const job = {
      deadline: 1,
      id: '00000000-0000',
      line: '{"type":"echo"}',
      need: {device: 'auto'},
      priority: 'low',
      reply: '00000000-0001',
      tensors: [],
    } as const
    await queue.add('late', bundleOf([{...job, tensors: []}]), {jobId: 'late-job', priority: 5})
    await until(async () => (await queue.getFailedCount()) === 1)
    await queue.close()
    connection.disconnect()
    expect((await cluster('requeue', '--all')).stdout).to.match(/0 put back\n {2}late-job not: its deadline is over/)
    expect((await cluster('requeue', 'nothing')).stderr).to.contain('no failed job has the id "nothing"')
    expect((await cluster('requeue')).exitCode).to.equal(2)
  })

  it('runs a workflow: operations and agents on workers, and in the order of its tasks', async () => {
    const file = path.join(folder, 'shout.yaml')
    writeFileSync(file, WORKFLOW)
    rmSync(path.join(folder, 'agents'), {force: true, recursive: true})
    mkdirSync(path.join(folder, 'agents'))
    writeFileSync(
      path.join(folder, 'agents', 'shouter.md'),
      '---\nname: shouter\ndescription: Shouts.\ncommand: [echo, "on a worker:", "{description}"]\n---\n',
    )
    const env = {NPUBRIDGE_CLUSTER_KEY: 'a key that nobody can guess'}
    await startWorker('a', ['--agents', 'agents', '--allow-agent', 'shouter'], env)
    const journal = path.join(folder, 'journal.jsonl')
    const args = ['run', file, '--cluster', redis.url, '--journal']
    const {exitCode, stderr, stdout} = await run([...args, journal], {env})
    expect(exitCode, stderr).to.equal(0)
    const settled = stdout
      .split('\n')
      .map((line) => JSON.parse(line) as {output: unknown; task: string; type: string})
      .filter(({type}) => type === 'task_settled')
    expect(settled.map(({task}) => task)).to.deep.equal(['product', 'said'])
    expect(settled[0]!.output).to.have.nested.property('outputs.product.data').that.deep.equals([6])
    expect(settled[1]!.output).to.equal('on a worker: there')
    expect(readFileSync(journal, 'utf8')).to.contain('"finished":true')

    // Without its key the worker refuses what the caller asks for.
    const refused = await run([...args, `${journal}.2`])
    expect(refused.exitCode).to.equal(1)
    expect(refused.stdout).to.contain('not signed with the key of this worker')
  })

  it('says what is missing, and how to start it', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`
    for (const args of [
      ['run', '-', '--cluster', url],
      ['worker', '--queue', url],
      ['serve', '--cluster', url, '--port', '0', '--no-grpc'],
    ]) {
      const {exitCode, stderr} = await run(args, {input: '{"type":"echo"}'})
      expect(exitCode, args.join(' ')).to.equal(1)
      expect(stderr).to.contain('nobody listens there').and.contain('redis-server --appendonly yes')
    }

    expect((await run(['run', '-', '--cluster', redis.url], {input: ''})).stderr)
      .to.contain('no worker takes operations')
      .and.contain('npubridge worker --queue')
    expect((await run(['cluster', 'status'])).stderr)
      .to.contain('no pool is named')
      .and.contain('cluster.queue')
    expect((await run(['run', '-', '--cluster', redis.url, '--device', 'npu'])).exitCode).to.equal(2)
    expect((await run(['worker', '--queue', 'localhost'])).stderr).to.contain(
      '"localhost" is not the URL of a Redis server',
    )
  })

  it('costs those nothing who have none: BullMQ and its client are not loaded', async () => {
    const hook = path.join(folder, 'loaded.mjs')
    writeFileSync(
      hook,
      String.raw`import {registerHooks} from 'node:module'
registerHooks({resolve(specifier, context, next) {
  const resolved = next(specifier, context)
  if (/node_modules\/(?:bullmq|ioredis)\//.test(resolved.url)) process.stderr.write('loaded ' + resolved.url + '\n')
  return resolved
}})
`,
    )
    const loads = async (...args: string[]) =>
      (await execa(process.execPath, ['--import', hook, BIN, ...args], {input: '{"type":"echo"}', reject: false}))
        .stderr
    expect(await loads('run', '-')).to.not.contain('loaded')
    expect(await loads('worker', '--help')).to.not.contain('loaded')
    // The hook would have seen it.
    expect(await loads('cluster', 'status', '--queue', 'redis://127.0.0.1:1')).to.contain('loaded')
  })
})

/** The first object that a child prints. */
async function printedBy({stdout}: ChildProcess): Promise<string> {
  let printed = ''
  for await (const part of stdout as AsyncIterable<Buffer>) {
    printed += String(part)
    if (printed.trimEnd().endsWith('}')) break
  }

  return printed
}

/** What a server tells one who begins to watch, in the form that it is documented to have. */
async function liveOf(url: string): Promise<Live> {
  const socket = await openSocket(url)
  try {
    const told = new Promise<string>((resolve) => {
      socket.on('message', (data) => {
        const text = (data as Buffer).toString()
        if (text.includes('"live":')) resolve(text)
      })
    })
    socket.send(JSON.stringify({interval_ms: 60_000, live: true, type: 'subscribe_metrics'}))
    const text = await told
    return readLive((JSON.parse(text) as {live: unknown}).live)!
  } finally {
    socket.close()
  }
}
