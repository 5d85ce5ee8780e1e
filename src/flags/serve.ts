/** What `serve` takes, and the options that it stands for. */
import {Flags, type Interfaces} from '@oclif/core'

import type {ServeOptions} from '../core/serve/options.ts'

import {profileFlags} from './config.ts'

const security = {helpGroup: 'SECURITY'} as const
const life = {helpGroup: 'LIFE'} as const
const several = {multiple: true, multipleNonGreedy: true} as const
const PORT = {helpValue: 'PORT', max: 65_535, min: 0} as const

export const serveFlags = {
  ...profileFlags,
  host: Flags.string({
    default: '127.0.0.1',
    description: 'address to listen on; beyond the loopback interface clients need a token',
  }),
  port: Flags.integer({
    ...PORT,
    default: 8000,
    description: 'port for HTTP and WebSocket; 0 takes any that is free and prints it',
  }),
  'grpc-port': Flags.integer({
    ...PORT,
    default: 8001,
    description: 'port for gRPC; 0 takes any that is free and prints it',
  }),
  grpc: Flags.boolean({allowNo: true, default: true, description: 'offer gRPC'}),
  socket: Flags.string({
    description: 'listen on this Unix socket instead, which only you can open',
    exclusive: ['host', 'port'],
    helpValue: 'FILE',
  }),
  models: Flags.string({description: 'folder of models; the one of `models pull` when absent', helpValue: 'DIR'}),
  load: Flags.string({
    ...several,
    description: 'load this model before the server is ready; "all" for each that is there',
    helpValue: 'NAME',
  }),
  device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
    description: 'device to run on; auto, the default, tries npu, gpu, cpu',
  }),
  engine: Flags.option({options: ['auto', 'native', 'openvino-node', 'legacy'] as const})({
    description: 'what executes operations; auto, the default, tries native, openvino-node, legacy',
  }),
  runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
  cluster: Flags.string({
    description: 'run on the workers that meet at this Redis server, with the models that they have',
    exclusive: ['device', 'engine', 'models', 'runtime'],
    helpValue: 'redis://HOST:PORT',
  }),
  'tls-cert': Flags.string({
    ...security,
    dependsOn: ['tls-key'],
    description: 'certificate, in PEM',
    helpValue: 'FILE',
  }),
  'tls-key': Flags.string({...security, dependsOn: ['tls-cert'], description: 'its key, in PEM', helpValue: 'FILE'}),
  token: Flags.boolean({...security, description: 'ask clients for a token on the loopback interface, too'}),
  'new-token': Flags.boolean({...security, description: 'make a new token; the old one is of no use any more'}),
  control: Flags.boolean({
    ...security,
    allowNo: true,
    default: true,
    description: 'let clients load and unload models and run benchmarks',
  }),
  'allow-host': Flags.string({
    ...security,
    ...several,
    description: 'another name that clients may call this server',
    helpValue: 'NAME',
  }),
  'allow-origin': Flags.string({
    ...security,
    ...several,
    description: 'origin whose web pages may use this server',
    helpValue: 'ORIGIN',
  }),
  dashboard: Flags.boolean({...security, allowNo: true, default: true, description: 'offer the dashboard at /'}),
  'rate-limit': Flags.integer({
    ...security,
    default: 0,
    description: 'requests a second that each client may make; 0: any number',
    helpValue: 'N',
    min: 0,
  }),
  detach: Flags.boolean({...life, description: 'go on in the background, and return when it takes requests'}),
  'drain-ms': Flags.integer({
    ...life,
    default: 10_000,
    description: 'how long requests may take to end when it is stopped',
    helpValue: 'MS',
    min: 0,
  }),
  'log-level': Flags.option({options: ['debug', 'info', 'warn', 'error', 'silent'] as const})({
    ...life,
    default: 'info',
    description: 'what is logged to standard error; debug logs each request that is refused',
  }),
} as const

export type ServeFlags = Interfaces.InferredFlags<typeof serveFlags>

/** @throws {Error} NpuBridgeError: CONFIG_INVALID */
export async function serveOptionsOf(flags: ServeFlags): Promise<ServeOptions> {
  const {parseServeOptions} = await import('../core/serve/options.ts')
  const {control, dashboard, grpc, host, load = [], models = null, port, socket = null, token} = flags
  const [cert, key] = [flags['tls-cert'], flags['tls-key']]
  return parseServeOptions({
    allowedHosts: flags['allow-host'] ?? [],
    allowedOrigins: flags['allow-origin'] ?? [],
    control,
    dashboard,
    drainMs: flags['drain-ms'],
    grpcPort: grpc && socket === null ? flags['grpc-port'] : null,
    host,
    load,
    logLevel: flags['log-level'],
    models,
    port,
    rateLimit: flags['rate-limit'],
    socket,
    tls: cert === undefined || key === undefined ? null : {cert, key},
    token: token || flags['new-token'],
  })
}
