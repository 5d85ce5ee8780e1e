import {expect} from 'chai'
import path from 'node:path'

import {defaultChild, describeModel, inspectRuntime, testDevice} from '../../../src/core/runtime/inspect.ts'
import {childProgram, reportOf, workingChild} from '../../support/child.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('inspectRuntime', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  async function failureWith(source: string, timeoutMs = 10_000) {
    const child = await childProgram(folder, source)
    return failureOf(inspectRuntime('/opt/runtime', {child, timeoutMs}))
  }

  it('gives what the child reports, whatever libraries print', async () => {
    const report = reportOf('/opt/runtime')
    const child = await childProgram(
      folder,
      `console.log('libraries talk'); console.error('much'); answer({value: ${JSON.stringify(report)}})`,
    )
    expect(await inspectRuntime('/opt/runtime', {child})).to.deep.equal(report)
  })

  it('believes an answer that came whole, even when the child dies while it takes the libraries down', async () => {
    const report = reportOf('/opt/runtime')
    const child = await childProgram(
      folder,
      `answer({value: ${JSON.stringify(report)}}); process.kill(process.pid, 'SIGSEGV')`,
    )
    expect(await inspectRuntime('/opt/runtime', {child})).to.deep.equal(report)
  })

  it('tests each device in a child of its own, so that one that crashes spoils nothing', async () => {
    const child = await workingChild(folder, path.join(folder, 'log'))
    const {tests} = await inspectRuntime('/opt/runtime', {child, functionalTest: true})
    expect(tests![0]).to.deep.equal({device: 'CPU', ok: true, computeUs: 12.5})
    expect(tests![1]).to.include({device: 'GPU', ok: false})
    expect(tests![1]!.error!.message).to.contain('SIGSEGV').and.to.contain('GPU')
  })

  it('turns a crash into an error with the signal and the last words', async () => {
    const error = await failureWith(
      String.raw`console.error('first\nlast words'); process.kill(process.pid, 'SIGSEGV')`,
    )
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.message).to.contain('/opt/runtime').and.to.contain('SIGSEGV').and.to.contain('last words')
  })

  it('turns an early exit into an error with the exit code', async () => {
    expect((await failureWith('process.exit(9)')).message).to.contain('exit code 9')
  })

  it('stops a child that hangs', async () => {
    const error = await failureWith("console.error('opening the device'); setInterval(() => {}, 1000)", 500)
    expect(error.code).to.equal('DEADLINE_EXCEEDED')
    expect(error.message).to.contain('500 ms').and.to.contain('opening the device')
  })

  it('does not believe rubbish', async () => {
    for (const source of [
      "fs.writeFileSync(3, 'hello')",
      'process.exit(0)',
      'answer({})',
      'answer({value: {version: 1}})',
      'fs.writeFileSync(3, \'{"value": {"version": "20\')',
    ]) {
      expect((await failureWith(source)).code, source).to.equal('PROTOCOL_ERROR')
    }
  })

  it('passes on what the runtime complained about, with its code', async () => {
    const error = await failureWith(
      "answer({error: {code: 'RUNTIME_NOT_FOUND', message: 'it is 2024.5.0', suggestions: ['npubridge setup']}})",
    )
    expect(error).to.include({code: 'RUNTIME_NOT_FOUND', message: 'it is 2024.5.0'})
    expect(error.suggestions).to.deep.equal(['npubridge setup'])
    expect((await failureWith("answer({error: {code: 'EWHAT', message: 'x'}})")).code).to.equal('INTERNAL')
  })

  it('tells that the child cannot be started', async () => {
    const child = {node: path.join(folder, 'no-node'), script: 'x'}
    expect((await failureOf(inspectRuntime('/opt/runtime', {child}))).message).to.contain('ENOENT')
  })

  it('stops when cancelled, in the test of a device too', async () => {
    const child = await childProgram(folder, 'setInterval(() => {}, 1000)')
    const signal = AbortSignal.timeout(200)
    expect((await failureOf(inspectRuntime('/opt/runtime', {child, signal}))).code).to.equal('CANCELLED')
    expect((await failureOf(testDevice('/opt/runtime', 'NPU', {child, signal}))).code).to.equal('CANCELLED')
  })

  it('describes a model', async () => {
    const child = await childProgram(
      folder,
      "answer({value: {inputs: [{name: request.model, datatype: 'FP32', shape: [1, -1]}], outputs: []}})",
    )
    expect(await describeModel('/opt/runtime', '/models/a.onnx', {child})).to.deep.equal({
      inputs: [{name: '/models/a.onnx', datatype: 'FP32', shape: [1, -1]}],
      outputs: [],
    })
  })

  it('reports through its own child that a folder holds no runtime, or that the native engine is missing', async () => {
    const error = await failureOf(inspectRuntime(folder))
    expect(error.code).to.be.oneOf(['RUNTIME_NOT_FOUND', 'UNSUPPORTED_OPERATION'])
    expect(path.basename(defaultChild().script)).to.match(/^inspect-child\.[jt]s$/)
  })
})
