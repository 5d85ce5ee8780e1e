import {Flags} from '@oclif/core'

import type {Root} from '../core/probe/root.ts'

import {BaseCommand, ExitError} from '../base-command.ts'
import {EXIT, type NpuBridgeError} from '../core/errors.ts'
import {REQUIREMENTS} from '../core/probe/require.ts'
import {PROBE_EXAMPLES} from '../examples/probe.ts'
import {configFlag} from '../flags/config.ts'
import {renderError} from '../ui/error.ts'

const CHECK = {
  helpValue: 'ID',
  async parse(id: string) {
    const {unknownCheck} = await import('../core/probe/session.ts')
    const unknown = unknownCheck(id)
    if (unknown) throw new ExitError(unknown, EXIT.usage)
    return id
  },
}

export default class Probe extends BaseCommand {
  static override summary = 'Tell whether the NPU works, why not, and what runs instead'
  static override description =
    'Looks at processor, drivers, firmware, device nodes, Level Zero, OpenVINO and engines, and names the one thing to fix first. Drivers and runtimes are loaded in child processes with a time limit. Exits 0 whatever it finds, but 3 when --require, --check or --junit asks for something that does not hold.'

  static override examples = PROBE_EXAMPLES

  static override flags = {
    all: Flags.boolean({description: 'list every check with what it saw'}),
    capture: Flags.string({description: 'save a snapshot of this machine for support', helpValue: 'FILE.tar.gz'}),
    check: Flags.string({...CHECK, description: 'run this check alone; exit 3 if it fails', multiple: true}),
    csv: Flags.boolean({dependsOn: ['watch'], description: 'write samples as CSV'}),
    explain: Flags.string({...CHECK, description: 'tell what a check is about'}),
    junit: Flags.string({description: 'write the checks as JUnit XML; exit 3 if one fails', helpValue: 'FILE.xml'}),
    report: Flags.string({description: 'write a report for an issue, without names', helpValue: 'FILE.md'}),
    require: Flags.option({
      delimiter: ',',
      description: 'exit 3 unless this is available',
      multiple: true,
      options: REQUIREMENTS,
    })(),
    root: Flags.string({description: 'examine a mounted image, a snapshot or its archive', exclusive: ['capture']}),
    runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
    samples: Flags.integer({dependsOn: ['watch'], description: 'stop watching after this many', min: 1}),
    test: Flags.boolean({description: 'run models on every device and compare their numbers', exclusive: ['root']}),
    ...configFlag,
    watch: Flags.boolean({description: 'show load, clock, memory, power and temperature each second'}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(Probe)
    const {configuredRuntime} = await import('../core/config/runtime.ts')
    const session = await import('../core/probe/session.ts')
    const {unmetBy} = await import('../core/probe/outcome.ts')
    const {renderProbeJunit} = await import('../ui/probe-junit.ts')
    const {renderProbeMarkdown} = await import('../ui/probe-markdown.ts')
    const {renderCaptured, renderExplanation, renderFindings, renderProbe} = await import('../ui/probe.ts')
    const runtime = await configuredRuntime(flags)
    const {config, interrupted: signal} = this
    const options = {...flags, require: flags.require ?? [], runtime, signal, version: config.version}
    if (flags.watch) return session.withSubject(options, async ({root}) => this.#watch(root, flags))
    if (flags.capture) return this.#print(await session.captureTo(flags.capture, options), renderCaptured)
    const report = await session.runProbe(options)
    if (flags.report) session.writeReport(flags.report, renderProbeMarkdown(report))
    if (flags.junit) session.writeReport(flags.junit, renderProbeJunit(report))
    if (flags.explain) return this.#print(session.explain(flags.explain, report), renderExplanation)
    const checks = flags.check && session.findingsOf(flags.check, report)
    const answer = checks ? this.#print({checks}, renderFindings) : this.#print(report, renderProbe, flags)
    const unmet = unmetBy(report, {checks, junit: flags.junit})
    if (unmet) this.#fail(unmet)
    return answer
  }

  /** Shows a result, and gives it on for --json. */
  #print<T, O>(result: T, render: (result: T, options?: O) => string, options?: O): T {
    this.log(render(result, options))
    return result
  }

  /** The report stands, in JSON too; only the exit code tells that something asked for does not hold. */
  #fail(unmet: NpuBridgeError): void {
    this.logToStderr(renderError(unmet))
    process.exitCode = EXIT.checkFailed
  }

  async #watch(root: Root, {csv, samples}: {csv: boolean; samples: number | undefined}): Promise<void> {
    const {watch} = await import('../core/probe/watch.ts')
    const {CSV_HEADER, renderWatchCsv, renderWatchHeader, renderWatchSample} = await import('../ui/probe-watch.ts')
    for await (const sample of watch({root, samples, signal: this.interrupted})) {
      if (sample.seconds === 0) this.log(csv ? CSV_HEADER : renderWatchHeader(sample))
      this.log(csv ? renderWatchCsv(sample) : renderWatchSample(sample))
    }

    if (this.interrupted.aborted) process.exitCode = EXIT.interrupted
  }
}
