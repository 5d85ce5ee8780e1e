// Moves memory across the border in every way while operations are in flight; run under Valgrind by memory.test.ts:
// `node --expose-gc memory-child.ts RUNTIME MODELS CACHE`.
import assert from 'node:assert/strict'
import {setTimeout as wait} from 'node:timers/promises'
import {MessageChannel} from 'node:worker_threads'

import type {Engine, Tensor} from '../../src/core/engine/engine.ts'

import {createNativeEngine} from '../../src/core/engine/native.ts'

/** 100 KiB of FP32: above the 64 KiB up to which inputs are copied in JavaScript. */
const SIDE = 160
/** 40 KiB of FP32: below them. */
const SMALL_SIDE = 100
const ROUNDS = 3
const [runtimeFolder = '', modelsFolder = '', cacheFolder = ''] = process.argv.slice(2)
const collectGarbage = globalThis.gc!

function matrix(side: number, buffer: ArrayBufferLike = new ArrayBuffer(side * side * 4), offset = 0): Tensor {
  return {data: new Float32Array(buffer, offset, side * side).fill(1), shape: [side, side]}
}

/** What an owner may do to the buffer of a submitted array. */
const MISTREATMENTS: Readonly<Record<string, (buffer: ArrayBuffer) => unknown>> = {
  transfer: (buffer) => buffer.transfer(),
  grow: (buffer) => buffer.transfer(buffer.byteLength * 2),
  shrink: (buffer) => buffer.transferToFixedLength(16),
  clone: (buffer) => structuredClone(buffer, {transfer: [buffer]}),
  post(buffer) {
    const {port1, port2} = new MessageChannel()
    port1.postMessage(buffer, [buffer])
    port1.close()
    port2.close()
  },
  overwrite: (buffer) => new Uint8Array(buffer).fill(255),
}

async function multiply(engine: Engine, a: Tensor, b: Tensor, transfer = false): Promise<Float32Array> {
  const {outputs} = await engine.submit({type: 'matrix_multiply', inputs: {a, b}, transfer})
  return outputs!.product!.data as Float32Array
}

const isProduct = (data: Float32Array, side: number) => data.every((value) => value === side)

/** Submits matrices, mistreats their buffers at once, collects, and checks the products. */
async function mistreat(engine: Engine, side: number): Promise<void> {
  for (const [name, treat] of Object.entries(MISTREATMENTS)) {
    const [a, b] = [matrix(side), matrix(side)]
    const product = multiply(engine, a, b)
    treat(a.data.buffer as ArrayBuffer)
    treat(b.data.buffer as ArrayBuffer)
    collectGarbage()
    assert.ok(isProduct(await product, side), `${name} of ${side} x ${side} changed the product`)
  }
}

/** Buffers that can change their length, views into larger ones, and shared ones. */
async function unusualBuffers(engine: Engine): Promise<void> {
  const bytes = SIDE * SIDE * 4
  const resizable = new ArrayBuffer(bytes, {maxByteLength: bytes * 2})
  const growable = new SharedArrayBuffer(bytes, {maxByteLength: bytes * 2})
  const larger = new ArrayBuffer(bytes + 4096)
  const resized = multiply(engine, matrix(SIDE, resizable), matrix(SIDE, larger, 4096))
  resizable.resize(0)
  larger.transfer(8)
  const shared = multiply(engine, matrix(SIDE, growable), matrix(SIDE))
  growable.grow(bytes * 2)
  assert.ok(isProduct(await resized, SIDE))
  assert.ok(isProduct(await shared, SIDE))
}

/** Ownership given away: the arrays are detached, also of operations that are cancelled before they start. */
async function giveAway(engine: Engine): Promise<void> {
  const stop = new AbortController()
  const [a, b] = [matrix(SIDE), matrix(SIDE)]
  const product = multiply(engine, a, b, true)
  assert.equal(a.data.byteLength + b.data.byteLength, 0)
  const inputs = {a: matrix(SIDE), b: matrix(SIDE)}
  const given = engine.submit({type: 'matrix_multiply', inputs, transfer: true}, {signal: stop.signal})
  const late = engine.submit({type: 'matrix_multiply', inputs: {a: matrix(SIDE), b: matrix(SIDE)}}, {timeoutMs: 0})
  stop.abort()
  collectGarbage()
  await Promise.allSettled([given, late])
  assert.ok(isProduct(await product, SIDE))
}

/** A recurrent model whose state is carried from one inference to the next, and closed in between. */
async function streams(engine: Engine): Promise<void> {
  const frame = () => ({input: {data: new Float32Array(576).fill(0.1), shape: [1, 576]}})
  const answers = Array.from({length: 8}, async (_, index) =>
    engine.submit({type: 'inference', model: 'silero-vad', inputs: frame(), stream: 's', endOfStream: index % 4 === 3}),
  )
  for (const {outputs} of await Promise.all(answers)) assert.ok(Number.isFinite(outputs!.output!.data[0]))
}

const engine = await createNativeEngine({cacheFolder, devices: ['CPU'], modelsFolder, runtimeFolder})
const kept: Float32Array[] = []
for (let round = 0; round < ROUNDS; round++) {
  await mistreat(engine, SIDE)
  await mistreat(engine, SMALL_SIDE)
  await unusualBuffers(engine)
  await giveAway(engine)
  // The second half of an output outlives the rest of its result.
  kept.push((await multiply(engine, matrix(SIDE), matrix(SIDE))).subarray(-SIDE))
}

await streams(engine)
await engine.shutdown()
collectGarbage()
await wait(50)
assert.ok(kept.every((row) => isProduct(row, SIDE)))
process.stdout.write('done\n')
