import {expect} from 'chai'

import type {ProcessOutcome} from '../../../src/core/process/run.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {findEngines} from '../../../src/core/probe/engines.ts'

const ENDED: ProcessOutcome = {
  channel: '',
  exitCode: 0,
  signal: null,
  startError: null,
  stderr: '',
  stdout: '',
  timedOut: false,
}

async function python(outcome: Partial<ProcessOutcome>): Promise<{available: boolean; detail: string}> {
  const engines = await findEngines(() => ({}), {run: async () => ({...ENDED, ...outcome})})
  const {available, detail} = engines.find(({kind}) => kind === 'legacy')!
  return {available, detail}
}

describe('finding engines', () => {
  it('tells all three in order of preference', async () => {
    const engines = await findEngines(() => ({}), {run: async () => ENDED})
    expect(engines.map(({kind}) => kind)).to.deep.equal(['native', 'openvino-node', 'legacy'])
    expect(engines[0]).to.include({available: true})
  })

  it('gives the reason why the native binary does not load', async () => {
    const broken = () => {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'glibc is too old')
    }

    const [native] = await findEngines(broken, {run: async () => ENDED})
    expect(native).to.deep.equal({available: false, detail: 'glibc is too old', kind: 'native'})
  })

  it('takes Python 3.10 and newer', async () => {
    expect(await python({stdout: '3.10.0 /usr/bin/python3'})).to.deep.equal({
      available: true,
      detail: 'Python 3.10.0 at /usr/bin/python3',
    })
    expect(await python({stdout: '3.9.19 /usr/bin/python3'})).to.deep.equal({
      available: false,
      detail: 'Python 3.9.19 at /usr/bin/python3 is older than 3.10',
    })
    expect((await python({stdout: '4.0.0 /opt/python'})).available).to.equal(true)
  })

  it('finds the version behind what a site module prints', async () => {
    expect((await python({stdout: 'welcome\n3.12.1 /usr/bin/python3\n'})).available).to.equal(true)
  })

  it('tells a missing Python from a broken and a hanging one', async () => {
    expect((await python({exitCode: null, startError: 'ENOENT'})).detail).to.match(/is not on PATH$/)
    expect((await python({exitCode: 1, stderr: 'a\nno module\n'})).detail).to.match(/does not run: no module$/)
    expect((await python({exitCode: 0})).detail).to.match(/does not run: it says nothing$/)
    expect((await python({timedOut: true})).detail).to.match(/did not answer within 5 s$/)
  })
})
