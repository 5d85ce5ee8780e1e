import type {BenchRequest} from '../core/bench/plan.ts'
import type {BenchReport} from '../core/bench/report.ts'
import type {Suite} from '../core/bench/suites/suite.ts'

import {BaseCommand, ExitError} from '../base-command.ts'
import {PEER_NAMES, SUITE_NAMES} from '../core/bench/names.ts'
import {asNpuBridgeError, EXIT} from '../core/errors.ts'
import {benchFlags} from '../flags/bench.ts'

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
      description: 'A page with plots',
      command: '<%= config.bin %> <%= command.id %> --export-html bench.html',
    },
    {
      description: 'Figures to compare later runs with: --baseline before',
      command: '<%= config.bin %> <%= command.id %> --save-baseline before',
    },
    {
      description: 'What can be measured',
      command: '<%= config.bin %> <%= command.id %> --list',
    },
    {
      description: 'One suite, with more rounds and a JUnit file for CI',
      command: '<%= config.bin %> <%= command.id %> --suite inference --runs 15 --junit bench.xml',
    },
    {
      description: 'A model of your own on the NPU, beside benchmark_app',
      command:
        '<%= config.bin %> <%= command.id %> --suite inference --model ./model.onnx --device npu --engine native --concurrency 4 --peer benchmark_app',
    },
    {
      description: 'Two thousand operations a second that come as people do, answered within 10 ms',
      command:
        '<%= config.bin %> <%= command.id %> --suite load --rate 2000 --arrivals poisson --deadline 10ms --duration 500ms',
    },
    {
      description: 'Your own copy of the old module',
      command:
        '<%= config.bin %> <%= command.id %> --suite coordination --legacy ./npu_coordination_bridge.py --fail-above coordination.latency_p99=1000',
    },
    {
      description: 'Does this build slow anything down? With tables for a pull request',
      command:
        '<%= config.bin %> <%= command.id %> --against ../main --fail-on-regression 5% --export-markdown bench.md --export-csv bench.csv',
    },
    {
      description: 'Against figures of another machine, which by itself is no failure',
      command:
        '<%= config.bin %> <%= command.id %> --baseline before --fail-on-regression 10% --force-baseline --export-gha bench',
    },
  ]

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
