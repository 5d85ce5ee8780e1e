import {expect} from 'chai'
import {once} from 'node:events'
import {deflateSync, gzipSync} from 'node:zlib'

import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {ask, binaryBody, inferBody, rawConnection, type TestServer, testServer, until} from '../server.ts'

const INFER = '/v2/models/net/infer'
const ROWS = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const BYTES = new Uint8Array(ROWS.buffer)

function input(extra: object = {}): object {
  return {name: 'input', datatype: 'FP32', shape: [2, 4], parameters: {binary_data_size: 32}, ...extra}
}

describe('inference over HTTP', () => {
  let server: TestServer
  /** For tests that are made in loops. */
  const current = () => server

  beforeEach(async () => {
    server = await testServer()
  })

  afterEach(async () => {
    await server[Symbol.asyncDispose]()
  })

  it('takes and gives JSON', async () => {
    const {json, status} = await ask(server, INFER, {body: inferBody({id: 'a'})})
    expect(status).to.equal(200)
    expect(json).to.deep.include({id: 'a', model_name: 'net', model_version: '1'})
    expect(json.outputs).to.deep.equal([
      {name: 'output', datatype: 'FP32', shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8]},
    ])
  })

  it('takes nested numbers', async () => {
    const nested = {
      inputs: [
        {
          name: 'input',
          datatype: 'FP32',
          shape: [2, 2],
          data: [
            [1, 2],
            [3, 4],
          ],
        },
      ],
    }
    const {json} = await ask(server, INFER, {body: nested})
    expect((json.outputs as Array<{data: number[]}>)[0]!.data).to.deep.equal([1, 2, 3, 4])
  })

  for (const pad of ['', ' ', '  ', '   ']) {
    it(`takes and gives bytes behind JSON of any length (${pad.length})`, async () => {
      const request = {inputs: [input()], parameters: {binary_data_output: true}}
      const {bytes, headers, status} = await ask(current(), INFER, binaryBody(JSON.stringify(request) + pad, BYTES))
      expect(status).to.equal(200)
      const length = Number(headers['inference-header-content-length'])
      const json = JSON.parse(bytes.toString('utf8', 0, length)) as {outputs: object[]}
      expect(json.outputs).to.deep.equal([
        {name: 'output', datatype: 'FP32', shape: [2, 4], parameters: {binary_data_size: 32}},
      ])
      expect([...bytes.subarray(length)]).to.deep.equal([...BYTES])
    })
  }

  it('takes nothing but bytes for a model with one input', async () => {
    const {status} = await ask(server, INFER, {
      body: Buffer.from(BYTES),
      headers: {'inference-header-content-length': '0'},
    })
    expect(status).to.equal(200)
    expect(server.engine.of('inference')[0]!.inputs.input!.shape).to.deep.equal([2, 4])
  })

  it('gives the memory of large outputs back once they are sent, and none that others have a part of', async () => {
    const rows = new Uint8Array(new Float32Array(4 * 20_000).fill(0.5).buffer)
    // This engine's output is the input, which is all of the body here, and a part of it there.
    const alone = await ask(server, INFER, {
      body: Buffer.from(rows),
      headers: {'inference-header-content-length': '0'},
    })
    const head = {
      inputs: [input({shape: [20_000, 4], parameters: {binary_data_size: rows.length}})],
      parameters: {binary_data_output: true},
    }
    const shared = await ask(server, INFER, binaryBody(JSON.stringify(head), rows))
    for (const {bytes, status} of [alone, shared]) {
      expect(status).to.equal(200)
      expect(bytes.subarray(-rows.length).equals(rows)).to.equal(true)
    }

    const buffers = server.engine.of('inference').map(({inputs}) => inputs.input!.data.buffer as ArrayBuffer)
    await until(() => buffers[0]!.detached, 'its memory to be given back')
    expect(buffers[1]!.detached).to.equal(false)
  })

  it('gives a large input away instead of copying it', async () => {
    const rows = new Float32Array(4 * 20_000).fill(0.5)
    const request = {inputs: [input({shape: [20_000, 4], parameters: {binary_data_size: rows.byteLength}})]}
    await ask(
      server,
      INFER,
      binaryBody({...request, parameters: {binary_data_output: true}}, new Uint8Array(rows.buffer)),
    )
    const [operation] = server.engine.of('inference')
    expect(operation!.transfer).to.equal(true)
    expect(operation!.inputs.input!.data).to.deep.equal(rows)
  })

  for (const [name, compress] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const) {
    it(`takes a body compressed with ${name}, and compresses what is large enough`, async () => {
      const rows = new Float32Array(4 * 1000)
      const {body, headers} = binaryBody(
        {
          inputs: [input({shape: [1000, 4], parameters: {binary_data_size: rows.byteLength}})],
          parameters: {binary_data_output: true},
        },
        new Uint8Array(rows.buffer),
      )
      const answer = await ask(current(), INFER, {
        body: compress(body),
        headers: {...headers, 'accept-encoding': name, 'content-encoding': name},
      })
      expect(answer.status).to.equal(200)
      expect(answer.headers['content-encoding']).to.equal(name)
      expect(answer.bytes.length).to.be.lessThan(1000)
    })
  }

  it('maps priorities, and microseconds to a deadline', async () => {
    for (const priority of [0, 1, 2, 3, 4, 5]) {
      await ask(server, INFER, {body: inferBody({parameters: {priority, timeout: 1500}})})
    }

    const options = server.engine.submissions.filter(({operation}) => operation.type === 'inference')
    expect(options.map(({options: {priority}}) => priority)).to.deep.equal([
      'normal',
      'realtime',
      'critical',
      'high',
      'normal',
      'low',
    ])
    expect(options[0]!.options.timeoutMs).to.equal(1.5)
  })

  it('takes a client that closes its own half for gone', async () => {
    server.engine.gate = new Promise(() => {})
    const {closed, received, socket} = await rawConnection(server)
    const body = JSON.stringify(inferBody())
    socket.write(`POST ${INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await until(() => server.engine.of('inference').length === 1, 'the operation is submitted')
    socket.end()
    await closed
    await until(() => server.engine.cancelled === 1, 'the operation is cancelled')
    await until(() => server.running.metrics.inFlight === 0, 'nothing is in flight')
    expect(received()).to.equal('')
    socket.destroy()
  })

  it('cancels the operation of a client that goes away', async () => {
    server.engine.gate = new Promise(() => {})
    const {socket} = await rawConnection(server)
    const body = JSON.stringify(inferBody())
    socket.write(`POST ${INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await until(() => server.engine.of('inference').length === 1, 'the operation is submitted')
    socket.destroy()
    await until(() => server.engine.cancelled === 1, 'the operation is cancelled')
    await until(() => server.running.metrics.inFlight === 0, 'nothing is in flight')
  })

  describe('refuses', () => {
    const cases: Record<string, {body: Buffer | object | string; status?: number; says: string}> = {
      'malformed JSON, with the place': {body: '{"inputs": [}', says: 'not JSON at column 13'},
      'what is no object': {body: '[]', says: 'the request is an array'},
      'no inputs': {body: {}, says: 'inputs is missing'},
      'inputs that are no array': {body: {inputs: {}}, says: 'inputs is an object'},
      'an input without a name': {body: {inputs: [{datatype: 'FP32', shape: [1], data: [1]}]}, says: 'inputs[0].name'},
      'the name that would set a prototype': {
        body: '{"inputs":[{"name":"__proto__","datatype":"FP32","shape":[1],"data":[1]}]}',
        says: 'inputs[0].name is "__proto__"',
      },
      'a name for the second time': {
        body: {inputs: [0, 1].map(() => ({name: 'input', datatype: 'FP32', shape: [1], data: [1]}))},
        says: 'for the second time',
      },
      'an unknown datatype, with the nearest': {
        body: {inputs: [{name: 'input', datatype: 'FP33', shape: [1], data: [1]}]},
        says: 'inputs.input.datatype is "FP33"',
      },
      'a shape whose product overflows': {
        body: {
          inputs: [
            {name: 'input', datatype: 'FP32', shape: [2_147_483_647, 2_147_483_647, 2_147_483_647, 8], data: []},
          ],
        },
        says: 'elements',
      },
      'a product that a zero would hide': {
        body: {inputs: [{name: 'input', datatype: 'FP32', shape: [2_147_483_647, 2_147_483_647, 0], data: []}]},
        says: 'elements',
      },
      'a size beyond 31 bits': {
        body: {inputs: [{name: 'input', datatype: 'FP32', shape: [4_294_967_297], data: [1]}]},
        says: 'inputs.input.shape[0] is 4294967297',
      },
      'a negative size': {body: {inputs: [{name: 'input', datatype: 'FP32', shape: [-1], data: []}]}, says: 'is -1'},
      'too many dimensions': {
        body: {inputs: [{name: 'input', datatype: 'FP32', shape: Array.from({length: 65}, () => 1), data: [1]}]},
        says: '65 dimensions',
      },
      'fewer numbers than the shape takes': {
        body: {inputs: [{name: 'input', datatype: 'FP32', shape: [2], data: [1]}]},
        says: 'inputs.input.data has 1 elements',
      },
      'what is no number': {
        body: {inputs: [{name: 'input', datatype: 'FP32', shape: [1], data: ['1']}]},
        says: 'inputs.input.data[0] is "1"',
      },
      'no data': {
        body: {inputs: [{name: 'input', datatype: 'FP32', shape: [1]}]},
        says: 'inputs.input.data is missing',
      },
      'an input that the model does not have': {
        body: {inputs: [{name: 'imput', datatype: 'FP32', shape: [1], data: [1]}]},
        says: 'none named "imput"',
      },
      'an output that the model does not have': {body: inferBody({outputs: [{name: 'nothing'}]}), says: '"nothing"'},
      'strings for a model': {
        body: {inputs: [{name: 'input', datatype: 'BYTES', shape: [1], data: ['a']}]},
        says: 'inputs.input is BYTES',
      },
      'a priority that there is not': {body: inferBody({parameters: {priority: 6}}), says: 'parameters.priority is 6'},
      'a timeout that is none': {body: inferBody({parameters: {timeout: -5}}), says: 'parameters.timeout is -5'},
      'shared memory': {
        body: {inputs: [{...input(), parameters: {shared_memory_region: 'x'}}]},
        says: 'shared memory is not offered',
      },
      'an empty body': {body: '', says: 'no body'},
    }
    for (const [name, {body, says, status = 400}] of Object.entries(cases)) {
      it(name, async () => {
        const answer = await ask(current(), INFER, {body})
        expect(answer.status, answer.bytes.toString()).to.equal(status)
        expect(answer.json.error).to.include(says)
        expect(answer.json).to.have.keys('error', 'code', 'suggestions')
        expect(current().engine.of('inference')).to.be.empty
      })
    }

    const lengths: Record<string, {headers?: Record<string, string>; json: object; says: string}> = {
      'fewer bytes than the shape takes': {
        json: {inputs: [input({shape: [3, 4]})]},
        says: 'has 32 bytes, but FP32 [3,4] takes 48',
      },
      'a size beyond the body': {
        json: {inputs: [input({parameters: {binary_data_size: 64}, shape: [4, 4]})]},
        says: 'the body has 32 left',
      },
      'bytes that belong to no input': {
        json: {inputs: [input({parameters: {binary_data_size: 16}, shape: [1, 4]})]},
        says: '16 bytes at the end of the body',
      },
      'a size that is none': {
        json: {inputs: [input({parameters: {binary_data_size: -1}})]},
        says: 'binary_data_size is -1',
      },
      'a JSON part longer than the body': {
        headers: {'inference-header-content-length': '100000'},
        json: {inputs: [input()]},
        says: 'Inference-Header-Content-Length is 100000',
      },
      'a JSON part that ends too early': {
        headers: {'inference-header-content-length': '10'},
        json: {inputs: [input()]},
        says: 'not JSON',
      },
      'a length that is none': {
        headers: {'inference-header-content-length': '1e3'},
        json: {inputs: [input()]},
        says: 'not a length',
      },
    }
    for (const [name, {headers, json, says}] of Object.entries(lengths)) {
      it(name, async () => {
        const made = binaryBody(json, BYTES)
        const answer = await ask(current(), INFER, {body: made.body, headers: {...made.headers, ...headers}})
        expect(answer.status).to.equal(400)
        expect(answer.json.error).to.include(says)
      })
    }

    it('elements of strings that are cut off', async () => {
      const json = {inputs: [{name: 'data', datatype: 'BYTES', shape: [1], parameters: {binary_data_size: 6}}]}
      const answer = await ask(server, '/v2/models/echo/infer', binaryBody(json, Uint8Array.of(200, 0, 0, 0, 1, 2)))
      expect(answer.status).to.equal(400)
      expect(answer.json.error).to.include('lengths that do not fit')
    })

    it('a body that is declared to have 2 GiB, before it comes', async () => {
      const {closed, received, socket} = await rawConnection(server)
      socket.write(`POST ${INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 ** 31}\r\n\r\n{`)
      await closed
      expect(received())
        .to.match(/^HTTP\/1\.1 413 /)
        .and.match(/connection: close/i)
      socket.destroy()
    })

    it('a body that grows beyond the limit without having said so', async () => {
      await using small = await testServer({limits: {bodyBytes: 4096}})
      const {closed, received, socket} = await rawConnection(small)
      socket.write(`POST ${INFER} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`)
      for (let index = 0; index < 5; index++) socket.write(`400\r\n${'x'.repeat(1024)}\r\n`)
      await closed
      expect(received()).to.match(/^HTTP\/1\.1 413 /)
      socket.destroy()
    })

    it('what a few bytes would decompress to', async () => {
      await using small = await testServer({limits: {bodyBytes: 64 * 1024}})
      const headers = {'content-encoding': 'gzip'}
      const answer = await ask(small, INFER, {body: gzipSync(Buffer.alloc(10 * 1024 * 1024)), headers})
      expect(answer.status).to.equal(413)
    })

    it('a body that is not compressed as it says', async () => {
      const headers = {'content-encoding': 'gzip'}
      const answer = await ask(server, INFER, {body: 'not gzip at all', headers})
      expect(answer.status).to.equal(400)
      expect(answer.json.error).to.equal('the body is not gzip')
    })

    it('a compression that is not known', async () => {
      const answer = await ask(server, INFER, {body: 'x', headers: {'content-encoding': 'lzma'}})
      expect(answer.status).to.equal(415)
    })

    it('more JSON than it takes', async () => {
      await using small = await testServer({limits: {jsonBytes: 1024}})
      const answer = await ask(small, INFER, {body: `{"inputs": [${' '.repeat(2000)}]}`})
      expect(answer.status).to.equal(413)
    })

    it('requests beyond the memory for all of them', async () => {
      await using small = await testServer({limits: {heldBytes: 1024}})
      const answer = await ask(small, INFER, {body: 'x'.repeat(2000)})
      expect(answer.status).to.equal(503)
      expect(answer.headers['retry-after']).to.equal('1')
    })

    it('a product that would not fit, whatever its factors', async () => {
      await using small = await testServer({limits: {tensorElements: 10_000}})
      const column = {datatype: 'FP32', data: Array.from({length: 1000}, () => 1)}
      const inputs = [
        {name: 'a', shape: [1000, 1], ...column},
        {name: 'b', shape: [1, 1000], ...column},
      ]
      const answer = await ask(small, '/v2/models/matrix_multiply/infer', {body: {inputs}})
      expect(answer.status).to.equal(413)
    })
  })

  const statuses = {
    QUEUE_FULL: 503,
    DEADLINE_EXCEEDED: 504,
    DEVICE_LOST: 503,
    SHAPE_MISMATCH: 400,
    MODEL_INVALID: 400,
    INTERNAL: 500,
  } as const
  for (const [code, status] of Object.entries(statuses)) {
    it(`answers ${code} with ${status}`, async () => {
      current().engine.fails.set('inference', new NpuBridgeError(code as keyof typeof statuses, 'in words'))
      const answer = await ask(current(), INFER, {body: inferBody()})
      expect(answer.status).to.equal(status)
      expect(answer.json).to.deep.include({code, error: 'in words'})
      expect(answer.headers['retry-after']).to.equal(status === 503 ? '1' : undefined)
    })
  }

  it('keeps what a defect says to the log', async () => {
    server.engine.fails.set('inference', new TypeError('secret of /home/somebody'))
    const answer = await ask(server, INFER, {body: inferBody()})
    expect(answer.status).to.equal(500)
    expect(answer.bytes.toString()).to.not.include('secret').and.not.include('at ')
    await until(() => server.log().includes('secret of /home/somebody'), 'the log has it')
  })

  it('refuses NaN in JSON, naming the place, and gives it as bytes', async () => {
    const {body, headers} = binaryBody(
      {inputs: [input({shape: [1, 4], parameters: {binary_data_size: 16}})]},
      new Uint8Array(Float32Array.of(1, NaN, 2, 3).buffer),
    )
    const answer = await ask(server, INFER, {body, headers})
    expect(answer.status).to.equal(400)
    expect(answer.json.error).to.include('outputs.output.data[1] is NaN')
    expect((answer.json.suggestions as string[])[0]).to.include('binary_data')
  })

  it('hangs up on a client that sends its head too slowly', async () => {
    await using quick = await testServer({limits: {headersMs: 100}})
    const {closed, received, socket} = await rawConnection(quick)
    socket.write('POST /v2/models/net/infer HTTP/1.1\r\nHost: loc')
    await closed
    expect(received()).to.match(/^HTTP\/1\.1 408 /)
    socket.destroy()
  })

  it('hangs up on a client that sends its body too slowly', async () => {
    await using quick = await testServer({limits: {headersMs: 100, requestMs: 200}})
    const {closed, received, socket} = await rawConnection(quick)
    socket.write('POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
    await closed
    expect(received()).to.match(/^HTTP\/1\.1 408 /)
    expect(quick.engine.of('inference')).to.be.empty
    socket.destroy()
  })

  it('answers what is no HTTP in words', async () => {
    const {closed, received, socket} = await rawConnection(server)
    socket.write('\u{16}\u{3}\u{1} hello\r\n\r\n')
    await closed
    expect(received())
      .to.match(/^HTTP\/1\.1 400 /)
      .and.include('"code":"PROTOCOL_ERROR"')
    socket.destroy()
  })

  it('goes on after all of this on the same connection', async () => {
    const {received, socket} = await rawConnection(server)
    const send = (body: string) => {
      socket.write(`POST ${INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }

    send('{')
    send(JSON.stringify(inferBody()))
    await until(() => received().includes('HTTP/1.1 200'), 'the second is answered')
    socket.end()
    await once(socket, 'close')
  })
})
