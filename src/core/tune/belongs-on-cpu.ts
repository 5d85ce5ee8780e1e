/** Whether a model that runs on an accelerator would be better off on the CPU. */
import type {Contender} from './finals.ts'
import type {Objective} from './objective.ts'
import type {Advice} from './report.ts'
import type {Trial} from './trial.ts'

import {perSecond, us} from './explain.ts'

/** The CPU must be better by this much: it is busy with other things, too. */
const CLEARLY = 1.1
const TRIAL_MS = 300

export interface CpuQuestion {
  readonly model: string
  readonly device: string
  readonly objective: Objective
  readonly finals: readonly Contender[]
  readonly open: () => Promise<Trial>
}

/** Measures the CPU as it is, and compares it with the best that the device does. */
export async function cpuAdvice({device, finals, model, objective, open}: CpuQuestion): Promise<Advice[]> {
  if (finals.length === 0) return []
  let onCpu
  try {
    await using trial = await open()
    onCpu = await trial.measure(TRIAL_MS)
  } catch {
    // Without a CPU to compare with there is nothing to advise.
    return []
  }

  const quickest = Math.min(...finals.map(({figures}) => figures.p50Us))
  const most = Math.max(...finals.map(({figures}) => figures.throughput))
  const better = objective === 'latency' ? quickest / onCpu.p50Us : onCpu.throughput / most
  if (better <= CLEARLY) return []
  return [
    belongsOnCpu(
      model,
      objective === 'latency'
        ? `an operation takes ${us(onCpu.p50Us)} on the CPU and ${us(quickest)} on ${device} at best`
        : `the CPU does ${perSecond(onCpu.throughput)} as it is, ${device} ${perSecond(most)} at best`,
    ),
  ]
}

export function belongsOnCpu(model: string, because: string): Advice {
  return {
    id: 'model-belongs-on-cpu',
    advice: `${model} belongs on the CPU: run it with --device cpu, or a profile with device: cpu.`,
    because: `${because.charAt(0).toUpperCase()}${because.slice(1)}.`,
    setting: 'device',
  }
}
