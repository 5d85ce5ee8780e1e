import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {WebSocket} from 'ws'

import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {encodeFrame} from '../../../../src/core/serve/websocket/binary-frame.ts'
import {type TestServer, testServer, until} from '../server.ts'

const SCHEMA = path.resolve(import.meta.dirname, '../../../../docs/schemas/serve-websocket.schema.json')
const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as {$id: string}
const ajv = new Ajv2020({allowUnionTypes: true})
ajv.addSchema(schema)
const isRequest = ajv.compile({$ref: `${schema.$id}#/$defs/request`})
const isAnswer = ajv.compile({$ref: `${schema.$id}#/$defs/answer`})

/** A message of the server, as far as it is looked at here. */
interface Message {
  readonly id?: number | string
  readonly type?: string
  readonly ok?: boolean
  readonly data?: {readonly subscribed?: boolean}
  readonly outputs?: Readonly<Record<string, unknown>>
  readonly error?: {readonly code: string; readonly message: string}
}

class Client {
  readonly socket: WebSocket
  readonly texts: Message[] = []
  readonly frames: Buffer[] = []

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.frames.push(data)
      else this.texts.push(JSON.parse(data.toString()) as Message)
    })
  }

  /** Sends a message and gives the answer to it, both held against the published schema. */
  async ask(message: object): Promise<Message> {
    expect(isRequest(message), JSON.stringify(isRequest.errors)).to.equal(true)
    return this.askAnything(JSON.stringify(message))
  }

  async askAnything(message: Buffer | string): Promise<Message> {
    const before = this.texts.length
    this.socket.send(message)
    await until(() => this.texts.length > before, 'it is answered')
    const answer = this.texts[before]!
    expect(isAnswer(answer), JSON.stringify([isAnswer.errors, answer])).to.equal(true)
    return answer
  }
}

async function open({port}: {readonly port: number}, options: object = {}): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, options)
  const client = new Client(socket)
  await once(socket, 'open')
  return client
}

async function refusal({port}: {readonly port: number}, options: object, url = '/ws'): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${url}`, options)
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, {statusCode: number}]
  socket.terminate()
  return response.statusCode
}

const INFERENCE = {
  type: 'inference',
  model: 'net',
  inputs: {input: {data: [1, 2, 3, 4], shape: [1, 4], datatype: 'FP32'}},
}

describe('a WebSocket', () => {
  let server: TestServer
  let client: Client
  // For tests that are made in loops.
  const currentServer = () => server
  const currentClient = () => client

  beforeEach(async () => {
    server = await testServer()
    client = await open(server)
  })

  afterEach(async () => {
    client.socket.terminate()
    await server[Symbol.asyncDispose]()
  })

  it('takes operations as they stand in JSON Lines', async () => {
    const answer = await client.ask({id: 'a1', priority: 'high', timeout_ms: 50, ...INFERENCE})
    expect(answer).to.deep.include({id: 'a1', ok: true, device: 'CPU', engine: 'native', fallback: null})
    expect(answer.outputs).to.deep.equal({output: {data: [1, 2, 3, 4], shape: [1, 4], datatype: 'FP32'}})
    const {options} = server.engine.submissions.at(-1)!
    expect(options).to.deep.include({priority: 'high', timeoutMs: 50})
  })

  it('gives the number of a message where that has no id', async () => {
    await client.ask({type: 'echo', data: 1})
    expect((await client.ask({type: 'echo', data: {deep: [true, null]}})).id).to.equal(2)
  })

  for (const message of [
    {type: 'health_check'},
    {type: 'statistics'},
    {type: 'get_statistics'},
    {type: 'initialize'},
    {type: 'load_model', model: 'net'},
    {type: 'benchmark', kind: 'echo', duration_ms: 10},
    {type: 'matrix_multiply', inputs: {a: {data: [[1]]}, b: {data: [[1]]}}},
    {type: 'route', description: 'find the bug'},
    {type: 'workflow', tasks: [{id: 'a'}]},
  ]) {
    it(`answers ${message.type}`, async () => {
      expect((await currentClient().ask(message)).ok).to.equal(true)
    })
  }

  it('knows signal_processing as the operation that it became', async () => {
    const answer = await client.askAnything('{"type": "signal_processing", "operation": "fft", "data": [1]}')
    expect(answer.error!.message).to.include('data is an array of 1 element')
  })

  it('unloads', async () => {
    await client.ask({type: 'load_model', model: 'net'})
    expect((await client.ask({type: 'unload_model', model: 'net'})).data).to.deep.equal({model: 'net', unloaded: true})
    expect((await client.ask(INFERENCE)).error!.code).to.equal('MODEL_NOT_FOUND')
  })

  it('takes and gives tensors as bytes', async () => {
    const rows = Float32Array.of(1, 2, 3, NaN)
    const message = {...INFERENCE, id: 7, inputs: {input: {shape: [1, 4], datatype: 'FP32', byte_length: 16}}}
    expect(isRequest(message), JSON.stringify(isRequest.errors)).to.equal(true)
    client.socket.send(encodeFrame(message, [new Uint8Array(rows.buffer)]))
    await until(() => client.frames.length === 1, 'it is answered')
    const [frame] = client.frames
    const length = frame!.readUInt32LE(0)
    const answer = JSON.parse(frame!.toString('utf8', 4, 4 + length)) as Message
    expect(isAnswer(answer), JSON.stringify(isAnswer.errors)).to.equal(true)
    expect(answer).to.deep.include({id: 7, ok: true})
    expect(answer.outputs!.output).to.deep.equal({shape: [1, 4], datatype: 'FP32', byte_length: 16})
    expect([...frame!.subarray(4 + length)]).to.deep.equal([...new Uint8Array(rows.buffer)])
  })

  it('keeps streams of two clients apart', async () => {
    const other = await open(server)
    await client.ask({...INFERENCE, stream: 'mic'})
    await other.ask({...INFERENCE, stream: 'mic'})
    const streams = server.engine.of('inference').map(({stream}) => stream)
    expect(new Set(streams).size).to.equal(2)
    other.socket.terminate()
  })

  it('sends figures again and again, until that is enough', async () => {
    const answer = await client.ask({type: 'subscribe_metrics', id: 'm', interval_ms: 100})
    expect(answer).to.deep.equal({id: 'm', ok: true, data: {subscribed: true, interval_ms: 100}})
    const pushes = () => client.texts.filter(({type}) => type === 'metrics')
    await until(() => pushes().length >= 2, 'figures come')
    for (const push of pushes()) {
      expect(isAnswer(push), JSON.stringify(isAnswer.errors)).to.equal(true)
      expect(push.data).to.have.property('queueDepth')
    }

    client.socket.send('{"type": "unsubscribe_metrics"}')
    await until(() => client.texts.some(({data}) => data?.subscribed === false), 'it is ended')
    expect((await client.askAnything('{"type": "subscribe_metrics", "interval_ms": 1}')).error!.code).to.equal(
      'INVALID_ARGUMENT',
    )
  })

  it('cancels what a client that goes away has asked for', async () => {
    server.engine.gate = new Promise(() => {})
    client.socket.send(JSON.stringify(INFERENCE))
    await until(() => server.engine.of('inference').length === 1, 'it is submitted')
    client.socket.terminate()
    await until(() => server.engine.cancelled === 1, 'it is cancelled')
    await until(() => server.running.metrics.inFlight === 0, 'nothing is in flight')
  })

  describe('answers in words', () => {
    const cases: Record<string, {code: string; message: Buffer | string}> = {
      'malformed JSON': {code: 'PROTOCOL_ERROR', message: '{"type":'},
      'what is no object': {code: 'INVALID_ARGUMENT', message: '[]'},
      'an unknown operation': {code: 'UNSUPPORTED_OPERATION', message: '{"type": "fly"}'},
      'an unknown field': {code: 'INVALID_ARGUMENT', message: '{"type": "echo", "dato": 1}'},
      'a path in place of a model': {code: 'INVALID_ARGUMENT', message: '{"type": "load_model", "model": "../x.onnx"}'},
      'an unknown model': {code: 'MODEL_NOT_FOUND', message: '{"type": "inference", "model": "nobody", "inputs": {}}'},
      'a file in place of a tensor': {
        code: 'INVALID_ARGUMENT',
        message: '{"type": "inference", "model": "net", "inputs": {"input": {"file": "/etc/passwd"}}}',
      },
      'a folder of agents': {
        code: 'UNSUPPORTED_OPERATION',
        message: '{"type": "route", "description": "x", "agents": "/etc"}',
      },
      'a benchmark without end': {
        code: 'INVALID_ARGUMENT',
        message: '{"type": "benchmark", "kind": "echo", "duration_ms": 3600000}',
      },
      'an input that the model does not have': {
        code: 'INVALID_ARGUMENT',
        message: '{"type": "inference", "model": "net", "inputs": {"imput": {"data": [1]}}}',
      },
      'text that is no UTF-8': {code: 'PROTOCOL_ERROR', message: encodeFrame({}, []).fill(0xff, 4)},
      'a frame that is too short': {code: 'PROTOCOL_ERROR', message: Buffer.from([1, 0])},
      'a frame whose JSON is longer than it': {code: 'PROTOCOL_ERROR', message: Buffer.from([255, 255, 255, 255, 1])},
      'bytes that belong to no tensor': {
        code: 'PROTOCOL_ERROR',
        message: encodeFrame({type: 'echo'}, [Uint8Array.of(1)]),
      },
      'fewer bytes than a tensor says': {
        code: 'PROTOCOL_ERROR',
        message: encodeFrame({...INFERENCE, inputs: {input: {shape: [1, 4], byte_length: 16}}}, [Uint8Array.of(1)]),
      },
      'other bytes than the shape takes': {
        code: 'SHAPE_MISMATCH',
        message: encodeFrame({...INFERENCE, inputs: {input: {shape: [1, 5], byte_length: 16}}}, [new Uint8Array(16)]),
      },
      'a shape that overflows': {
        code: 'SHAPE_MISMATCH',
        message: encodeFrame(
          {...INFERENCE, inputs: {input: {shape: [2_147_483_647, 2_147_483_647], byte_length: 0}}},
          [],
        ),
      },
    }
    for (const [name, {code, message}] of Object.entries(cases)) {
      it(name, async () => {
        const answer = await currentClient().askAnything(message)
        expect(answer.ok).to.equal(false)
        expect(answer.error!.code, answer.error!.message).to.equal(code)
        expect((await currentClient().ask({type: 'echo'})).ok, 'and goes on').to.equal(true)
        expect(currentServer().engine.of('inference')).to.be.empty
      })
    }

    it('what the engine says', async () => {
      server.engine.fails.set(
        'inference',
        new NpuBridgeError('DEADLINE_EXCEEDED', 'too late', {suggestions: ['sooner']}),
      )
      const {error} = await client.ask({...INFERENCE, id: 1})
      expect(error).to.deep.equal({code: 'DEADLINE_EXCEEDED', message: 'too late', suggestions: ['sooner']})
    })
  })

  it('ends with a message that is too long', async () => {
    await using small = await testServer({limits: {bodyBytes: 4096}})
    const talker = await open(small)
    talker.socket.send('x'.repeat(5000))
    const [code] = (await once(talker.socket, 'close')) as [number]
    expect(code).to.equal(1009)
  })

  it('reads no further while too much is under way', async () => {
    await using small = await testServer({limits: {socketOperations: 4}})
    const talker = await open(small)
    const {promise, resolve} = Promise.withResolvers<void>()
    small.engine.gate = promise
    await talker.ask({type: 'load_model', model: 'net'})
    for (let id = 0; id < 200; id++) talker.socket.send(JSON.stringify({...INFERENCE, id}))
    await until(() => small.engine.of('inference').length >= 4, 'some are submitted')
    await new Promise((later) => {
      setTimeout(later, 50)
    })
    // What had been received before the pause is still taken: the messages of one read.
    expect(small.engine.of('inference').length).to.be.lessThan(200)
    resolve()
    await until(() => talker.texts.length === 201, 'all are answered')
    expect(new Set(talker.texts.map(({id}) => id as number)).size).to.equal(200)
    talker.socket.terminate()
  })

  it('may not be opened by a web page, by another name, without the token or elsewhere', async () => {
    expect(await refusal(server, {origin: 'https://evil.example'})).to.equal(403)
    expect(await refusal(server, {headers: {host: 'evil.example'}})).to.equal(403)
    expect(await refusal(server, {}, '/other')).to.equal(404)
    await using guarded = await testServer({token: true})
    expect(await refusal(guarded, {})).to.equal(401)
    const authorization = `Bearer ${guarded.running.freshToken!}`
    const allowed = await open(guarded, {headers: {authorization}})
    allowed.socket.terminate()
  })

  it('may be for inference alone', async () => {
    await using inferring = await testServer({control: false})
    const talker = await open(inferring)
    for (const message of [
      {type: 'load_model', model: 'net'},
      {type: 'unload_model', model: 'net'},
      {type: 'benchmark', kind: 'echo', duration_ms: 1},
      {type: 'initialize'},
    ]) {
      expect((await talker.ask(message)).error!.message, message.type).to.include('--no-control')
    }

    expect((await talker.ask(INFERENCE)).ok).to.equal(true)
    talker.socket.terminate()
  })

  it('is closed when the server stops, after what is under way', async () => {
    const {promise, resolve} = Promise.withResolvers<void>()
    server.engine.gate = promise
    const answered = client.ask(INFERENCE)
    await until(() => server.engine.of('inference').length === 1, 'it is submitted')
    const stopped = server.running.stop()
    const closed = once(client.socket, 'close')
    resolve()
    expect((await answered).ok).to.equal(true)
    expect(((await closed) as [number])[0]).to.equal(1001)
    await stopped
    expect(server.engine.isShutDown).to.equal(true)
  })
})
