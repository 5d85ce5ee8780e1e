import {expect} from 'chai'

import type {Engine, SignalOperation} from '../../../src/core/engine/engine.ts'

import {createBridge} from '../../../src/core/bridge.ts'
import {SIGNAL_KINDS} from '../../../src/core/signal/kinds.ts'
import {failureOf} from '../../support/failure.ts'

describe('signals through the native engine', () => {
  let engine: Engine

  before(async () => {
    const matlabConfig = {matlabRoot: '/nowhere/MATLAB'}
    engine = await createBridge({device: 'cpu', engine: 'native', config: {matlabConfig}})
  })

  after(async () => engine[Symbol.asyncDispose]())

  const signal = (operation: Omit<SignalOperation, 'type'>): SignalOperation => ({type: 'signal', ...operation})
  const samples = (...values: number[]) => ({data: Float64Array.from(values), shape: [values.length]})

  it('are processed in the type of the data, and say by whom', async () => {
    const result = await engine.submit(
      signal({operation: 'fft', parameters: {kind: 'rfft'}, data: {data: Float32Array.of(1, 2, 3, 4), shape: [4]}}),
    )
    expect(result.outputs!.spectrum!.shape).to.deep.equal([3, 2])
    expect([...(result.outputs!.spectrum!.data as Float32Array)]).to.deep.equal([10, 0, -2, 2, -2, 0])
    expect(result.outputs!.spectrum!.datatype).to.equal('FP32')
    expect(result.data).to.deep.equal({backend: 'native', reason: 'no device was asked for'})
    expect(result.device).to.equal(null)
  })

  it('are worked out where it is asked, or natively with the reason', async () => {
    const data = {data: Float32Array.of(1, 2, 3, 4), shape: [4]}
    const transform = {operation: 'fft', parameters: {kind: 'rfft'}, data} as const
    const onDevice = await engine.submit(signal({...transform, device: 'cpu'}))
    expect(onDevice.device).to.equal('CPU')
    expect(onDevice.data).to.deep.equal({backend: 'openvino', reason: 'device CPU was asked for'})
    expect([...(onDevice.outputs!.spectrum!.data as Float32Array)]).to.deep.equal([10, 0, -2, 2, -2, 0])
    const median = await engine.submit(
      signal({operation: 'filter', parameters: {kind: 'medfilt'}, data, device: 'cpu'}),
    )
    expect(median.data).to.deep.equal({
      backend: 'native',
      reason: 'filter medfilt, asked for like this, runs on backend native only',
    })
    const failure = await failureOf(engine.submit(signal({...transform, device: 'npu'})))
    expect(failure.code).to.equal('DEVICE_UNAVAILABLE')
    expect(failure.message).to.contain('device NPU is not one of this engine, which has CPU')
    const late = await failureOf(engine.submit(signal({...transform, backend: 'octave', timeLimitMs: 0})))
    expect(late.message).to.contain('time_limit_ms is 0')
  })

  it('tell where MATLAB was looked for', async () => {
    const failure = await failureOf(
      engine.submit(signal({operation: 'fft', parameters: {kind: 'fft'}, data: samples(1, 2), backend: 'matlab'})),
    )
    expect(failure.code).to.equal('RUNTIME_NOT_FOUND')
    expect(failure.message).to.match(/^MATLAB cannot be loaded; tried \/nowhere\/MATLAB \(matlab_root: no /)
  })

  it('run many steps in one operation', async () => {
    const {outputs} = await engine.submit(
      signal({
        steps: [
          {operation: 'filter', parameters: {kind: 'lfilter', b: [1, 1]}},
          {operation: 'filter', parameters: {kind: 'lfilter', b: [2]}},
        ],
        data: samples(1, 2, 3),
      }),
    )
    expect([...(outputs!.samples!.data as Float64Array)]).to.deep.equal([2, 6, 10])
  })

  it('take further samples by name', async () => {
    const {outputs} = await engine.submit(
      signal({
        operation: 'filter',
        parameters: {kind: 'convolve'},
        data: samples(1, 2),
        inputs: {in2: samples(1, 10)},
      }),
    )
    expect([...(outputs!.samples!.data as Float64Array)]).to.deep.equal([1, 12, 20])
  })

  it('keep the order and state of a stream, however many are on their way', async () => {
    const parameters = {kind: 'lfilter', b: [1], a: [1, -1]}
    const blocks = Array.from({length: 50}, async (_, index) =>
      engine.submit(
        signal({operation: 'filter', parameters, data: samples(1), stream: 'sum', endOfStream: index === 49}),
      ),
    )
    const sums = (await Promise.all(blocks)).map(({outputs}) => (outputs!.samples!.data as Float64Array)[0])
    expect(sums).to.deep.equal(Array.from({length: 50}, (_, index) => index + 1))
    const again = await engine.submit(signal({operation: 'filter', parameters, data: samples(1), stream: 'sum'}))
    expect([...(again.outputs!.samples!.data as Float64Array)]).to.deep.equal([1])
  })

  it('refuse other parameters in the middle of a stream', async () => {
    const block = async (b: number) =>
      engine.submit(
        signal({operation: 'filter', parameters: {kind: 'lfilter', b: [b]}, data: samples(1), stream: 'fixed'}),
      )
    await block(1)
    const error = await failureOf(block(2))
    expect(error.message).to.contain('stream "fixed" began with other steps or parameters')
  })

  it('tell the nearest name', async () => {
    const error = await failureOf(
      engine.submit(signal({operation: 'spectral', parameters: {kind: 'welch', nperseq: 4}, data: samples(1, 2)})),
    )
    expect(error.code).to.equal('INVALID_ARGUMENT')
    expect(error.suggestions).to.deep.equal(['did you mean "nperseg"?'])
  })

  it('have the kinds that are listed here', async () => {
    for (const [family, kinds] of Object.entries(SIGNAL_KINDS)) {
      const operation = family as SignalOperation['operation'] & string
      const error = await failureOf(engine.submit(signal({operation, parameters: {kind: 'none'}, data: samples(1)})))
      expect(error.message).to.contain(`which is none of ${kinds.join(', ')}`)
    }
  })
})
