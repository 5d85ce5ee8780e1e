import type {BenchRequest} from '../core/bench/plan.ts'
import type {BenchReport} from '../core/bench/report.ts'
import type {Suite} from '../core/bench/suites/suite.ts'

import {BaseCommand, ExitError} from '../base-command.ts'
import {PEER_NAMES, SUITE_NAMES} from '../core/bench/names.ts'
import {asNpuBridgeError, EXIT} from '../core/errors.ts'
import {BENCH_EXAMPLES} from '../examples/bench.ts'
import {benchFlags} from '../flags/bench.ts'

export default class Bench extends BaseCommand {
  static override summary = 'Compare the old Python module with the accelerated engine, by measuring both here'

  static override description = `Every figure is measured on this machine while the command runs: the sides take turns in random order, and each figure is the median of its rounds with a 95 % confidence interval. The old module is measured as it was shipped and without the sleep that stands for its work; improvements are computed from the latter.

A side that cannot be measured says why, and the others go on. Interrupting it gives what was measured so far.`

  static override examples = BENCH_EXAMPLES

  static override flags = benchFlags({peers: PEER_NAMES, suites: SUITE_NAMES})

  async run(): Promise<BenchReport | {suites: readonly Suite[]}> {
    const {flags} = await this.parse(Bench)
    const {saveBaseline} = await import('../core/bench/baseline.ts')
    const {runBench} = await import('../core/bench/bench.ts')
    const {writeExports} = await import('../core/bench/exports.ts')
    const {exportsOf} = await import('../ui/bench/exports.ts')
    const {renderSuiteList} = await import('../ui/bench/list.ts')
    const {BenchProgress} = await import('../ui/bench/progress.ts')
    const {renderBench} = await import('../ui/bench/table.ts')
    const exports = exportsOf(flags)
    const plan = await this.#plan(flags, exports)
    if (flags.list) {
      this.log(renderSuiteList(plan.suites))
      return {suites: plan.suites}
    }

    const progress = new BenchProgress(process.stderr)
    const report = await runBench({...plan, onEvent: progress.onEvent, signal: this.interrupted})
    progress.clear()
    this.log(renderBench(report))
    await writeExports(exports, report)
    if (flags['save-baseline']) this.logToStderr(`Kept in ${await saveBaseline(flags['save-baseline'], report)}`)
    if (report.checks.some(({met}) => !met) || report.comparison?.failed) process.exitCode = EXIT.checkFailed
    if (report.interrupted) process.exitCode = EXIT.interrupted
    return report
  }

  /** What makes no sense is wrong usage, and found out before anything is measured. */
  async #plan(flags: BenchRequest, exports: ReadonlyArray<{readonly file: string}>) {
    const {requireWritable} = await import('../core/bench/exports.ts')
    const {planBench} = await import('../core/bench/plan.ts')
    try {
      await requireWritable(exports.map(({file}) => file))
      return await planBench(flags)
    } catch (error) {
      throw new ExitError(asNpuBridgeError(error), EXIT.usage)
    }
  }
}
