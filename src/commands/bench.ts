import type {BenchReport} from '../core/bench/report.ts'

import {BaseCommand, ExitError} from '../base-command.ts'
import {planBench, runBench} from '../core/bench/bench.ts'
import {SUITES} from '../core/bench/suites/index.ts'
import {asNpuBridgeError, EXIT} from '../core/errors.ts'
import {benchFlags} from '../flags/bench.ts'
import {BenchProgress} from '../ui/bench-progress.ts'
import {renderBench, renderSuiteList} from '../ui/bench.ts'

export default class Bench extends BaseCommand {
  static override summary = 'Compare the old Python module with the accelerated engine, by measuring both here'

  static override description = `Every figure is measured on this machine while the command runs: the sides take turns in random order, and each figure is the median of its rounds with a 95 % confidence interval. The old module is measured as it was shipped and without the sleep that stands for its work; improvements are computed from the latter.

A side that cannot be measured says why, and the others go on. Interrupting it gives what was measured so far.`

  static override examples = [
    {description: 'The whole table', command: '<%= config.bin %> <%= command.id %>'},
    {
      description: 'In a few seconds, failing where coordination is too slow',
      command: '<%= config.bin %> <%= command.id %> --quick --fail-below coordination.throughput=50000',
    },
    {
      description: 'Workflows only, for longer',
      command: '<%= config.bin %> <%= command.id %> --suite workflow --runs 50 --duration 200ms',
    },
  ]

  static override flags = benchFlags(SUITES.map(({name}) => name))

  async run(): Promise<BenchReport | {suites: typeof SUITES}> {
    const {flags} = await this.parse(Bench)
    const plan = this.#planned(flags)
    if (flags.list) {
      this.log(renderSuiteList(plan.suites))
      return {suites: plan.suites}
    }

    const progress = new BenchProgress(
      process.stderr,
      plan.suites.map(({name}) => name),
    )
    const report = await runBench({...plan, onEvent: progress.onEvent, signal: this.interrupted})
    progress.clear()
    this.log(renderBench(report))
    if (report.checks.some(({met}) => !met)) process.exitCode = EXIT.checkFailed
    if (report.interrupted) process.exitCode = EXIT.interrupted
    return report
  }

  /** What is to be done; what makes no sense is wrong usage. */
  #planned(flags: Parameters<typeof planBench>[0]) {
    try {
      return planBench(flags)
    } catch (error) {
      throw new ExitError(asNpuBridgeError(error), EXIT.usage)
    }
  }
}
