import {expect} from 'chai'

import {openApart} from '../../../src/core/tune/trial-process.ts'
import {Skipped} from '../../../src/core/tune/trial.ts'
import {failureOf} from '../../support/failure.ts'

const SUBJECT = {config: {}, device: 'cpu', model: 'silero-vad', objective: 'throughput'} as const

describe('a trial in a process of its own', () => {
  it('measures a setting as one in this process does', async () => {
    await using trial = await openApart({hint: 'throughput'}, SUBJECT, null)
    expect(trial.loaded).to.deep.include({device: 'CPU'})
    expect(trial.health.runtime!.version).to.match(/^\d{4}\./)
    const {cpuUs, joules, memoryBytes, p50Us, throughput} = await trial.measure(50)
    expect(Math.min(cpuUs, p50Us, throughput)).to.be.above(0)
    expect(joules).to.equal(null)
    expect(memoryBytes! / 2 ** 20).to.be.within(50, 1000)
  }).timeout(60_000)

  it('says what cannot be tried, and fails as one in this process does', async () => {
    const skipped = await openApart({precision: 'INT8'}, SUBJECT, null).catch((error: unknown) => error)
    expect(skipped).to.be.instanceOf(Skipped)
    expect((skipped as Skipped).message).to.contain('the model is not quantised')
    const {code} = await failureOf(openApart({}, {...SUBJECT, model: 'nowhere'}, null))
    expect(code).to.equal('MODEL_NOT_FOUND')
  }).timeout(60_000)
})
