/** Runs in a child process: a tiny and a real model on one device, timed, with their numbers for comparison. */
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Datatype, Engine, Operation, OperationResult, Tensor, TensorData, TensorMap} from '../engine/engine.ts'
import type {Run, TestRequest} from './functional-test.ts'

import {loadBinding} from '../engine/binding.ts'
import {asNpuBridgeError, type ErrorReport} from '../errors.ts'
import {resolveModel} from '../models/resolve.ts'

const CHANNEL = 3
const SIZE = 64
const WARM_UP = 5
const MOST_SAMPLES = 200
const LATENCY_MS = 250
const MOST_IN_FLIGHT = 256
const THROUGHPUT_MS = 150

interface Answer {
  readonly model: string
  readonly run: Run | null
  readonly numbers: readonly number[]
  readonly error: ErrorReport | null
}

interface NativeModule {
  createNativeEngine(options: {devices: string[]; modelsFolder: string; runtimeFolder: string}): Promise<Engine>
}

async function answer({device, model, modelsFolder, runtime}: TestRequest): Promise<Answer[]> {
  const file = new URL(`../engine/native${path.extname(import.meta.url)}`, import.meta.url)
  const {createNativeEngine} = (await import(file.href)) as NativeModule
  await using engine = await createNativeEngine({devices: [device], modelsFolder, runtimeFolder: runtime})
  const answers = [await attempt(engine, `matrix multiplication ${SIZE}×${SIZE}`, device, async () => multiplication())]
  if (model) answers.push(await attempt(engine, model, device, async () => inference(model, modelsFolder, runtime)))
  return answers
}

async function attempt(
  engine: Engine,
  model: string,
  device: string,
  prepare: () => Promise<Operation>,
): Promise<Answer> {
  try {
    const operation = await prepare()
    const started = performance.now()
    const first = await engine.submit(operation)
    const firstMs = performance.now() - started
    requireDevice(first, device)
    return {error: null, model, numbers: numbersOf(first), run: {firstMs, ...(await time(engine, operation))}}
  } catch (error) {
    return {error: asNpuBridgeError(error).toJSON(), model, numbers: [], run: null}
  }
}

/** A result of another device would be a lie here. */
function requireDevice({device, fallback}: OperationResult, expected: string): void {
  if (device === expected) return
  throw new Error(`it ran on ${device ?? 'no device'} instead${fallback ? `: ${fallback.reason}` : ''}`)
}

/** A slow model gets fewer samples rather than more time. */
async function time(engine: Engine, operation: Operation): Promise<Omit<Run, 'firstMs'>> {
  const micros: number[] = []
  const began = performance.now()
  for (let index = 0; index < MOST_SAMPLES && performance.now() - began < LATENCY_MS; index += 1) {
    const started = performance.now()
    await engine.submit(operation)
    if (index >= WARM_UP) micros.push((performance.now() - started) * 1000)
  }

  micros.sort((left, right) => left - right)
  const quantile = (share: number) => micros[Math.min(micros.length - 1, Math.floor(share * micros.length))] ?? 0
  const medianUs = quantile(0.5)
  const perSecond = await throughput(engine, operation, medianUs)
  return {medianUs, p99Us: quantile(0.99), perSecond, samples: micros.length}
}

async function throughput(engine: Engine, operation: Operation, medianUs: number): Promise<number> {
  const count = Math.max(8, Math.min(MOST_IN_FLIGHT, Math.floor((THROUGHPUT_MS * 1000) / medianUs)))
  const started = performance.now()
  const batch = await engine.submitBatch(Array.from({length: count}, () => operation))
  return (batch.filter(({ok}) => ok).length * 1000) / (performance.now() - started)
}

function multiplication(): Operation {
  const matrix = (phase: number): Tensor => ({data: wave(SIZE * SIZE, phase), shape: [SIZE, SIZE]})
  return {type: 'matrix_multiply', inputs: {a: matrix(0), b: matrix(1)}}
}

/** Values that are the same in every process, of both signs, and not too regular. */
function wave(length: number, phase: number): Float32Array {
  return Float32Array.from({length}, (_, index) => Math.sin(index * 0.37 + phase) / 2)
}

async function inference(model: string, modelsFolder: string, runtime: string): Promise<Operation> {
  const resolved = await resolveModel(model, modelsFolder)
  const {inputs} = JSON.parse(loadBinding().describeModel(runtime, resolved.path)) as {
    inputs: ReadonlyArray<{name: string; datatype: Datatype; shape: number[]}>
  }
  return {type: 'inference', model, inputs: Object.fromEntries(inputs.map((input) => [input.name, tensorOf(input)]))}
}

function tensorOf({datatype, shape}: {datatype: Datatype; shape: readonly number[]}): TensorMap[string] {
  const fixed = shape.map((size) => (size === -1 ? 1 : size))
  let length = 1
  for (const size of fixed) length *= size
  return {data: dataOf(datatype, length), datatype, shape: fixed}
}

const INTEGERS: Readonly<Partial<Record<Datatype, new (length: number) => TensorData>>> = {
  BOOL: Uint8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  INT8: Int8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  UINT8: Uint8Array,
}

function dataOf(datatype: Datatype, length: number): TensorData {
  if (datatype === 'FP32') return wave(length, 0)
  const Integers = INTEGERS[datatype]
  if (!Integers) throw new Error(`inputs of ${datatype} are not tested`)
  return new Integers(length)
}

function numbersOf({outputs = {}}: OperationResult): number[] {
  return Object.keys(outputs)
    .toSorted()
    .flatMap((name) => Array.from(outputs[name]!.data as Iterable<bigint | number>, Number))
}

async function safely(): Promise<Answer[]> {
  const request = JSON.parse(process.argv[2] ?? '') as TestRequest
  try {
    return await answer(request)
  } catch (error) {
    return [{error: asNpuBridgeError(error).toJSON(), model: 'all', numbers: [], run: null}]
  }
}

writeFileSync(CHANNEL, JSON.stringify(await safely()))
// Unloading a driver may hang or crash, and its answer is given.
process.kill(process.pid, 'SIGKILL')
