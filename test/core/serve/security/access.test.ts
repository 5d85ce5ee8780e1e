import {expect} from 'chai'
import {mkdir, readdir, readFile, stat, symlink, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {RateLimit} from '../../../../src/core/serve/security/rate-limit.ts'
import {ask, inferBody, testServer} from '../server.ts'

const INFER = '/v2/models/net/infer'

describe('access to a server', () => {
  it('is by a name of this machine', async () => {
    await using server = await testServer({allowedHosts: ['npu.lan']})
    const status = async (host: string) => (await ask(server, '/v2', {headers: {host}})).status
    for (const host of [
      'localhost',
      `localhost:${server.port}`,
      '127.0.0.1',
      '[::1]:80',
      'LOCALHOST',
      'npu.lan:8000',
    ]) {
      expect(await status(host), host).to.equal(200)
    }

    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil.example:80',
      'localhost@evil.example',
      '127.0.0.2',
    ]) {
      expect(await status(host), host).to.equal(403)
    }
  })

  it('is not for web pages, except those that are let in', async () => {
    await using server = await testServer({allowedOrigins: ['https://good.example']})
    const get = async (headers: Record<string, string>) => ask(server, '/v2', {headers})
    expect((await get({origin: 'https://evil.example'})).status).to.equal(403)
    expect((await get({origin: 'null'})).status).to.equal(403)
    expect((await get({origin: 'http://localhost'})).status).to.equal(403)
    expect((await get({'sec-fetch-site': 'cross-site'})).status).to.equal(403)
    expect((await get({'sec-fetch-site': 'none'})).status).to.equal(200)
    const {headers, status} = await get({origin: 'https://good.example'})
    expect(status).to.equal(200)
    expect(headers['access-control-allow-origin']).to.equal('https://good.example')
    const post = await ask(server, INFER, {body: inferBody(), headers: {origin: 'https://good.example'}})
    expect(post.headers['access-control-allow-origin']).to.equal('https://good.example')
    const preflight = await ask(server, INFER, {headers: {origin: 'https://good.example'}, method: 'OPTIONS'})
    expect(preflight.status).to.equal(204)
    expect((await ask(server, INFER, {headers: {origin: 'https://evil.example'}, method: 'OPTIONS'})).status).to.equal(
      403,
    )
  })

  it('needs a token beyond the loopback interface, which is shown once and kept as a hash', async () => {
    await using server = await testServer({host: '0.0.0.0'})
    const token = server.running.freshToken!
    expect(token).to.match(/^[\w-]{43}$/)
    const status = async (authorization?: string) =>
      (await ask(server, '/v2', {headers: {host: 'any.name', ...(authorization && {authorization})}})).status
    expect(await status()).to.equal(401)
    expect(await status('Bearer ')).to.equal(401)
    expect(await status(`Bearer ${token}x`)).to.equal(401)
    expect(await status(token)).to.equal(401)
    expect(await status(`Bearer ${token}`)).to.equal(200)
    const [file] = await readdir(server.paths.servers)
    const kept = path.join(server.paths.servers, file!)
    expect(await readFile(kept, 'utf8')).to.not.include(token)
    expect((await stat(kept)).mode & 0o777).to.equal(0o600)
    await using second = await testServer({token: true}, {paths: server.paths})
    expect(second.running.freshToken).to.equal(null)
    expect((await ask(second, '/v2', {headers: {authorization: `Bearer ${token}`}})).status).to.equal(200)
    await using third = await testServer({token: true}, {paths: server.paths, renewToken: true})
    expect(third.running.freshToken).to.be.a('string').that.is.not.equal(token)
    expect((await ask(third, '/v2', {headers: {authorization: `Bearer ${token}`}})).status).to.equal(401)
  })

  it('can be by a token that the operator keeps, unless it is short', async () => {
    const givenToken = 'a token that nobody can guess'.replaceAll(' ', '-')
    await using server = await testServer({token: true}, {givenToken})
    expect(server.running.freshToken).to.equal(null)
    expect((await ask(server, '/v2', {headers: {authorization: `Bearer ${givenToken}`}})).status).to.equal(200)
    const failure = await testServer({token: true}, {givenToken: 'short'}).catch((error: unknown) => error)
    expect(failure).to.deep.include({code: 'INVALID_ARGUMENT'})
  })

  it('is limited by the rate of each client', async () => {
    await using server = await testServer({rateLimit: 3})
    const statuses = []
    for (let index = 0; index < 6; index++) statuses.push((await ask(server, '/v2')).status)
    expect(statuses.slice(0, 3)).to.deep.equal([200, 200, 200])
    expect(statuses).to.include(429)
  })

  it('may be for inference alone', async () => {
    await using server = await testServer({control: false})
    expect((await ask(server, INFER, {body: inferBody()})).status).to.equal(200)
    for (const action of ['load', 'unload']) {
      const answer = await ask(server, `/v2/repository/models/net/${action}`, {body: {}})
      expect(answer.status).to.equal(403)
      expect(answer.json.error).to.include('--no-control')
    }
  })

  it('says nothing of where the server is in an answer to what is not there', async () => {
    await using server = await testServer()
    const answer = await ask(server, '/v3/anything?x=1')
    expect(answer.status).to.equal(404)
    expect(answer.json.error).to.equal('there is nothing at GET /v3/anything')
  })
})

describe('models of a server', () => {
  it('are names, whatever is written in their place', async () => {
    await using server = await testServer()
    await writeFile(path.join(server.folder, 'secret.onnx'), 'outside')
    for (const name of [
      '..%2fsecret',
      '%2e%2e%2fsecret',
      '..%5csecret',
      '%2fetc%2fpasswd',
      'net.onnx',
      '.hidden',
      '%00net',
    ]) {
      const answer = await ask(server, `/v2/models/${name}/ready`)
      expect(answer.status, name).to.be.oneOf([400, 404])
      expect(answer.json.error, name).to.not.include(server.folder)
    }

    expect(server.engine.of('load_model')).to.be.empty
  })

  it('do not lead out of their folder by a link, a manifest or weights', async () => {
    await using server = await testServer()
    const {models} = server.paths
    const outside = path.join(server.folder, 'outside')
    await mkdir(outside)
    for (const name of ['m.onnx', 'w.bin']) await writeFile(path.join(outside, name), 'outside')
    await symlink(path.join(outside, 'm.onnx'), path.join(models, 'link.onnx'))
    await symlink(outside, path.join(models, 'folder'))
    await mkdir(path.join(models, 'manifest'))
    await writeFile(path.join(models, 'manifest', 'model.json'), '{"name": "manifest", "file": "../../outside/m.onnx"}')
    await writeFile(path.join(models, 'weights.xml'), '<net/>')
    await symlink(path.join(outside, 'w.bin'), path.join(models, 'weights.bin'))
    await symlink(path.join(models, 'net.onnx'), path.join(models, 'inside.onnx'))
    for (const name of ['link', 'folder', 'manifest', 'weights']) {
      const answer = await ask(server, `/v2/models/${name}/ready`)
      expect(answer.status, name).to.equal(400)
      expect(answer.json.error, name).to.include('leads out of the folder')
    }

    expect(server.engine.of('load_model')).to.be.empty
    expect((await ask(server, '/v2/models/inside/ready')).status).to.equal(200)
    const index = await ask(server, '/v2/repository/index', {method: 'POST'})
    const names = (JSON.parse(index.bytes.toString()) as Array<{name: string}>).map(({name}) => name)
    expect(names).to.deep.equal(['echo', 'matrix_multiply', 'inside', 'net', 'other'])
  })

  it('are found in every layout, the highest version first', async () => {
    await using server = await testServer()
    const {models} = server.paths
    for (const version of ['1', '9', '10']) {
      await mkdir(path.join(models, 'versioned', version), {recursive: true})
      await writeFile(path.join(models, 'versioned', version, 'model.onnx'), 'model')
    }

    await mkdir(path.join(models, 'single'))
    await writeFile(path.join(models, 'single', 'anything.xml'), '<net/>')
    expect((await ask(server, '/v2/models/versioned')).json.versions).to.deep.equal(['10'])
    expect((await ask(server, '/v2/models/versioned/versions/10/ready')).status).to.equal(200)
    expect((await ask(server, '/v2/models/versioned/versions/9')).status).to.equal(404)
    expect((await ask(server, '/v2/models/single')).json.platform).to.equal('openvino_ir')
  })
})

describe('the rate of a client', () => {
  it('comes back with time, up to a second of it', () => {
    let now = 0
    const rate = new RateLimit(10, () => now)
    const taken = () => Array.from({length: 20}, () => rate.take('a')).filter(Boolean).length
    expect(taken()).to.equal(10)
    expect(rate.take('b')).to.equal(true)
    now = 500
    expect(taken()).to.equal(5)
    now = 100_000
    expect(taken()).to.equal(10)
  })
})
