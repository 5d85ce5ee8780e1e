import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {BenchEvent} from '../../../src/core/bench/events.ts'
import type {SideReport} from '../../../src/core/bench/report.ts'
import type {Engine} from '../../../src/core/engine/engine.ts'

import {chooseSuites, runBench} from '../../../src/core/bench/bench.ts'
import {createLegacyEngine} from '../../../src/core/engine/legacy.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

const EFFORT = {quick: true, rounds: 3, roundMs: 5, processes: 1, memoryOperations: 10, patienceMs: 500}

/** Answers at once. */
const engine = {
  submit: async () => ({}),
  health: async () => ({
    engine: 'native',
    performanceMode: 'cpu',
    devices: [{name: 'CPU', fullName: 'Some CPU', state: 'available'}],
    runtime: null,
    fallback: null,
  }),
  async shutdown() {},
} as unknown as Engine

const MODULE = `
import sys
class WorkflowTask:
    def __init__(self, task_id, agent_name, description, priority=50, dependencies=None): pass
class NPUOperation:
    def __init__(self, operation_id, operation_type, input_data): self.data = input_data
class Result:
    success = True
    result_data = [0.0]
class NPUCoordinationBridge:
    def submit_operation(self, op):
        @BODY@
        return 1
    def get_result(self, id): return Result()
`

describe('a benchmark', () => {
  let folder: string

  before(async () => {
    folder = await makeFolder()
  })

  after(async () => removeFolder(folder))

  const run = async (legacy: () => Promise<never> | ReturnType<typeof createLegacyEngine>, suites = ['coordination']) =>
    runBench({
      selection: {device: 'auto', engine: 'auto'},
      quick: true,
      suites: chooseSuites(suites),
      signal: new AbortController().signal,
      openers: {engine: async () => engine, legacy},
      effort: EFFORT,
    })

  const throughputWith = async (body: string): Promise<Readonly<Record<string, SideReport>>> => {
    const module = path.join(folder, 'npu_coordination_bridge.py')
    await writeFile(module, MODULE.split('@BODY@').join(body))
    const {suites} = await run(async () => createLegacyEngine({module, restarts: 1}))
    expect(suites[0]!.metrics[0]!.sides.accelerated!.samples).to.equal(EFFORT.rounds)
    return suites[0]!.metrics[0]!.sides
  }

  it('measures an old module that works', async () => {
    const {legacy_without_sleep: side} = await throughputWith('pass')
    expect(side).to.include({status: 'measured', samples: EFFORT.rounds})
    expect(side!.median).to.be.above(1000)
  })

  it('is not disturbed by an old module that prints', async () => {
    const {legacy_without_sleep: side} = await throughputWith('print("{}", flush=True)')
    expect(side).to.include({status: 'measured'})
  })

  for (const [what, body, reason] of [
    ['fails', 'raise RuntimeError("no more paper")', /no more paper/],
    ['hangs', 'import time; time.sleep(60)', /did not finish measure within \d+ ms/],
    ['exits', 'sys.exit(7)', /sys\.exit\(7\)/],
    ['is killed', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)', /SIGKILL/],
  ] as const) {
    it(`says why an old module has no figures that ${what}, and measures the others`, async () => {
      const {legacy_as_shipped: shipped, legacy_without_sleep: side} = await throughputWith(body)
      for (const each of [shipped!, side!]) {
        expect(each).to.include({status: 'failed', median: null, samples: 0})
        expect(each.reason).to.match(reason)
      }
    })
  }

  it('says why an old module has no figures that cannot be loaded', async () => {
    const module = path.join(folder, 'broken.py')
    await writeFile(module, 'import no_such_module')
    const {environment, suites} = await run(async () => createLegacyEngine({module}))
    expect(environment.legacy).to.equal(null)
    expect(environment.accelerated).to.include({engine: 'native', device: 'CPU'})
    expect(suites[0]!.metrics[0]!.sides.legacy_as_shipped!.reason).to.contain('no_such_module')
    expect(suites[0]!.metrics[0]!.ratio).to.equal(null)
  })

  it('says what an old module lacks, as opposed to what fails', async () => {
    const module = path.join(folder, 'npu_coordination_bridge.py')
    await writeFile(module, MODULE.replaceAll('@BODY@', 'pass'))
    const {suites} = await run(async () => createLegacyEngine({module}), ['workflow'])
    const {legacy_without_sleep: side} = suites[0]!.metrics[0]!.sides
    expect(side!.status).to.equal('not_available')
    expect(side!.reason).to.contain('runs no workflows')
  })

  it('tells what it does, and how it was measured', async () => {
    const events: BenchEvent[] = []
    const {environment, suites} = await runBench({
      selection: {device: 'auto', engine: 'auto'},
      quick: true,
      suites: chooseSuites(['coordination']),
      signal: new AbortController().signal,
      openers: {engine: async () => engine, legacy: async () => createLegacyEngine()},
      effort: EFFORT,
      onEvent(event) {
        events.push(event)
      },
    })
    expect(events[0]).to.deep.equal({type: 'started', suite: 'coordination'})
    expect(events.at(-1)).to.include({type: 'finished', suite: 'coordination'})
    const fractions = events.flatMap((event) => (event.type === 'advanced' ? [event.fraction] : []))
    expect(fractions).to.deep.equal(fractions.toSorted((a, b) => a - b))
    expect(suites[0]!.notes).to.not.be.empty
    expect(environment.legacy).to.include({module: 'reference'})
    expect(environment.legacy!.sha256).to.match(/^[\da-f]{64}$/)
    expect(environment.settings).to.include({quick: true, rounds: 3})
  })

  it('ends with CANCELLED when it is interrupted', async () => {
    const controller = new AbortController()
    const work = runBench({
      selection: {device: 'auto', engine: 'auto'},
      quick: true,
      suites: chooseSuites([]),
      signal: controller.signal,
      openers: {engine: async () => engine, legacy: async () => createLegacyEngine()},
      effort: {...EFFORT, rounds: 1000},
      onEvent() {
        controller.abort(new NpuBridgeError('CANCELLED', 'interrupted'))
      },
    })
    expect((await failureOf(work)).code).to.equal('CANCELLED')
  })
})

describe('choosing suites', () => {
  it('takes all when none is named, in their order', () => {
    expect(chooseSuites([]).map(({name}) => name)).to.deep.equal(['coordination', 'workflow', 'inference', 'memory'])
    expect(chooseSuites(['memory', 'workflow']).map(({name}) => name)).to.deep.equal(['workflow', 'memory'])
  })

  it('suggests what an unknown name was meant to be', () => {
    expect(() => chooseSuites(['cordination']))
      .to.throw(NpuBridgeError, 'there is no suite "cordination"')
      .with.property('suggestions')
      .that.includes('did you mean "coordination"?')
  })
})
