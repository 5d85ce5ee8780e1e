import {expect} from 'chai'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {putToTest, summarise} from '../../../src/core/runtime/verification.ts'
import {reportOf} from '../../support/child.ts'
import {failureOf} from '../../support/failure.ts'

describe('putToTest', () => {
  const works = {device: 'CPU', ok: true, computeUs: 9}
  const fails = {device: 'GPU', ok: false, error: {code: 'INTERNAL', message: 'no driver'}}

  it('tells which devices run a tiny model', async () => {
    const report = {...reportOf('/x'), tests: [works, fails]}
    const {verification} = await putToTest(async () => report, {})
    expect(verification).to.deep.equal({
      kind: 'devices',
      devices: [
        {name: 'CPU', fullName: 'Some CPU'},
        {name: 'GPU', fullName: null},
      ],
      tests: [works, fails],
    })
    expect(summarise(verification)).to.equal('CPU works, GPU does not work')
  })

  it('asks for functional tests', async () => {
    let wanted: unknown
    await putToTest(async (options) => {
      wanted = options.functionalTest
      return {...reportOf('/x'), tests: [works]}
    }, {})
    expect(wanted).to.equal(true)
  })

  it('refuses a runtime that runs nothing, with the reasons', async () => {
    const error = await failureOf(putToTest(async () => ({...reportOf('/x'), tests: [fails]}), {}))
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.message).to.contain('/x').and.to.contain('GPU: no driver')
    const none = await failureOf(putToTest(async () => ({...reportOf('/x'), devices: [], tests: []}), {}))
    expect(none.message).to.contain('it has none')
  })

  it('says so when only files could be looked at', async () => {
    const missing = new NpuBridgeError('UNSUPPORTED_OPERATION', 'the native engine is missing')
    const {report, verification} = await putToTest(async () => {
      throw missing
    }, {})
    expect(report).to.equal(null)
    expect(verification).to.deep.equal({kind: 'files', reason: 'the native engine is missing'})
    expect(summarise(verification)).to.contain('only the files')
  })
})
