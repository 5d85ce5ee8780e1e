import {expect} from 'chai'

import {type StepEvent, Steps} from '../../src/core/progress.ts'

describe('Steps', () => {
  it('tells of start, progress, notes and end of a step', async () => {
    const events: StepEvent[] = []
    const steps = new Steps<'a'>((event) => {
      events.push(event)
    })
    const value = await steps.run('a', async (report) => {
      report.note('hello')
      report.advance(1, 2)
      return {detail: 'done', value: 7}
    })
    expect(value).to.equal(7)
    expect(events).to.deep.equal([
      {type: 'started', step: 'a'},
      {type: 'noted', step: 'a', text: 'hello'},
      {type: 'advanced', step: 'a', doneBytes: 1, totalBytes: 2},
      {type: 'finished', step: 'a', detail: 'done'},
    ])
  })

  it('tells of a failure and passes it on', async () => {
    const events: StepEvent[] = []
    const steps = new Steps<'a'>((event) => {
      events.push(event)
    })
    const failure = new Error('no')
    const caught = await steps
      .run('a', async () => {
        throw failure
      })
      .catch((error: unknown) => error)
    expect(caught).to.equal(failure)
    expect(events.at(-1)).to.deep.equal({type: 'failed', step: 'a', message: 'no'})
  })
})
