/** The program of the process whose memory is watched while it runs one setting. See memory.ts. */
import {writeFileSync} from 'node:fs'

import type {Candidate} from './candidate.ts'

import {asNpuBridgeError} from '../errors.ts'
import {openTrial, type TrialSubject} from './trial.ts'

const ANSWER_FD = 3
const LONG_ENOUGH_MS = 200

export interface MemoryRequest {
  readonly candidate: Candidate
  readonly subject: TrialSubject
}

try {
  const {candidate, subject} = JSON.parse(process.argv[2] ?? '') as MemoryRequest
  await using trial = await openTrial(candidate, subject, null)
  await trial.measure(LONG_ENOUGH_MS)
  writeFileSync(ANSWER_FD, JSON.stringify({value: process.memoryUsage.rss()}))
} catch (error) {
  writeFileSync(ANSWER_FD, JSON.stringify({error: asNpuBridgeError(error).toJSON()}))
}
