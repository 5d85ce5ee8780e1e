/** Learns a head from examples. */
import type {Engine} from '../engine/engine.ts'
import type {HeadDescription, TextMethod} from './router.ts'

import {fromNative, loadBinding, type NativeHead} from '../engine/binding.ts'
import {NpuBridgeError} from '../errors.ts'
import {throwIfCancelled} from '../process/run.ts'
import {type Dataset, type Example, readDataset} from './dataset.ts'
import {embed} from './embed.ts'

export type TrainEvent =
  | {readonly type: 'embedding'; readonly done: number; readonly total: number}
  | {readonly type: 'learning'; readonly examples: number; readonly labels: number}

export interface TrainOptions {
  readonly file: string
  readonly output: string
  /** Words alone, or words and meaning. */
  readonly method: Exclude<TextMethod, 'semantic'>
  readonly openEngine: () => Promise<Pick<Engine, 'submit'>>
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: TrainEvent) => void) | undefined
}

export interface TrainReport {
  readonly output: string
  readonly method: TrainOptions['method']
  readonly examples: number
  readonly labels: number
  /** The evidence below which no label fits; null where no examples out of scope came with others in scope. */
  readonly threshold: number | null
  /** How many examples the threshold was found with. */
  readonly calibratedOn: {readonly inside: number; readonly outside: number} | null
  readonly device: string | null
  readonly seconds: number
}

/**
 * Learns from the `train` part of a file, finds the threshold with `val` and the parts out of scope, and writes the
 * head. A label's own words count as an example of it.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a file that cannot be learned from
 */
export async function trainHead(options: TrainOptions): Promise<TrainReport> {
  const started = performance.now()
  const data = await readDataset(options.file)
  if (data.train.length === 0) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${options.file} has no examples to learn from: "train" is empty`)
  }

  const labels = new Set(data.train.map(({label}) => label))
  const examples = [...data.train, ...[...labels].map((label) => ({label, text: wordsOf(label)}))]
  const texts = examples.map(({text}) => text)
  const vectors = await embeddingsFor(texts, options)
  options.onEvent?.({type: 'learning', examples: examples.length, labels: labels.size})
  const train = async () => {
    const given = vectors.all
    return loadBinding().NativeHead.train(
      texts,
      examples.map(({label}) => label),
      given,
    )
  }

  const head = await train().catch((error: unknown) => {
    throw fromNative(error)
  })
  throwIfCancelled(options.signal)
  const calibratedOn = await calibrate(head, data, options)
  try {
    head.save(options.output)
  } catch (error) {
    throw fromNative(error)
  }

  const {threshold} = JSON.parse(head.describe()) as HeadDescription
  return {
    output: options.output,
    method: options.method,
    examples: data.train.length,
    labels: labels.size,
    threshold,
    calibratedOn,
    device: vectors.device,
    seconds: (performance.now() - started) / 1000,
  }
}

/** `book_flight` as `book flight`. */
function wordsOf(label: string): string {
  return label.replaceAll(/[-_]+/g, ' ')
}

async function embeddingsFor(texts: readonly string[], options: TrainOptions) {
  if (options.method === 'lexical' || texts.length === 0) return {all: null, device: null}
  return embed(await options.openEngine(), texts, {
    signal: options.signal,
    onProgress: (done, total) => options.onEvent?.({type: 'embedding', done, total}),
  })
}

/** Evidence is too high for examples that were learned from, so others are needed to find where scope ends. */
async function calibrate(head: NativeHead, data: Dataset, options: TrainOptions): Promise<TrainReport['calibratedOn']> {
  const learned = new Set(data.train.map(({text}) => text))
  const inside = data.val.filter(({text}) => !learned.has(text))
  const outside = [...data.oosTrain, ...data.oosVal]
  if (inside.length === 0 || outside.length === 0) return null
  head.calibrate(await evidence(head, inside, options), await evidence(head, outside, options))
  return {inside: inside.length, outside: outside.length}
}

async function evidence(head: NativeHead, examples: readonly Example[], options: TrainOptions): Promise<Float32Array> {
  const texts = examples.map(({text}) => text)
  const {all} = await embeddingsFor(texts, options)
  const answers = JSON.parse(head.route(texts, JSON.stringify({top: 1, explain: false}), all)) as Array<{
    evidence: number
  }>
  return Float32Array.from(answers, (answer) => answer.evidence)
}
