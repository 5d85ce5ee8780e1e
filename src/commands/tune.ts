import {Flags} from '@oclif/core'

import type {AdviceReport, TuneReport} from '../core/tune/report.ts'

import {BaseCommand} from '../base-command.ts'
import {EXIT} from '../core/errors.ts'
import {OBJECTIVES} from '../core/tune/objective.ts'
import {configFlag} from '../flags/config.ts'

const constraint = {helpGroup: 'CONSTRAINT'} as const

export default class Tune extends BaseCommand {
  static override summary = 'Find the setting that suits a model best on this machine, by measuring'

  static override description =
    'Tries hints, requests, streams, batches and precisions: all of them briefly, the better ones longer, the best in turns with the default. What the device or the model does not have is skipped, with its reason. Exits 3 when every setting breaks a constraint.\n\nWith --advise it measures nothing and reads what an engine counted instead.'

  static override examples = [
    {description: 'For one operation at a time', command: '<%= config.bin %> <%= command.id %> --model silero-vad'},
    {
      description: 'For the most operations a second, kept as a profile: run --profile busy',
      command:
        '<%= config.bin %> <%= command.id %> --model silero-vad --objective throughput --max-p99-ms 20 --save busy',
    },
    {description: 'What a saved metrics() says', command: '<%= config.bin %> <%= command.id %> --advise snapshot.json'},
    {
      description: 'What a running server has counted; a token is taken from NPUBRIDGE_TOKEN',
      command: '<%= config.bin %> <%= command.id %> --advise http://127.0.0.1:8000',
    },
    {
      description: 'For the NPU, within two minutes and 500 MB, with a page of plots',
      command:
        '<%= config.bin %> <%= command.id %> --model minilm --device npu --time-limit 120s --max-memory-mb 500 --export-html tune.html',
    },
  ]

  static override flags = {
    ...configFlag,
    model: Flags.string({description: 'a name or a path', exclusive: ['advise'], helpValue: 'NAME'}),
    objective: Flags.option({options: OBJECTIVES})({default: 'latency', description: 'what is wanted'}),
    device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
      description: 'device to tune for; auto, the default, takes the first that works',
    }),
    runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
    'time-limit': Flags.string({default: '90s', description: 'how long it may take', helpValue: '90s'}),
    'max-p99-ms': Flags.string({
      ...constraint,
      description: 'p99 that is allowed: of single operations for latency, else under load',
      helpValue: 'MS',
    }),
    'max-memory-mb': Flags.integer({
      ...constraint,
      description: 'memory that a process may take',
      helpValue: 'MB',
      min: 1,
    }),
    save: Flags.string({description: 'keep the winner as this profile in the configuration', helpValue: 'NAME'}),
    'export-html': Flags.string({description: 'write one page with the plot', helpValue: 'FILE'}),
    advise: Flags.string({
      description: 'read a saved snapshot of metrics, or the URL of a running server; several to compare devices',
      helpValue: 'FILE|URL',
      multiple: true,
    }),
  }

  async run(): Promise<AdviceReport | TuneReport> {
    const {flags} = await this.parse(Tune)
    const {runTune} = await import('../core/tune/session.ts')
    const {renderTunePage} = await import('../ui/tune/html.ts')
    const {TuneProgress} = await import('../ui/tune/progress.ts')
    const {renderAdviceReport, renderSaved, renderTune} = await import('../ui/tune/report.ts')
    const progress = new TuneProgress(process.stderr)
    const result = await runTune(flags, {
      onProgress: progress.update,
      renderPage: renderTunePage,
      signal: this.interrupted,
    }).finally(() => {
      progress.clear()
    })
    if ('snapshots' in result) {
      this.log(renderAdviceReport(result.advice))
      return result
    }

    this.log(renderTune(result))
    if (flags.save) this.logToStderr(renderSaved(flags.save, result))
    if (result.winner === null) process.exitCode = EXIT.checkFailed
    if (result.interrupted) process.exitCode = EXIT.interrupted
    return result
  }
}
