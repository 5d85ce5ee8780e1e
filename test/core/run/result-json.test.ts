import {expect} from 'chai'
import fc from 'fast-check'

import type {OperationResult, OutputTensor} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {ByteWriter} from '../../../src/core/run/byte-writer.ts'
import {appendFailure, appendSuccess, type Success} from '../../../src/core/run/result-json.ts'
import {errorOf} from './expect-error.ts'
import {tensor} from './fake-engine.ts'

const RESULT: OperationResult = {
  computeUs: 95,
  device: 'CPU',
  engine: 'native',
  fallback: null,
  queueUs: 3,
  totalUs: 101,
  type: 'inference',
}

function write(success: Partial<Success>, nonFinite: 'error' | 'string' = 'error'): string {
  const writer = new ByteWriter(16)
  appendSuccess(writer, {id: 'a1', result: RESULT, ...success}, nonFinite)
  return writer.take(16).toString()
}

const withOutputs = (outputs: Record<string, OutputTensor>): Partial<Success> => ({result: {...RESULT, outputs}})
const withData = (data: unknown): Partial<Success> => ({result: {...RESULT, data}})

describe('appendSuccess', () => {
  it('writes tensors, device, engine and times in one line', () => {
    expect(write(withOutputs({output: tensor(Float32Array.of(0.1, -2), 'FP32', [1, 2])}))).to.equal(
      '{"id":"a1","ok":true,"outputs":{"output":{"data":[0.1,-2],"shape":[1,2],"datatype":"FP32"}},' +
        '"device":"CPU","engine":"native","fallback":null,"queue_us":3,"compute_us":95,"total_us":101}\n',
    )
  })

  it('writes data of operations without tensors', () => {
    expect(write(withData({status: 'ok'}))).to.contain('"ok":true,"data":{"status":"ok"},"device":"CPU"')
    expect(write(withData(null))).to.contain('"data":null')
    expect(write({})).to.equal(
      '{"id":"a1","ok":true,"device":"CPU","engine":"native","fallback":null,"queue_us":3,"compute_us":95,"total_us":101}\n',
    )
  })

  it('says null for a device that there is none of, and what a fallback was', () => {
    const fallback = {from: 'NPU', reason: 'not "permitted"', to: 'CPU'}
    const line = JSON.parse(write({result: {...RESULT, device: null, fallback, queueUs: 2.6}})) as object
    expect(line).to.deep.include({
      device: null,
      fallback: {from: 'NPU', to: 'CPU', reason: 'not "permitted"'},
      queue_us: 3,
    })
  })

  it('gives the id back as it came', () => {
    expect(write({id: 7})).to.match(/^\{"id":7,/)
    expect(write({id: 9_007_199_254_740_993n})).to.match(/^\{"id":9007199254740993,/)
    expect(write({id: 'ü"\n'})).to.contain(String.raw`{"id":"ü\"\n",`)
  })

  it('writes 64-bit integers exactly and 16-bit floats as their patterns', () => {
    const line = write(
      withOutputs({
        a: tensor(BigInt64Array.of(9_223_372_036_854_775_807n, -5n), 'INT64'),
        b: tensor(BigUint64Array.of(18_446_744_073_709_551_615n), 'UINT64'),
        c: tensor(Uint16Array.of(0x7c_00, 15_360), 'FP16'),
        d: tensor(Uint8Array.of(0, 1), 'BOOL'),
      }),
    )
    expect(line).to.contain('"a":{"data":[9223372036854775807,-5],"shape":[2],"datatype":"INT64"}')
    expect(line).to.contain('"b":{"data":[18446744073709551615]')
    expect(line).to.contain('"c":{"data":[31744,15360],"shape":[2],"datatype":"FP16"}')
    expect(line).to.contain('"d":{"data":[0,1],"shape":[2],"datatype":"BOOL"}')
  })

  it('writes large integers of data exactly', () => {
    expect(write(withData({count: 2n ** 63n, list: [1n]}))).to.contain(
      '"data":{"count":9223372036854775808,"list":[1]}',
    )
  })

  it('refuses non-finite values, naming tensor and index, and writes nothing', () => {
    const writer = new ByteWriter(16)
    const success = {
      id: 1,
      ...withOutputs({ok: tensor(Float32Array.of(1), 'FP32'), 'x.y': tensor(Float32Array.of(0, NaN), 'FP32')}),
    }
    const error = errorOf(
      () => {
        appendSuccess(writer, success as Success, 'error')
      },
      'INVALID_ARGUMENT',
      'outputs["x.y"].data[1] is NaN, which JSON cannot say',
    )
    expect(error.suggestions.join('\n')).to.contain('--nonfinite string').and.contain('--output-dir')
    expect(writer.length).to.equal(0)
    errorOf(
      () => write(withData({deep: [{x: -Infinity}]})),
      'INVALID_ARGUMENT',
      'data: "x" is -Infinity, which JSON cannot say',
    )
  })

  it('writes non-finite values as strings where that is asked for', () => {
    const line = write(withOutputs({x: tensor(Float64Array.of(NaN, -Infinity, Infinity, 0.1), 'FP64')}), 'string')
    expect(line).to.contain('"data":["NaN","-Infinity","Infinity",0.1]')
    expect(write(withData([NaN, null, 1]), 'string')).to.contain('"data":["NaN",null,1]')
  })

  it('keeps nulls in data', () => {
    expect(write(withData({a: null}))).to.contain('"data":{"a":null}')
  })

  it('refuses data that is nested too deeply', () => {
    let data: unknown = 1
    for (let depth = 0; depth < 100_000; depth++) data = [data]
    errorOf(() => write(withData(data)), 'INVALID_ARGUMENT', /nested too deeply/)
  })

  it('writes what was saved instead of numbers', () => {
    const saved = {output: {datatype: 'FP32', file: 'out/a1.output.npy', shape: [1]}}
    expect(JSON.parse(write({...withOutputs({}), saved}))).to.deep.include({outputs: saved})
  })

  it('writes tensors of any length', () => {
    const data = Float32Array.from({length: 50_000}, () => Math.random() - 0.5)
    const line = JSON.parse(write(withOutputs({x: tensor(data, 'FP32')}))) as {outputs: {x: {data: number[]}}}
    expect(Float32Array.from(line.outputs.x.data)).to.deep.equal(data)
    const integers = Int32Array.from({length: 9000}, (_, index) => index * -7)
    const other = JSON.parse(write(withOutputs({x: tensor(integers, 'INT32')}))) as {outputs: {x: {data: number[]}}}
    expect(Int32Array.from(other.outputs.x.data)).to.deep.equal(integers)
  })

  it('writes JSON whatever the names and the data are', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), fc.string({unit: 'binary'}), fc.jsonValue(), (id, name, data) => {
        const line = JSON.parse(
          write({id, result: {...RESULT, data, outputs: {[name]: tensor(Int8Array.of(1), 'INT8')}}}),
        ) as {
          data: unknown
          id: string
          outputs: object
        }
        // What UTF-8 cannot carry, a lone surrogate, is escaped by JSON.
        expect(line.id).to.equal(id)
        expect(Object.keys(line.outputs)).to.deep.equal([name])
        expect(JSON.stringify(line.data)).to.equal(JSON.stringify(data))
      }),
    )
  })
})

describe('appendFailure', () => {
  it('writes code, message, suggestions and line', () => {
    const writer = new ByteWriter(16)
    const error = new NpuBridgeError('SHAPE_MISMATCH', 'wrong "shape"', {
      cause: new Error('x'),
      suggestions: ['try this'],
    })
    appendFailure(writer, {error, id: 'a', line: 3})
    expect(writer.take(1).toString()).to.equal(
      '{"id":"a","ok":false,"error":{"code":"SHAPE_MISMATCH","message":"wrong \\"shape\\"","suggestions":["try this"]},"line":3}\n',
    )
  })
})
