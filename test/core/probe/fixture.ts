import path from 'node:path'

import {probe, type ProbeReport} from '../../../src/core/probe/probe.ts'
import {openRoot} from '../../../src/core/probe/snapshot.ts'

export const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/probe')

/** The report of one of the committed machines. */
export async function probeCase(name: string): Promise<ProbeReport> {
  return probe({...openRoot(path.join(FIXTURES, name)), version: '0.0.0'})
}
