/** The program of the peer openvino-node: see process.ts. */
import {createInterface} from 'node:readline'

import type {Datatype} from '../../engine/engine.ts'
import type {PeerElement, PeerInferRequest, PeerTensor} from '../../engine/openvino-node-types.ts'
import type {PeerRequest} from './peer.ts'

import {loadPeer} from '../../engine/openvino-node-peer.ts'
import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {inputsFor} from '../model-inputs.ts'

const ELEMENTS: Partial<Record<Datatype, PeerElement>> = {
  FP32: 'f32',
  FP64: 'f64',
  INT8: 'i8',
  INT16: 'i16',
  INT32: 'i32',
  INT64: 'i64',
  UINT8: 'u8',
  UINT16: 'u16',
  UINT32: 'u32',
  UINT64: 'u64',
}

let newRequest: () => PeerInferRequest
let tensors: PeerTensor[]

async function open({device, inputs, model, profile}: PeerRequest): Promise<unknown> {
  const peer = present()
  const core = new peer.addon.Core()
  const read = await core.readModel(model)
  const compiled = await core.compileModel(read, device, {
    PERFORMANCE_HINT: profile.toUpperCase(),
    ...(device === 'CPU' && {INFERENCE_PRECISION_HINT: 'f32', ENABLE_CPU_PINNING: 'NO'}),
  })
  newRequest = () => compiled.createInferRequest()
  const given = inputsFor({inputs})
  tensors = compiled.inputs.map(({anyName}) => {
    const tensor = given[anyName]
    const element = tensor?.datatype && ELEMENTS[tensor.datatype]
    if (!element) throw new NpuBridgeError('UNSUPPORTED_OPERATION', `openvino-node has no tensor for ${anyName}`)
    return new peer.addon.Tensor(element, [...tensor.shape], tensor.data)
  })
  await newRequest().inferAsync(tensors)
  return {about: `openvino-node ${peer.version}`}
}

/** What is not there is not a failure. */
function present(): ReturnType<typeof loadPeer> {
  try {
    return loadPeer()
  } catch (error) {
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', asNpuBridgeError(error).message)
  }
}

async function run({duration_ms: durationMs, window}: {duration_ms: number; window: number}): Promise<unknown> {
  const latencies: number[] = []
  const started = performance.now()
  const caller = async () => {
    const request = newRequest()
    do {
      const begun = performance.now()
      await request.inferAsync(tensors)
      latencies.push((performance.now() - begun) * 1000)
    } while (performance.now() - started < durationMs)
  }

  await Promise.all(Array.from({length: window}, caller))
  return {latencies_us: latencies, elapsed_us: (performance.now() - started) * 1000}
}

for await (const line of createInterface({input: process.stdin})) {
  const request = JSON.parse(line) as PeerRequest | {duration_ms: number; window: number}
  const answer = await ('model' in request ? open(request) : run(request)).catch((error: unknown) => ({
    error: asNpuBridgeError(error).toJSON(),
  }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
