import {expect} from 'chai'
import {once} from 'node:events'
import {createServer} from 'node:http'
import {type AddressInfo, connect, type Socket} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {WebSocket} from 'ws'

import {closeIdle} from '../../../../src/core/serve/http/idle-connections.ts'
import {ask, rawConnection, testServer} from '../server.ts'

const IDLE_MS = 200
const GET = 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('connections of a server that nothing comes or goes over', () => {
  it('are closed between two requests, in the midst of one, and before any', async () => {
    await using server = await testServer({limits: {idleMs: IDLE_MS}})
    const unused = await rawConnection(server)
    const between = await rawConnection(server)
    between.socket.write(GET)
    const midst = await rawConnection(server)
    midst.socket.write('POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
    await Promise.all([unused.closed, between.closed, midst.closed])
    expect(between.received()).to.match(/^HTTP\/1\.1 200 /)
    for (const {socket} of [unused, between, midst]) socket.destroy()
    expect((await ask(server, '/v2/health/live')).status).to.equal(200)
  })

  it('stay for as long as requests come', async () => {
    await using server = await testServer({limits: {idleMs: IDLE_MS}})
    const {received, socket} = await rawConnection(server)
    let isClosed = false
    socket.once('close', () => {
      isClosed = true
    })
    for (let sent = 0; sent < 8; sent++) {
      socket.write(GET)
      await sleep(IDLE_MS / 3)
    }

    expect(isClosed).to.equal(false)
    expect(received().match(/HTTP\/1\.1 200/g)).to.have.length(8)
    socket.destroy()
  })

  it('stay where they have become WebSockets', async () => {
    await using server = await testServer({limits: {idleMs: IDLE_MS}})
    const webSocket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, {autoPong: false})
    await once(webSocket, 'open')
    await sleep(3 * IDLE_MS)
    expect(webSocket.readyState).to.equal(WebSocket.OPEN)
    webSocket.terminate()
  })

  describe('with an answer that its client does not read', () => {
    const SIZE = 1 << 26
    /** Enough for the other side to see that something was taken. */
    const STEP = 1 << 22

    /** A server whose only answer is large, and a client that has asked for it. */
    async function asked(): Promise<{client: Socket; close: () => void; gone: Promise<unknown>}> {
      const server = createServer((_request, response) => {
        response.end(Buffer.alloc(SIZE))
      })
      closeIdle(server, IDLE_MS)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
      const [socket] = (await once(server, 'connection')) as [Socket]
      client.on('error', () => {
        // Being hung up on is what this is about.
      })
      client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      const close = () => {
        client.destroy()
        server.close()
      }

      return {client, close, gone: once(socket, 'close')}
    }

    it('are closed where it takes nothing of it', async () => {
      const {close, gone} = await asked()
      await gone
      close()
    })

    it('stay where it takes its time', async () => {
      const {client, close} = await asked()
      let taken = 0
      client.on('data', (part: Buffer) => {
        taken += part.length
        if (taken % STEP < part.length) client.pause()
      })
      client.pause()
      for (let steps = 0; steps < 12; steps++) {
        await sleep(IDLE_MS / 3)
        client.resume()
      }

      await new Promise<void>((resolve) => {
        client.on('data', () => {
          client.resume()
          if (taken >= SIZE) resolve()
        })
        client.once('close', resolve)
        client.resume()
      })
      expect(taken).to.be.at.least(SIZE)
      close()
    })
  })
})
