import {expect} from 'chai'
import {z} from 'zod'

import {modelInterfaceSchema, runtimeReportSchema} from '../../../src/core/runtime/report.ts'
import {reportOf} from '../../support/child.ts'

describe('reports of the child process', () => {
  it('are taken as they are', () => {
    expect(runtimeReportSchema.parse(reportOf('/x'))).to.deep.equal(reportOf('/x'))
    const model = {inputs: [{name: 'x', datatype: 'FP32', shape: [1, -1]}], outputs: []}
    expect(modelInterfaceSchema.parse(model)).to.deep.equal(model)
  })

  it('are refused when a part is missing or of another kind', () => {
    expect(() => runtimeReportSchema.parse({version: '2026.4.1', folder: '/x'})).to.throw(z.ZodError)
    expect(() => runtimeReportSchema.parse({...reportOf('/x'), version: 2026})).to.throw(z.ZodError)
    expect(() =>
      modelInterfaceSchema.parse({inputs: [{name: 'x', datatype: 'FP32', shape: ['?']}], outputs: []}),
    ).to.throw()
  })
})
