/**
 * A setting in a process of its own. Engines in one process share the threads of the runtime and change what the others
 * do, also while they wait; so what is compared in turns is apart, as it is where it will be used.
 */
import path from 'node:path'
import {fileURLToPath} from 'node:url'

import type {Candidate} from './candidate.ts'
import type {EnergyMeter} from './energy.ts'
import type {Figures} from './objective.ts'

import {ChildProgram} from '../bench/child-program.ts'
import {Skipped, type Trial, type TrialSubject} from './trial.ts'

export type TrialRequest =
  | {
      readonly candidate: Candidate
      readonly measuresEnergy: boolean
      readonly subject: TrialSubject
      readonly type: 'open'
    }
  | {readonly milliseconds: number; readonly type: 'measure'}
  | {readonly type: 'close'}

/** The answer to `open`. */
export type Opened = Pick<Trial, 'health' | 'loaded'> | {readonly skipped: string}

/** As `openTrial`, in a process that ends with the trial. @throws what `openTrial` throws */
export async function openApart(
  candidate: Candidate,
  subject: TrialSubject,
  meter: EnergyMeter | null,
): Promise<Trial> {
  const here = fileURLToPath(import.meta.url)
  const child = new ChildProgram(path.join(path.dirname(here), `trial-child${path.extname(here)}`))
  const ask = async (request: TrialRequest) => child.ask(request)
  try {
    const opened = (await ask({type: 'open', candidate, measuresEnergy: meter !== null, subject})) as Opened
    if ('skipped' in opened) throw new Skipped(opened.skipped)
    return {
      ...opened,
      measure: async (milliseconds) => (await ask({type: 'measure', milliseconds})) as Figures,
      [Symbol.asyncDispose]: async () => child[Symbol.asyncDispose](),
    }
  } catch (error) {
    await child[Symbol.asyncDispose]()
    throw error
  }
}
