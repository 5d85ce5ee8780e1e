/** What `worker` takes. */
import {Flags} from '@oclif/core'

import {busyProfileFlags} from './config.ts'

const several = {multiple: true, multipleNonGreedy: true} as const
const trust = {helpGroup: 'TRUST'} as const

export const queueFlag = {
  queue: Flags.string({
    description: 'Redis server of the pool; cluster.queue of the configuration when absent',
    helpValue: 'redis://HOST:PORT',
  }),
}

export const workerFlags = {
  ...queueFlag,
  ...busyProfileFlags,
  name: Flags.string({description: 'name of this node; that of the host when absent', helpValue: 'NODE'}),
  capacity: Flags.integer({
    default: 64,
    description: 'operations that it takes at once from each lane; its engine orders them by priority',
    helpValue: 'N',
    max: 4096,
    min: 1,
  }),
  load: Flags.string({...several, description: 'load this model before it joins', helpValue: 'NAME'}),
  models: Flags.string({description: 'folder of models; the one of `models pull` when absent', helpValue: 'DIR'}),
  device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
    description: 'device to run on; auto, the default, tries npu, gpu, cpu',
  }),
  engine: Flags.option({options: ['auto', 'native', 'openvino-node', 'legacy'] as const})({
    description: 'what executes operations; auto, the default, tries native, openvino-node, legacy',
  }),
  runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
  agents: Flags.string({
    ...trust,
    description: 'folder of agents that tasks of workflows may be for',
    helpValue: 'DIR',
  }),
  'allow-agent': Flags.string({
    ...trust,
    ...several,
    dependsOn: ['agents'],
    description: 'run this agent for others; one with a command only for jobs signed with NPUBRIDGE_CLUSTER_KEY',
    helpValue: 'NAME',
  }),
  'drain-ms': Flags.integer({
    default: 30_000,
    description: 'how long operations may take to end when it is stopped',
    helpValue: 'MS',
    min: 0,
  }),
}
