import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import {readRequest, type Rejection, type Request, type RequestOptions} from '../../../src/core/run/request.ts'
import {TensorFiles} from '../../../src/core/run/tensor-files.ts'
import {checkError} from './expect-error.ts'
import {temporaryFolder} from './temporary-folder.ts'

const bytesOf = (line: unknown) =>
  Buffer.isBuffer(line) ? line : Buffer.from(typeof line === 'string' ? line : JSON.stringify(line))

describe('readRequest', () => {
  const folder = temporaryFolder()

  async function accepted(line: unknown, options: Partial<RequestOptions> = {}): Promise<Request> {
    const reading = await readRequest(bytesOf(line), 17, {
      files: new TensorFiles({folder: folder()}),
      folder: folder(),
      ...options,
    })
    if ('error' in reading) throw reading.error
    return reading
  }

  async function rejected(line: unknown, options: Partial<RequestOptions> = {}): Promise<Rejection> {
    const reading = await readRequest(bytesOf(line), 17, {
      files: new TensorFiles({folder: folder()}),
      folder: folder(),
      ...options,
    })
    if ('error' in reading) return reading
    throw new Error('was accepted')
  }

  const input = {data: [1, 2], shape: [1, 2]}

  it('takes frames where they are known', async () => {
    const line = {type: 'inference', model: 'm', inputs: {x: input}, frames: {length: 2, context: 1}}
    const {frames} = await accepted(line, {framed: true})
    expect(frames).to.deep.equal({length: 2, context: 1})
    const elsewhere = await rejected(line)
    expect(elsewhere.error.message).to.equal('frames is not accepted here')
    for (const [wrong, message] of [
      [{length: 0}, 'frames.length is 0, it must be at least 1'],
      [{length: 2, contxt: 1}, 'frames.contxt is not a field of this operation'],
      [{length: 2, segments: {}}, 'frames.segments.fs is missing'],
      [{length: 2, steps: [{operation: 'fir'}]}, 'frames.steps[0].operation is "fir", it must be one of fft'],
    ] as const) {
      const {error} = await rejected({...line, frames: wrong}, {framed: true})
      expect(error.message).to.contain(message)
    }
  })

  it('makes an inference of all that a line can say', async () => {
    const line = {
      end_of_stream: true,
      id: 'a1',
      inputs: {input: {data: [0.5, 1], datatype: 'FP32', shape: [1, 2]}, sr: {data: 16_000, datatype: 'INT64'}},
      model: 'silero-vad',
      outputs: ['output'],
      priority: 'high',
      stream: 'mic-1',
      timeout_ms: 50,
      type: 'inference',
    }
    expect(await accepted(line)).to.deep.equal({
      id: 'a1',
      operation: {
        endOfStream: true,
        inputs: {
          input: {data: Float32Array.of(0.5, 1), datatype: 'FP32', shape: [1, 2]},
          sr: {data: BigInt64Array.of(16_000n), datatype: 'INT64', shape: []},
        },
        model: 'silero-vad',
        stream: 'mic-1',
        type: 'inference',
      },
      options: {priority: 'high', timeoutMs: 50},
      outputs: ['output'],
    })
  })

  it('makes every other operation', async () => {
    const operationOf = async (line: object) => (await accepted(line)).operation
    expect(await operationOf({type: 'initialize'})).to.deep.equal({type: 'initialize'})
    expect(await operationOf({type: 'health_check'})).to.deep.equal({type: 'health_check'})
    expect(await operationOf({type: 'statistics'})).to.deep.equal({type: 'statistics'})
    expect(await operationOf({model: 'm', shapes: {x: [1, 2]}, type: 'load_model'})).to.deep.equal({
      model: 'm',
      shapes: {x: [1, 2]},
      type: 'load_model',
    })
    expect(await operationOf({model: 'm', type: 'unload_model'})).to.deep.equal({model: 'm', type: 'unload_model'})
    expect(await operationOf({data: {x: [1]}, type: 'echo'})).to.deep.equal({data: {x: [1]}, type: 'echo'})
    expect(await operationOf({type: 'echo'})).to.deep.equal({type: 'echo'})
    expect(await operationOf({data: null, type: 'echo'})).to.deep.equal({data: null, type: 'echo'})
    expect(await operationOf({duration_ms: 5, kind: 'echo', type: 'benchmark'})).to.deep.equal({
      durationMs: 5,
      kind: 'echo',
      type: 'benchmark',
    })
    expect(await operationOf({agents: 'a', description: 'd', type: 'route'})).to.deep.equal({
      agents: path.join(folder(), 'a'),
      description: 'd',
      type: 'route',
    })
    expect(await operationOf({inputs: {a: {data: [[1]]}, b: {data: [[2]]}}, type: 'matrix_multiply'})).to.deep.equal({
      inputs: {
        a: {data: Float32Array.of(1), datatype: 'FP32', shape: [1, 1]},
        b: {data: Float32Array.of(2), datatype: 'FP32', shape: [1, 1]},
      },
      type: 'matrix_multiply',
    })
  })

  it('makes a signal of its data, further samples and steps', async () => {
    const steps = [{operation: 'filter', parameters: {kind: 'convolve'}}]
    const samples = {data: [1, 2], datatype: 'FP64', shape: [2]}
    const line = {type: 'signal', steps, data: samples, inputs: {in2: samples}, stream: 's', end_of_stream: true}
    const tensor = {data: Float64Array.of(1, 2), datatype: 'FP64', shape: [2]}
    expect((await accepted(line)).operation).to.deep.equal({
      type: 'signal',
      steps,
      data: tensor,
      inputs: {in2: tensor},
      stream: 's',
      endOfStream: true,
    })
    const wrong = await rejected({type: 'signal', operation: 'fft', data: {...samples, shape: [3]}})
    expect(wrong.error.message).to.match(/^data/)
    expect((await rejected({type: 'signal', operation: 'fft'})).error.message).to.equal('data is missing')
  })

  it('takes the number of the line for an id where there is none', async () => {
    expect((await accepted({type: 'echo'})).id).to.equal(17)
    expect((await rejected('nonsense')).id).to.equal(17)
    expect((await rejected({id: 'a', type: 'nonsense'})).id).to.equal('a')
  })

  it('fills in what the line does not say, and lets it say otherwise', async () => {
    const defaults = {model: 'default', priority: 'low', timeoutMs: 9} as const
    const filled = await accepted({inputs: {input}, type: 'inference'}, {defaults})
    expect(filled.operation).to.include({model: 'default'})
    expect(filled.options).to.deep.equal({priority: 'low', timeoutMs: 9})
    const own = await accepted(
      {inputs: {input}, model: 'own', priority: 'realtime', timeout_ms: 1, type: 'inference'},
      {defaults},
    )
    expect(own.operation).to.include({model: 'own'})
    expect(own.options).to.deep.equal({priority: 'realtime', timeoutMs: 1})
    expect((await accepted({duration_ms: 1, kind: 'inference', type: 'benchmark'}, {defaults})).operation).to.include({
      model: 'default',
    })
    expect(
      (await accepted({duration_ms: 1, kind: 'echo', type: 'benchmark'}, {defaults})).operation,
    ).to.not.have.property('model')
  })

  it('takes a path to a model as relative to the folder of the lines, a name as it is', async () => {
    const modelOf = async (model: string) =>
      ((await accepted({model, type: 'unload_model'})).operation as {model: string}).model
    expect(await modelOf('silero-vad')).to.equal('silero-vad')
    expect(await modelOf('my.onnx')).to.equal(path.join(folder(), 'my.onnx'))
    expect(await modelOf('../x/my')).to.equal(path.resolve(folder(), '../x/my'))
    expect(await modelOf('/abs/my.xml')).to.equal('/abs/my.xml')
  })

  it('keeps 64-bit integers in tensors, ids and echoed data', async () => {
    const text =
      '{"id": 9007199254740993, "type": "inference", "model": "m", "inputs": {"x": {"data": [9223372036854775807, -9223372036854775808, 1], "datatype": "INT64", "shape": [3]}}}'
    const {id, operation} = await accepted(text)
    expect(id).to.equal(9_007_199_254_740_993n)
    expect(operation)
      .to.have.nested.property('inputs.x.data')
      .that.deep.equals(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 1n))
    const unsigned = await accepted(
      '{"type": "inference", "model": "m", "inputs": {"x": {"data": [18446744073709551615], "datatype": "UINT64"}}}',
    )
    expect(unsigned.operation)
      .to.have.nested.property('inputs.x.data')
      .that.deep.equals(BigUint64Array.of(2n ** 64n - 1n))
    const echo = await accepted('{"type": "echo", "data": {"x": [9007199254740993, 0.1234567890123456789]}}')
    expect(echo.operation).to.deep.equal({data: {x: [9_007_199_254_740_993n, 0.12345678901234568]}, type: 'echo'})
  })

  it('names a 64-bit integer that does not fit by its exact digits', async () => {
    const {error} = await rejected(
      '{"type": "inference", "model": "m", "inputs": {"x": {"data": [9223372036854775808], "datatype": "INT64"}}}',
    )
    checkError(error, 'INVALID_ARGUMENT', /inputs\.x\.data\[0\] is 9223372036854775808, but INT64 takes/)
  })

  it('gives large buffers of its own away, and no others', async () => {
    const large = Array.from({length: 20_000}, () => 0.5)
    expect((await accepted({inputs: {x: {data: large}}, model: 'm', type: 'inference'})).operation).to.include({
      transfer: true,
    })
    expect((await accepted({inputs: {x: input}, model: 'm', type: 'inference'})).operation).to.not.have.property(
      'transfer',
    )
    writeFileSync(path.join(folder(), 'x.bin'), Buffer.alloc(4))
    const shared = {datatype: 'FP32', file: 'x.bin', shape: [1]}
    expect(
      (await accepted({inputs: {x: {data: large}, y: shared}, model: 'm', type: 'inference'})).operation,
    ).to.not.have.property('transfer')
  })

  it('says which model, input or field is missing or unknown', async () => {
    const problemOf = async (line: unknown, code = 'INVALID_ARGUMENT') => {
      const {error} = await rejected(line)
      expect(error.code).to.equal(code)
      return error.message
    }

    expect(await problemOf({inputs: {}, type: 'inference'})).to.equal('model is missing')
    expect(await problemOf({model: 'm', type: 'inference'})).to.equal('inputs is missing')
    expect(await problemOf({inputs: [1], model: 'm', type: 'inference'})).to.equal(
      'inputs is an array of 1 element, it must be an object of tensors by input name',
    )
    expect(await problemOf({inputs: {x: [1]}, model: 'm', type: 'inference'})).to.equal(
      'inputs.x is an array of 1 element, it must be an object',
    )
    expect(await problemOf({inputs: {x: {...input, dtype: 'FP32'}}, model: 'm', type: 'inference'})).to.equal(
      'inputs.x.dtype is not a field of a tensor',
    )
    expect(await problemOf({inputs: {x: {data: [1], file: 'x.npy'}}, model: 'm', type: 'inference'})).to.equal(
      'inputs.x.data is not a field of a tensor',
    )
    expect(await problemOf({inputs: {a: input}, type: 'matrix_multiply'})).to.equal('inputs.b is missing')
    expect(await problemOf({inputs: {a: input, b: input, c: input}, type: 'matrix_multiply'})).to.equal(
      'inputs.c is not an input of this operation',
    )
    expect(await problemOf({end_of_stream: true, inputs: {}, model: 'm', type: 'inference'})).to.equal(
      'end_of_stream is set, but "stream" is missing',
    )
    expect(await problemOf({duration_ms: 1, kind: 'echo', model: 'm', type: 'benchmark'})).to.equal(
      'model is given, but a benchmark of echo has none',
    )
    expect(await problemOf('{"type":"inference","model":"m","inputs":{"__proto__":{"data":[1]}}}')).to.equal(
      'inputs.__proto__ is not a name that an input can have',
    )
    expect(await problemOf({inputs: {x: {file: 5}}, model: 'm', type: 'inference'})).to.equal(
      'inputs.x.file is 5, it must be a path',
    )
    expect(await problemOf({inputs: {x: {file: 'x', offset: 0.5}}, model: 'm', type: 'inference'})).to.equal(
      'inputs.x.offset is 0.5, it must be a whole number of elements',
    )
    expect(await problemOf({inputs: {x: {file: 'x', pad: 1}}, model: 'm', type: 'inference'})).to.equal(
      'inputs.x.pad is 1, it must be true or false',
    )
  })

  it('refuses files where none are accepted', async () => {
    const reading = await readRequest(bytesOf({inputs: {x: {file: 'x.npy'}}, model: 'm', type: 'inference'}), 1, {
      folder: '/',
    })
    checkError(
      (reading as Rejection).error,
      'INVALID_ARGUMENT',
      'inputs.x.file names a file, which is not accepted here',
    )
  })

  it('reports the wrong input of a line whose other input is still being read', async () => {
    writeFileSync(path.join(folder(), 'x.bin'), Buffer.alloc(2 * 1024 * 1024))
    const large = {datatype: 'UINT8', file: 'x.bin', shape: [1]}
    const {error} = await rejected({inputs: {x: large, y: 5}, model: 'm', type: 'inference'})
    checkError(error, 'INVALID_ARGUMENT', /inputs\.y is 5/)
    checkError((await rejected({inputs: {x: large}, model: 'm', type: 'inference'})).error, 'SHAPE_MISMATCH', /2097152/)
  })

  it('refuses a window that no memory could hold', async () => {
    writeFileSync(path.join(folder(), 'x.bin'), Buffer.alloc(4))
    const {error} = await rejected({
      inputs: {x: {datatype: 'FP32', file: 'x.bin', pad: true, shape: [2 ** 50]}},
      model: 'm',
      type: 'inference',
    })
    checkError(error, 'RESOURCE_EXHAUSTED', /does not fit into memory/)
  })

  it('names the byte that is not UTF-8, wherever it stands', async () => {
    const invalid = async (...pieces: Array<number | string>) => {
      const bytes = Buffer.concat(
        pieces.map((piece) => (typeof piece === 'number' ? Buffer.from([piece]) : Buffer.from(piece))),
      )
      const {error} = await rejected(bytes)
      expect(error.code).to.equal('PROTOCOL_ERROR')
      expect(error.suggestions[0]).to.contain('iconv')
      return error.message
    }

    expect(await invalid('{"type": "echo", "data": "', 0xe9, '"}')).to.equal('not UTF-8 at byte 27 of the line (0xe9)')
    expect(await invalid(0xff, 0xfe, '{')).to.equal('not UTF-8 at byte 1 of the line (0xff)')
    expect(await invalid('é', 0x80)).to.equal('not UTF-8 at byte 3 of the line (0x80)')
    expect(await invalid('ab', 0xc3)).to.equal('not UTF-8 at byte 3 of the line (0xc3)')
  })
})
