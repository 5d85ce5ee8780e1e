/** What every engine promises, as one suite that each of them runs. */
import {expect} from 'chai'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

import type {Engine, EngineKind, InferenceOperation, Operation, SubmitOptions} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'

export interface ContractSubject {
  readonly kind: EngineKind
  /** A new engine, in whose queue `capacity` operations may wait. */
  create(options: {capacity?: number}): Promise<Engine>
  /**
   * Work for about `ms` that lets no echo start as long as it runs; absent for an engine on which nothing can do that,
   * which has tests of its own for what waits.
   */
  occupy?(ms: number): readonly Operation[]
  /** Whether `route` chooses agents by the keywords of the old module. */
  readonly canRoute: boolean
  readonly canMultiply: boolean
  readonly runsModels: boolean
  /** An inference that succeeds. */
  readonly inference?: InferenceOperation
}

const AGENTS = ['README', 'director', 'monitor', 'security', 'testbed', 'writer']
/** Agent, score and reason by description; the rules are in native/engine/src/routing/README.md. */
const ROUTES: Record<string, {agent: string | null; reason: string | null; score: number}> = {
  'Audit the login for weak crypto': {
    agent: 'security',
    score: 2,
    reason: '"audit" asks for security, "crypto" asks for security',
  },
  'DEPLOY the release': {agent: 'monitor', score: 1, reason: '"deploy" asks for operations'},
  'write the tests': {
    agent: 'testbed',
    score: 3,
    reason: '"tests" asks for development and "test" is in the name',
  },
  'what does the writer say of testing': {agent: 'writer', score: 100, reason: 'the description names "writer"'},
  'let a code reviewer look at it': {
    agent: 'code-reviewer',
    score: 200,
    reason: 'the description names "code-reviewer"',
  },
  'paint the shed': {agent: null, score: 0, reason: null},
}

/**
 * Declares the suite; called within a `describe` of the engine. `subject` is asked for when the tests run. An engine
 * that is not `serial` runs several operations at once, so that nothing can occupy it.
 */
export function itKeepsTheContract(subject: () => ContractSubject, {serial = true}: {serial?: boolean} = {}): void {
  const itWhenSerial = (title: string, test: () => Promise<void>) => {
    if (serial) it(title, test)
  }

  let engine: Engine

  async function start(options: {capacity?: number} = {}): Promise<Engine> {
    engine = await subject().create(options)
    return engine
  }

  afterEach(async () => {
    await engine?.shutdown({drainMs: 0})
  })

  const echo = (data: unknown): Operation => ({type: 'echo', data})
  const trial = async (operation: Operation, options?: SubmitOptions) => codeOf(engine.submit(operation, options))
  const trialsOf = async (operations: readonly Operation[]) =>
    Promise.all(operations.map(async (operation) => trial(operation)))
  const occupied = (ms: number) => subject().occupy!(ms).map(async (operation) => engine.submit(operation))

  it('echoes what it is given and says what ran it, for how long', async () => {
    await start()
    for (const data of [null, 'text', 7.5, true, [], [1, 2.5, -3], [1, 'mixed'], {nested: {list: [null]}}]) {
      const result = await engine.submit(echo(data))
      expect(result.data).to.deep.equal(data)
      expect(result).to.include({type: 'echo', engine: subject().kind, fallback: null})
      expect(result.computeUs).to.be.at.least(0)
      expect(result.queueUs).to.be.at.least(0)
      expect(result.totalUs).to.be.at.least(result.queueUs)
    }
  })

  it('answers a batch in order, each element for itself', async () => {
    await start()
    const unknown = {type: 'teleport'} as unknown as Operation
    const [first, second, third] = await engine.submitBatch([echo(1), unknown, echo(3)])
    expect(first).to.include({ok: true, data: 1})
    expect(third).to.include({ok: true, data: 3})
    expect(second!.ok).to.equal(false)
    if (!second!.ok) expect(second!.error).to.be.instanceOf(NpuBridgeError)
  })

  it('refuses an unknown operation with UNSUPPORTED_OPERATION and a wrong option with INVALID_ARGUMENT', async () => {
    await start()
    expect(await trial({type: 'teleport'} as unknown as Operation)).to.equal('UNSUPPORTED_OPERATION')
    const options = {priority: 'urgent'} as unknown as {priority: 'high'}
    expect(await trial(echo(1), options)).to.equal('INVALID_ARGUMENT')
    expect(await trial(echo(1), {timeoutMs: -1})).to.equal('INVALID_ARGUMENT')
  })

  itWhenSerial('lets the urgent overtake the patient, in order of arrival within a priority', async () => {
    await start()
    const busy = occupied(300)
    const done: string[] = []
    const note = async (name: string, priority: 'high' | 'low' | 'realtime') =>
      engine.submit(echo(name), {priority}).then(() => {
        done.push(name)
      })
    await Promise.all([
      note('low 1', 'low'),
      note('low 2', 'low'),
      note('high', 'high'),
      note('realtime', 'realtime'),
      ...busy,
    ])
    expect(done).to.deep.equal(['realtime', 'high', 'low 1', 'low 2'])
  })

  itWhenSerial('refuses with QUEUE_FULL what has no place to wait', async () => {
    await start({capacity: 2})
    const busy = occupied(300)
    const codes = await trialsOf([1, 2, 3, 4].map(echo))
    expect(codes).to.deep.equal(['ok', 'ok', 'QUEUE_FULL', 'QUEUE_FULL'])
    await Promise.all(busy)
  })

  itWhenSerial('fails what could not start in time with DEADLINE_EXCEEDED, while the engine is busy', async () => {
    await start()
    const busy = Promise.all(occupied(1000)).then(() => 'busy first')
    const late = trial(echo(1), {timeoutMs: 50})
    expect(await Promise.race([busy, late])).to.equal('DEADLINE_EXCEEDED')
    await busy
    expect(await trial(echo(1), {timeoutMs: 10_000})).to.equal('ok')
  })

  itWhenSerial('cancels what waits, what runs and what was cancelled before', async () => {
    await start()
    const running = new AbortController()
    const waiting = new AbortController()
    const busy = subject().occupy!(1000).map(async (operation) => trial(operation, {signal: running.signal}))
    const queued = trial(echo(1), {signal: waiting.signal})
    waiting.abort()
    expect(await queued).to.equal('CANCELLED')
    running.abort()
    for (const code of await Promise.all(busy)) expect(code).to.equal('CANCELLED')
    expect(await trial(echo(1), {signal: running.signal})).to.equal('CANCELLED')
    expect(await trial(echo(1))).to.equal('ok')
  })

  it('answers everything exactly once under a mixed load, and counts it', async () => {
    await start()
    const signals = Array.from({length: 20}, () => new AbortController())
    const pending = Array.from({length: 400}, async (_, index) =>
      codeOf(
        engine.submit(echo(index), {
          priority: (['low', 'normal', 'high', 'critical', 'realtime'] as const)[index % 5]!,
          ...(index % 7 === 0 && {timeoutMs: index % 3}),
          ...(index % 11 === 0 && {signal: signals[index % 20]!.signal}),
        }),
      ),
    )
    for (const controller of signals)
      setTimeout(() => {
        controller.abort()
      }, 3)
    const codes = await Promise.all(pending)
    const metrics = engine.metrics()
    expect(metrics.submitted).to.equal(400)
    expect(metrics.completed).to.equal(codes.filter((code) => code === 'ok').length)
    expect(metrics.failed).to.equal(400 - metrics.completed)
    for (const code of ['CANCELLED', 'DEADLINE_EXCEEDED'] as const) {
      expect(metrics.failuresByCode[code] ?? 0, code).to.equal(codes.filter((each) => each === code).length)
    }

    expect(metrics.operations.echo!.total.count).to.equal(metrics.completed)
    expect(metrics.queueDepth).to.equal(0)
  })

  it('tells its health, as a call and as an operation', async () => {
    await start()
    const health = await engine.health()
    expect(health).to.include({status: 'ok', engine: subject().kind, queueDepth: 0})
    const {data} = await engine.submit({type: 'health_check'})
    expect(data).to.include({status: 'ok', engine: subject().kind, performanceMode: health.performanceMode})
  })

  it('tells its statistics as an operation', async () => {
    await start()
    await engine.submit(echo(1))
    const {data} = await engine.submit({type: 'statistics'})
    expect(data).to.include({engine: subject().kind, completed: 1, failed: 0})
  })

  it('initializes more than once', async () => {
    await start()
    await engine.submit({type: 'initialize'})
    await engine.submit({type: 'initialize'})
  })

  it('finishes what waits before it shuts down, and refuses what comes later with CANCELLED', async () => {
    await start()
    const pending = trialsOf(Array.from({length: 50}, (_, index) => echo(index)))
    await engine.shutdown({drainMs: 10_000})
    expect(new Set(await pending)).to.deep.equal(new Set(['ok']))
    expect(await trial(echo(1))).to.equal('CANCELLED')
    await engine.shutdown()
  })

  itWhenSerial('cancels what is not done when the time to drain is over', async () => {
    await start()
    const busy = trialsOf(subject().occupy!(5000))
    const queued = trial(echo(1))
    const started = performance.now()
    await engine.shutdown({drainMs: 50})
    expect(performance.now() - started).to.be.below(4000)
    expect(await queued).to.equal('CANCELLED')
    for (const code of await busy) expect(code).to.equal('CANCELLED')
  })

  it('routes by the keywords of the old module', async () => {
    if (!subject().canRoute) return
    await start()
    const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-agents-'))
    for (const name of AGENTS) writeFileSync(path.join(folder, `${name}.md`), `# ${name}\n`)
    writeFileSync(path.join(folder, 'review.md'), '---\nname: Code-Reviewer\n---\n')
    for (const [description, choice] of Object.entries(ROUTES)) {
      const {data} = await engine.submit({type: 'route', description, agents: folder})
      expect(data, description).to.deep.equal(choice)
    }

    const nowhere = path.join(folder, 'nowhere')
    expect(await trial({type: 'route', description: 'x', agents: nowhere})).to.equal('INVALID_ARGUMENT')
    rmSync(folder, {recursive: true})
  })

  it('multiplies matrices, or says that it cannot', async () => {
    await start()
    const a = {data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3]}
    const b = {data: Float32Array.of(7, 8, 9, 10, 11, 12), shape: [3, 2]}
    const product = engine.submit({type: 'matrix_multiply', inputs: {a, b}})
    if (subject().canMultiply) {
      const {outputs} = await product
      expect([...(outputs!.product!.data as Float32Array)]).to.deep.equal([58, 64, 139, 154])
      expect(outputs!.product).to.deep.include({shape: [2, 2], datatype: 'FP32'})
    } else {
      expect(await codeOf(product)).to.equal('UNSUPPORTED_OPERATION')
    }

    const wrong = engine.submit({type: 'matrix_multiply', inputs: {a, b: a}})
    expect(await codeOf(wrong)).to.equal('SHAPE_MISMATCH')
  })

  it('runs inferences, or says that it cannot', async () => {
    await start()
    const {inference} = subject()
    if (inference) {
      const {outputs} = await engine.submit(inference)
      expect(Object.keys(outputs!)).to.have.length.above(0)
      for (const output of Object.values(outputs!)) {
        expect(output.data).to.have.lengthOf(output.shape.reduce((product, size) => product * size, 1))
      }
    } else if (!subject().runsModels) {
      const x = {data: new Float32Array(1), shape: [1]}
      expect(await trial({type: 'inference', model: 'm', inputs: {x}})).to.equal('UNSUPPORTED_OPERATION')
    }
  })
}

/** `ok`, or the code of the failure. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise
    .then(() => 'ok')
    .catch((error: unknown) => {
      expect(error).to.be.instanceOf(NpuBridgeError)
      return (error as NpuBridgeError).code
    })
}
