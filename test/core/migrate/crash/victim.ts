/**
 * A process that migrates or rolls back and is killed meanwhile: `node victim.ts migrate|rollback ROOT [JOURNAL WRITES]`.
 * It says "ready" when it has loaded and begins when its standard input says so; with a number it kills itself after so
 * many writes of the journal.
 */
import type {FileSystem} from '../../../../src/core/migrate/effects.ts'

import {ignoreEvents} from '../../../../src/core/migrate/events.ts'
import {migrate} from '../../../../src/core/migrate/migrate.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {rollback} from '../../../../src/core/migrate/rollback.ts'
import {parsePython} from '../../../../src/core/migrate/scan/grammar.ts'
import {optionsFor, withoutProcesses} from '../workspace.ts'
import {NOON} from './noon.ts'

const [action, root = '', writes] = process.argv.slice(2)

function dyingAfter(fs: FileSystem, count: number): FileSystem {
  let seen = 0
  return {
    ...fs,
    rename(from, to) {
      fs.rename(from, to)
      if (!/\.npubridge\/migrations\/[^/]+\.json$/.test(to)) return
      seen += 1
      if (seen === count) process.kill(process.pid, 'SIGKILL')
    },
  }
}

const real = nodeEffects()
const fs = writes === undefined ? real.fs : dyingAfter(real.fs, Number(writes))
const effects = {...withoutProcesses(real), fs, clock: {...real.clock, now: () => NOON}}

parsePython('import warm_up')
process.stdout.write('ready\n')
await new Promise((resolve) => {
  process.stdin.once('data', resolve)
})
if (action === 'rollback') await rollback(effects, {root, all: false, confirm: async () => true}, ignoreEvents)
else await migrate(effects, optionsFor(root), ignoreEvents)
process.stdout.write('done\n')
process.exit(0)
