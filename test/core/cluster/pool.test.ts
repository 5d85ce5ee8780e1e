import {Queue} from 'bullmq'
import {expect} from 'chai'
import {Redis} from 'ioredis'
import {mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

import type {ClusterEngine} from '../../../src/core/cluster/client/cluster-engine.ts'
import type {ClusterResult} from '../../../src/core/cluster/client/pending.ts'
import type {Engine} from '../../../src/core/engine/engine.ts'

import {type Bundle, bundleOf, type Job, JOB_VERSION} from '../../../src/core/cluster/job/job.ts'
import {failedJobs, requeue} from '../../../src/core/cluster/pool/failed.ts'
import {readPool} from '../../../src/core/cluster/pool/status.ts'
import {failureOf} from '../../support/failure.ts'
import {requireNative, startNative} from '../../support/native.ts'
import {TestPool, until} from '../../support/pool.ts'
import {startRedis, type TestRedis} from '../../support/redis.ts'

const KEY = 'a key that nobody can guess'
const floats = (length: number) => Float32Array.from({length}, (_, i) => i % 7)

describe('a pool', () => {
  let redis: TestRedis
  let raw: Redis
  let engine: Engine
  let pool: TestPool
  let folder: string
  const paused: Queue[] = []

  before(async function () {
    const setup = await requireNative(this, ['silero-vad'])
    folder = await mkdtemp(path.join(tmpdir(), 'npubridge-pool-'))
    redis = await startRedis()
    raw = new Redis(redis.port, '127.0.0.1')
    engine = await startNative(setup)
    pool = new TestPool(redis.url, engine, setup.modelsFolder)
  })

  afterEach(async () => {
    await resume()
    await pool.close()
    await raw.flushall()
  })

  after(async () => {
    raw.disconnect()
    await engine.shutdown()
    await redis.close()
    await rm(folder, {force: true, recursive: true})
  })

  describe('runs operations', () => {
    it('and tells where', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      const result = await caller.submit({type: 'echo', data: {big: 2n ** 60n}}, {priority: 'realtime'})
      expect(result).to.deep.include({attempt: 1, data: {big: 2n ** 60n}, engine: 'native', node: 'a', type: 'echo'})
      expect(caller.kind).to.equal('native')
      expect(await caller.health()).to.deep.include({performanceMode: 'cpu', status: 'ok'})
    })

    it('many at once, each answered once, and gives errors as they are', async () => {
      await pool.worker('a')
      await pool.worker('b')
      const caller = await pool.caller()
      const elements = await caller.submitBatch(
        Array.from({length: 300}, (_, i) =>
          i % 100 === 99 ? {type: 'load_model', model: 'no-such-model'} : {type: 'echo', data: i},
        ),
      )
      expect(elements.filter(({ok}) => ok)).to.have.length(297)
      const failure = elements.find((element) => !element.ok)
      expect(failure!.error.code).to.equal('MODEL_NOT_FOUND')
      expect(caller.duplicates).to.equal(0)
      expect(caller.metrics()).to.deep.include({completed: 297, failed: 3, queueDepth: 0, submitted: 300})
      expect(caller.metricsText()).to.match(/npubridge_node_ready\{node="b"\} 1/)
    })

    it('of arrays as well, and gives back what they are', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      const echo = async (data: unknown) => (await caller.submit({type: 'echo', data})).data
      const arrays = [Float32Array.of(1, NaN, -0), BigInt64Array.of(-(2n ** 60n)), new Uint8Array(), Buffer.from('ü')]
      for (const data of arrays) expect(await echo(data)).to.deep.equal(data)
    })

    it('with small tensors in the job, and large ones beside it that are gone afterwards', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      const multiply = async (n: number) =>
        caller.submit({
          type: 'matrix_multiply',
          inputs: {a: {data: floats(n), shape: [n, 1]}, b: {data: floats(n), shape: [1, n]}},
        })
      expect((await multiply(3)).outputs!.product!.data).to.deep.equal(Float32Array.of(0, 0, 0, 0, 1, 2, 0, 2, 4))
      const {data} = (await multiply(2000)).outputs!.product!
      expect(data).to.have.length(4_000_000)
      expect(data[1999 * 2000 + 1999]).to.equal((1999 % 7) ** 2)
      await until(async () => (await raw.keys('*:tensor:*')).length === 0)
    })

    it('with tensors in a shared folder, too large for Redis', async () => {
      const shared = path.join(folder, 'shared')
      const options = {inlineBytes: 100, sharedFolder: shared, tensorBytes: 1000}
      await pool.worker('a', {options})
      const inputs = {a: {data: floats(2000), shape: [1, 2000]}, b: {data: floats(2000), shape: [2000, 1]}}
      const {outputs} = await (await pool.caller(options)).submit({type: 'matrix_multiply', inputs})
      expect(outputs!.product!.shape).to.deep.equal([1, 1])
      await until(async () => (await readdir(shared)).length === 0)

      const error = await failureOf(
        (await pool.caller({inlineBytes: 100, tensorBytes: 1000})).submit({type: 'matrix_multiply', inputs}),
      )
      expect(error.code).to.equal('RESOURCE_EXHAUSTED')
      expect(error.message).to.contain('8000 bytes, Redis is to hold at most 1000')
    })

    it('of a stream in order and on one node', async () => {
      for (const name of ['a', 'b']) await pool.worker(name)
      const caller = await pool.caller()
      const say = async (stream: string, i: number) =>
        caller.submit({
          type: 'inference',
          model: 'silero-vad',
          stream,
          inputs: {
            input: {data: Float32Array.from({length: 576}, (_, k) => Math.sin(k * (i + 1))), shape: [1, 576]},
          },
        })
      const parts = [0, 1, 2, 3, 4, 5]
      const together = await Promise.all(parts.map(async (i) => say('mic', i)))
      expect(new Set(together.map(({node}) => node)).size).to.equal(1)
      const oneByOne = []
      for (const i of parts) oneByOne.push(await say('mic-2', i))
      const scores = (results: typeof together) => results.map(({outputs}) => outputs!.output!.data[0])
      expect(scores(together)).to.deep.equal(scores(oneByOne))
    })

    it('on the node that has the model', async () => {
      await pool.worker('cold')
      await pool.worker('warm', {load: ['silero-vad']})
      const caller = await pool.caller()
      const inputs = {
        input: {data: new Float32Array(576), shape: [1, 576]},
        state: {data: new Float32Array(256), shape: [2, 1, 128]},
      }
      for (let i = 0; i < 3; i++)
        expect((await caller.submit({type: 'inference', model: 'silero-vad', inputs})).node).to.equal('warm')
    })
  })

  describe('keeps what was promised', () => {
    it('every job has a priority, and an urgent one does not stand behind the others', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      await pause('any', 'any@urgent')
      const order: string[] = []
      const submitted = (['low', 'high', 'normal', 'realtime', 'critical'] as const).map(async (priority) => {
        await caller.submit({type: 'echo'}, {priority})
        order.push(priority)
      })
      await until(async () => (await jobs()).length === 5)
      const priorities = await Promise.all((await jobs()).map(async (key) => raw.hget(key, 'priority')))
      expect(new Set(priorities)).to.deep.equal(new Set(['1', '2', '3', '4', '5']))
      await resume()
      await Promise.all(submitted)
      const place = (name: string) => order.indexOf(name)
      expect(place('realtime')).to.be.below(place('critical'))
      expect(place('high')).to.be.below(place('normal')).and.below(place('low'))
    })

    it('what is not begun by its deadline is not begun at all', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      await pause('any')
      const error = await failureOf(caller.submit({type: 'echo'}, {timeoutMs: 50}))
      expect(error.code).to.equal('DEADLINE_EXCEEDED')
      await until(async () => (await jobs()).length === 0)
    })

    it('a worker refuses a job whose deadline is over, and keeps it as failed', async () => {
      await pool.worker('a')
      const queue = new Queue('any', {connection: raw, prefix: 'npubridge:queue'})
      await queue.add('late', bundleOf([{...job(), deadline: 1}]), {attempts: 3, priority: 4})
      await until(async () => (await queue.getFailedCount()) === 1)
      const [failed] = await queue.getFailed()
      expect(failed!.failedReason).to.match(/^DEADLINE_EXCEEDED: the deadline was \d+ ms ago/)
      // For good: what is late once is late for ever.
      expect(failed!.attemptsMade).to.equal(1)
      await queue.close()
    })

    it('a job of another version is refused with both, and so is what is no job', async () => {
      await pool.worker('a')
      const queue = new Queue('any', {connection: raw, prefix: 'npubridge:queue'})
      await queue.add('new', {...bundleOf([job()]), v: 9}, {priority: 4})
      await queue.add('odd', {rm: '-rf'}, {priority: 4})
      await until(async () => (await queue.getFailedCount()) === 2)
      const reasons = (await queue.getFailed()).map(({failedReason}) => failedReason).toSorted()
      expect(reasons[1]).to.contain(`the job has version 9, this worker takes version ${JOB_VERSION}`)
      expect(reasons[0]).to.contain('PROTOCOL_ERROR: the job is malformed')
      await queue.close()
    })

    it('what a caller gives up is removed, or ended where it runs', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      await pause('any')
      const waiting = new AbortController()
      const first = failureOf(caller.submit({type: 'echo'}, {signal: waiting.signal}))
      await until(async () => (await jobs()).length === 1)
      waiting.abort()
      expect((await first).code).to.equal('CANCELLED')
      await until(async () => (await jobs()).length === 0)
      await resume()

      const running = new AbortController()
      const second = failureOf(
        caller.submit({type: 'benchmark', kind: 'echo', durationMs: 60_000}, {signal: running.signal}),
      )
      await until(async () => (await nodes())[0]!.running === 1)
      running.abort()
      expect((await second).code).to.equal('CANCELLED')
      await until(async () => (await nodes())[0]!.running === 0)
    })

    it('one idempotency key is one operation, for all callers, and its answer is kept', async () => {
      await pool.worker('a')
      const callers = [await pool.caller(), await pool.caller()]
      await pause('any')
      const submit = async (caller: ClusterEngine, data: number) =>
        caller.submit({type: 'echo', data}, {idempotencyKey: 'once'})
      const both = callers.map(async (caller, i) => submit(caller, i))
      await until(async () => (await raw.scard('npubridge:waiters:once')) === 2 && (await jobs()).length === 1)
      await resume()
      const [first, second] = await Promise.all(both)
      expect(first!.data).to.equal(second!.data)
      expect((await submit(callers[0]!, 7)).data).to.equal(first!.data)
      await until(async () => (await nodes())[0]!.done === 1)
    })
  })

  describe('puts operations of one turn into one job', () => {
    const bundles = async () =>
      (await Promise.all((await jobs()).map(async (key) => JSON.parse((await raw.hget(key, 'data'))!) as Bundle))).map(
        ({jobs: together}) => together,
      )
    const echoes = (count: number) => Array.from({length: count}, (_, i) => ({type: 'echo', data: i}) as const)

    it('as few jobs as its nodes can share, by priority and timeout, and answers each', async () => {
      for (const name of ['a', 'b']) await pool.worker(name)
      const caller = await pool.caller()
      await pause('any', 'any@urgent')
      const waiting = [
        ...(await started(caller.submitBatch(echoes(64), {priority: 'low'}))),
        ...(await started(caller.submitBatch(echoes(16), {priority: 'low', timeoutMs: 60_000}))),
        ...(await started(caller.submitBatch(echoes(3), {priority: 'realtime'}))),
        ...(await started(
          Promise.all(['k', 'l'].map(async (k) => caller.submit({type: 'echo'}, {idempotencyKey: k}))),
        )),
      ]
      await until(async () => (await bundles()).flat().length === 85)
      const sizes = (await bundles()).map((together) => together.length).toSorted((a, b) => b - a)
      // Four of sixteen places to the job at most, and those that must be are alone.
      expect(sizes[0]).to.equal(4)
      expect(sizes.length).to.be.within(12, 40)
      for (const together of await bundles()) {
        expect(new Set(together.map(({deadline, priority}) => `${priority} ${deadline === null}`))).to.have.length(1)
        if (together.some(({key}) => key !== undefined)) expect(together).to.have.length(1)
      }

      await resume()
      const [low] = (await Promise.all(waiting)) as Array<Awaited<ReturnType<ClusterEngine['submitBatch']>>>
      expect(low!.map((element) => element.ok && element.data)).to.deep.equal(echoes(64).map(({data}) => data))
    })

    it('and takes one of them back alone, or the job with all of them', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      await pause('any')
      const stop = new AbortController()
      const given = failureOf(caller.submit({type: 'echo', data: 'no more'}, {signal: stop.signal}))
      const kept = echoes(32).map(async (each) => caller.submit(each))
      await until(async () => (await bundles()).flat().length === 33)
      stop.abort()
      expect((await given).code).to.equal('CANCELLED')
      for (const element of await caller.submitBatch(echoes(32), {timeoutMs: 100}))
        expect(!element.ok && element.error.code).to.equal('DEADLINE_EXCEEDED')
      await until(async () => (await bundles()).flat().length === 33)
      await resume()
      expect((await Promise.all(kept)).map(({data}) => data)).to.deep.equal(echoes(32).map(({data}) => data))
      await until(async () => (await nodes())[0]!.done === 32)
      expect((await nodes())[0]!.failed).to.equal(1)
    })

    it('each on its own when one who had begun them has died, and gives up none but the one it died of', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      await pause('any')
      const waiting = caller.submitBatch(echoes(20))
      await until(async () => (await bundles()).flat().length === 20)
      const together = (await jobs()).length
      expect(together).to.be.at.most(5)
      // As they come back from a worker that is gone: begun by it, and by nobody since.
      for (const key of await jobs()) await raw.hset(key, 'ats', '1')
      const queue = new Queue('any', {connection: raw, prefix: 'npubridge:queue'})
      await queue.add('poison', bundleOf([job()], {begun: 3}), {jobId: job().id, priority: 4})
      await resume()
      const elements = (await waiting) as Array<ClusterResult & {ok: true}>
      expect(elements.map(({data, ok}) => [ok, data])).to.deep.equal(echoes(20).map(({data}) => [true, data]))
      for (const {attempt} of elements) expect(attempt).to.be.at.least(2)
      await until(async () => (await queue.getFailedCount()) === 1 && (await queue.getActiveCount()) === 0)
      expect((await queue.getFailed())[0]!.failedReason).to.contain('begun 3 times')
      expect((await jobs()).filter((key) => !key.endsWith(job().id))).to.have.length(0)
      await queue.close()
    })

    it('lists the one that has failed for good, and tries it again alone', async () => {
      await pool.worker('a')
      const queue = new Queue('any', {connection: raw, prefix: 'npubridge:queue'})
      const late = {...job(), deadline: 1, id: '00000000-0001'}
      await queue.add('two', bundleOf([late, {...job(), id: '00000000-0002'}]), {priority: 4, jobId: 'two-of-them'})
      await until(async () => (await queue.getFailedCount()) === 1)
      const [failed] = await failedJobs({queue: redis.url})
      expect(failed).to.deep.include({attempts: 1, id: late.id, lane: 'any', what: 'echo'})
      expect(failed!.reason).to.match(/^DEADLINE_EXCEEDED: the deadline was/)
      const {skipped} = await requeue({queue: redis.url}, undefined)
      expect(skipped[0]!.reason).to.contain('its deadline is over')
      await until(async () => (await nodes())[0]!.done === 1)
      await queue.close()
    })
  })

  describe('trusts nobody with more than names', () => {
    const agents = async () => {
      const at = path.join(folder, 'agents')
      await rm(at, {force: true, recursive: true})
      await mkdir(at)
      await writeFile(
        path.join(at, 'shouter.md'),
        '---\nname: shouter\ndescription: Repeats what it is told.\ncommand: [echo, "{description}"]\n---\n',
      )
      await writeFile(
        path.join(at, 'echoer.md'),
        '---\nname: echoer\ndescription: Gives back.\noperation: {type: echo, data: "{description}"}\n---\n',
      )
      return at
    }

    const task = (name: string) => ({
      attempt: 1,
      description: 'hello',
      inputs: {},
      name,
      task_id: 't',
      workflow_id: 'w',
    })

    it('runs agents that it was told to run, and commands for signed jobs only', async () => {
      const agentsFolder = await agents()
      const options = {key: KEY}
      await pool.worker('a', {agentsFolder, allowedAgents: ['shouter', 'echoer'], options})
      const caller = await pool.caller(options)
      expect(caller.hasAgent('shouter')).to.equal(true)
      expect(await caller.runTask(task('shouter'))).to.deep.include({output: 'hello'})
      expect(await caller.runTask(task('echoer'))).to.have.nested.property('output.data', 'hello')
      const absent = await failureOf(caller.runTask(task('director')))
      expect(absent.code).to.equal('DEVICE_UNAVAILABLE')
      expect(absent.suggestions.join(' ')).to.contain('--allow-agent director')

      for (const stranger of [await pool.caller(), await pool.caller({key: 'another key of the same length'})]) {
        const error = await failureOf(stranger.runTask(task('shouter')))
        expect(error.code).to.equal('UNSUPPORTED_OPERATION')
        expect(error.message).to.contain('not signed with the key of this worker')
        expect((await failureOf(stranger.submit({type: 'echo'}))).message).to.contain('not signed')
      }
    })

    it('does not start with a command to run and no key, or an agent that there is not', async () => {
      const agentsFolder = await agents()
      const unsigned = await failureOf(pool.worker('a', {agentsFolder, allowedAgents: ['shouter']}))
      expect(unsigned.message).to.contain('which only signed jobs may ask for')
      const unknown = await failureOf(pool.worker('a', {agentsFolder, allowedAgents: ['shoter']}))
      expect(unknown.suggestions.join(' ')).to.contain('shouter')
      expect((await failureOf(pool.worker('a', {options: {key: 'short'}}))).message).to.contain('has 5 characters')
      await pool.worker('a', {agentsFolder, allowedAgents: ['echoer']})
    })

    it('refuses paths of models and files', async () => {
      await pool.worker('a')
      const caller = await pool.caller()
      expect((await failureOf(caller.submit({type: 'load_model', model: '/etc/x.onnx'}))).message).to.contain(
        'knows models by name',
      )
      expect((await failureOf(caller.submit({type: 'route', agents: '/etc', description: 'x'}))).message).to.contain(
        'names a folder',
      )
      expect(
        (await failureOf(caller.submit({type: 'route', head: '/etc/passwd', description: 'x'}))).message,
      ).to.contain('names a file')
    })
  })

  describe('goes on', () => {
    it('when a node leaves: what is in its lane is sent on', async () => {
      const [a] = [await pool.worker('a', {load: ['silero-vad']}), await pool.worker('b')]
      const caller = await pool.caller()
      await pause('node.a')
      // Its lane, since it has the model.
      const waiting = caller.submit({type: 'load_model', model: 'silero-vad'})
      await until(async () => (await raw.keys('npubridge:queue:node.a:*')).some((key) => /[\da-f-]{36}$/.test(key)))
      await a.leave({drainMs: 0})
      await resume()
      expect((await waiting).node).to.equal('b')
    })

    it('when a node drains, and comes back', async () => {
      const [a] = [await pool.worker('a'), await pool.worker('b')]
      const caller = await pool.caller()
      await raw.set('npubridge:wish:a', 'drain')
      await until(() => a.state === 'drained')
      const results = await Promise.all(Array.from({length: 20}, async () => caller.submit({type: 'echo'})))
      expect(new Set(results.map(({node}) => node))).to.deep.equal(new Set(['b']))
      await raw.del('npubridge:wish:a')
      await until(() => a.state === 'ready')
    })

    it('without workers, or without any that has the device, it says so', async () => {
      const error = await failureOf(pool.caller())
      expect(error.code).to.equal('DEVICE_UNAVAILABLE')
      expect(error.suggestions[0]).to.contain('npubridge worker --queue redis://')
      await pool.worker('a')
      const caller = await pool.caller()
      expect((await failureOf(caller.submit({type: 'echo'}, {device: 'npu'}))).message).to.contain('has the device npu')
    })

    it('when all workers leave, those who wait are told', async () => {
      const a = await pool.worker('a')
      const caller = await pool.caller({unreachableMs: 600})
      await pause('any')
      const waiting = failureOf(caller.submit({type: 'echo'}))
      await a.leave({drainMs: 0})
      expect((await waiting).code).to.equal('DEVICE_UNAVAILABLE')
    })

    it('does not let two nodes have one name', async () => {
      await pool.worker('a')
      await raw.set('npubridge:node:b', JSON.stringify({...(await nodes())[0], host: 'elsewhere', name: 'b'}))
      const error = await failureOf(pool.worker('b'))
      expect(error.message).to.contain('a worker on elsewhere')
      expect(error.suggestions[0]).to.contain('--name b-2')
      expect((await failureOf(pool.worker('a:b'))).message).to.contain('is no name for a node')
    })
  })

  const nodes = async () => (await readPool({queue: redis.url})).nodes
  const jobs = async () => (await raw.keys('npubridge:queue:*')).filter((key) => /:(?:key-)?[\da-f-]{36,44}$/.test(key))
  /** Nothing is taken from these lanes until they are given back. */
  const pause = async (...lanes: string[]) => {
    for (const lane of lanes) {
      const queue = new Queue(lane, {connection: raw, prefix: 'npubridge:queue'})
      await queue.pause()
      paused.push(queue)
    }
  }

  const resume = async () => {
    for (const queue of paused.splice(0)) {
      await queue.resume()
      await queue.close()
    }
  }
})

/** What waits for it is not what is waited for here. */
async function started<T>(work: Promise<T>): Promise<[Promise<T>]> {
  return [work]
}

function job(): Job {
  return {
    deadline: null,
    id: '00000000-0000',
    line: '{"type":"echo","data":1}',
    need: {device: 'auto'},
    priority: 'normal',
    reply: '00000000-0001',
    tensors: [],
  }
}
