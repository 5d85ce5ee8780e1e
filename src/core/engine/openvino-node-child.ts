/**
 * Child process of openvino-node-inspect.ts: loads the peer and writes its devices as JSON to file descriptor 3.
 * Finding out which devices there are can crash a process, so no other one does it.
 */
import {writeSync} from 'node:fs'

import {asNpuBridgeError} from '../errors.ts'
import {loadPeer} from './openvino-node-peer.ts'
import {fullNameOf} from './openvino-node.ts'

const CHANNEL = 3

function inspect(): unknown {
  try {
    const {addon, folder, version} = loadPeer(process.argv[2])
    const core = new addon.Core()
    const devices = core.getAvailableDevices().map((name) => ({name, fullName: fullNameOf(core, name)}))
    return {devices, folder, version}
  } catch (error) {
    return {error: asNpuBridgeError(error)}
  }
}

writeSync(CHANNEL, JSON.stringify(inspect()))
