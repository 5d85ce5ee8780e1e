import {expect} from 'chai'
import {readFileSync} from 'node:fs'

import type {FailurePolicy, TaskDefinition} from '../../../src/core/workflow/schema.ts'

import {rejectionOf} from '../run/expect-error.ts'
import {runWith} from './run.ts'

interface Case {
  readonly name: string
  readonly breakCycles?: boolean
  readonly onFailure?: FailurePolicy
  readonly tasks: TaskDefinition[]
  readonly order?: string[]
  readonly statuses?: Record<string, string>
  readonly error?: string
}

const FILE = new URL('../../../native/engine/testdata/workflow-contract.json', import.meta.url)
const {cases} = JSON.parse(readFileSync(FILE, 'utf8')) as {cases: Case[]}

/** The same cases are run in Rust and in Python. */
describe('the contract of hosts of workflows', () => {
  for (const {breakCycles = false, error, name, onFailure, order, statuses, tasks} of cases) {
    it(name, async () => {
      const definition = {agents: {nobody: {}}, max_parallel: 1, tasks, ...(onFailure && {on_failure: onFailure})}
      const bad = () => {
        throw new Error('it broke')
      }

      const run = runWith(definition, {bad, good: () => 1}, {breakCycles})
      if (error !== undefined) {
        await rejectionOf(run, 'INVALID_ARGUMENT', error)
        return
      }

      const done = await run
      expect(done.settled.map(({task}) => task)).to.deep.equal(order)
      expect(done.statuses).to.deep.equal(statuses)
    })
  }
})
