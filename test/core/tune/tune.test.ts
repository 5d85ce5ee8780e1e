import {expect} from 'chai'

import type {Candidate} from '../../../src/core/tune/candidate.ts'
import type {Figures} from '../../../src/core/tune/objective.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {Skipped, type Trial, type TrialSubject} from '../../../src/core/tune/trial.ts'
import {tune, type TuneParts, type TuneRequest} from '../../../src/core/tune/tune.ts'

/** A machine that takes no time: what a setting does is computed, and a trial takes as long as it says. */
class FakeMachine {
  now = 0
  /** How long the last measurement was, in milliseconds. */
  lastTurnMs = 0
  opened: Array<{candidate: Candidate; device: TrialSubject['device']}> = []
  readonly #figuresOf: (candidate: Candidate, device: string) => Partial<Figures>
  readonly #device: string
  readonly #effectOf: (candidate: Candidate) => Record<string, string>

  constructor(
    figuresOf: (candidate: Candidate, device: string) => Partial<Figures>,
    device = 'CPU',
    effectOf: (candidate: Candidate) => Record<string, string> = () => ({}),
  ) {
    this.#figuresOf = figuresOf
    this.#device = device
    this.#effectOf = effectOf
  }

  get parts(): TuneParts {
    return {
      cores: 2,
      energyMeter: () => ({reason: 'there is none'}),
      now: () => this.now,
      openApart: async (candidate, subject) =>
        this.#open(candidate, subject, (candidate.streams === 2 ? 300 : 100) * 2 ** 20),
      openTrial: async (candidate, subject) => this.#open(candidate, subject),
    }
  }

  #open(candidate: Candidate, {device}: TrialSubject, memoryBytes: null | number = null): Trial {
    this.opened.push({candidate, device})
    const name = device === 'cpu' ? 'CPU' : this.#device
    const figures = this.#figuresOf(candidate, name)
    const health = {runtime: {version: '2026.4.1', folder: ''}} as unknown as Trial['health']
    return {
      health,
      loaded: {
        device: name,
        dropped: [],
        effective: this.#effectOf(candidate),
        inputs: [{datatype: 'FP32', name: 'x', shape: [-1, 4]}],
        maxBatch: 32,
        properties: {},
        requests: 1,
      },
      measure: async (milliseconds) => {
        this.now += milliseconds
        this.lastTurnMs = milliseconds
        return {
          throughput: 1000,
          p50Us: 100,
          p99Us: 200,
          loadedP99Us: 900,
          cpuUs: 50,
          joules: null,
          memoryBytes,
          ...figures,
        }
      },
      async [Symbol.asyncDispose]() {},
    }
  }
}

const request = (changes: Partial<TuneRequest> = {}): TuneRequest => ({
  config: {},
  constraints: {},
  limitMs: 60_000,
  model: 'magika',
  objective: 'throughput',
  onProgress() {},
  signal: new AbortController().signal,
  ...changes,
})

/** Two streams are twice as good; without a hint. */
const withStreams = ({streams}: Candidate) => ({throughput: streams === 2 ? 2000 : 1000})

describe('tune', () => {
  it('tries settings that come to the same once, as the simplest of them', async () => {
    const luck = ({requests, streams}: Candidate) => ({throughput: streams === 2 ? 2000 + (requests ?? 0) : 1000})
    const effectOf = ({streams = 1}: Candidate) => ({NUM_STREAMS: String(streams)})
    const report = await tune(request(), new FakeMachine(luck, 'CPU', effectOf).parts)
    expect(report.winner).to.equal('2 streams')
    const reasons = new Map(report.skipped.map(({name, reason}) => [name, reason]))
    expect(reasons.get('2 requests, 2 streams')).to.equal('does the same as 2 streams')
    // Without streams and requests it is for the engine to choose whose threads run it; the hint is for both.
    expect(reasons.has('1 stream') || reasons.has('hint throughput, 2 streams')).to.equal(false)
  })

  it('finds the setting that is best, and says why', async () => {
    const report = await tune(request(), new FakeMachine(withStreams).parts)
    expect(report.winner).to.equal('2 streams')
    expect(report.settings.map(({name}) => name)).to.include('default')
    expect(report.explanation[0]).to.equal(
      '2 streams gives the most operations a second: 2.00 K/s instead of 1.00 K/s with the default (+100.0 %).',
    )
    expect(report.settings.find(({name}) => name === '2 streams')!.profile).to.deep.equal({
      extends: 'latency',
      streams: 2,
    })
  })

  it('stays with the default where nothing is clearly better', async () => {
    const report = await tune(request(), new FakeMachine(() => ({})).parts)
    expect(report.winner).to.equal('default')
    expect(report.explanation[0]).to.contain('Nothing gives the most operations a second by more than the default')
  })

  it('prefers latency when that is wanted, whatever else is better', async () => {
    const machine = new FakeMachine(({requests, streams}) => ({
      p50Us: requests === 1 ? 50 : 100,
      throughput: streams === 2 ? 9000 : 1000,
    }))
    expect((await tune(request({objective: 'latency'}), machine.parts)).winner).to.equal('1 request')
  })

  it('ranks efficiency by processor time where energy is unknown, and says so', async () => {
    const machine = new FakeMachine(({batch}) => ({cpuUs: batch === 1 ? 20 : 50}))
    const report = await tune(request({objective: 'efficiency'}), machine.parts)
    expect(report.winner).to.equal('no batches')
    expect(report.energy).to.equal('unknown: there is none')
    expect(report.explanation.join(' ')).to.contain('Energy is unknown')
  })

  it('takes no winner that breaks a constraint', async () => {
    const machine = new FakeMachine(({batch, streams}) => ({
      throughput: streams === 2 ? 2000 : 1000,
      loadedP99Us: batch === 1 ? 500 : 5000,
    }))
    const report = await tune(request({constraints: {maxP99Ms: 1}}), machine.parts)
    expect(report.winner).to.equal('2 streams, no batches')
    expect(report.explanation.join(' ')).to.contain('p99 is 0.50 of 1 ms')
  })

  it('takes no winner that needs more memory than is allowed', async () => {
    const report = await tune(request({constraints: {maxMemoryMb: 200}}), new FakeMachine(withStreams).parts)
    const refused = report.settings.find(({name}) => name.startsWith('2 streams'))!
    expect(refused.broken).to.deep.equal(['it takes 300 MB, 200 MB are allowed'])
    expect(report.winner).to.equal('default')
  })

  it('has no winner when all settings break one, and names the closest', async () => {
    const report = await tune(request({constraints: {maxP99Ms: 0.1}}), new FakeMachine(withStreams).parts)
    expect(report.winner).to.equal(null)
    expect(report.explanation[0]).to.contain('No setting keeps to the constraints')
  })

  it('skips what the device does not take, with the reason', async () => {
    const machine = new FakeMachine((candidate) => {
      if (candidate.streams === 2) throw new Skipped('NUM_STREAMS 2: CPU takes 1 to 1')
      return {}
    })
    const report = await tune(request(), machine.parts)
    expect(report.skipped.every(({reason}) => reason === 'NUM_STREAMS 2: CPU takes 1 to 1')).to.equal(true)
    expect(report.skipped).to.not.be.empty
    expect(report.settings.some(({name}) => name.includes('2 streams'))).to.equal(false)
  })

  it('fails with what keeps the default from running', async () => {
    const machine = new FakeMachine(() => {
      throw new NpuBridgeError('MODEL_NOT_FOUND', 'no model is named "magika"')
    })
    const failure = await tune(request(), machine.parts).catch((error: unknown) => error as NpuBridgeError)
    expect(failure).to.have.property('code', 'MODEL_NOT_FOUND')
  })

  it('refuses a time limit that one trial does not fit in', async () => {
    const machine = new FakeMachine(() => ({}))
    const parts: TuneParts = {
      ...machine.parts,
      async openTrial(...parameters) {
        machine.now += 500
        return machine.parts.openTrial(...parameters)
      },
    }
    const failure = await tune(request({limitMs: 100}), parts).catch((error: unknown) => error as NpuBridgeError)
    expect(failure).to.have.property('code', 'INVALID_ARGUMENT')
    expect((failure as NpuBridgeError).message).to.match(
      /the time limit is 100 ms, but a single trial of magika takes \d+ ms/,
    )
  })

  it('tells what there was no time for', async () => {
    const report = await tune(request({limitMs: 400}), new FakeMachine(withStreams).parts)
    expect(report.untried).to.be.above(0)
  })

  it('stays on the device that the default runs on', async () => {
    const machine = new FakeMachine(withStreams, 'NPU')
    await tune(request({config: {device: 'npu'}}), machine.parts)
    expect(new Set(machine.opened.map(({device}) => device))).to.deep.equal(new Set(['npu']))
  })

  it('says when a model belongs on the CPU, where the choice was open', async () => {
    const slowNpu = (_: Candidate, device: string) => ({throughput: device === 'CPU' ? 5000 : 100})
    const open = await tune(request(), new FakeMachine(slowNpu, 'NPU').parts)
    expect(open.advice.map(({id}) => id)).to.deep.equal(['model-belongs-on-cpu'])
    expect(open.advice[0]!.because).to.equal('The CPU does 5.00 K/s as it is, NPU 100/s at best.')
    const forced = await tune(request({config: {device: 'npu'}}), new FakeMachine(slowNpu, 'NPU').parts)
    expect(forced.advice).to.deep.equal([])
  })

  it('gives the default where there was time for nothing else, and what there is when interrupted', async () => {
    const slow = new FakeMachine(withStreams)
    const parts: TuneParts = {
      ...slow.parts,
      async openTrial(...parameters) {
        slow.now += 300
        return slow.parts.openTrial(...parameters)
      },
    }
    expect((await tune(request({limitMs: 500}), parts)).winner).to.equal('default')
    const interrupted = await tune(request({signal: AbortSignal.abort()}), new FakeMachine(withStreams).parts)
    expect(interrupted).to.include({interrupted: true, winner: 'default'})
  })

  it('keeps the default where what came out ahead does not beat it alone', async () => {
    let calls = 0
    // Lucky until the finals are over; from then on no better than the default.
    const machine = new FakeMachine((candidate) => {
      if (candidate.streams !== 2 || candidate.requests !== undefined || candidate.hint || candidate.batch) return {}
      return {throughput: ++calls <= 3 ? 2000 : 1000}
    })
    const report = await tune(request({limitMs: 62_000}), machine.parts)
    expect(report.winner).to.equal('default')
    expect(report.duels).to.deep.equal([{name: '2 streams', pairs: 27, won: 0, gain: 0, better: false}])
    expect(report.explanation.join(' ')).to.contain(
      '2 streams came out ahead at first, but did better than the default only in 0 of 27 pairs of turns, +0.0 % in the middle.',
    )
    // All the time that was left, as nobody else has a turn.
    expect(machine.lastTurnMs).to.be.above(400)
  })

  it('lets the second have its turn where the first does not hold', async () => {
    let opened = 0
    const machine = new FakeMachine((candidate) => {
      const {streams, ...others} = candidate
      if (streams === 2 && Object.keys(others).length === 0) return {throughput: ++opened <= 3 ? 3000 : 900}
      return {throughput: candidate.requests === 2 && Object.keys(candidate).length === 1 ? 1500 : 1000}
    })
    const report = await tune(request(), machine.parts)
    expect(report.winner).to.equal('2 requests')
    expect(report.duels.map(({better, name}) => [name, better])).to.deep.equal([
      ['2 streams', false],
      ['2 requests', true],
    ])
    expect(report.explanation.join(' ')).to.contain('did better in 27 of 27 pairs of turns, +50.0 % in the middle')
  })

  it('tries turbo, workload and tiles where there is an NPU, and skips what this one lacks', async () => {
    const machine = new FakeMachine(({tiles, turbo, workload}) => {
      if (tiles !== undefined && tiles > 2) throw new Skipped(`NPU_TILES ${tiles}: NPU has 2`)
      if (workload) throw new Skipped('WORKLOAD_TYPE EFFICIENT: NPU does not have it')
      return {cpuUs: turbo === false ? 20 : 50}
    }, 'NPU')
    const report = await tune(request({config: {device: 'npu'}, objective: 'efficiency'}), machine.parts)
    expect(report.winner).to.equal('no turbo')
    expect(report.settings.find(({name}) => name === 'no turbo')!.profile).to.deep.equal({
      extends: 'latency',
      turbo: false,
    })
    const reasons = report.skipped.map(({reason}) => reason)
    expect(reasons).to.include('NPU_TILES 6: NPU has 2').and.include('WORKLOAD_TYPE EFFICIENT: NPU does not have it')
    const cpu = new FakeMachine(withStreams)
    await tune(request(), cpu.parts)
    expect(cpu.opened.some(({candidate}) => 'turbo' in candidate || 'tiles' in candidate)).to.equal(false)
  })

  it('compares with the target of the configuration', async () => {
    const report = await tune(request({config: {target_ops_per_sec: 1500}}), new FakeMachine(withStreams).parts)
    expect(report.explanation.at(-1)).to.equal('It reaches target_ops_per_sec: 2.00 K/s of 1.50 K/s.')
  })
})
