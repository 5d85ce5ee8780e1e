import {Buffer} from 'node:buffer'
import path from 'node:path'
import {PassThrough} from 'node:stream'
import {quantile} from 'simple-statistics'

import type {Engine, Tensor} from '../../engine/engine.ts'

import {datatypeOf} from '../../engine/validate.ts'
import {isModelPath} from '../../models/resolve.ts'
import {resolvePaths} from '../../paths.ts'
import {parseServeOptions} from '../../serve/options.ts'
import {createServeLog} from '../../serve/serve-log.ts'
import {type RunningServer, startServer} from '../../serve/serve.ts'
import {infer} from '../infer.ts'
import {inputsFor} from '../model-inputs.ts'
import {measureServeLoad} from '../serve-load.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {keepInFlight} from '../timing.ts'
import {loadModel} from './load-model.ts'
import {absent, type Round, type Side, type Suite, type SuiteContext} from './suite.ts'

const CONNECTIONS = 32
/** Enough that a process of its own is worth its start. */
const LEAST_MS = 300
const LEGACY_SERVES_NOTHING = 'the old module has no server'
const NO_MODEL = 'there is no model here: npubridge models pull silero-vad'

export const serve: Suite = {
  name: 'serve',
  description: 'inferences through the server, by the Open Inference Protocol over HTTP',
  metrics: [
    {name: 'throughput', title: `throughput, ${CONNECTIONS} connections`, unit: 'inferences/s', better: 'higher'},
    {name: 'of_engine', title: 'share of what the engine does without it', unit: '%', better: 'higher'},
    {name: 'latency_p50', title: 'latency p50, one connection', unit: 'us', better: 'lower'},
    {name: 'latency_p99', title: 'latency p99, one connection', unit: 'us', better: 'lower'},
    {name: 'echo', title: `echoes, ${CONNECTIONS} connections`, unit: 'ops/s', better: 'higher'},
  ],
  notes: [
    `The server is in the process that measures, over the same engine; its clients are sockets of another process on this machine, which takes its share of the processor. The share of the engine compares with ${CONNECTIONS} operations in flight, in the same round.`,
  ],
  async cases(context) {
    const model = await context.model()
    return [
      {
        title: 'serve',
        metrics: serve.metrics.map(({name}) => name),
        rounds: Math.ceil(0.45 * context.effort.rounds),
        sides: {
          [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_SERVES_NOTHING),
          [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_SERVES_NOTHING),
          [ACCELERATED]: model === null ? absent('not_available', NO_MODEL) : acceleratedSide(context, model),
        },
      },
    ]
  },
}

/** A server over an engine that others use as well. */
class BorrowedServer implements AsyncDisposable {
  readonly #running: RunningServer

  private constructor(running: RunningServer) {
    this.#running = running
  }

  static async start(engine: Engine, models: string | null): Promise<BorrowedServer> {
    const options = parseServeOptions({drainMs: 0, grpcPort: null, models, port: 0})
    const log = createServeLog('silent', new PassThrough())
    const lent: Engine = {
      kind: engine.kind,
      health: async () => engine.health(),
      metrics: () => engine.metrics(),
      metricsText: () => engine.metricsText(),
      // It goes on when the server ends.
      async shutdown() {},
      submit: async (operation, given) => engine.submit(operation, given),
      submitBatch: async (operations, given) => engine.submitBatch(operations, given),
      async [Symbol.asyncDispose]() {},
    }
    return new BorrowedServer(await startServer(options, {engine: lent, log, paths: resolvePaths(), version: 'bench'}))
  }

  get port(): number {
    return Number(new URL(this.#running.url).port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.stop()
  }
}

function acceleratedSide({effort, participants, signal}: SuiteContext, model: string): Side {
  const durationMs = Math.max(LEAST_MS, effort.roundMs)
  const name = isModelPath(model) ? path.basename(model, path.extname(model)) : model
  let server: BorrowedServer | undefined
  let inputs: Readonly<Record<string, Tensor>> = {}
  const ask = async (request: string, connections: number) =>
    measureServeLoad({connections, durationMs, port: server!.port, request}, signal)
  const round = async (): Promise<Round> => {
    const request = requestOf(name, inputs)
    const many = await ask(request, CONNECTIONS)
    const engine = await participants.engine()
    const work = async () => infer(engine, {type: 'inference', model, inputs})
    const alone = await keepInFlight(CONNECTIONS, {durationMs}, work)
    const one = await ask(request, 1)
    const echoes = await ask(requestOf('echo', {data: {data: new Float32Array(16), shape: [16]}}), CONNECTIONS)
    const throughput = many.latenciesUs.length / many.seconds
    return {
      values: {
        throughput,
        of_engine: (100 * throughput) / alone.perSecond,
        latency_p50: quantile(one.latenciesUs, 0.5),
        latency_p99: quantile(one.latenciesUs, 0.99),
        echo: echoes.latenciesUs.length / echoes.seconds,
      },
      latenciesUs: {'a request': one.latenciesUs},
    }
  }

  return {
    async prepare() {
      const engine = await participants.engine()
      inputs = inputsFor(await loadModel(engine, model))
      const folder = isModelPath(model) ? path.dirname(path.resolve(model)) : null
      server = participants.adopt(await BorrowedServer.start(engine, folder))
      await round()
    },
    measure: round,
  }
}

/** A whole request with binary tensors, as it goes over the wire. */
function requestOf(model: string, inputs: Readonly<Record<string, Tensor>>): string {
  const tensors = Object.entries(inputs)
  const json = JSON.stringify({
    inputs: tensors.map(([name, tensor]) => ({
      name,
      datatype: datatypeOf(tensor),
      shape: tensor.shape,
      parameters: {binary_data_size: tensor.data.byteLength},
    })),
    parameters: {binary_data_output: true},
  })
  const bytes = tensors.map(([, {data}]) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  const body = Buffer.concat([Buffer.from(json), ...bytes])
  const head = [
    `POST /v2/models/${model}/infer HTTP/1.1`,
    'Host: localhost',
    `Inference-Header-Content-Length: ${Buffer.byteLength(json)}`,
    `Content-Length: ${body.length}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]).toString('base64')
}
