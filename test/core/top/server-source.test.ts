import type {AddressInfo} from 'node:net'

import {expect} from 'chai'
import {once} from 'node:events'
import {WebSocketServer} from 'ws'

import type {Reading} from '../../../src/core/top/source.ts'

import {TopState} from '../../../src/core/top/report.ts'
import {connectSource} from '../../../src/core/top/server-source.ts'
import {testServer, until} from '../serve/server.ts'

describe('what top reads of a server', () => {
  it('says that the token was replaced, for as long as it was', async () => {
    const token = 'the-token-of-this-server'
    const first = await testServer({token: true}, {givenToken: token})
    const {port} = first
    await using source = await connectSource(first.running.url, token)
    const said: string[] = []
    let readings = 0
    source.start(100, {
      onLost(why) {
        said.push(why)
      },
      onReading() {
        readings++
      },
    })
    await until(() => readings > 0, 'it reads')
    await first[Symbol.asyncDispose]()
    const second = await testServer({port, token: true}, {givenToken: 'another-token-of-this-server'})
    await until(() => said.some((why) => why.includes('not the token of this server')), 'it says why')
    await second[Symbol.asyncDispose]()
    const before = readings
    await using _third = await testServer({port, token: true}, {givenToken: token})
    await until(() => readings > before, 'it reads again')
  })

  it('takes what an older server tells, and what a newer one tells otherwise', async () => {
    const server = new WebSocketServer({host: '127.0.0.1', port: 0})
    await once(server, 'listening')
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        const {id, ...request} = JSON.parse(data.toString('utf8')) as {id: string}
        if ('live' in request) {
          socket.send(
            JSON.stringify({id, ok: false, error: {code: 'INVALID_ARGUMENT', message: 'no such field: live'}}),
          )
          return
        }

        const snapshot = {completed: 7, models: {net: 1}, queueDepth: 'long', uptimeMs: 1000}
        for (const text of ['{', '[]', JSON.stringify({id, type: 'metrics', data: snapshot})]) socket.send(text)
      })
    })
    const {port} = server.address() as AddressInfo
    try {
      await using source = await connectSource(`http://127.0.0.1:${port}`, undefined)
      const state = new TopState(source)
      const readings: Reading[] = []
      source.start(100, {
        onLost() {},
        onReading(reading) {
          readings.push(reading)
        },
      })
      await until(() => readings.length > 0, 'it reads')
      state.add(readings[0]!)
      const report = state.report()
      expect(report.totals.completed).to.equal(7)
      expect([report.queueDepth, report.latency, report.source.version]).to.deep.equal([null, null, null])
      expect(report.models).to.deep.equal([])
    } finally {
      for (const client of server.clients) client.terminate()
      server.close()
    }
  })
})
