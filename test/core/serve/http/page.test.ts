import {expect} from 'chai'
import {once} from 'node:events'
import {WebSocket} from 'ws'

import {bearerIn} from '../../../../src/core/serve/security/socket-token.ts'
import {ask, testServer} from '../server.ts'

const FILES = ['/', '/dashboard.js', '/dashboard.css', '/favicon.svg']
const LARGEST_BYTES = 120 * 1024

const bearer = (token: string) => `npubridge.bearer.${Buffer.from(token).toString('base64url')}`

describe('the dashboard of a server', () => {
  it('has at most 120 KB, compressed', async () => {
    await using server = await testServer()
    let total = 0
    for (const url of FILES) {
      const {bytes, headers, status} = await ask(server, url, {headers: {'accept-encoding': 'gzip'}})
      expect([status, headers['content-encoding']], url).to.deep.equal([200, 'gzip'])
      total += bytes.length
    }

    expect(total).to.be.above(1000).and.at.most(LARGEST_BYTES)
  })

  it('lets nothing in from elsewhere, and nothing that stands in the page', async () => {
    await using server = await testServer()
    const {bytes, headers} = await ask(server, '/')
    const policy = String(headers['content-security-policy'])
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy).to.include(part)
    }

    expect(policy).to.not.match(/unsafe|https?:|\*/)
    expect(bytes.toString()).to.not.match(/<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|https?:/)
    expect(headers['x-content-type-options']).to.equal('nosniff')
  })

  it('is asked for again only where it is another one', async () => {
    await using server = await testServer()
    const {headers} = await ask(server, '/dashboard.js')
    const again = await ask(server, '/dashboard.js', {headers: {'if-none-match': headers.etag!}})
    expect([again.status, again.bytes.length]).to.deep.equal([304, 0])
  })

  it('needs no token itself, and can do nothing without', async () => {
    await using server = await testServer({token: true})
    expect((await ask(server, '/')).status).to.equal(200)
    expect((await ask(server, '/v2')).status).to.equal(401)
  })

  it('is for names of this server only, and is not offered with --no-dashboard', async () => {
    await using server = await testServer()
    expect((await ask(server, '/', {headers: {host: 'evil.example'}})).status).to.equal(403)
    await using without = await testServer({dashboard: false})
    expect((await ask(without, '/')).status).to.equal(404)
  })

  it('may use its own server, as pages from elsewhere may not', async () => {
    await using server = await testServer()
    const own = `127.0.0.1:${server.port}`
    const load = async (headers: Record<string, string>) =>
      (await ask(server, '/v2/repository/models/net/load', {method: 'POST', headers})).status
    expect(await load({origin: `http://${own}`, 'sec-fetch-site': 'same-origin'})).to.equal(200)
    expect(await load({origin: 'http://127.0.0.1:1'})).to.equal(403)
    expect(await load({origin: `http://localhost:${server.port}`})).to.equal(403)
    expect(await load({origin: `http://${own}`, 'sec-fetch-site': 'cross-site'})).to.equal(403)
    expect(await load({origin: 'null'})).to.equal(403)
  })

  it('opens its WebSocket with the token among the subprotocols, which is never given back', async () => {
    const token = 'a+token/of=32,characters;or-so!'
    await using server = await testServer({token: true}, {givenToken: token})
    const url = `ws://127.0.0.1:${server.port}/ws`
    const socket = new WebSocket(url, ['npubridge.v1', bearer(token)])
    await once(socket, 'open')
    expect(socket.protocol).to.equal('npubridge.v1')
    socket.terminate()
    for (const wrong of [
      ['npubridge.v1'],
      ['npubridge.v1', bearer('another')],
      ['npubridge.v1', 'npubridge.bearer.'],
    ]) {
      const refused = new WebSocket(url, wrong)
      refused.on('error', () => {})
      const [, response] = (await once(refused, 'unexpected-response')) as [unknown, {statusCode: number}]
      expect(response.statusCode).to.equal(401)
      refused.terminate()
    }

    expect(server.log()).to.not.include(Buffer.from(token).toString('base64url'))
    expect(bearerIn(undefined)).to.equal(undefined)
  })
})
