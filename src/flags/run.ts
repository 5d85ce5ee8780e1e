/** What `run` takes for JSON Lines. */
import {Flags} from '@oclif/core'

import {DEFAULT_CONCURRENCY} from '../core/run/concurrency.ts'

/** What makes no sense where another process has the engine. */
const OWN_ENGINE = ['config', 'device', 'engine', 'legacy', 'profile', 'runtime']
/** A pool has a configuration, and workers have the rest. */
const OWN_DEVICES = OWN_ENGINE.filter((flag) => flag !== 'config')

export const lineFlags = {
  device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
    description: 'device to run on; auto, the default, tries npu, gpu, cpu',
  }),
  engine: Flags.option({options: ['auto', 'native', 'openvino-node', 'legacy'] as const})({
    description: 'what executes operations; auto, the default, tries native, openvino-node, legacy',
  }),
  runtime: Flags.string({description: 'folder of the OpenVINO runtime to use'}),
  server: Flags.string({description: 'run on this server instead', exclusive: OWN_ENGINE, helpValue: 'URL'}),
  cluster: Flags.string({
    description: 'run on the workers that meet at this Redis server instead',
    exclusive: [...OWN_DEVICES, 'server'],
    helpValue: 'redis://HOST:PORT',
  }),
  legacy: Flags.string({description: 'Python module of the legacy engine'}),
  model: Flags.string({description: 'model of the lines that name none'}),
  'timeout-ms': Flags.integer({description: 'timeout of the lines that give none, in milliseconds', min: 1}),
  concurrency: Flags.integer({default: DEFAULT_CONCURRENCY, description: 'operations in flight at once', min: 1}),
  unordered: Flags.boolean({description: 'write results as they come, not in the order of the lines'}),
  'fail-fast': Flags.boolean({description: 'submit nothing after the first failure'}),
  output: Flags.string({description: 'write results to this file instead of standard output'}),
  'output-dir': Flags.string({description: 'save output tensors as .npy files in this folder'}),
  nonfinite: Flags.option({options: ['error', 'string'] as const})({
    default: 'error',
    description: 'what NaN and infinities are in JSON: an error, or strings like "NaN"',
  }),
}
