/** OpenVINO's own benchmark, of the Python environment that the tests use. */
import {execa} from 'execa'
import path from 'node:path'

export interface AppOptions {
  readonly model: string
  /** As for `-data_shape`: `input[1,576],state[2,1,128]`. */
  readonly shapes?: string
  readonly requests: number
  readonly seconds: number
}

/** Inferences per second with the throughput hint on the CPU. */
export async function benchmarkApp(root: string, {model, requests, seconds, shapes}: AppOptions): Promise<number> {
  const program = path.join(root, '.venv', 'bin', 'benchmark_app')
  const shape = shapes === undefined ? [] : ['-data_shape', shapes]
  const args = [
    '-m',
    model,
    '-d',
    'CPU',
    '-infer_precision',
    'f32',
    '-hint',
    'throughput',
    '-nireq',
    String(requests),
    '-t',
    String(seconds),
  ]
  const {stdout} = await execa(program, [...args, ...shape])
  const [, rate] = /Throughput:\s+([\d.]+)\s*FPS/.exec(stdout) ?? []
  if (rate === undefined) throw new Error(`benchmark_app gave no throughput for ${model}`)
  return Number(rate)
}
