import {expect} from 'chai'
import path from 'node:path'

import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {connectTo} from '../../../../src/core/serve/client/connection.ts'
import {testServer, until} from '../server.ts'

async function failureOf(work: Promise<unknown>): Promise<NpuBridgeError> {
  const outcome = await work.catch((error: unknown) => error)
  if (outcome instanceof NpuBridgeError) return outcome
  throw new Error(`it did not fail as it should: ${String(outcome)}`)
}

const INPUTS = {input: {data: Float32Array.of(1, 2, 3, NaN), shape: [1, 4]}}

describe('a connection to a server', () => {
  it('submits as an engine does, tensors bit by bit', async () => {
    await using server = await testServer()
    await using connection = await connectTo(server.running.url)
    const result = await connection.submit(
      {type: 'inference', model: 'net', inputs: INPUTS},
      {priority: 'high', timeoutMs: 9},
    )
    expect(result).to.deep.include({type: 'inference', device: 'CPU', engine: 'native', fallback: null})
    expect(result.outputs!.output).to.deep.equal({...INPUTS.input, datatype: 'FP32'})
    expect(server.engine.submissions.at(-1)!.options).to.deep.include({priority: 'high', timeoutMs: 9})
    const data = {large: 2n ** 60n, small: [1]}
    await connection.submit({type: 'echo', data})
    expect(server.engine.of('echo')[0]!.data).to.deep.equal(data)
  })

  it('fails as the server says', async () => {
    await using server = await testServer()
    await using connection = await connectTo(server.running.url)
    const unknown = await failureOf(connection.submit({type: 'inference', model: 'nett', inputs: INPUTS}))
    expect(unknown.code).to.equal('MODEL_NOT_FOUND')
    expect(unknown.suggestions[0]).to.include('net')
    server.engine.fails.set('inference', new NpuBridgeError('DEADLINE_EXCEEDED', 'too late'))
    const late = await failureOf(connection.submit({type: 'inference', model: 'net', inputs: INPUTS}))
    expect(late).to.deep.include({code: 'DEADLINE_EXCEEDED', message: 'too late'})
  })

  it('ends what waits when the server is gone, and when it is cancelled', async () => {
    const server = await testServer({drainMs: 0})
    await using connection = await connectTo(server.running.url)
    server.engine.gate = new Promise(() => {})
    const controller = new AbortController()
    const cancelled = failureOf(
      connection.submit({type: 'inference', model: 'net', inputs: INPUTS}, {signal: controller.signal}),
    )
    const lost = failureOf(connection.submit({type: 'inference', model: 'net', inputs: INPUTS}))
    await until(() => server.engine.of('inference').length === 2, 'both are submitted')
    controller.abort()
    expect((await cancelled).code).to.equal('CANCELLED')
    await server[Symbol.asyncDispose]()
    expect((await lost).message).to.include('hung up')
    expect((await failureOf(connection.submit({type: 'echo'}))).message).to.include('hung up')
  })

  it('goes over a Unix socket', async () => {
    await using home = await testServer()
    await using server = await testServer({socket: path.join(home.folder, 'npu.sock')})
    await using connection = await connectTo(server.running.url)
    expect((await connection.submit({type: 'echo', data: 1})).data).to.equal(1)
  })

  it('needs the token where the server does', async () => {
    await using server = await testServer({token: true})
    expect((await failureOf(connectTo(server.running.url))).message).to.include('a token is needed')
    await using connection = await connectTo(server.running.url, {token: server.running.freshToken!})
    expect((await connection.submit({type: 'echo', data: 1})).data).to.equal(1)
  })

  it('says what is wrong with an address', async () => {
    expect((await failureOf(connectTo('localhost:8000'))).code).to.equal('INVALID_ARGUMENT')
    expect((await failureOf(connectTo('http://127.0.0.1:1'))).code).to.equal('PROTOCOL_ERROR')
  })
})
