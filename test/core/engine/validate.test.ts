import {expect} from 'chai'

import type {Operation, SubmitOptions, Tensor} from '../../../src/core/engine/engine.ts'

import {
  checkMatrixMultiply,
  checkOperation,
  checkSubmitOptions,
  checkTensor,
  datatypeOf,
} from '../../../src/core/engine/validate.ts'

function matrix(rows: number, columns: number): Tensor {
  return {data: new Float32Array(rows * columns), shape: [rows, columns]}
}

describe('validate', () => {
  describe('checkOperation', () => {
    it('lets every well-formed operation pass', () => {
      const operations: Operation[] = [
        {type: 'initialize'},
        {type: 'load_model', model: 'm'},
        {type: 'unload_model', model: 'm'},
        {type: 'inference', model: 'm', inputs: {x: matrix(1, 2)}},
        {type: 'matrix_multiply', inputs: {a: matrix(2, 3), b: matrix(3, 4)}},
        {type: 'echo'},
        {type: 'health_check'},
        {type: 'benchmark', kind: 'echo', durationMs: 1},
        {type: 'statistics'},
        {type: 'route', description: 'text', agents: 'folder'},
        {type: 'workflow', tasks: [{id: 'a'}, {id: 'b', dependencies: ['a', 'nobody']}], maxParallel: 1},
      ]
      for (const operation of operations) checkOperation(operation)
    })

    it('names the known types for an unknown one', () => {
      expect(() => {
        checkOperation({type: 'toString'} as unknown as Operation)
      })
        .to.throw('there is no operation "toString"')
        .with.property('code', 'UNSUPPORTED_OPERATION')
    })

    const refusals: Array<[string, unknown, string, string]> = [
      ['a route without description', {type: 'route', description: ''}, 'INVALID_ARGUMENT', 'description is ""'],
      [
        'a route with a folder of no text',
        {type: 'route', description: 'x', agents: 7},
        'INVALID_ARGUMENT',
        'agents is 7',
      ],
      ['an inference without model', {type: 'inference', inputs: {}}, 'INVALID_ARGUMENT', 'model is undefined'],
      [
        'an inference with too few elements',
        {type: 'inference', model: 'm', inputs: {x: {data: new Float32Array(3), shape: [2, 2]}}},
        'SHAPE_MISMATCH',
        'inputs.x.shape is [2,2], which is 4 elements, but data has 3',
      ],
      ['a benchmark of nothing', {type: 'benchmark', kind: 'x', durationMs: 1}, 'INVALID_ARGUMENT', 'kind is "x"'],
      [
        'a benchmark without time',
        {type: 'benchmark', kind: 'echo', durationMs: NaN},
        'INVALID_ARGUMENT',
        'durationMs is null',
      ],
    ]
    for (const [name, operation, code, message] of refusals) {
      it(`refuses ${name}`, () => {
        expect(() => {
          checkOperation(operation as Operation)
        })
          .to.throw(message)
          .with.property('code', code)
      })
    }
  })

  describe('checkSubmitOptions', () => {
    it('lets no options, no wait and endless patience pass', () => {
      for (const options of [{}, {timeoutMs: 0}, {timeoutMs: Infinity, priority: 'low' as const}]) {
        checkSubmitOptions(options)
      }
    })

    for (const [options, message] of [
      [{priority: 'urgent'}, 'priority is "urgent", it must be one of low, normal, high, critical, realtime'],
      [{timeoutMs: -1}, 'timeoutMs is -1, it must be 0 milliseconds or more'],
      [{timeoutMs: NaN}, 'timeoutMs is null'],
    ] as const) {
      it(`refuses ${message}`, () => {
        expect(() => {
          checkSubmitOptions(options as unknown as SubmitOptions)
        })
          .to.throw(message)
          .with.property('code', 'INVALID_ARGUMENT')
      })
    }
  })

  describe('checkMatrixMultiply', () => {
    it('gives the sizes', () => {
      const operation = {type: 'matrix_multiply', inputs: {a: matrix(2, 3), b: matrix(3, 4)}} as const
      expect(checkMatrixMultiply(operation)).to.deep.equal({m: 2, k: 3, n: 4})
    })

    for (const [name, a, b, code] of [
      ['sizes that do not fit', matrix(2, 3), matrix(4, 3), 'SHAPE_MISMATCH'],
      ['a vector', {data: new Float32Array(3), shape: [3]}, matrix(3, 1), 'SHAPE_MISMATCH'],
      ['other numbers than FP32', matrix(1, 1), {data: new Float64Array(1), shape: [1, 1]}, 'DTYPE_MISMATCH'],
    ] as const) {
      it(`refuses ${name}`, () => {
        expect(() => checkMatrixMultiply({type: 'matrix_multiply', inputs: {a, b}}))
          .to.throw()
          .with.property('code', code)
      })
    }
  })

  describe('checkTensor', () => {
    it('refuses sizes that are negative or broken, and data that is no typed array', () => {
      for (const shape of [[-1], [1.5], [NaN]]) {
        expect(() => {
          checkTensor('x', {data: new Float32Array(1), shape})
        })
          .to.throw('x.shape')
          .with.property('code', 'SHAPE_MISMATCH')
      }

      expect(() => {
        checkTensor('x', {data: [1] as unknown as Float32Array, shape: [1]})
      }).to.throw('x.data')
    })

    it('takes a shape without sizes for a single element', () => {
      checkTensor('x', {data: new Float32Array(1), shape: []})
    })
  })

  describe('datatypeOf', () => {
    it('goes by what the tensor says, then by its array', () => {
      const arrays = {
        FP32: new Float32Array(),
        FP64: new Float64Array(),
        INT64: new BigInt64Array(),
        UINT64: new BigUint64Array(),
        INT8: new Int8Array(),
        INT16: new Int16Array(),
        INT32: new Int32Array(),
        UINT8: new Uint8Array(),
        UINT16: new Uint16Array(),
        UINT32: new Uint32Array(),
      }
      for (const [datatype, data] of Object.entries(arrays)) expect(datatypeOf({data, shape: [0]})).to.equal(datatype)
      expect(datatypeOf({data: new Uint16Array(), shape: [0], datatype: 'FP16'})).to.equal('FP16')
    })
  })
})
