import {expect} from 'chai'

import type {Engine, InferenceOperation, Operation} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {submitFramed} from '../../../src/core/framing/submit.ts'
import {failureOf} from '../../support/failure.ts'

/** An engine whose model gives the sum of its input, and whose steps double the samples. */
function summing(fails?: (index: number) => boolean) {
  const seen: Operation[] = []
  const engine: Pick<Engine, 'submit'> = {
    async submit(operation) {
      seen.push(operation)
      const base = {type: operation.type, device: 'CPU', engine: 'native', fallback: null} as const
      const times = {queueUs: 0, computeUs: 2, totalUs: 3}
      if (operation.type === 'signal') {
        const data = (operation.data.data as Float32Array).map((value) => 2 * value)
        const samples = {data, shape: operation.data.shape, datatype: 'FP32'} as const
        return {...base, ...times, outputs: {samples}}
      }

      if (fails?.(seen.length - 1)) throw new NpuBridgeError('DEVICE_LOST', 'it is lost')
      const {data} = Object.values((operation as InferenceOperation).inputs)[0]!
      const sum = (data as Float32Array).reduce((total, value) => total + value, 0)
      return {...base, ...times, outputs: {y: {data: Float32Array.of(sum), shape: [1, 1], datatype: 'FP32'}}}
    },
  }
  return {engine, seen: seen as InferenceOperation[]}
}

const recording = (...values: number[]): InferenceOperation => ({
  type: 'inference',
  model: 'm',
  inputs: {x: {data: Float32Array.from(values), shape: [1, values.length]}},
})

describe('submitFramed', () => {
  it('cuts frames with what was before them, in order as one stream that ends', async () => {
    const {engine, seen} = summing()
    const result = await submitFramed(engine, recording(1, 2, 3, 4, 5), {length: 2, context: 1}, {})
    expect(seen.map(({inputs}) => [...(inputs.x!.data as Float32Array)])).to.deep.equal([
      [0, 1, 2],
      [2, 3, 4],
      [4, 5, 0],
    ])
    expect(new Set(seen.map(({stream}) => stream)).size).to.equal(1)
    expect(seen.map(({endOfStream}) => endOfStream ?? false)).to.deep.equal([false, false, true])
    expect(result.outputs!.y!.shape).to.deep.equal([3, 1])
    expect([...(result.outputs!.y!.data as Float32Array)]).to.deep.equal([3, 9, 9])
    expect(result).to.deep.include({data: {frames: 3}, computeUs: 6, device: 'CPU'})
  })

  it('leaves a named stream open, and has names of its own for others', async () => {
    const {engine, seen} = summing()
    await submitFramed(engine, {...recording(1), stream: 's'}, {length: 1}, {})
    await submitFramed(engine, {...recording(1), stream: 's', endOfStream: true}, {length: 1}, {})
    await submitFramed(engine, recording(1), {length: 1}, {})
    await submitFramed(engine, recording(1), {length: 1}, {})
    expect(seen.map(({endOfStream}) => endOfStream ?? false)).to.deep.equal([false, true, true, true])
    expect(new Set(seen.map(({stream}) => stream)).size).to.equal(3)
  })

  it('prepares the samples by steps, and finds segments', async () => {
    const {engine} = summing()
    const steps = [{operation: 'filter', parameters: {kind: 'lfilter', b: [2]}}] as const
    const framing = {length: 1, steps: [...steps], segments: {fs: 1, min_speech_duration_ms: 0, speech_pad_ms: 0}}
    const {data, outputs} = await submitFramed(engine, recording(0, 0.3, 0.4, 0, 0), framing, {})
    const [y] = Object.values(outputs!)
    expect([...(y!.data as Float32Array)].map((value) => value.toFixed(1))).to.deep.equal([
      '0.0',
      '0.6',
      '0.8',
      '0.0',
      '0.0',
    ])
    expect(data).to.deep.equal({frames: 5, segments: [{start: 1, end: 3}]})
  })

  it('tells which frame failed', async () => {
    const {engine} = summing((index) => index === 1)
    const error = await failureOf(submitFramed(engine, recording(1, 2, 3), {length: 1}, {}))
    expect(error).to.include({code: 'DEVICE_LOST', message: 'frame 2 of 3: it is lost'})
  })

  it('refuses several channels, several tensors, and nothing', async () => {
    const {engine} = summing()
    const two = {data: new Float32Array(4), shape: [2, 2]}
    for (const [inputs, message] of [
      [{x: two}, 'the samples have shape [2, 2], frames are cut from one channel'],
      [{x: {data: new Float32Array(0), shape: [0]}}, 'the samples have shape [0], frames are cut from one channel'],
      [{x: two, y: two}, 'inputs has 2 tensors, frames are cut from one'],
      [{}, 'inputs has 0 tensors, frames are cut from one'],
    ] as const) {
      const error = await failureOf(submitFramed(engine, {...recording(1), inputs}, {length: 1}, {}))
      expect(error.message).to.equal(message)
    }
  })
})
