import type {Buffer} from 'node:buffer'

import {expect} from 'chai'
import {spawn} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {python, QUIET, runMigrate, runRollback, withNpubridge, withoutProcesses} from '../workspace.ts'
import {dispose, scene} from './scene.ts'

/** Migrations and as many rollbacks. */
const ROUNDS = Number(process.env.NPUBRIDGE_DOWNTIME_ROUNDS ?? 200)

/** Rounds between two looks at what a new process imports. */
const LOOK_EVERY = 25

const IMPORTER = path.join(import.meta.dirname, 'importer.py')
const KIND =
  'import warnings; warnings.simplefilter("ignore"); import npu_coordination_bridge as m; print(hasattr(m, "__npubridge__"))'

interface Findings {
  readonly counts: {readonly original: number; readonly wrapper: number}
  readonly failures: readonly string[]
  readonly failed: number
}

/** Imports in a process of its own until the stop file is there. */
async function importer(root: string, stop: string, env: Readonly<Record<string, string>>): Promise<Findings> {
  const child = spawn('python3', [IMPORTER, path.join(root, 'agents'), stop], {
    env: {...process.env, ...env},
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
  })
  await new Promise((resolve) => {
    child.once('exit', resolve)
  })
  return JSON.parse(output) as Findings
}

describe('importers during migrations', () => {
  it(`never see a broken module in ${ROUNDS} migrations and rollbacks`, async () => {
    const root = scene()
    const stop = path.join(root, 'stop')
    const effects = withoutProcesses(nodeEffects())
    const importers = [
      // With caches of compiled code, which must never outlive the file that they were made of.
      importer(root, stop, {}),
      importer(root, stop, withNpubridge()),
    ]
    // A process that starts now gets the one or the other; its caches say nothing else.
    const kindSeen = () => python(path.join(root, 'agents'), ['-c', KIND], {}).stdout.trim()
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        expect((await runMigrate(root, {}, effects)).status).to.equal('migrated')
        if (round % LOOK_EVERY === 0) expect(kindSeen()).to.equal('True')
        expect((await runRollback(root, false, effects)).status).to.equal('rolled-back')
        if (round % LOOK_EVERY === 0) expect(kindSeen()).to.equal('False')
      }
    } finally {
      writeFileSync(stop, '')
    }

    for (const {counts, failures, failed} of await Promise.all(importers)) {
      expect(failed, failures.join('; ')).to.equal(0)
      expect(counts.original).to.be.greaterThan(0)
      expect(counts.wrapper).to.be.greaterThan(0)
    }

    expect(python(path.join(root, 'agents'), ['-c', KIND], QUIET).stdout.trim()).to.equal('False')
    dispose(root)
  })
})
