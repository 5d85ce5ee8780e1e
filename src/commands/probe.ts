import {Flags} from '@oclif/core'

import {BaseCommand, ExitError} from '../base-command.ts'
import {EXIT, NpuBridgeError} from '../core/errors.ts'
import {liveEffects} from '../core/probe/live.ts'
import {probe, type ProbeReport} from '../core/probe/probe.ts'
import {REQUIREMENTS} from '../core/probe/require.ts'
import {LiveRoot} from '../core/probe/root.ts'
import {renderProbe} from '../ui/probe.ts'

export default class Probe extends BaseCommand {
  static override summary = 'Tell whether the NPU works, why not, and what runs instead'
  static override description =
    'Looks at accelerators, drivers, OpenVINO runtimes and engines. OpenVINO is loaded in a child process with a time limit. Exits 0 whatever it finds, unless --require asks for something that is not there (exit 3).'

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --require cpu --json',
  ]

  static override flags = {
    require: Flags.option({
      delimiter: ',',
      description: 'exit 3 unless this is available; may be given several times',
      multiple: true,
      options: REQUIREMENTS,
    })(),
    runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', env: 'NPUBRIDGE_RUNTIME'}),
  }

  async run(): Promise<ProbeReport> {
    const {flags} = await this.parse(Probe)
    const signal = this.interrupted
    const report = await probe({
      effects: liveEffects({signal, ...(flags.runtime && {runtime: flags.runtime})}),
      require: flags.require ?? [],
      root: new LiveRoot(),
      signal,
      version: this.config.version,
    })
    this.log(renderProbe(report))
    this.#exitUnlessMet(report)
    return report
  }

  #exitUnlessMet({requirements}: ProbeReport): void {
    const unmet = requirements.filter(({met}) => !met)
    if (unmet.length === 0) return
    const reasons = unmet.map(({name, reason}) => `${name} is required and not available: ${reason}`)
    throw new ExitError(new NpuBridgeError('DEVICE_UNAVAILABLE', reasons.join('; ')), EXIT.checkFailed)
  }
}
