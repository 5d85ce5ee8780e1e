/** `npubridge signal`: a file in, results out. */
import type {Engine, OutputTensor, SignalBackend, SignalFamily, SignalOperation, TensorMap} from '../engine/engine.ts'

import {NpuBridgeError} from '../errors.ts'
import {readSamples, writeSamples} from './files.ts'
import {familyOf, rateName} from './kinds.ts'
import {findTones, type Tone} from './tones.ts'

export interface SignalRequest {
  readonly kind: string
  readonly file: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** Files of further samples by input name. */
  readonly inputs: Readonly<Record<string, string>>
  /** In Hz; the file's own when absent. */
  readonly fs: number | undefined
  /** Where the first output goes. */
  readonly out: string | undefined
  readonly backend?: SignalOperation['backend'] | undefined
  readonly device?: SignalOperation['device'] | undefined
  readonly signal: AbortSignal
}

export interface OutputSummary {
  readonly shape: readonly number[]
  readonly datatype: string
  readonly min: number | null
  readonly max: number | null
}

export interface SignalReport {
  readonly kind: string
  readonly family: SignalFamily
  readonly file: string
  readonly shape: readonly number[]
  /** In Hz; null where neither the file nor the caller says it. */
  readonly fs: number | null
  readonly backend: SignalBackend
  /** The device that worked it out; null for everything but `openvino`. */
  readonly device: string | null
  readonly computeUs: number
  readonly outputs: Readonly<Record<string, OutputSummary>>
  /** Of the first channel, strongest first; for spectra of power only. */
  readonly tones: readonly Tone[] | null
  readonly out: string | null
}

export interface Processed {
  readonly report: SignalReport
  readonly outputs: Readonly<Record<string, OutputTensor>>
}

/** Spectra whose peaks are tones of the samples. */
const SPECTRA: ReadonlySet<string> = new Set(['periodogram', 'welch'])

/** @throws {NpuBridgeError} for what the file, the parameters or the engine make impossible */
export async function processFile(
  {backend, device, file, fs, inputs, kind, out, parameters, signal}: SignalRequest,
  openEngine: () => Promise<Pick<Engine, 'submit'>>,
): Promise<Processed> {
  const family = familyOf(kind)
  const {rate: own, tensor} = await readSamples(file)
  const rate = fs ?? own
  const named = rateName(kind)
  const asked = {...(named !== undefined && rate !== undefined && {[named]: rate}), ...parameters, kind}
  const further: TensorMap = Object.fromEntries(
    await Promise.all(
      Object.entries(inputs).map(async ([name, other]) => [name, (await readSamples(other)).tensor] as const),
    ),
  )
  const engine = await openEngine()
  const result = await engine.submit(
    {
      type: 'signal',
      operation: family,
      parameters: asked,
      data: tensor,
      inputs: further,
      ...(backend !== undefined && {backend}),
      ...(device !== undefined && {device}),
    },
    {signal},
  )
  const {outputs} = result
  if (outputs === undefined) throw new NpuBridgeError('INTERNAL', 'the engine gave no outputs')
  const [first] = Object.values(outputs)
  if (out !== undefined && first !== undefined) await writeSamples(out, first, rate)
  const frequency = 'fs' in asked ? Number(asked.fs) : (rate ?? 1)
  const {frequencies, psd} = outputs
  const tones =
    SPECTRA.has(kind) && psd && frequencies && psd.data.length >= frequencies.data.length
      ? findTones(
          firstChannel(tensor.data as Float64Array, tensor.shape),
          firstChannel(psd.data as Float64Array, psd.shape),
          frequencies.data as Float64Array,
          frequency,
        )
      : null
  return {
    outputs,
    report: {
      kind,
      family,
      file,
      shape: tensor.shape,
      fs: rate ?? null,
      backend: result.data as SignalBackend,
      device: result.device ?? null,
      computeUs: result.computeUs,
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, summary(output)])),
      tones,
      out: out ?? null,
    },
  }
}

function firstChannel(data: Float64Array, shape: readonly number[]): Float64Array {
  return data.subarray(0, shape.at(-1) ?? data.length)
}

function summary({data, datatype, shape}: OutputTensor): OutputSummary {
  let [min, max] = [Infinity, -Infinity]
  for (const value of data as Float64Array) {
    if (value < min) min = value
    if (value > max) max = value
  }

  const finite = (value: number) => (Number.isFinite(value) ? value : null)
  return {shape, datatype, min: finite(min), max: finite(max)}
}
