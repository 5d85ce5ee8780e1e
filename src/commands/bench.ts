import {Flags} from '@oclif/core'

import type {BenchReport} from '../core/bench/report.ts'

import {BaseCommand, ExitError} from '../base-command.ts'
import {planBench, runBench} from '../core/bench/bench.ts'
import {SUITES} from '../core/bench/suites/index.ts'
import {asNpuBridgeError, EXIT} from '../core/errors.ts'
import {BenchProgress} from '../ui/bench-progress.ts'
import {renderBench, renderSuiteList} from '../ui/bench.ts'

export default class Bench extends BaseCommand {
  static override summary = 'Compare the old Python module with the accelerated engine, by measuring both here'

  static override description = `Every figure is measured on this machine while the command runs: the sides take turns in random order, and each figure is the median of its rounds with a 95 % confidence interval. The old module is measured as it was shipped and without the sleep that stands for its work; improvements are computed from the latter.

A side that cannot be measured says why, and the others go on.`

  static override examples = [
    {description: 'The whole table', command: '<%= config.bin %> <%= command.id %>'},
    {
      description: 'In a few seconds, failing where coordination is too slow',
      command: '<%= config.bin %> <%= command.id %> --quick --fail-below coordination.throughput=50000',
    },
    {
      description: 'Your own old module, workflows only',
      command: '<%= config.bin %> <%= command.id %> --suite workflow --legacy npu_coordination_bridge.py',
    },
  ]

  static override flags = {
    quick: Flags.boolean({description: 'fewer rounds, for a first look or a smoke test'}),
    suite: Flags.string({
      description: `only this suite: ${SUITES.map(({name}) => name).join(', ')}`,
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
    }),
    list: Flags.boolean({description: 'tell what can be measured, and measure nothing'}),
    legacy: Flags.string({description: 'the old Python module; a reference of it when absent', helpValue: 'PATH'}),
    device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
      default: 'auto',
      description: 'device of the accelerated side; auto tries npu, gpu, cpu',
    }),
    engine: Flags.option({options: ['auto', 'native', 'openvino-node'] as const})({
      default: 'auto',
      description: 'engine of the accelerated side',
    }),
    runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
    'fail-below': Flags.string({
      description: 'exit with 3 when the accelerated median is below this, for metrics where higher is better',
      helpValue: 'SUITE.METRIC=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'fail-above': Flags.string({
      description: 'exit with 3 when the accelerated median is above this, for metrics where lower is better',
      helpValue: 'SUITE.METRIC=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
  }

  async run(): Promise<BenchReport | {suites: typeof SUITES}> {
    const {flags} = await this.parse(Bench)
    const {bounds, suites} = this.#plan(flags)
    if (flags.list) {
      this.log(renderSuiteList(suites))
      return {suites}
    }

    const names = suites.map(({name}) => name)
    const {device, engine, legacy, quick, runtime} = flags
    const report = await runBench({
      bounds,
      legacyModule: legacy,
      onEvent: new BenchProgress(process.stderr, names).onEvent,
      quick,
      selection: {device, engine, ...(runtime && {runtime})},
      signal: this.interrupted,
      suites,
    })
    this.log(renderBench(report))
    if (report.checks.some(({met}) => !met)) process.exitCode = EXIT.checkFailed
    return report
  }

  #plan({'fail-above': above, 'fail-below': below, suite: suites}: Record<string, string[] | unknown>) {
    try {
      return planBench({above, below, suites} as Parameters<typeof planBench>[0])
    } catch (error) {
      throw new ExitError(asNpuBridgeError(error), EXIT.usage)
    }
  }
}
