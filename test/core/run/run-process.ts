/** Runs a JSON Lines file in a process of its own, on an engine that takes `delay` ms for each operation. */
import {runFile} from '../../../src/core/run/run-file.ts'
import {renderSummary} from '../../../src/ui/run.ts'
import {FakeEngine} from './fake-engine.ts'

const [file, delay] = process.argv.slice(2)
const controller = new AbortController()
process.on('SIGINT', () => {
  controller.abort()
})

const summary = await runFile({
  file: file!,
  openEngine: async () => new FakeEngine(() => (delay === undefined ? {} : {delayMs: Number(delay)})),
  signal: controller.signal,
  stdin: process.stdin,
  stdout: process.stdout,
})
if (summary.stopped !== 'closed') process.stderr.write(`${renderSummary(summary, {bar: false}).join('\n')}\n`)
process.exitCode = summary.stopped === 'interrupted' ? 130 : Math.min(1, summary.failed + summary.skipped)
