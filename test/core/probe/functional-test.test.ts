import {expect} from 'chai'
import path from 'node:path'

import type {ProbeEffects} from '../../../src/core/probe/effects.ts'
import type {ProcessOutcome} from '../../../src/core/process/run.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {type ModelTest, testDevices, type TestRequest} from '../../../src/core/probe/functional-test.ts'
import {probe} from '../../../src/core/probe/probe.ts'
import {openRoot} from '../../../src/core/probe/snapshot.ts'
import {FIXTURES} from './fixture.ts'

const RUN = {firstMs: 12, medianUs: 95, p99Us: 140, perSecond: 8000, samples: 200}
const OPTIONS = {model: 'silero-vad', modelsFolder: '/models', runtime: '/ov'}

function ended(channel: string): ProcessOutcome {
  return {channel, exitCode: 0, signal: null, startError: null, stderr: '', stdout: '', timedOut: false}
}

/** Children that answer with these numbers, by device; a device without any crashes. */
const answering =
  (numbers: Readonly<Record<string, ReadonlyArray<null | number>>>) =>
  async (_command: string, args: readonly string[]): Promise<ProcessOutcome> => {
    const {device} = JSON.parse(args[1]!) as TestRequest
    const answer = numbers[device]
    if (answer === undefined) return {...ended(''), exitCode: null, signal: 'SIGSEGV', stderr: 'last words'}
    return ended(JSON.stringify([{error: null, model: 'tiny', numbers: answer, run: RUN}]))
  }

const statusOf = (tests: readonly ModelTest[]) => tests.map(({device, ok}) => `${device} ${ok}`)

describe('the functional test', () => {
  describe('testing devices', () => {
    it("compares every device with the CPU's numbers, relative to the largest", async () => {
      const run = answering({CPU: [1, -4], GPU: [1.04, -4], NPU: [1, -4.1]})
      const tests = await testDevices({...OPTIONS, devices: ['CPU', 'GPU', 'NPU'], run})
      expect(statusOf(tests)).to.deep.equal(['CPU true', 'GPU true', 'NPU false'])
      expect(tests.map(({deviation}) => deviation?.toFixed(3))).to.deep.equal([undefined, '0.010', '0.025'])
      expect(tests[2]!.error?.message).to.equal("its numbers deviate from the CPU's by 2.5 %, more than 2 %")
      expect(tests[0]!.run).to.deep.equal(RUN)
    })

    it('takes numbers of another count, and those that are none, for wrong', async () => {
      const run = answering({CPU: [1, 2], GPU: [1], NPU: [1, 2, 3]})
      expect(statusOf(await testDevices({...OPTIONS, devices: ['GPU', 'NPU'], run}))).to.deep.equal([
        'GPU false',
        'NPU false',
      ])
    })

    it('asks the CPU for comparison even where it is not to be tested', async () => {
      const tests = await testDevices({...OPTIONS, devices: ['NPU'], run: answering({CPU: [1], NPU: [1]})})
      expect(statusOf(tests)).to.deep.equal(['NPU true'])
    })

    it('names a device that crashes, and goes on with the next', async () => {
      const tests = await testDevices({
        ...OPTIONS,
        devices: ['CPU', 'GPU', 'NPU'],
        run: answering({CPU: [1], NPU: [1]}),
      })
      expect(statusOf(tests)).to.deep.equal(['CPU true', 'GPU false', 'NPU true'])
      expect(tests[1]!.error?.message).to.equal('killed by SIGSEGV\nlast words')
    })

    it('takes an answer of another shape for a failure', async () => {
      const tests = await testDevices({...OPTIONS, devices: ['CPU'], run: async () => ended('{"rubbish": 1}')})
      expect(statusOf(tests)).to.deep.equal(['CPU false'])
    })
  })

  describe('a probe with --test', () => {
    async function probeWith(tests: readonly ModelTest[]) {
      const {effects, root} = openRoot(path.join(FIXTURES, 'healthy-meteor-lake'))
      const testing: ProbeEffects = {...effects, testDevices: async () => tests}
      return probe({effects: testing, root, test: true, version: '0.0.0'})
    }

    const good: ModelTest = {deviation: null, device: 'CPU', error: null, model: 'tiny', ok: true, run: RUN}
    const bad: ModelTest = {
      ...good,
      device: 'NPU',
      error: new NpuBridgeError('DEVICE_LOST', 'ZE_RESULT_ERROR_DEVICE_LOST (0x70000001)').toJSON(),
      ok: false,
      run: null,
    }

    it('reports the figures of every device', async () => {
      const report = await probeWith([good, {...good, deviation: 0.004, device: 'NPU'}])
      expect(report.rootCause).to.equal(null)
      expect(report.sections.find(({name}) => name === 'Tests')?.lines).to.deep.equal([
        'tiny on CPU · first 12.0 ms · then 95 µs (p99 140 µs) · 8000/s',
        "tiny on NPU · first 12.0 ms · then 95 µs (p99 140 µs) · 8000/s · within 0.40 % of the CPU's numbers",
      ])
    })

    it('fails for a device that is listed and does not compute', async () => {
      const report = await probeWith([good, {...bad, error: {...bad.error!, message: 'nonsense'}}])
      expect(report.rootCause).to.equal('functional-test')
      expect(report.headline.title).to.contain('NPU does not run a model as it should')
    })

    it('lets the text of a failure speak for an earlier check', async () => {
      expect((await probeWith([good, bad])).rootCause).to.equal('device-lost')
    })

    it('does not test unless asked', async () => {
      const {effects, root} = openRoot(path.join(FIXTURES, 'healthy-meteor-lake'))
      const report = await probe({effects, root, version: '0.0.0'})
      expect(report.tests).to.equal(null)
      expect(report.checks.at(-1)).to.deep.include({evidence: ['only with --test'], status: 'skip'})
    })
  })
})
