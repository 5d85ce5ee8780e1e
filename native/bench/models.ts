/** Models and inputs that are measured. */
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import type {TensorMap} from '../../src/core/engine/engine.ts'

const [ROWS, COLUMNS] = [64, 128]
const ONNX_TOKENS = 32
const MAGIKA_BYTES = 2048

/** Any number of rows of 64 times 64 x 128 in FP32, as IR. */
export function writeTinyModel(folder: string): {file: string; inputs: TensorMap} {
  const file = path.join(folder, 'tiny.xml')
  const dims = (...sizes: number[]) => sizes.map((size) => `<dim>${size}</dim>`).join('')
  const port = (id: number, ...sizes: number[]) => `<port id="${id}" precision="FP32">${dims(...sizes)}</port>`
  const named = (id: number, name: string, ...sizes: number[]) =>
    `<port id="${id}" precision="FP32" names="${name}">${dims(...sizes)}</port>`
  const layer = (id: number, name: string, type: string, body: string) =>
    `<layer id="${id}" name="${name}" type="${type}" version="opset1">${body}</layer>`
  const layers = [
    layer(
      0,
      'a',
      'Parameter',
      `<data shape="-1,${ROWS}" element_type="f32"/><output>${named(0, 'a', -1, ROWS)}</output>`,
    ),
    layer(
      1,
      'b',
      'Const',
      `<data element_type="f32" shape="${ROWS},${COLUMNS}" offset="0" size="${ROWS * COLUMNS * 4}"/>` +
        `<output>${port(0, ROWS, COLUMNS)}</output>`,
    ),
    layer(
      2,
      'c',
      'MatMul',
      '<data transpose_a="false" transpose_b="false"/>' +
        `<input>${port(0, -1, ROWS)}${port(1, ROWS, COLUMNS)}</input><output>${named(2, 'c', -1, COLUMNS)}</output>`,
    ),
    layer(3, 'result', 'Result', `<input>${port(0, -1, COLUMNS)}</input>`),
  ]
  const edge = (from: string, to: string) => {
    const [[fromLayer, fromPort], [toLayer, toPort]] = [from.split(':', 2), to.split(':', 2)]
    return `<edge from-layer="${fromLayer}" from-port="${fromPort}" to-layer="${toLayer}" to-port="${toPort}"/>`
  }

  const edges = [edge('0:0', '2:0'), edge('1:0', '2:1'), edge('2:2', '3:0')]
  writeFileSync(
    file,
    `<?xml version="1.0"?><net name="tiny" version="11"><layers>${layers.join('')}</layers><edges>${edges.join('')}</edges></net>`,
  )
  writeFileSync(path.join(folder, 'tiny.bin'), new Float32Array(ROWS * COLUMNS).fill(0.5))
  return {file, inputs: {a: {data: new Float32Array(ROWS).fill(0.5), shape: [1, ROWS]}}}
}

/** A tone of 50 ms with its context, and the state before the first one. */
export function sileroInputs(): TensorMap {
  const tone = Float32Array.from({length: 576}, (_, index) => Math.sin(index / 5) * 0.3)
  return {input: {data: tone, shape: [1, 576]}, state: {data: new Float32Array(256), shape: [2, 1, 128]}}
}

/** The first bytes of a file of text, as magika wants them. */
export function magikaInput(): TensorMap {
  return {
    bytes: {data: Int32Array.from({length: MAGIKA_BYTES}, (_, index) => 97 + (index % 26)), shape: [1, MAGIKA_BYTES]},
  }
}

/** A sentence of 32 tokens. */
export function minilmInputs(): TensorMap {
  const of = (value: (index: number) => number) => ({
    data: BigInt64Array.from({length: ONNX_TOKENS}, (_, index) => BigInt(value(index))),
    shape: [1, ONNX_TOKENS],
  })
  return {
    attention_mask: of(() => 1),
    input_ids: of((index) => 1000 + index * 7),
    token_type_ids: of(() => 0),
  }
}
