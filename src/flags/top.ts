/** What `top` takes. */
import {Flags} from '@oclif/core'

const OWN = {helpGroup: 'OWN ENGINE', exclusive: ['server', 'socket']}

export const topFlags = {
  server: Flags.string({description: 'server to look at', exclusive: ['socket'], helpValue: 'URL'}),
  socket: Flags.string({description: 'server that listens on this Unix socket', helpValue: 'FILE'}),
  once: Flags.boolean({description: 'print one report and end; so does output that is no terminal'}),
  interval: Flags.integer({
    default: 1000,
    description: 'milliseconds between readings',
    helpValue: 'MS',
    max: 60_000,
    min: 100,
  }),
  own: Flags.boolean({...OWN, description: 'open an engine here, also where a server runs'}),
  exercise: Flags.string({
    ...OWN,
    description: 'keep the engine at work: echo, matrix_multiply, or a model on empty inputs',
    helpValue: 'WHAT',
  }),
  device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
    ...OWN,
    description: 'device to run on; auto, the default, tries npu, gpu, cpu',
  }),
  engine: Flags.option({options: ['auto', 'native', 'openvino-node', 'legacy'] as const})({
    ...OWN,
    description: 'what executes operations; auto, the default, tries native, openvino-node, legacy',
  }),
  runtime: Flags.string({...OWN, description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
} as const
