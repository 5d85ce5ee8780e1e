import {expect} from 'chai'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {inspectPeer, type InspectPeerOptions} from '../../../src/core/engine/openvino-node-inspect.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {codeOf} from './contract.ts'

const DEVICES = `
  class Core {
    getAvailableDevices() { return ['CPU', 'NPU'] }
    getProperty(device) { if (device === 'NPU') throw new Error('no'); return 'A processor' }
  }
  exports.addon = {Core: Core}
`

describe('inspectPeer', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npubridge-peer-'))
  })

  afterEach(() => {
    rmSync(folder, {recursive: true})
  })

  /** Asks a package of this version with this code in it. */
  async function inspect(code: string, version = '2026.4.0', options: InspectPeerOptions = {}) {
    const installed = path.join(folder, 'node_modules/openvino-node')
    mkdirSync(installed, {recursive: true})
    writeFileSync(path.join(installed, 'package.json'), JSON.stringify({name: 'openvino-node', version}))
    writeFileSync(path.join(installed, 'index.js'), code)
    return inspectPeer({...options, from: path.join(folder, 'caller.js')})
  }

  async function failureOf(promise: Promise<unknown>): Promise<NpuBridgeError> {
    const outcome = await promise.catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(NpuBridgeError)
    return outcome as NpuBridgeError
  }

  it('tells version, folder and devices', async () => {
    expect(await inspect(`console.log('noise'); ${DEVICES}`)).to.deep.equal({
      version: '2026.4.0',
      folder: path.join(folder, 'node_modules/openvino-node'),
      devices: [
        {name: 'CPU', fullName: 'A processor'},
        {name: 'NPU', fullName: null},
      ],
    })
  })

  it('says that the package is not there, and how to get it', async () => {
    const error = await failureOf(inspectPeer({from: path.join(folder, 'caller.js')}))
    expect(error).to.include({code: 'RUNTIME_NOT_FOUND', message: 'openvino-node is not installed'})
    expect(error.suggestions).to.deep.equal(['npm install openvino-node@2026.4'])
  })

  it('says that it is too old, and takes newer ones', async () => {
    for (const version of ['2025.4.0', '2026.3.9']) {
      const error = await failureOf(inspect(DEVICES, version))
      expect(error.code).to.equal('RUNTIME_NOT_FOUND')
      expect(error.message).to.include(`openvino-node ${version} in `).and.include('needs 2026.4 or newer')
    }

    expect(await inspect(DEVICES, '2027.0.0')).to.include({version: '2027.0.0'})
  })

  it('says that its binary is not there, and how to get it', async () => {
    const error = await failureOf(inspect("exports.addon = require('./bin/ov_node_addon.node')"))
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.message).to.include("cannot be loaded: Cannot find module './bin/ov_node_addon.node'")
    expect(error.suggestions[0]).to.include('npm rebuild openvino-node')
  })

  it('says that the package is another one than it should be', async () => {
    expect((await failureOf(inspect('exports.something = 1'))).message).to.include('it exports no addon')
  })

  it('tells a crash, a hang and nonsense from each other', async () => {
    const crash = await failureOf(inspect('process.abort()'))
    expect(crash.code).to.equal('DEVICE_UNAVAILABLE')
    expect(crash.message).to.match(/was killed by SIGABRT$/)
    const hang = await failureOf(inspect('while (true);', '2026.4.0', {timeoutMs: 1500}))
    expect(hang.message).to.match(/did not answer within 1500 ms$/)
    const nonsense = await failureOf(inspect("require('fs').writeSync(3, 'nonsense'); process.exit(0)"))
    expect(nonsense.message).to.match(/exited with code 0$/)
  })

  it('is stopped by its signal', async () => {
    const options = {signal: AbortSignal.timeout(300)}
    expect(await codeOf(inspect('while (true);', '2026.4.0', options))).to.equal('CANCELLED')
  })
})
