// Adds up the closing lines of mocha, cargo test and pytest in a log: `node scripts/test-totals.js LOG`.
// Prints `N passed, N failed` last, with skipped ones named when there are any; fails when any failed, none ran, or one
// was skipped although NPUBRIDGE_REQUIRE_ALL is set.
import {readFileSync} from 'node:fs'
import {stripVTControlCharacters} from 'node:util'

const RUNNERS = [
  {name: 'mocha', passed: /^\s*(\d+) passing/gm, failed: /^\s*(\d+) failing/gm, skipped: /^\s*(\d+) pending/gm},
  {
    name: 'cargo test',
    passed: /^test result: .*?(\d+) passed/gm,
    failed: /^test result: .*?(\d+) failed/gm,
    // What cargo ignores is run by commands of its own; a test that misses something fails instead.
    skipped: /^(?!)/gm,
  },
  {
    name: 'pytest',
    passed: /^(?:=+ )?(?:\d+ \w+, )*(\d+) passed.* in [\d.]+s/gm,
    failed: /^(?:=+ )?(?:\d+ \w+, )*(\d+) (?:failed|errors?).* in [\d.]+s/gm,
    skipped: /^(?:=+ )?(?:\d+ \w+, )*(\d+) (?:skipped|xfailed).* in [\d.]+s/gm,
  },
]

const log = stripVTControlCharacters(readFileSync(process.argv[2], 'utf8'))
// The array is spread for Node 20, whose iterators have no `reduce`: this runs with whichever Node is first on the PATH.
// eslint-disable-next-line unicorn/prefer-iterator-helpers
const sum = (pattern) => [...log.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0)
const totals = {passed: 0, failed: 0, skipped: 0}
for (const {name, ...patterns} of RUNNERS) {
  const counts = Object.fromEntries(Object.entries(patterns).map(([kind, pattern]) => [kind, sum(pattern)]))
  for (const kind of Object.keys(totals)) totals[kind] += counts[kind]
  process.stdout.write(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
}

const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${skipped}\n`)
const required = process.env.NPUBRIDGE_REQUIRE_ALL === '1'
process.exitCode = totals.failed > 0 || totals.passed === 0 || (required && totals.skipped > 0) ? 1 : 0
