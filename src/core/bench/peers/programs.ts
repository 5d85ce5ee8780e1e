/** Peers that are libraries: small programs of ours run them. */
import path from 'node:path'
import {fileURLToPath} from 'node:url'

import type {Peer} from './peer.ts'

import {pythonCommands} from '../../engine/python.ts'
import {NpuBridgeError} from '../../errors.ts'
import {PeerProcess} from './process.ts'

const HERE = fileURLToPath(import.meta.url)
const PYTHON_PROGRAM = path.join(import.meta.dirname, '../../../../native/python/bench/bench_peer.py')
const NODE_PROGRAM = path.join(import.meta.dirname, `openvino-node-child${path.extname(HERE)}`)

export const openvinoPython: Peer = pythonPeer('openvino-python', 'openvino')

export const onnxruntime: Peer = pythonPeer('onnxruntime', 'onnxruntime', (model) => model.endsWith('.onnx'))

export const openvinoNode: Peer = {
  name: 'openvino-node',
  open: async (request, signal) => PeerProcess.start(process.execPath, [NODE_PROGRAM], request, signal),
}

function pythonPeer(name: string, library: string, takes: (model: string) => boolean = () => true): Peer {
  return {
    name,
    async open(request, signal) {
      if (!takes(request.model)) {
        const file = path.basename(request.model)
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', `${library} runs ONNX files, and ${file} is none`)
      }

      const [python] = pythonCommands(process.env)
      return PeerProcess.start(python!, [PYTHON_PROGRAM, library], request, signal)
    },
  }
}
